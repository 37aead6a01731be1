//! Limits on running operations: how many, how long, and their answers that are not read.

use std::time::Duration;

use entity::employee;
use reqwest::StatusCode;
use sea_orm::{
    ActiveValue::Set, DatabaseTransaction, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use serde_json::{Value, json};

use crate::support::{
    app::TestApp,
    events::EventSource,
    http::{PARTIAL, code},
    large_answers::{begin_to_read, fill_with_long_names},
    limits::app_with_limits,
    operations::{CREATE, query},
    rows::day,
    websocket::WebSocket,
};

#[tokio::test]
async fn an_operation_beyond_the_limit_at_once_is_turned_away() {
    let app = app_with_limits(|limits| limits.operations_at_once = 1).await;
    let after = app.latest_cursor().await;
    let writing = write(&app).await;
    let waiting = async {
        loop {
            let (status, answer) = app.post_json(query(CREATE).to_string()).await;
            // The mutation is turned away if it comes while the query below runs.
            if status != StatusCode::SERVICE_UNAVAILABLE {
                return (status, answer);
            }
        }
    };
    let others = async {
        let mut socket = WebSocket::ready(&app.url).await;
        // A query is turned away as soon as the mutation runs.
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        answered_with(&app, "{ __typename }", unavailable).await;
        socket.subscribe("a", &query("{ __typename }")).await;
        let refused = socket.read().await;
        assert_eq!(
            refused["payload"][0]["extensions"]["code"], "UNAVAILABLE",
            "{refused}"
        );
        // A subscription does not count as an operation that runs.
        let changes = "subscription($after: String) { changes(after: $after) { kind } }";
        let changes = json!({ "query": changes, "variables": { "after": after } });
        socket.subscribe("b", &changes).await;
        // Messages are read in order, so the subscription was accepted while the mutation ran.
        socket.subscribe("c", &query("{ __typename }")).await;
        let refused = socket.read().await;
        assert_eq!(
            (&refused["id"], &refused["type"]),
            (&json!("c"), &json!("error")),
            "{refused}"
        );
        writing.rollback().await.unwrap();
        let event = socket.read().await;
        assert_eq!(
            (&event["id"], &event["type"]),
            (&json!("b"), &json!("next")),
            "{event}"
        );
    };
    let ((status, answer), ()) = tokio::join!(waiting, others);
    assert_eq!(status, StatusCode::OK);
    assert!(answer.get("errors").is_none(), "{answer}");
    // The permit is free a moment after the client has read the answer.
    answered_with(&app, "{ __typename }", StatusCode::OK).await;
}

#[tokio::test]
async fn an_operation_that_takes_too_long_is_stopped() {
    let app = app_with_limits(|limits| limits.execution_timeout = 0).await;
    // A mutation that waits for a lock exceeds the timeout on any machine. A query may be answered before
    // the timeout is checked when all cores are busy, but not each time.
    let writing = write(&app).await;
    let (status, answer) = app.post_json(query(CREATE).to_string()).await;
    assert_eq!(
        (status.as_u16(), code(&answer), &answer["data"]),
        (PARTIAL, "TIMEOUT", &Value::Null)
    );
    writing.rollback().await.unwrap();

    let names = (0..5_000).map(|n| employee::ActiveModel {
        name: Set(format!("E{n}")),
        hire_date: Set(day("2020-01-01")),
        ..Default::default()
    });
    app.insert_many(names.collect()).await;
    let slow = r#"{ employees(first: 1000, where: {name: {contains: "e"}}, orderBy: [{field: NAME}]) { totalCount nodes { name meetings { totalCount } } } }"#;
    let mut is_stopped = false;
    for _ in 0..5 {
        let (status, answer) = app.post_json(query(slow).to_string()).await;
        let has_timed_out = answer["errors"][0]["extensions"]["code"] == "TIMEOUT";
        assert_eq!(status.as_u16(), if has_timed_out { PARTIAL } else { 200 });
        is_stopped |= has_timed_out && answer["data"] == Value::Null;
    }
    assert!(is_stopped);
}

#[tokio::test]
async fn an_operation_that_finds_no_free_slot_is_turned_away_with_a_time_to_retry() {
    let app = app_with_limits(|limits| limits.operations_at_once = 0).await;
    let response = app
        .post(
            &[("content-type", "application/json")],
            query("{ __typename }").to_string(),
        )
        .await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["retry-after"], "1");
    let mut socket = WebSocket::ready(&app.url).await;
    socket.subscribe("a", &query("{ __typename }")).await;
    assert_eq!(
        socket.read().await["payload"][0]["extensions"]["code"],
        "UNAVAILABLE"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn large_unread_answers_share_a_budget() {
    let app = app_with_limits(|limits| limits.unread_answers = 16 << 20).await;
    fill_with_long_names(&app).await;
    let all = format!("{{ employees(first: 1000) {{ {} }} }}", large());
    let unread = begin_to_read(&app.url, &all).await;

    let body = query(&all).to_string();
    let refused = app
        .post(&[("content-type", "application/json")], body)
        .await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()["retry-after"], "1");
    let answer: Value = serde_json::from_str(&refused.text().await.unwrap()).unwrap();
    assert_eq!(code(&answer), "UNAVAILABLE");
    let mut socket = WebSocket::ready(&app.url).await;
    socket.subscribe("a", &query(&all)).await;
    let refused = socket.read().await;
    assert_eq!(refused["type"], "error", "{refused}");
    assert_eq!(refused["payload"][0]["extensions"]["code"], "UNAVAILABLE");
    let mut events = EventSource::post(&app.url, &query(&all)).await;
    assert_eq!(code(&events.result().await), "UNAVAILABLE");
    // Without it the client would send the operation again.
    events.completes().await;
    // Small answers need no budget.
    app.query("{ employees { totalCount } }").await;
    socket.subscribe("a", &query("{ __typename }")).await;
    assert_eq!(socket.read().await["type"], "next");
    assert_eq!(socket.read().await["type"], "complete");

    // A mutation takes effect, and the error says so.
    let rename = |title: &str| {
        format!(
            "mutation {{ updateProject(input: {{id: \"prj_3\", title: \"{title}\"}}) {{ project {{ employees(first: 1000) {{ {} }} }} }} }}",
            large()
        )
    };
    let (status, answer) = app.post_json(query(rename("Renamed")).to_string()).await;
    assert_eq!(status.as_u16(), PARTIAL);
    assert_eq!(
        (code(&answer), &answer["data"]),
        ("UNAVAILABLE", &Value::Null)
    );
    let message = answer["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("carried out"), "{message}");
    let title = app.query("{ project(id: \"prj_3\") { title } }").await;
    assert_eq!(title["project"]["title"], "Renamed");
    let mut events = EventSource::post(&app.url, &query(rename("Renamed by a stream"))).await;
    let answer = events.result().await;
    assert_eq!(
        (code(&answer), &answer["data"]),
        ("UNAVAILABLE", &Value::Null)
    );
    events.completes().await;
    let title = app.query("{ project(id: \"prj_3\") { title } }").await;
    assert_eq!(title["project"]["title"], "Renamed by a stream");

    drop(unread);
    answered_with(&app, &all, StatusCode::OK).await;
    // The answer to a WebSocket client that does not read counts as well.
    drop(leave_unread(&app, &all, &all).await);
    answered_with(&app, &all, StatusCode::OK).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_counts_until_its_answer_has_been_sent() {
    let app = app_with_limits(|limits| limits.operations_at_once = 1).await;
    fill_with_long_names(&app).await;
    let all = format!("{{ employees(first: 1000) {{ {} }} }}", large());
    let small = "{ __typename }";
    let unread = begin_to_read(&app.url, &all).await;
    let (status, _) = app.post_json(query(small).to_string()).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    drop(unread);
    answered_with(&app, small, StatusCode::OK).await;

    drop(leave_unread(&app, &all, small).await);
    answered_with(&app, small, StatusCode::OK).await;
}

/// Opens a transaction that makes every other writer wait until it ends.
async fn write(app: &TestApp) -> DatabaseTransaction {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    app.db().begin_with_options(options).await.unwrap()
}

/// About 10 MB: more than the socket buffers of a client that does not read.
fn large() -> String {
    let names: String = (0..50).map(|n| format!("a{n}: name ")).collect();
    format!("nodes {{ {names} }}")
}

/// Waits until a query is answered with this status.
async fn answered_with(app: &TestApp, text: &str, expected: StatusCode) -> Value {
    for _ in 0..200 {
        let (status, answer) = app.post_json(query(text).to_string()).await;
        if status == expected {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never {expected}: {text}");
}

/// Leaves an answer unread on a WebSocket, so that another query is turned away.
async fn leave_unread(app: &TestApp, text: &str, other: &str) -> WebSocket {
    let mut socket = WebSocket::ready_with_small_buffer(&app.url).await;
    for attempt in 0..20 {
        // This query is turned away if the answer before, which has been read, still counts.
        socket.subscribe(&attempt.to_string(), &query(text)).await;
        for _ in 0..20 {
            let (status, _) = app.post_json(query(other).to_string()).await;
            if status == StatusCode::SERVICE_UNAVAILABLE {
                return socket;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    panic!("never turned away: {other}");
}
