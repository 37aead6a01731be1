//! The reads on the engine: the number of statements, data on the edge, and live changes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../support.rs"]
mod support;

use async_graphql::Executor as _;
use futures_util::StreamExt as _;
use sea_level::Database;
use sea_orm::ConnectionTrait as _;
use sea_orm_migration::{MigratorTrait as _, SchemaManager};
use serde_json::json;
use support::{Client, Statements};
use tempfile::TempDir;
use workshop_7::{database, migration::Migrator, schema, server};

/// A checkpoint with a database of its own, which is removed with it.
struct Checkpoint {
    client: Client,
    database: Database,
    _directory: TempDir,
}

async fn checkpoint() -> Checkpoint {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("workshop.db");
    let url = format!("sqlite:{}?mode=rwc", file.display());
    let mut database = database::open(&url).await.unwrap();
    let statements = Statements::default();
    let record = statements.clone();
    let observe = move |statement: &sea_orm::Statement| record.push(statement.to_string());
    database.reader.observe(observe);
    let router = server::router(schema::build(database.clone()));
    Checkpoint {
        client: Client { router, statements },
        database,
        _directory: directory,
    }
}

#[tokio::test]
async fn every_example_of_the_page_returns_what_the_page_shows() {
    let checkpoint = checkpoint().await;
    checkpoint
        .client
        .check_page(include_str!("../README.md"))
        .await;
}

#[tokio::test]
async fn the_steps_lead_there_and_back() {
    let db = sea_orm::Database::connect("sqlite::memory:").await.unwrap();
    let manager = SchemaManager::new(&db);
    for _ in 0..2 {
        Migrator::up(&db, None).await.unwrap();
        assert!(manager.has_table("changes").await.unwrap());
        Migrator::down(&db, None).await.unwrap();
        assert!(!manager.has_table("employees").await.unwrap());
    }
}

/// The queries of session 6, with pages.
const TEAMS: &str = "{ projects { nodes { employees { nodes { name } } } } }";
const WALK: &str =
    "{ projects { nodes { employees { nodes { projects { nodes { title } } } } } } }";

#[tokio::test]
async fn the_number_of_statements_does_not_depend_on_the_rows() {
    let checkpoint = checkpoint().await;
    let client = &checkpoint.client;
    assert_eq!(client.count(TEAMS).await, 2);
    assert_eq!(client.count(WALK).await, 3);
    let transaction = checkpoint.database.transactions.begin().await.unwrap();
    let rows = "
        INSERT INTO projects (id, title) VALUES (3, 'A third project');
        INSERT INTO assignments (employee_id, project_id) VALUES (1, 3), (2, 3), (3, 3), (4, 3);";
    transaction.execute_unprepared(rows).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(client.count(TEAMS).await, 2);
    assert_eq!(client.count(WALK).await, 3);
}

#[tokio::test]
async fn through_keeps_the_projects_with_a_matching_assignment() {
    let checkpoint = checkpoint().await;
    let data = checkpoint
        .client
        .data(r#"{ employees { nodes { projects(through: { role: { contains: "MANAGER" } }) { edges { node { title } assignments { id } } } } } }"#)
        .await;
    let edge = json!({ "node": { "title": "XYZ Project Flask server" }, "assignments": [{ "id": "asg_1" }] });
    let employees = &data["employees"]["nodes"];
    assert_eq!(employees[0]["projects"]["edges"], json!([edge]));
    assert_eq!(employees[1]["projects"]["edges"], json!([]));
}

#[tokio::test]
async fn a_subscriber_resumes_where_it_was_interrupted() {
    let checkpoint = checkpoint().await;
    let executor = server::EngineExecutor::from(schema::build(checkpoint.database.clone()));
    let assign = async |project: i64| {
        let mutation = format!(
            r#"mutation {{ assignEmployee(input: {{ employeeId: "emp_3", projectId: "prj_{project}" }}) {{ refusal }} }}"#
        );
        executor.execute(mutation.into()).await
    };
    let changes = |after: i64| {
        let subscription = format!(
            "subscription {{ assignmentChanges(after: {after}) {{ seq kind project {{ id }} }} }}"
        );
        executor.execute_stream(subscription.into(), None)
    };
    let created = |seq: i64, project: &str| json!({ "assignmentChanges": { "seq": seq, "kind": "CREATED", "project": { "id": project } } });

    assign(1).await;
    let mut first = changes(0);
    let change = first.next().await.unwrap().data.into_json().unwrap();
    assert_eq!(change, created(1, "prj_1"));
    drop(first);
    // A refused mutation writes no change.
    assign(9).await;
    assign(2).await;
    let change = changes(1).next().await.unwrap().data.into_json().unwrap();
    assert_eq!(change, created(2, "prj_2"));
}
