//! Deletion, subscriptions, and the number of statements without the engine.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../support.rs"]
mod support;

use futures_util::StreamExt as _;
use sea_orm::{ConnectionTrait, DatabaseConnection};
use serde_json::json;
use support::{Client, Statements};
use workshop_6::{database, schema, server};

async fn open() -> (DatabaseConnection, Statements) {
    let mut db = database::open("sqlite::memory:").await.unwrap();
    let statements = Statements::default();
    let record = statements.clone();
    db.set_metric_callback(move |metric| record.push(metric.statement.to_string()));
    (db, statements)
}

async fn client() -> Client {
    let (db, statements) = open().await;
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
async fn the_client_decides_about_the_assignments() {
    let client = client().await;
    let refused = client
        .post("mutation { deleteProject(id: 1, assignments: RESTRICT) { deletedId } }")
        .await;
    let message = &refused["errors"][0]["message"];
    assert_eq!(message, "Still referenced by 2 assignments.");

    let delete = "mutation { deleteProject(id: 1, assignments: CASCADE) { deletedId deletedAssignmentIds } }";
    let deleted = json!({ "deletedId": 1, "deletedAssignmentIds": [1, 2] });
    assert_eq!(client.data(delete).await["deleteProject"], deleted);
    let data = client.data("{ employees { assignments { id } } }").await;
    let left = json!([{ "assignments": [] }, { "assignments": [{ "id": 3 }] }, { "assignments": [] }, { "assignments": [] }]);
    assert_eq!(data["employees"], left);
}

#[tokio::test]
async fn the_step_keeps_the_assignments() {
    let data = client()
        .await
        .data("{ projects { assignments { id } } }")
        .await;
    let ids =
        json!([{ "assignments": [{ "id": 1 }, { "id": 2 }] }, { "assignments": [{ "id": 3 }] }]);
    assert_eq!(data["projects"], ids);
}

#[tokio::test]
async fn a_subscriber_receives_what_was_committed() {
    let schema = schema::build(open().await.0);
    let subscription = "subscription { assignmentChanges { kind employeeId projectId } }";
    let mut changes = schema.execute_stream(subscription);
    // The first poll subscribes.
    assert!(futures_util::poll!(changes.next()).is_pending());
    for mutation in [
        "mutation { assignEmployee(input: { employeeId: 3, projectId: 9 }) { id } }",
        "mutation { assignEmployee(input: { employeeId: 3, projectId: 2 }) { id } }",
    ] {
        schema.execute(mutation).await;
    }
    let change = changes.next().await.unwrap().data.into_json().unwrap();
    let created = json!({ "kind": "CREATED", "employeeId": 3, "projectId": 2 });
    assert_eq!(change["assignmentChanges"], created);
}

/// One level of objects below the projects, then two.
const TEAMS: &str = "{ projects { employees { name } } }";
const WALK: &str = "{ projects { employees { projects { title } } } }";

#[tokio::test]
async fn the_number_of_statements_grows_with_the_rows() {
    let (db, statements) = open().await;
    let client = Client {
        router: server::router(schema::build(db.clone())),
        statements,
    };
    // Two projects, with two employees and one.
    assert_eq!(client.count(TEAMS).await, 1 + 2);
    assert_eq!(client.count(WALK).await, 1 + 2 + 3);
    let rows = "
        INSERT INTO projects (id, title) VALUES (3, 'A third project');
        INSERT INTO assignments (employee_id, project_id) VALUES (1, 3), (2, 3), (3, 3), (4, 3);";
    db.execute_unprepared(rows).await.unwrap();
    assert_eq!(client.count(TEAMS).await, 1 + 3);
    assert_eq!(client.count(WALK).await, 1 + 3 + 7);
}
