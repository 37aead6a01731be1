//! Answers: their bytes, their headers, and the errors that they mask.

use reqwest::{Method, StatusCode, header};
use sea_orm::ConnectionTrait;
use serde_json::json;

use crate::support::{
    app::{lesson_with, lessons},
    http::{GOOD, PARTIAL, code, percent, status_and_json},
};

#[tokio::test]
async fn keys_are_in_the_order_of_the_query() {
    let app = lesson_with(|_| {}).await;
    let body =
        json!({ "query": r#"{ z: employee(id: "emp_2") { name id hireDate } a: __typename }"# })
            .to_string();
    let text = app
        .post(&[("content-type", "application/json")], body)
        .await
        .text()
        .await
        .unwrap();
    assert_eq!(
        text,
        r#"{"data":{"z":{"name":"Tristan Tal","id":"emp_2","hireDate":"2020-01-30"},"a":"Query"}}"#
    );
}

#[tokio::test]
async fn large_answers_are_compressed_for_clients_that_accept_it() {
    let app = lesson_with(|_| {}).await;
    let large = json!({ "query": "{ __schema { types { name fields { name description } } } }" })
        .to_string();
    for (accepted, expected) in [
        ("gzip", Some("gzip")),
        ("br, gzip", Some("br")),
        ("identity", None),
    ] {
        let headers = [
            ("content-type", "application/json"),
            ("accept-encoding", accepted),
        ];
        let response = app.post(&headers, large.clone()).await;
        let encoding = response.headers().get(header::CONTENT_ENCODING);
        assert_eq!(
            encoding.and_then(|encoding| encoding.to_str().ok()),
            expected
        );
        let small = app.post(&headers, GOOD).await;
        assert_eq!(small.headers().get(header::CONTENT_ENCODING), None);
    }
}

#[tokio::test]
async fn the_cost_is_in_the_answer_when_the_client_asks_for_it() {
    let app = lesson_with(|_| {}).await;
    let body = json!({ "query": "{ employees(first: 3) { nodes { name projects(first: 5) { nodes { title } } } } }" }).to_string();
    let headers = [("content-type", "application/json"), ("x-cost", "true")];
    let (_, answer) = status_and_json(app.post(&headers, body.clone()).await).await;
    let cost = &answer["extensions"]["cost"];
    assert_eq!(
        (&cost["requested"], &cost["limit"], &cost["statements"]),
        (&json!(18), &json!(500_000), &json!(2))
    );
    assert!(cost["loaded"].as_u64() > Some(3), "{cost}");
    let (_, answer) = app.post_json(body).await;
    assert_eq!(answer.get("extensions"), None);
}

#[tokio::test]
async fn an_internal_error_is_masked_and_has_a_request_id() {
    for app in lessons().await {
        let broken = "ALTER TABLE assignments RENAME TO lost";
        app.db().execute_unprepared(broken).await.unwrap();
        let query = "{ employees { nodes { name assignments { nodes { id } } } } }";
        let (status, answer) = app.post_json(json!({ "query": query }).to_string()).await;
        assert_eq!(
            (status.as_u16(), code(&answer)),
            (PARTIAL, "INTERNAL"),
            "{answer}"
        );
        let error = &answer["errors"][0];
        assert_eq!(error["message"], "Something went wrong on the server.");
        assert!(error["extensions"]["requestId"].is_string(), "{error}");
        assert_eq!(error["path"][0], "employees");
        for internal in ["assignments_", "no such", "relation", "SELECT", "lost"] {
            assert!(
                !answer.to_string().contains(internal),
                "{}: {answer}",
                app.name()
            );
        }
    }
}

#[tokio::test]
async fn every_answer_has_restrictive_security_headers() {
    let app = lesson_with(|_| {}).await;
    let answer = app
        .post(&[("content-type", "application/json")], GOOD)
        .await;
    assert!(answer.headers().contains_key("x-request-id"));
    let other = async |path: &str| app.client.get(format!("{}{path}", app.url)).send().await;
    for (response, status) in [
        (answer, StatusCode::OK),
        (other("/health/live").await.unwrap(), StatusCode::OK),
        (other("/nothing").await.unwrap(), StatusCode::NOT_FOUND),
        (
            other("/graphql/").await.unwrap(),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
    ] {
        assert_eq!(response.status(), status);
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            (
                "content-security-policy",
                "default-src 'none'; frame-ancestors 'none'",
            ),
        ] {
            assert_eq!(response.headers()[name], value, "{}", response.url());
        }
    }
}

#[tokio::test]
async fn a_head_request_has_the_headers_of_a_get_and_no_body() {
    let app = lesson_with(|_| {}).await;
    let large = "{ __schema { types { name fields { name description } } } }";
    for (query, encoding) in [("{ __typename }", None), (large, Some("gzip"))] {
        let url = format!("{}/graphql?query={}", app.url, percent(query));
        let ask = async |method| {
            let request = app.client.request(method, &url);
            let request = request.header("accept-encoding", "gzip");
            let mut response = request.send().await.unwrap();
            for changing in ["date", "x-request-id", "transfer-encoding"] {
                response.headers_mut().remove(changing);
            }
            response
        };
        let (get, head) = (ask(Method::GET).await, ask(Method::HEAD).await);
        assert_eq!(head.headers(), get.headers());
        let got = get.headers().get(header::CONTENT_ENCODING);
        assert_eq!(got.map(|got| got.to_str().unwrap()), encoding);
        let query = percent(query);
        let head = format!(
            "HEAD /graphql?query={query} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
        );
        assert!(app.raw(&head).await.ends_with("\r\n\r\n"));
    }
}
