//! `employee_meetings`: attendances, a plain join table.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut employee = ForeignKey::create();
        employee
            .from("employee_meetings", "employee_id")
            .to("employees", "id")
            .on_delete(ForeignKeyAction::Cascade);
        let mut meeting = ForeignKey::create();
        meeting
            .from("employee_meetings", "meeting_id")
            .to("meetings", "id")
            .on_delete(ForeignKeyAction::Cascade);

        let mut table = Table::create();
        table
            .table("employee_meetings")
            .col(big_integer("employee_id"))
            .col(big_integer("meeting_id"))
            .primary_key(Index::create().col("employee_id").col("meeting_id"))
            .foreign_key(&mut employee)
            .foreign_key(&mut meeting);
        manager.create_table(table).await?;

        // The primary key finds the meetings of an employee. This index finds the employees of a meeting.
        let index = Index::create()
            .name("ix_employee_meetings_meeting_id_employee_id")
            .table("employee_meetings")
            .col("meeting_id")
            .col("employee_id")
            .take();
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::drop().table("employee_meetings").take();
        manager.drop_table(table).await
    }
}
