//! On SQLite, the copies of employees' names after an insert that replaces the employee.
//!
//! Other programs have `foreign_keys` and `recursive_triggers` off, as SQLite has by default. Their
//! `INSERT OR REPLACE INTO employees` deletes the old row and inserts the new one without triggers
//! for deletes or updates, and the assignments stay. `UPDATE OR REPLACE` can move an employee to
//! another id in the same way. PostgreSQL always checks the keys, and its `ON CONFLICT DO UPDATE`
//! runs the trigger for updates.

use sea_orm_migration::prelude::*;

use crate::{parts, step::Step};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: [&str; 4] = [
    "CREATE TRIGGER tr_employees_insert AFTER INSERT ON employees BEGIN \
     UPDATE assignments SET employee_name = NEW.name \
     WHERE employee_id = NEW.id AND employee_name <> NEW.name; END",
    "DROP TRIGGER tr_employees_update",
    "CREATE TRIGGER tr_employees_update AFTER UPDATE OF id, name ON employees \
     WHEN NEW.name <> OLD.name OR NEW.id <> OLD.id BEGIN \
     UPDATE assignments SET employee_name = NEW.name WHERE employee_id = NEW.id; END",
    // Employees that were replaced before this step.
    "UPDATE assignments SET employee_name = employees.name FROM employees \
     WHERE employees.id = assignments.employee_id AND employees.name <> employee_name",
];

const DOWN: [&str; 3] = [
    "DROP TRIGGER tr_employees_insert",
    "DROP TRIGGER tr_employees_update",
    "CREATE TRIGGER tr_employees_update AFTER UPDATE OF name ON employees \
     WHEN NEW.name <> OLD.name BEGIN \
     UPDATE assignments SET employee_name = NEW.name WHERE employee_id = NEW.id; END",
];

#[async_trait::async_trait]
impl Step for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        on_sqlite(manager, &UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        on_sqlite(manager, &DOWN).await
    }
}

async fn on_sqlite(manager: &SchemaManager<'_>, statements: &[&str]) -> Result<(), DbErr> {
    parts::execute_all(manager, parts::either(manager, statements, &[])).await
}
