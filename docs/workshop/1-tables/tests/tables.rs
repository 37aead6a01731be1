//! The tables: what the steps create, and what the database then refuses.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, SqlErr, Statement};
use sea_orm_migration::MigratorTrait;
use workshop_1::{connect, migration::Migrator};

/// Two employees and a meeting.
const ROWS: &str = "
    INSERT INTO employees (id, name, hire_date) VALUES
        (1, 'Uri Lee', '2022-05-17'), (2, 'Tristan Tal', '2020-01-30');
    INSERT INTO meetings (id, topic, scheduled_time) VALUES
        (1, 'Weekly Update', '2023-10-31T09:30:00+00:00');";

async fn migrated() -> DatabaseConnection {
    let db = connect("sqlite::memory:").await.unwrap();
    Migrator::up(&db, None).await.unwrap();
    db.execute_unprepared(ROWS).await.unwrap();
    db
}

async fn attend(db: &DatabaseConnection, employee: i64, meeting: i64) -> Result<(), DbErr> {
    let insert = format!("INSERT INTO employee_meetings VALUES ({employee}, {meeting})");
    db.execute_unprepared(&insert).await.map(drop)
}

async fn table_names(db: &DatabaseConnection) -> Vec<String> {
    let select = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 's%' \
                  ORDER BY name";
    let select = Statement::from_string(db.get_database_backend(), select);
    let rows = db.query_all_raw(select).await.unwrap();
    rows.iter()
        .map(|row| row.try_get_by_index(0).unwrap())
        .collect()
}

#[tokio::test]
async fn the_steps_create_three_tables_and_remove_them_again() {
    let db = migrated().await;
    let tables = ["employee_meetings", "employees", "meetings"];
    assert_eq!(table_names(&db).await, tables);
    Migrator::down(&db, Some(1)).await.unwrap();
    assert_eq!(table_names(&db).await, tables[1..]);
    Migrator::down(&db, None).await.unwrap();
    assert!(table_names(&db).await.is_empty());
}

#[tokio::test]
async fn an_employee_attends_a_meeting_once() {
    let db = migrated().await;
    attend(&db, 1, 1).await.unwrap();
    let error = attend(&db, 1, 1).await.unwrap_err();
    assert!(matches!(
        error.sql_err(),
        Some(SqlErr::UniqueConstraintViolation(_))
    ));
}

#[tokio::test]
async fn a_link_needs_both_ends() {
    let db = migrated().await;
    let error = attend(&db, 1, 9).await.unwrap_err();
    assert!(matches!(
        error.sql_err(),
        Some(SqlErr::ForeignKeyConstraintViolation(_))
    ));
}

#[tokio::test]
async fn a_deleted_employee_takes_the_links_along() {
    let db = migrated().await;
    attend(&db, 1, 1).await.unwrap();
    attend(&db, 2, 1).await.unwrap();
    db.execute_unprepared("DELETE FROM employees WHERE id = 1")
        .await
        .unwrap();
    let select = Statement::from_string(
        db.get_database_backend(),
        "SELECT employee_id FROM employee_meetings",
    );
    let left = db.query_all_raw(select).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].try_get_by_index::<i64>(0).unwrap(), 2);
}
