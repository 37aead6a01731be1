//! `assignments.employee_name`: copy of the name that orders the employees of a project, in an index.
//!
//! No index spans two tables, so that to list a team by name all of its names had to be read first:
//! 200 for a page of 20, each from a place of its own. The triggers keep the copy, whichever program
//! writes the rows. It goes stale all the same where triggers are off, and on PostgreSQL when a rename
//! under REPEATABLE READ does not see an assignment committed after its snapshot.

use sea_orm_migration::prelude::*;

use crate::{parts, step::Step};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const SQLITE: [&str; 8] = [
    "ALTER TABLE assignments ADD COLUMN employee_name text NOT NULL DEFAULT ''",
    "UPDATE assignments SET employee_name = \
     coalesce((SELECT name FROM employees WHERE id = assignments.employee_id), '')",
    "CREATE INDEX ix_assignments_project_id_employee_name_employee_id \
     ON assignments (project_id, employee_name, employee_id)",
    // Where two indexes seem as good SQLite takes the newer one, and keys in order need this one.
    "DROP INDEX ix_assignments_project_id_employee_id_start_date_id",
    "CREATE INDEX ix_assignments_project_id_employee_id_start_date_id \
     ON assignments (project_id, employee_id, start_date, id)",
    // Where there is no such employee, the foreign key says so.
    "CREATE TRIGGER tr_assignments_insert AFTER INSERT ON assignments BEGIN \
     UPDATE assignments SET employee_name = \
     coalesce((SELECT name FROM employees WHERE id = NEW.employee_id), '') WHERE id = NEW.id; END",
    "CREATE TRIGGER tr_assignments_update AFTER UPDATE OF employee_id, employee_name ON assignments \
     WHEN NEW.employee_name <> \
     coalesce((SELECT name FROM employees WHERE id = NEW.employee_id), '') BEGIN \
     UPDATE assignments SET employee_name = \
     coalesce((SELECT name FROM employees WHERE id = NEW.employee_id), '') WHERE id = NEW.id; END",
    "CREATE TRIGGER tr_employees_update AFTER UPDATE OF name ON employees \
     WHEN NEW.name <> OLD.name BEGIN \
     UPDATE assignments SET employee_name = NEW.name WHERE employee_id = NEW.id; END",
];

const POSTGRES: [&str; 9] = [
    // A rename waits until the triggers exist. Every transaction locks tables in this order.
    "LOCK TABLE employees IN SHARE ROW EXCLUSIVE MODE",
    "ALTER TABLE assignments ADD COLUMN employee_name text COLLATE \"C\" NOT NULL DEFAULT ''",
    "UPDATE assignments SET employee_name = employees.name \
     FROM employees WHERE employees.id = assignments.employee_id",
    "CREATE INDEX ix_assignments_project_id_employee_name_employee_id \
     ON assignments (project_id, employee_name, employee_id)",
    // The lock makes this statement and a rename of the employee wait for each other. The functions
    // outlive a drop of all tables, hence OR REPLACE.
    "CREATE OR REPLACE FUNCTION copy_employee_name() RETURNS trigger \
     LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN \
     SELECT name INTO NEW.employee_name FROM employees WHERE id = NEW.employee_id FOR SHARE; \
     NEW.employee_name := coalesce(NEW.employee_name, ''); RETURN NEW; END $$",
    "CREATE TRIGGER tr_assignments_insert_update \
     BEFORE INSERT OR UPDATE OF employee_id, employee_name ON assignments \
     FOR EACH ROW EXECUTE FUNCTION copy_employee_name()",
    // Locked by ascending id, as in every transaction.
    "CREATE OR REPLACE FUNCTION spread_employee_name() RETURNS trigger \
     LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN \
     PERFORM FROM assignments WHERE employee_id = NEW.id ORDER BY id FOR NO KEY UPDATE; \
     UPDATE assignments SET employee_name = NEW.name WHERE employee_id = NEW.id; \
     RETURN NULL; END $$",
    "CREATE TRIGGER tr_employees_update AFTER UPDATE OF name ON employees FOR EACH ROW \
     WHEN (NEW.name <> OLD.name) EXECUTE FUNCTION spread_employee_name()",
    // The functions always use the tables of this schema, with the rights of their owner.
    "DO $$ BEGIN \
     EXECUTE format('ALTER FUNCTION copy_employee_name() SET search_path = %I, pg_temp', \
     current_schema()); \
     EXECUTE format('ALTER FUNCTION spread_employee_name() SET search_path = %I, pg_temp', \
     current_schema()); END $$",
];

const SQLITE_DOWN: [&str; 5] = [
    "DROP TRIGGER tr_employees_update",
    "DROP TRIGGER tr_assignments_update",
    "DROP TRIGGER tr_assignments_insert",
    "DROP INDEX ix_assignments_project_id_employee_name_employee_id",
    "ALTER TABLE assignments DROP COLUMN employee_name",
];

/// The triggers go with the functions, the index with the column.
const POSTGRES_DOWN: [&str; 3] = [
    "DROP FUNCTION spread_employee_name() CASCADE",
    "DROP FUNCTION copy_employee_name() CASCADE",
    "ALTER TABLE assignments DROP COLUMN employee_name",
];

#[async_trait::async_trait]
impl Step for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        parts::execute_all(manager, parts::either(manager, &SQLITE[..], &POSTGRES)).await?;
        // PostgreSQL analyzes a changed table by itself.
        if manager.has_table("sqlite_stat1").await? {
            // Statistics of some indexes only would make the planner avoid the others.
            parts::execute(manager, "ANALYZE assignments").await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        parts::execute_all(
            manager,
            parts::either(manager, &SQLITE_DOWN[..], &POSTGRES_DOWN),
        )
        .await
    }
}
