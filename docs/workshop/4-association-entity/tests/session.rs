//! The association entity, over HTTP.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../support.rs"]
mod support;

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use serde_json::json;
use support::{Client, Statements};
use tower::ServiceExt as _;
use workshop_4::{database, schema, server};

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
async fn an_employee_is_added_to_a_meeting_once() {
    let client = client().await;
    let add = "mutation { addAttendee(meetingId: 1, employeeId: 4) { employees { name } } }";
    let attendees = json!({ "addAttendee": { "employees": [{ "name": "Uri Lee" }, { "name": "Taylor Jai" }] } });
    assert_eq!(client.data(add).await, attendees);
    assert_eq!(client.data(add).await, attendees);
}

#[tokio::test]
async fn an_assignment_needs_an_employee_and_a_project() {
    let client = client().await;
    let response = client
        .post("mutation { assignEmployee(input: { employeeId: 3, projectId: 9 }) { id } }")
        .await;
    let message = &response["errors"][0]["message"];
    assert_eq!(message, "One of the ids does not exist.");
}

/// The answer to the third exercise.
#[tokio::test]
async fn a_get_request_can_write() {
    let client = client().await;
    let mutation =
        "/graphql?query=mutation%7BassignEmployee(input:%7BemployeeId:3,projectId:1%7D)%7Bid%7D%7D";
    let request = Request::get(mutation).body(Body::empty()).unwrap();
    let response = client.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let data = client
        .data("{ employee(id: 3) { assignments { id } } }")
        .await;
    assert_eq!(data["employee"]["assignments"], json!([{ "id": 4 }]));
}

#[tokio::test]
async fn each_assignment_costs_a_statement() {
    let query = "{ employees { assignments { project { title } } } }";
    assert_eq!(client().await.count(query).await, 1 + 4 + 3);
}
