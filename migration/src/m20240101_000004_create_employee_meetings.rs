//! `employee_meetings`: who attends what, and nothing else.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

use crate::parts;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// All of a step or nothing, on SQLite too.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create()
            .table("employee_meetings")
            .col(parts::foreign_key(
                "fk_employee_meetings_employee_id_employees",
                "employee_id",
                "employees",
            ))
            .col(parts::foreign_key(
                "fk_employee_meetings_meeting_id_meetings",
                "meeting_id",
                "meetings",
            ))
            .primary_key(Index::create().col("employee_id").col("meeting_id"))
            .take();
        if manager.get_database_backend() == DbBackend::Sqlite {
            // The key is the row: no second copy of it beside a row number.
            table.extra("WITHOUT ROWID");
        }
        manager.create_table(table).await?;

        // The primary key finds the meetings of an employee; this one the employees of a meeting.
        manager
            .create_index(
                Index::create()
                    .name("ix_employee_meetings_meeting_id_employee_id")
                    .table("employee_meetings")
                    .col("meeting_id")
                    .col("employee_id")
                    .take(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("employee_meetings").take())
            .await
    }
}
