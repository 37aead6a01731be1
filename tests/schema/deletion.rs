//! Deletion in the tables: the rows that go along, and the ids that stay taken.

use entity::{employee, meeting, project};
use sea_orm::{ConnectionTrait, DatabaseConnection, EntityTrait, ModelTrait};

use crate::support::sql::{column, company, employees_meetings_and_projects, migrated, scalar};

#[tokio::test]
async fn deleting_an_employee_deletes_its_assignments_and_attendances_only() {
    for database in migrated().await {
        let db = database.connection();
        company(db).await;
        let employee = employee::Entity::find_by_id(1).one(db).await.unwrap();
        employee.unwrap().delete(db).await.unwrap();
        assert_eq!(
            keys(db).await,
            [
                "employees 2",
                "meetings 1, 2",
                "projects 1, 2",
                "employee_meetings 2-1, 2-2",
                "assignments 3, 4",
            ],
            "{}",
            database.name()
        );
    }
}

#[tokio::test]
async fn deleting_a_project_deletes_its_assignments_only() {
    for database in migrated().await {
        let db = database.connection();
        company(db).await;
        let project = project::Entity::find_by_id(1).one(db).await.unwrap();
        project.unwrap().delete(db).await.unwrap();
        assert_eq!(
            keys(db).await,
            [
                "employees 1, 2",
                "meetings 1, 2",
                "projects 2",
                "employee_meetings 1-1, 1-2, 2-1, 2-2",
                "assignments 2, 4",
            ],
            "{}",
            database.name()
        );
    }
}

#[tokio::test]
async fn deleting_a_meeting_deletes_its_attendances_only() {
    for database in migrated().await {
        let db = database.connection();
        company(db).await;
        let meeting = meeting::Entity::find_by_id(1).one(db).await.unwrap();
        meeting.unwrap().delete(db).await.unwrap();
        assert_eq!(
            keys(db).await,
            [
                "employees 1, 2",
                "meetings 2",
                "projects 1, 2",
                "employee_meetings 1-2, 2-2",
                "assignments 1, 2, 3, 4",
            ],
            "{}",
            database.name()
        );
    }
}

#[tokio::test]
async fn the_id_of_a_deleted_newest_row_is_not_reused() {
    for database in migrated().await {
        let db = database.connection();
        employees_meetings_and_projects(db).await;
        for (table, insert) in [
            ("assignments", "(employee_id, project_id) VALUES (1, 1)"),
            ("employees", "(name, hire_date) VALUES ('N', '2020-01-01')"),
            (
                "meetings",
                "(topic, scheduled_time) VALUES ('T', '2020-01-01T00:00:00+00:00')",
            ),
            ("projects", "(title) VALUES ('T')"),
        ] {
            let insert = format!("INSERT INTO {table} {insert} RETURNING id");
            let newest: i64 = scalar(db, &insert).await;
            let delete = format!("DELETE FROM {table} WHERE id = {newest}");
            db.execute_unprepared(&delete).await.unwrap();
            let next: i64 = scalar(db, &insert).await;
            assert!(
                next > newest,
                "{} {table}: {next} after {newest}",
                database.name()
            );
        }
    }
}

/// The keys of all rows, a line for each table.
async fn keys(db: &DatabaseConnection) -> Vec<String> {
    let mut keys = Vec::new();
    for (table, key) in [
        ("employees", "id"),
        ("meetings", "id"),
        ("projects", "id"),
        ("employee_meetings", "employee_id || '-' || meeting_id"),
        ("assignments", "id"),
    ] {
        let sql = format!("SELECT CAST({key} AS text) FROM {table} ORDER BY 1");
        keys.push(format!(
            "{table} {}",
            column::<String>(db, &sql).await.join(", ")
        ));
    }
    keys
}
