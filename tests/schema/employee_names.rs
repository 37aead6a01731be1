//! The copies of employee names in `assignments`, which triggers keep equal to the names.

use std::time::Duration;

use entity::assignment;
use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, IdenStatic, TransactionTrait};

use crate::support::{
    sql::{column, company, migrated, until_a_session_waits},
    tables::tables,
};

/// Returns the copied names of all assignments, and the names of their employees.
async fn names(db: &DatabaseConnection) -> (Vec<String>, Vec<String>) {
    let from = "FROM assignments a JOIN employees e ON e.id = a.employee_id ORDER BY a.id";
    (
        column(db, &format!("SELECT a.employee_name {from}")).await,
        column(db, &format!("SELECT e.name {from}")).await,
    )
}

#[tokio::test]
async fn every_write_keeps_the_copies_of_employee_names_equal() {
    for database in migrated().await {
        let db = database.connection();
        company(db).await;
        // The migration also fills existing rows, in a table with statistics.
        db.execute_unprepared("ANALYZE").await.unwrap();
        while tables(db).await["assignments"]
            .columns
            .contains_key(assignment::Column::EmployeeName.as_str())
        {
            Migrator::down(db, Some(1)).await.unwrap();
        }
        Migrator::up(db, None).await.unwrap();
        for write in [
            "",
            "UPDATE employees SET name = 'C' WHERE id = 1",
            "UPDATE employees SET name = name || '!', hire_date = '2021-01-01'",
            "UPDATE assignments SET employee_id = 2, role = 'x' WHERE id = 1",
            "UPDATE assignments SET employee_name = 'somebody else'",
            "INSERT INTO assignments (employee_id, project_id, role, employee_name) \
             VALUES (1, 1, 'y', 'somebody else'), (2, 1, 'y', '')",
            "INSERT INTO employees (id, name, hire_date) VALUES (1, 'E', '2021-01-01') \
             ON CONFLICT (id) DO UPDATE SET name = excluded.name",
            "INSERT INTO assignments (id, employee_id, project_id) VALUES (1, 1, 1) \
             ON CONFLICT (id) DO UPDATE SET employee_id = excluded.employee_id",
            "DELETE FROM employees WHERE id = 2",
        ] {
            db.execute_unprepared(write).await.unwrap();
            let (copies, names) = names(db).await;
            assert_eq!(copies, names, "{}: {write}", database.name());
            assert!(!names.is_empty(), "{}: {write}", database.name());
        }
        if db.get_database_backend() == DbBackend::Sqlite {
            // Other programs do not check foreign keys.
            for write in [
                "PRAGMA foreign_keys = OFF",
                "INSERT OR REPLACE INTO employees (id, name, hire_date) \
                 VALUES (1, 'F', '2021-01-01')",
                "INSERT OR REPLACE INTO assignments (id, employee_id, project_id, employee_name) \
                 VALUES (1, 1, 1, 'somebody else')",
                "INSERT INTO employees (id, name, hire_date) VALUES (9, 'G', '2021-01-01')",
                "UPDATE OR REPLACE employees SET id = 1 WHERE id = 9",
            ] {
                db.execute_unprepared(write).await.unwrap();
                let (copies, names) = names(db).await;
                assert_eq!(copies, names, "{write}");
                assert!(!names.is_empty(), "{write}");
            }
        }
        if db.get_database_backend() == DbBackend::Postgres {
            // As `pg_restore` does when it loads a dump.
            let elsewhere = "BEGIN; SET LOCAL search_path = ''; \
                UPDATE public.employees SET name = 'D'; \
                INSERT INTO public.assignments (employee_id, project_id, role) VALUES (1, 2, 'z'); \
                COMMIT";
            db.execute_unprepared(elsewhere).await.unwrap();
            let (copies, names) = names(db).await;
            assert_eq!(copies, names);
        }
    }
}

/// SQLite has one writer at a time, so this concerns PostgreSQL only.
#[tokio::test]
async fn an_assignment_during_a_rename_gets_the_new_name() {
    let rename = "UPDATE employees SET name = 'New' WHERE id = 1";
    let assign = "INSERT INTO assignments (employee_id, project_id, role) VALUES (1, 1, 'late')";
    for database in migrated().await {
        let db = database.connection();
        if db.get_database_backend() == DbBackend::Sqlite {
            continue;
        }
        company(db).await;
        for (first, second) in [(rename, assign), (assign, rename)] {
            let transaction = db.begin().await.unwrap();
            transaction.execute_unprepared(first).await.unwrap();
            let finish = async {
                until_a_session_waits(db).await;
                transaction.commit().await.unwrap();
            };
            let both = async { tokio::join!(db.execute_unprepared(second), finish) };
            let (done, ()) = tokio::time::timeout(Duration::from_secs(30), both)
                .await
                .expect("the second must wait for the first");
            done.unwrap();
            let (copies, names) = names(db).await;
            assert_eq!(copies, names);
            assert!(names.contains(&"New".to_owned()));
            for undo in [
                "DELETE FROM assignments WHERE role = 'late'",
                "UPDATE employees SET name = 'A' WHERE id = 1",
            ] {
                db.execute_unprepared(undo).await.unwrap();
            }
        }
    }
}
