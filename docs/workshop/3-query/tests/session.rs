//! The first query, over HTTP.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../support.rs"]
mod support;

use axum::{body::Body, http::Request};
use support::{Client, Statements};
use tower::ServiceExt as _;
use workshop_3::{database, schema, server};

async fn client() -> Client {
    let mut db = database::open("sqlite::memory:").await.unwrap();
    let statements = Statements::default();
    let record = statements.clone();
    db.set_metric_callback(move |metric| record.push(metric.statement.to_string()));
    Client {
        router: server::router(schema::build(db)),
        statements,
    }
}

#[tokio::test]
async fn every_example_of_the_page_returns_what_the_page_shows() {
    client()
        .await
        .check_page(include_str!("../README.md"))
        .await;
}

#[tokio::test]
async fn each_employee_costs_a_statement() {
    let client = client().await;
    assert_eq!(client.count("{ employees { name } }").await, 1);
    let nested = "{ employees { meetings { topic } } }";
    assert_eq!(client.count(nested).await, 1 + 4);
    let twice = "{ employees { meetings { employees { name } } } }";
    // Uri attends two meetings, the others one each: five meetings, however often the same one.
    assert_eq!(client.count(twice).await, 1 + 4 + 5);
}

#[tokio::test]
async fn the_root_is_a_page_to_try_queries_in() {
    let request = Request::get("/").body(Body::empty()).unwrap();
    let response = client().await.router.oneshot(request).await.unwrap();
    assert_eq!(
        response.headers()["content-type"],
        "text/html; charset=utf-8"
    );
}
