//! The messages of `graphql-transport-ws`, and the code with which each violation closes the socket.

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{
    app::lesson_with,
    operations::query,
    websocket::{PROTOCOL, WebSocket},
};

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
async fn an_invalid_document_gives_one_error_and_no_complete() {
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
    socket.subscribe("x", &query("{ __typename }")).await;
    assert_eq!(socket.read().await["type"], "next", "the id is free again");
}

#[tokio::test]
async fn an_operation_that_fails_while_it_runs_gives_its_errors_and_a_complete() {
    let app = lesson_with(|_| {}).await;
    let mut socket = WebSocket::ready(&app.url).await;
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
async fn an_invalid_message_closes_with_4400() {
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
async fn a_subscribe_before_connection_init_closes_with_4401() {
    let app = lesson_with(|_| {}).await;
    let mut socket = WebSocket::open(&app.url).await;
    socket.subscribe("1", &query("{ __typename }")).await;
    assert_eq!(socket.close_code().await, 4401);
}

#[tokio::test]
async fn a_connection_init_that_comes_too_late_closes_with_4408() {
    let app = lesson_with(|settings| settings.limits.socket_init_timeout = 1).await;
    let mut socket = WebSocket::open(&app.url).await;
    assert_eq!(socket.close_code().await, 4408);
}

#[tokio::test]
async fn a_second_connection_init_closes_with_4429() {
    let app = lesson_with(|_| {}).await;
    let mut socket = WebSocket::ready(&app.url).await;
    socket.init(Some(json!({}))).await;
    assert_eq!(socket.close_code().await, 4429);
}

#[tokio::test]
async fn another_subprotocol_closes_with_4406_and_another_origin_is_refused() {
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
async fn a_ping_is_answered_with_its_payload() {
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
async fn a_persisted_query_of_another_version_fails_its_operation_only() {
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
