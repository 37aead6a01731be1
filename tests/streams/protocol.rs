//! Server-sent events: the distinct connections mode of graphql-sse, message by message.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{
    app::{lesson_with, lessons},
    events::{CHANGES, EVENT_STREAM, EventSource, listening},
    http::{RESPONSE, code, status_and_json},
    operations::{CREATE, query},
};

const NAME: &str = r#"{ employee(id: "emp_2") { name } }"#;

#[tokio::test]
async fn a_query_gives_one_result_and_a_complete_by_every_method() {
    let app = lesson_with(|_| {}).await;
    let method = Method::from_bytes(b"QUERY").unwrap();
    for mut events in [
        EventSource::get(&app.url, NAME, None).await,
        EventSource::post(&app.url, &query(NAME)).await,
        EventSource::send(&app.url, method, &query(NAME)).await,
    ] {
        let result = json!({ "data": { "employee": { "name": "Tristan Tal" } } });
        assert_eq!(events.result().await, result);
        events.completes().await;
    }
}

#[tokio::test]
async fn a_mutation_by_post_gives_its_result() {
    let app = lesson_with(|_| {}).await;
    let mut events = EventSource::post(&app.url, &query(CREATE)).await;
    let result = events.result().await;
    assert!(result["data"]["createEmployee"]["employee"]["id"].is_string());
    events.completes().await;
}

#[tokio::test]
async fn a_mutation_by_a_safe_method_is_405_and_changes_nothing() {
    let app = lesson_with(|_| {}).await;
    let before = app.latest_cursor().await;
    let by_get = app.get_graphql(&[("query", CREATE)], EVENT_STREAM).await;
    assert_eq!(by_get.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(by_get.headers()["allow"], "POST");
    assert_eq!(app.latest_cursor().await, before);
}

#[tokio::test]
async fn an_operation_that_does_not_run_gives_its_errors_as_a_result() {
    let app = lesson_with(|_| {}).await;
    for (text, expected) in [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        (
            "query A { __typename } query B { __typename }",
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            "subscription { a: changes { kind } b: changes { kind } }",
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            "query($x: Int!) { employees(first: $x) { totalCount } }",
            "BAD_USER_INPUT",
        ),
    ] {
        for mut events in [
            EventSource::get(&app.url, text, None).await,
            EventSource::post(&app.url, &query(text)).await,
        ] {
            let result = events.result().await;
            assert_eq!(code(&result), expected, "{result}");
            assert_eq!(result.get("data"), None, "{result}");
            events.completes().await;
        }
    }
}

#[tokio::test]
async fn a_request_that_is_no_operation_is_refused_by_its_status() {
    let app = lesson_with(|_| {}).await;
    let json = ("content-type", "application/json");
    for (kind, body, status) in [
        (json, "{", 400),
        (json, "{}", 422),
        (("content-type", "text/plain"), "{}", 415),
    ] {
        let answer = app.post(&[kind, ("accept", EVENT_STREAM)], body).await;
        assert_eq!(answer.status(), status, "{body}");
        let kind = answer.headers()["content-type"].to_str().unwrap();
        assert_eq!(kind, format!("{RESPONSE}; charset=utf-8"));
    }
}

#[tokio::test]
async fn an_error_of_a_field_comes_with_the_result() {
    let app = lesson_with(|_| {}).await;
    let text = "{ employees(first: 9999) { totalCount } }";
    let mut events = EventSource::get(&app.url, text, None).await;
    let result = events.result().await;
    assert_eq!(code(&result), "BAD_USER_INPUT");
    assert_eq!(result["data"], Value::Null);
    events.completes().await;
}

#[tokio::test]
async fn a_subscription_begins_with_its_cursor_and_each_event_carries_one() {
    for app in lessons().await {
        let latest = app.latest_cursor().await;
        let mut events = EventSource::post(&app.url, &query(CHANGES)).await;
        assert_eq!(events.start().await, latest);
        for name in ["Ann", "Bob"] {
            let id = app.new_employee(name).await;
            let event = events.event().await.unwrap();
            assert_eq!(event.id, Some(app.latest_cursor().await), "{}", app.name());
            let data: Value = serde_json::from_str(&event.data.unwrap()).unwrap();
            assert_eq!(data["data"]["changes"]["touchedIds"], json!([id]));
        }
    }
}

#[tokio::test]
async fn a_client_that_accepts_json_too_gets_events_for_subscriptions_only() {
    let app = lesson_with(|_| {}).await;
    let accept = "application/graphql-response+json, application/json, text/event-stream";
    let headers = [("content-type", "application/json"), ("accept", accept)];
    let answer = app.post(&headers, query(NAME).to_string()).await;
    let (status, answer) = status_and_json(answer).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer["data"]["employee"]["name"], "Tristan Tal");
    let stream = app.post(&headers, query(CHANGES).to_string()).await;
    assert_eq!(
        stream.headers()["content-type"],
        "text/event-stream; charset=utf-8"
    );
}

#[tokio::test]
async fn a_stream_is_neither_compressed_nor_buffered_by_proxies() {
    let app = lesson_with(|_| {}).await;
    let request = app.client.post(format!("{}/graphql", app.url));
    let request = request
        .header("content-type", "application/json")
        .header("accept-encoding", "gzip, br")
        .header("accept", EVENT_STREAM)
        .body(query(CHANGES).to_string());
    let stream = request.send().await.unwrap();
    assert_eq!(stream.headers().get("content-encoding"), None);
    assert_eq!(stream.headers()["x-accel-buffering"], "no");
    assert_eq!(stream.headers()["cache-control"], "no-store");
}

#[tokio::test]
async fn the_shutdown_ends_a_subscription_without_a_complete() {
    let app = lesson_with(|settings| settings.shutdown_grace = 0).await;
    let mut events = listening(&app).await;
    app.shutdown.begin();
    assert_eq!(events.event().await, None);
}
