//! `assignments.employee_name`: what the people of a project are listed by, in an index.
//!
//! No index spans two tables, so that to list a team by name all of its names had to be read first:
//! 200 for a page of 20, each from a place of its own. The triggers keep the copy, whichever program
//! writes the rows. It goes stale all the same where triggers are off, and on PostgreSQL when a rename
//! under REPEATABLE READ does not see an assignment committed after its snapshot.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

#[derive(DeriveMigrationName)]
pub struct Migration;

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
    // Who renames waits until the triggers are there; in the order in which everybody locks.
    "LOCK TABLE employees IN SHARE ROW EXCLUSIVE MODE",
    "ALTER TABLE assignments ADD COLUMN employee_name text COLLATE \"C\" NOT NULL DEFAULT ''",
    "UPDATE assignments SET employee_name = employees.name \
     FROM employees WHERE employees.id = assignments.employee_id",
    "CREATE INDEX ix_assignments_project_id_employee_name_employee_id \
     ON assignments (project_id, employee_name, employee_id)",
    // The lock makes it wait for who renames the employee, and the other way round. When all tables
    // were dropped the functions are still there.
    "CREATE OR REPLACE FUNCTION copy_employee_name() RETURNS trigger \
     LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN \
     SELECT name INTO NEW.employee_name FROM employees WHERE id = NEW.employee_id FOR SHARE; \
     NEW.employee_name := coalesce(NEW.employee_name, ''); RETURN NEW; END $$",
    "CREATE TRIGGER tr_assignments_insert_update \
     BEFORE INSERT OR UPDATE OF employee_id, employee_name ON assignments \
     FOR EACH ROW EXECUTE FUNCTION copy_employee_name()",
    // Locked by ascending id, as everybody does.
    "CREATE OR REPLACE FUNCTION spread_employee_name() RETURNS trigger \
     LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN \
     PERFORM FROM assignments WHERE employee_id = NEW.id ORDER BY id FOR NO KEY UPDATE; \
     UPDATE assignments SET employee_name = NEW.name WHERE employee_id = NEW.id; \
     RETURN NULL; END $$",
    "CREATE TRIGGER tr_employees_update AFTER UPDATE OF name ON employees FOR EACH ROW \
     WHEN (NEW.name <> OLD.name) EXECUTE FUNCTION spread_employee_name()",
    // These tables are meant, by whatever names and with whatever rights somebody writes to them.
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
impl MigrationTrait for Migration {
    /// All of a step or nothing, on SQLite too.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        execute(manager, &SQLITE, &POSTGRES).await?;
        // PostgreSQL looks at a table that has changed by itself.
        if manager.has_table("sqlite_stat1").await? {
            // What is known of some of its indexes would speak against the others.
            execute(manager, &["ANALYZE assignments"], &[]).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        execute(manager, &SQLITE_DOWN, &POSTGRES_DOWN).await
    }
}

async fn execute(
    manager: &SchemaManager<'_>,
    sqlite: &[&str],
    postgres: &[&str],
) -> Result<(), DbErr> {
    let statements = match manager.get_database_backend() {
        DbBackend::Sqlite => sqlite,
        _ => postgres,
    };
    for statement in statements {
        manager
            .get_connection()
            .execute_unprepared(statement)
            .await?;
    }
    Ok(())
}
