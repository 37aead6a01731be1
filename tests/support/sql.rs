//! Migrated databases without a server, and SQL statements on them.

use std::time::Duration;

use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};

use super::database::{TestDatabase, databases};

pub async fn migrated() -> Vec<TestDatabase> {
    let databases = databases().await;
    for database in &databases {
        Migrator::up(database.connection(), None).await.unwrap();
    }
    databases
}

/// Inserts two employees, two meetings and two projects without links.
pub async fn employees_meetings_and_projects(db: &DatabaseConnection) {
    for statement in [
        "INSERT INTO employees (name, hire_date) VALUES ('A', '2020-01-01'), ('B', '2020-01-01')",
        "INSERT INTO meetings (topic, scheduled_time) VALUES \
         ('A', '2020-01-01T00:00:00+00:00'), ('B', '2020-01-01T00:00:00+00:00')",
        "INSERT INTO projects (title) VALUES ('A'), ('B')",
    ] {
        db.execute_unprepared(statement).await.unwrap();
    }
}

/// Inserts two employees, two meetings and two projects with all links between them.
pub async fn company(db: &DatabaseConnection) {
    employees_meetings_and_projects(db).await;
    for statement in [
        "INSERT INTO employee_meetings VALUES (1, 1), (1, 2), (2, 1), (2, 2)",
        "INSERT INTO assignments (employee_id, project_id) VALUES (1, 1), (1, 2), (2, 1), (2, 2)",
    ] {
        db.execute_unprepared(statement).await.unwrap();
    }
}

pub async fn rows(db: &DatabaseConnection, sql: &str) -> Vec<sea_orm::QueryResult> {
    let statement = Statement::from_string(db.get_database_backend(), sql);
    db.query_all_raw(statement).await.unwrap()
}

/// Returns the first value of each row.
pub async fn column<T: sea_orm::TryGetable>(db: &DatabaseConnection, sql: &str) -> Vec<T> {
    let rows = rows(db, sql).await;
    rows.iter()
        .map(|row| row.try_get_by_index(0).unwrap())
        .collect()
}

pub async fn scalar<T: sea_orm::TryGetable>(db: &DatabaseConnection, sql: &str) -> T {
    column(db, sql).await.remove(0)
}

/// Waits until a session of this PostgreSQL database waits for a lock of another one.
pub async fn until_a_session_waits(db: &DatabaseConnection) {
    let waits = "SELECT count(*) FROM pg_stat_activity \
                 WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while scalar::<i64>(db, waits).await == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
