//! Operations on sockets: how many there are, how they end, and clients that do not read.

use std::time::Duration;

use sea_orm::{ConnectionTrait, Database, TransactionTrait};
use serde_json::json;
use tokio::net::TcpStream;

use crate::support::{
    app::lesson_with,
    operations::{EVENTS, query},
    program::Program,
    websocket::{PROTOCOL, WebSocket},
};

#[tokio::test]
async fn a_socket_over_the_limit_is_refused_until_another_one_closes() {
    let app = lesson_with(|settings| settings.limits.sockets = 2).await;
    let first = WebSocket::ready(&app.url).await;
    let _second = WebSocket::ready(&app.url).await;
    let open = || WebSocket::upgrade(&app.url, Some(PROTOCOL), &[]);
    assert!(open().await.is_none());
    drop(first);
    for _ in 0..100 {
        if open().await.is_some() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the place of a socket that was closed stays taken");
}

#[tokio::test]
async fn active_operations_have_distinct_ids_and_a_limit() {
    let app = lesson_with(|settings| settings.limits.socket_operations = 2).await;
    let mut socket = WebSocket::ready(&app.url).await;
    socket.subscribe("1", &query(EVENTS)).await;
    socket.subscribe("2", &query(EVENTS)).await;
    socket.subscribe("3", &query(EVENTS)).await;
    let refused = socket.read().await;
    assert_eq!(
        (&refused["id"], &refused["type"]),
        (&json!("3"), &json!("error")),
        "{refused}"
    );
    assert_eq!(
        refused["payload"][0]["extensions"]["code"],
        "LIMIT_EXCEEDED"
    );
    // An operation that the client completed frees its slot, and the server sends no `complete` for it.
    socket.send(r#"{"id": "2", "type": "complete"}"#).await;
    socket.subscribe("2", &query("{ __typename }")).await;
    assert_eq!(socket.read().await["type"], "next");
    assert_eq!(
        socket.read().await,
        json!({ "id": "2", "type": "complete" })
    );
    socket.subscribe("1", &query(EVENTS)).await;
    assert_eq!(socket.close_code().await, 4409);
}

#[tokio::test]
async fn each_event_of_a_subscription_has_its_own_row_budget() {
    let app = lesson_with(|settings| settings.limits.operation.loaded = 10).await;
    let after = app.latest_cursor().await;
    let events = "subscription($after: String) { changes(after: $after) \
                  { __typename cursor node { ... on Employee { name } } } }";
    let variables = json!({ "after": after });
    let mut socket = WebSocket::subscribed(&app.url, events, variables).await;
    for n in 0..20 {
        let create = format!(
            r#"mutation {{ createEmployee(input: {{name: "E{n}", hireDate: "2024-01-01"}}) {{ employee {{ id }} }} }}"#
        );
        let (_, answer) = app.post_json(query(&create).to_string()).await;
        assert!(answer.get("errors").is_none(), "{answer}");
        let event = socket.change().await;
        assert_eq!(event["node"]["name"], format!("E{n}"), "{event}");
    }
}

#[tokio::test]
async fn a_mutation_that_runs_is_answered_before_the_server_goes_away() {
    let app = lesson_with(|settings| settings.shutdown_grace = 0).await;
    let url = app.database.settings().database_url;
    let other = Database::connect(url).await.unwrap();
    let lock = other.begin().await.unwrap();
    let write = "UPDATE employees SET version = version + 1";
    lock.execute_unprepared(write).await.unwrap();

    let mut socket = WebSocket::ready(&app.url).await;
    let create = r#"mutation { createEmployee(input: {name: "E", hireDate: "2024-01-01"}) { employee { name } } }"#;
    socket.subscribe("m", &query(create)).await;
    // Messages are read in order, so this answer shows that the mutation has been read.
    socket.subscribe("q", &query("{ __typename }")).await;
    assert_eq!(socket.read().await["id"], "q");
    assert_eq!(socket.read().await["id"], "q");
    app.shutdown.begin();
    let address = app.url.trim_start_matches("http://");
    while TcpStream::connect(address).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    lock.rollback().await.unwrap();

    let next = socket.read().await;
    let name = &next["payload"]["data"]["createEmployee"]["employee"]["name"];
    assert_eq!(name, "E", "{next}");
    assert_eq!(socket.read().await["type"], "complete");
    assert_eq!(socket.close_code().await, 1001);
}

#[tokio::test]
async fn the_shutdown_of_the_server_closes_sockets_with_1001() {
    let app = lesson_with(|_| {}).await;
    let mut socket = WebSocket::ready(&app.url).await;
    app.shutdown.begin();
    assert_eq!(socket.close_code().await, 1001);
}

#[tokio::test]
async fn a_subscriber_that_does_not_read_is_closed_and_takes_bounded_memory() {
    let program = Program::demo(&[
        "--limit",
        "sockets=1,socket_pong_timeout=1,socket_ping=3600",
    ]);
    let mut deaf = WebSocket::ready(&program.url).await;
    // One event has a few hundred kilobytes.
    let aliases: String = (0..40).map(|n| format!("{n:_>127}: __typename ")).collect();
    let events = format!("subscription {{ changes {{ {aliases} }} }}");
    for id in 0..50 {
        deaf.subscribe(&id.to_string(), &query(&events)).await;
    }
    // Messages are read in order: this answer shows that the server has read all subscriptions.
    deaf.send(r#"{"type": "ping"}"#).await;
    assert_eq!(deaf.read().await["type"], "pong");
    let before = program.memory_now();
    let client = reqwest::Client::new();
    for n in 0..300 {
        let create = format!(
            r#"mutation {{ createEmployee(input: {{name: "E{n}", hireDate: "2024-01-01"}}) {{ employee {{ id }} }} }}"#
        );
        let sent = client
            .post(format!("{}/graphql", program.url))
            .header("content-type", "application/json")
            .body(query(&create).to_string())
            .send();
        assert_eq!(sent.await.unwrap().status(), 200);
    }
    if let (Some(before), Some(after)) = (before, program.memory_now()) {
        let more = after.saturating_sub(before) >> 20;
        eprintln!("a subscriber that does not read: {more} MiB");
        assert!(more < 32, "{more} MiB are kept of 80");
    }
    // The place of the closed socket is free again.
    for _ in 0..100 {
        if WebSocket::try_ready(&program.url).await.is_some() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it is not closed");
}
