//! `employee_meetings`: attendances, a plain join table.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

use crate::{parts, step::Step};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl Step for Migration {
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
        parts::create_index(
            manager,
            "ix_employee_meetings_meeting_id_employee_id",
            "employee_meetings",
            ["meeting_id", "employee_id"],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        parts::drop_table(manager, "employee_meetings").await
    }
}
