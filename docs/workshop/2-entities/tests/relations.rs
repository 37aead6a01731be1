//! The relations, followed from both ends, and the statements that they send.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};

use sea_orm::{
    ActiveModelTrait, DatabaseConnection, EntityTrait, IntoActiveModel, LoaderTrait, ModelTrait,
    SqlErr,
};
use workshop_2::{
    database,
    entity::{employee, employee_meeting, meeting},
    seed,
};

/// Opens a database in memory, and records its statements from then on.
async fn open() -> (DatabaseConnection, Arc<Mutex<Vec<String>>>) {
    let mut db = database::open("sqlite::memory:").await.unwrap();
    let statements = Arc::new(Mutex::new(Vec::new()));
    let record = statements.clone();
    db.set_metric_callback(move |metric| record.lock().unwrap().push(metric.statement.to_string()));
    (db, statements)
}

async fn employees(db: &DatabaseConnection) -> Vec<employee::Model> {
    let employees = employee::Entity::find().order_by_id_asc();
    employees.all(db).await.unwrap()
}

fn topics(meetings: &[meeting::Model]) -> Vec<&str> {
    meetings
        .iter()
        .map(|meeting| meeting.topic.as_str())
        .collect()
}

const WEEKLY: &str = "Software Engineering Weekly Update";
const GITHUB: &str = "Github Issues Brainstorming";

#[tokio::test]
async fn a_relation_is_followed_from_both_ends() {
    let (db, _) = open().await;
    let uri = &employees(&db).await[0];
    let meetings = uri.find_related(meeting::Entity).all(&db).await.unwrap();
    assert_eq!(topics(&meetings), [WEEKLY, GITHUB]);
    let attendees = meetings[1].find_related(employee::Entity).all(&db).await;
    assert_eq!(attendees.unwrap(), employees(&db).await);
}

#[tokio::test]
async fn a_loop_over_employees_sends_a_statement_for_each() {
    let (db, statements) = open().await;
    for employee in employees(&db).await {
        employee
            .find_related(meeting::Entity)
            .all(&db)
            .await
            .unwrap();
    }
    let statements = statements.lock().unwrap();
    assert_eq!(statements.len(), 1 + 4);
    let page = include_str!("../README.md");
    for statement in &statements[..2] {
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words(page).contains(statement), "{statement}");
    }
}

/// The answer to the second exercise.
#[tokio::test]
async fn a_loader_sends_the_same_number_for_any_number_of_employees() {
    let (db, statements) = open().await;
    let employees = employees(&db).await;
    let meetings = employees.load_many(meeting::Entity, &db).await.unwrap();
    assert_eq!(topics(&meetings[0]), [WEEKLY, GITHUB]);
    assert_eq!(topics(&meetings[3]), [GITHUB]);
    assert_eq!(statements.lock().unwrap().len(), 2);
}

/// The answer to the first exercise.
#[tokio::test]
async fn a_link_is_a_row_that_is_inserted_and_deleted() {
    let (db, _) = open().await;
    let link = employee_meeting::Model {
        employee_id: 2,
        meeting_id: 1,
    };
    link.clone().into_active_model().insert(&db).await.unwrap();
    let again = link.clone().into_active_model().insert(&db).await;
    assert!(matches!(
        again.unwrap_err().sql_err(),
        Some(SqlErr::UniqueConstraintViolation(_))
    ));
    link.delete(&db).await.unwrap();
    let links = employee_meeting::Entity::find().all(&db).await.unwrap();
    assert_eq!(links.len(), 5);
}

#[tokio::test]
async fn a_table_with_rows_is_not_filled_again() {
    let (db, _) = open().await;
    employees(&db).await.remove(0).delete(&db).await.unwrap();
    seed::fill(&db).await.unwrap();
    assert_eq!(employees(&db).await.len(), 3);
}
