//! `assignments` are deleted with their employee or project. SQLite cannot change a foreign key, so the
//! table is created again and the rows are copied.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// A step that fails half-way must not leave two tables behind.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        rebuild(manager, "ON DELETE CASCADE").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        rebuild(manager, "").await
    }
}

async fn rebuild(manager: &SchemaManager<'_>, on_delete: &str) -> Result<(), DbErr> {
    let statements = format!(
        "CREATE TABLE rebuilt (
            id integer NOT NULL PRIMARY KEY AUTOINCREMENT,
            role text,
            start_date timestamp_with_timezone_text,
            end_date timestamp_with_timezone_text,
            employee_id bigint NOT NULL REFERENCES employees (id) {on_delete},
            project_id bigint NOT NULL REFERENCES projects (id) {on_delete},
            CHECK (end_date > start_date)
        );
        INSERT INTO rebuilt (id, role, start_date, end_date, employee_id, project_id)
            SELECT id, role, start_date, end_date, employee_id, project_id FROM assignments;
        DROP TABLE assignments;
        ALTER TABLE rebuilt RENAME TO assignments;
        CREATE INDEX ix_assignments_employee_id_project_id ON assignments (employee_id, project_id);
        CREATE INDEX ix_assignments_project_id_employee_id ON assignments (project_id, employee_id);"
    );
    let connection = manager.get_connection();
    connection.execute_unprepared(&statements).await.map(drop)
}
