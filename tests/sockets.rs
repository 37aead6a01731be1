//! `graphql-transport-ws`, by raw frames: every close code, every limit.

use std::time::Duration;

use sea_orm::{ConnectionTrait, Database, TransactionTrait};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{
    app::lesson_with,
    auth::{SECRET, token, with_auth},
    program::Program,
    websocket::{PROTOCOL, WebSocket},
};

fn query(text: &str) -> Value {
    json!({ "query": text })
}

#[tokio::test]
async fn queries_run_and_complete() {
    let app = lesson_with(|_| {}).await;
    let mut socket = WebSocket::ready(&app.url).await;
    socket
        .subscribe("1", &query(r#"{ employee(id: "emp_2") { name } }"#))
        .await;
    assert_eq!(
        socket.read().await,
        json!({ "id": "1", "type": "next", "payload": { "data": { "employee": { "name": "Tristan Tal" } } } })
    );
    assert_eq!(
        socket.read().await,
        json!({ "id": "1", "type": "complete" })
    );
    // The id is free again.
    socket.subscribe("1", &query("{ __typename }")).await;
    assert_eq!(socket.read().await["type"], "next");
}

#[tokio::test]
async fn what_is_no_valid_document_gives_one_error_and_no_complete() {
    let app = lesson_with(|_| {}).await;
    let mut socket = WebSocket::ready(&app.url).await;
    for (text, code) in [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
    ] {
        socket.subscribe("x", &query(text)).await;
        let error = socket.read().await;
        assert_eq!(
            (&error["type"], &error["id"]),
            (&json!("error"), &json!("x"))
        );
        assert_eq!(error["payload"][0]["extensions"]["code"], code);
    }
    socket
        .subscribe("y", &query("{ employees(first: 9999) { totalCount } }"))
        .await;
    let next = socket.read().await;
    assert_eq!(
        next["payload"]["errors"][0]["extensions"]["code"], "BAD_USER_INPUT",
        "{next}"
    );
    assert_eq!(
        socket.read().await,
        json!({ "id": "y", "type": "complete" })
    );
}

#[tokio::test]
async fn messages_that_are_wrong_close_with_4400() {
    let app = lesson_with(|_| {}).await;
    let long = "x".repeat(129);
    for message in [
        "",
        "x",
        "[]",
        "{}",
        r#"{"type": 1}"#,
        r#"{"type": "start"}"#,
        r#"{"type": "subscribe", "payload": {"query": "{ a }"}}"#,
        r#"{"id": "", "type": "subscribe", "payload": {"query": "{ a }"}}"#,
        r#"{"id": 1, "type": "subscribe", "payload": {"query": "{ a }"}}"#,
        &format!(r#"{{"id": "{long}", "type": "subscribe", "payload": {{"query": "{{ a }}"}}}}"#),
        r#"{"id": "1", "type": "subscribe"}"#,
        r#"{"id": "1", "type": "subscribe", "payload": "x"}"#,
        r#"{"id": "1", "type": "subscribe", "payload": {"query": 1}}"#,
        r#"{"id": "1", "type": "subscribe", "payload": {"query": "{ a }", "variables": []}}"#,
        r#"{"id": "1", "type": "complete", "type": "complete"}"#,
        r#"{"type": "complete"}"#,
        r#"{"type": "ping", "payload": 1}"#,
    ] {
        let mut socket = WebSocket::ready(&app.url).await;
        socket.send(message).await;
        assert_eq!(socket.close_code().await, 4400, "{message}");
    }
    let mut socket = WebSocket::ready(&app.url).await;
    let binary = Message::binary(&b"{}"[..]);
    socket.send_frame(binary).await.unwrap();
    assert_eq!(socket.close_code().await, 4400);
}

#[tokio::test]
async fn the_order_of_messages_matters() {
    let app = lesson_with(|settings| settings.limits.socket_init_timeout = 1).await;
    let mut early = WebSocket::open(&app.url).await;
    early.subscribe("1", &query("{ __typename }")).await;
    assert_eq!(early.close_code().await, 4401);

    let mut late = WebSocket::open(&app.url).await;
    assert_eq!(late.close_code().await, 4408);

    let mut twice = WebSocket::ready(&app.url).await;
    twice
        .send(r#"{"type": "connection_init", "payload": {}}"#)
        .await;
    assert_eq!(twice.close_code().await, 4429);
}

#[tokio::test]
async fn another_protocol_is_closed_with_4406_and_another_site_not_let_in() {
    let app = lesson_with(|_| {}).await;
    for protocol in [None, Some("graphql-ws")] {
        if let Some(mut socket) = WebSocket::upgrade(&app.url, protocol, &[]).await {
            assert_eq!(socket.close_code().await, 4406);
        }
    }
    let evil = [("origin", "https://evil.example")];
    assert!(
        WebSocket::upgrade(&app.url, Some(PROTOCOL), &evil)
            .await
            .is_none()
    );
}

#[tokio::test]
async fn pings_are_answered_with_what_they_carry() {
    let app = lesson_with(|_| {}).await;
    let mut socket = WebSocket::ready(&app.url).await;
    socket.send(r#"{"type": "ping"}"#).await;
    assert_eq!(socket.read().await, json!({ "type": "pong" }));
    socket
        .send(r#"{"type": "ping", "payload": {"a": 1}}"#)
        .await;
    assert_eq!(
        socket.read().await,
        json!({ "type": "pong", "payload": { "a": 1 } })
    );
    socket.send(r#"{"type": "pong"}"#).await;
    socket.send(r#"{"id": "nobody", "type": "complete"}"#).await;
    socket.subscribe("1", &query("{ __typename }")).await;
    assert_eq!(socket.read().await["type"], "next");
}

#[tokio::test]
async fn a_client_that_does_not_answer_pings_is_closed() {
    let app = lesson_with(|settings| {
        settings.limits.socket_ping = 1;
        settings.limits.socket_pong_timeout = 1;
    })
    .await;
    let mut alive = WebSocket::ready(&app.url).await;
    // Not read, so not answered.
    let mut dead = WebSocket::ready(&app.url).await;
    // The server pings once a second. When it pings again, the pong before was in time.
    for _ in 0..4 {
        let frame = alive.frame().await;
        assert!(matches!(frame, Some(Message::Ping(_))), "{frame:?}");
    }
    alive.subscribe("1", &query("{ __typename }")).await;
    assert_eq!(alive.read().await["type"], "next");
    assert_eq!(dead.close_code().await, 1006);
}

#[tokio::test]
async fn a_message_has_a_largest_size() {
    let app = lesson_with(|settings| settings.limits.max_socket_message = 1_000).await;
    let mut socket = WebSocket::ready(&app.url).await;
    let message = |length: usize| {
        let text =
            json!({ "id": "1", "type": "subscribe", "payload": { "query": "{ __typename }" } })
                .to_string();
        format!("{text}{}", " ".repeat(length - text.len()))
    };
    socket.send(&message(1_000)).await;
    assert_eq!(socket.read().await["type"], "next");
    socket.read().await;
    socket.send(&message(1_001)).await;
    assert_eq!(socket.close_code().await, 1009);
}

#[tokio::test]
async fn a_close_of_the_client_is_answered_with_its_code_in_every_state() {
    let app = lesson_with(|_| {}).await;
    let mut new = WebSocket::open(&app.url).await;
    assert_eq!(new.close(1000).await, 1000);

    let mut acknowledged = WebSocket::ready(&app.url).await;
    assert_eq!(acknowledged.close(1000).await, 1000);

    let mut subscribed = WebSocket::ready(&app.url).await;
    subscribed.subscribe("1", &query(EVENTS)).await;
    assert_eq!(subscribed.close(4499).await, 4499);
    // The server ends the TCP connection after the handshake.
    assert!(subscribed.frame().await.is_none());

    // An answer that is on its way comes before the answer to the Close.
    let mut asking = WebSocket::ready(&app.url).await;
    asking.subscribe("1", &query("{ __typename }")).await;
    assert_eq!(asking.close(1001).await, 1001);

    // Every place of a closed socket is free again: 40 sockets one after the other with two places.
    let app = lesson_with(|settings| settings.limits.max_sockets = 2).await;
    for _ in 0..40 {
        let mut socket = WebSocket::ready(&app.url).await;
        assert_eq!(socket.close(1000).await, 1000);
        assert!(socket.frame().await.is_none());
    }
}

#[tokio::test]
async fn a_close_of_the_server_reaches_a_client_that_is_still_sending() {
    let app = lesson_with(|settings| settings.limits.max_socket_message = 1_000).await;
    let wrong_type = format!(r#"{{"type": "{}"}}"#, "x".repeat(900));
    for (first, code) in [("x".repeat(4_000_000), 1009), (wrong_type, 4400)] {
        let mut socket = WebSocket::ready(&app.url).await;
        socket.send(&first).await;
        // None of these is read as a message, and unread bytes would reset the connection.
        for _ in 0..2_000 {
            let frame = Message::text("y".repeat(900));
            if socket.send_frame(frame).await.is_err() {
                break;
            }
        }
        assert_eq!(socket.close_code().await, code);
    }
}

#[tokio::test]
async fn a_violation_of_the_websocket_protocol_closes_with_1002() {
    let app = lesson_with(|_| {}).await;
    let mut socket = WebSocket::ready(&app.url).await;
    // A text frame without a mask.
    tokio::io::AsyncWriteExt::write_all(socket.stream(), &[0x81, 1, b'x'])
        .await
        .unwrap();
    assert_eq!(socket.close_code().await, 1002);
}

#[tokio::test]
async fn the_handshake_has_the_header_names_of_the_rfc() {
    let app = lesson_with(|_| {}).await;
    for path in ["/graphql", "/graphql/"] {
        let mut stream = app.connect().await;
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: keep-alive, Upgrade\r\nupgrade: WebSocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: graphql-ws, graphql-transport-ws\r\n\r\n"
        );
        tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes())
            .await
            .unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(tokio::io::AsyncReadExt::read_u8(&mut stream).await.unwrap());
        }
        let answer = String::from_utf8(answer).unwrap();
        for line in [
            "HTTP/1.1 101 Switching Protocols",
            "Connection: upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
            "Sec-WebSocket-Protocol: graphql-transport-ws",
        ] {
            assert!(answer.lines().any(|sent| sent == line), "{line}: {answer}");
        }
    }
}

#[tokio::test]
async fn another_version_of_persisted_queries_is_refused_for_its_operation_only() {
    let app = lesson_with(|_| {}).await;
    let mut socket = WebSocket::ready(&app.url).await;
    let persisted = json!({ "persistedQuery": { "version": 2, "sha256Hash": "00" } });
    let payload = json!({ "query": "{ __typename }", "extensions": persisted });
    socket.subscribe("1", &payload).await;
    let error = socket.read().await;
    assert_eq!(error["type"], "error", "{error}");
    let message = error["payload"][0]["message"].as_str().unwrap();
    assert!(message.contains("`version` 1"), "{message}");
    let nameless = json!({ "query": "{ __typename }", "operationName": "" });
    socket.subscribe("1", &nameless).await;
    let next = socket.read().await;
    assert_eq!(next["payload"]["data"]["__typename"], "Query", "{next}");
}

#[tokio::test]
async fn there_are_so_many_sockets_and_no_more() {
    let app = lesson_with(|settings| settings.limits.max_sockets = 2).await;
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
async fn a_token_is_needed_and_its_end_is_the_end_of_the_socket() {
    let app = with_auth().await;
    for payload in [
        json!({}),
        json!({ "authorization": "Bearer x" }),
        json!({ "authorization": format!("Bearer {}", token("viewer", -60)) }),
        json!({ "authorization": SECRET }),
    ] {
        let mut socket = WebSocket::open(&app.url).await;
        socket.init(Some(payload.clone())).await;
        assert_eq!(socket.close_code().await, 4403, "{payload}");
    }
    let mut socket = WebSocket::open(&app.url).await;
    // 30 s are for clocks that differ: two are left.
    let payload = json!({ "authorization": format!("Bearer {}", token("viewer", -28)) });
    socket.init(Some(payload)).await;
    assert_eq!(socket.read().await["type"], "connection_ack");
    socket.subscribe("1", &query("{ __typename }")).await;
    assert_eq!(socket.read().await["type"], "next");
    assert_eq!(socket.close_code().await, 4403);
}

#[tokio::test]
async fn a_token_of_the_upgrade_request_counts_unless_the_init_has_its_own() {
    let app = with_auth().await;
    let bearer = |expires| format!("Bearer {}", token("viewer", expires));
    for (header, payload) in [
        (bearer(60), json!({})),
        (bearer(60), json!({ "authorization": null })),
        (bearer(-60), json!({ "Authorization": bearer(60) })),
        (
            "Basic eDp5".to_owned(),
            json!({ "authorization": bearer(60) }),
        ),
    ] {
        let headers = [("authorization", header.as_str())];
        let socket = WebSocket::upgrade(&app.url, Some(PROTOCOL), &headers);
        let mut socket = socket.await.unwrap();
        socket.init(Some(payload.clone())).await;
        assert_eq!(socket.read().await["type"], "connection_ack", "{payload}");
    }
    for (header, payload) in [
        (bearer(-60), json!({})),
        ("Bearer x".to_owned(), json!({})),
        ("Basic eDp5".to_owned(), json!({})),
        (bearer(60), json!({ "authorization": "Bearer x" })),
        (bearer(60), json!({ "authorization": 1 })),
    ] {
        let headers = [("authorization", header.as_str())];
        let socket = WebSocket::upgrade(&app.url, Some(PROTOCOL), &headers);
        let mut socket = socket.await.unwrap();
        socket.init(Some(payload.clone())).await;
        assert_eq!(socket.close_code().await, 4403, "{header} {payload}");
    }
    let good = bearer(60);
    let evil = [
        ("origin", "https://evil.example"),
        ("authorization", good.as_str()),
    ];
    let socket = WebSocket::upgrade(&app.url, Some(PROTOCOL), &evil).await;
    assert!(socket.is_none(), "another site is let in");
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
    // Its answer shows that the mutation has been read.
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
async fn sockets_are_told_when_the_server_ends() {
    let app = lesson_with(|_| {}).await;
    let mut socket = WebSocket::ready(&app.url).await;
    app.shutdown.begin();
    assert_eq!(socket.close_code().await, 1001);
}

const EVENTS: &str = "subscription { changes { __typename } }";

#[tokio::test]
async fn operations_that_live_have_an_id_each_and_a_largest_number() {
    let app = lesson_with(|settings| settings.limits.max_socket_operations = 2).await;
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
    // One that is ended makes room, and is not told of its own end.
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
async fn events_come_to_whoever_listens_and_each_may_load_as_much_as_the_first() {
    let app = lesson_with(|settings| settings.limits.max_loaded = 10).await;
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
async fn a_viewer_listens_and_does_not_write() {
    let app = with_auth().await;
    let mut socket = WebSocket::open(&app.url).await;
    let payload = json!({ "authorization": format!("Bearer {}", token("viewer", 60)) });
    socket.init(Some(payload)).await;
    assert_eq!(socket.read().await["type"], "connection_ack");
    socket.subscribe("s", &query(EVENTS)).await;
    let create = r#"mutation { createEmployee(input: {name: "E", hireDate: "2024-01-01"}) { employee { id } } }"#;
    socket.subscribe("m", &query(create)).await;
    let refused = socket.read().await;
    assert_eq!(refused["id"], "m", "{refused}");
    assert_eq!(
        refused["payload"]["errors"][0]["extensions"]["code"], "FORBIDDEN",
        "{refused}"
    );
}

#[tokio::test]
async fn a_subscriber_who_does_not_read_is_closed_and_nothing_is_kept_for_it() {
    let program = Program::demo(&[
        "--max-sockets",
        "1",
        "--socket-pong-timeout",
        "1",
        "--socket-ping",
        "3600",
    ]);
    let mut deaf = WebSocket::ready(&program.url).await;
    // One change is told in a few hundred kilobytes.
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
        eprintln!("a subscriber who does not read: {more} MiB");
        assert!(more < 32, "{more} MiB are kept of 80");
    }
    // Its place is free again.
    for _ in 0..100 {
        if WebSocket::try_ready(&program.url).await.is_some() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it is not closed");
}
