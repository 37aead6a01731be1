//! The association proxy, over HTTP.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../support.rs"]
mod support;

use sea_orm::{DatabaseConnection, EntityTrait, ModelTrait};
use serde_json::json;
use support::{Client, Statements};
use workshop_5::{
    database,
    entity::{employee, project},
    schema, server,
};

async fn client_and_database() -> (Client, DatabaseConnection) {
    let mut db = database::open("sqlite::memory:").await.unwrap();
    let statements = Statements::default();
    let record = statements.clone();
    db.set_metric_callback(move |metric| record.push(metric.statement.to_string()));
    let router = server::router(schema::build(db.clone()));
    (Client { router, statements }, db)
}

async fn client() -> Client {
    client_and_database().await.0
}

const SECOND_STINT: &str = r#"mutation { assignEmployee(input: { employeeId: 2, projectId: 1, role: "Reviewer" }) { id } }"#;

#[tokio::test]
async fn every_example_of_the_page_returns_what_the_page_shows() {
    client()
        .await
        .check_page(include_str!("../README.md"))
        .await;
}

#[tokio::test]
async fn two_assignments_to_a_project_are_one_project() {
    let (client, db) = client_and_database().await;
    client.data(SECOND_STINT).await;

    let tristan = employee::Entity::find_by_id(2).one(&db).await.unwrap();
    let joined = tristan
        .unwrap()
        .find_related(project::Entity)
        .all(&db)
        .await;
    assert_eq!(joined.unwrap().len(), 3);

    let data = client.data("{ employee(id: 2) { projects { id } } }").await;
    assert_eq!(
        data["employee"]["projects"],
        json!([{ "id": 1 }, { "id": 2 }])
    );
}

#[tokio::test]
async fn a_project_that_stays_keeps_its_assignments() {
    let client = client().await;
    let data = client
        .data("mutation { setEmployeeProjects(employeeId: 1, projectIds: [1, 2]) { assignments { id role } } }")
        .await;
    let assignments = json!([{ "id": 1, "role": "Project manager" }, { "id": 4, "role": null }]);
    assert_eq!(data["setEmployeeProjects"]["assignments"], assignments);
}

#[tokio::test]
async fn a_refused_mutation_changes_nothing() {
    let client = client().await;
    let response = client
        .post("mutation { setEmployeeProjects(employeeId: 1, projectIds: [9]) { id } }")
        .await;
    let message = &response["errors"][0]["message"];
    assert_eq!(message, "One of the ids does not exist.");
    let data = client
        .data("{ employee(id: 1) { assignments { id } } }")
        .await;
    assert_eq!(data["employee"]["assignments"], json!([{ "id": 1 }]));
}

#[tokio::test]
async fn each_employee_and_each_project_costs_a_statement() {
    // Uri works on one project and Tristan on two.
    let query = "{ employees { projects { employees { name } } } }";
    assert_eq!(client().await.count(query).await, 1 + 4 + 3);
}
