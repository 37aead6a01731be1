//! `assignments`: employees on projects, with a role, a start and an end.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut employee = ForeignKey::create();
        employee
            .from("assignments", "employee_id")
            .to("employees", "id");
        let mut project = ForeignKey::create();
        project
            .from("assignments", "project_id")
            .to("projects", "id");

        let mut table = Table::create();
        table
            .table("assignments")
            .col(big_pk_auto("id"))
            .col(text_null("role"))
            .col(timestamp_with_time_zone_null("start_date"))
            .col(timestamp_with_time_zone_null("end_date"))
            .col(big_integer("employee_id"))
            .col(big_integer("project_id"))
            .check(Expr::col("end_date").gt(Expr::col("start_date")))
            .foreign_key(&mut employee)
            .foreign_key(&mut project);
        manager.create_table(table).await?;

        for (name, [first, second]) in [
            (
                "ix_assignments_employee_id_project_id",
                ["employee_id", "project_id"],
            ),
            (
                "ix_assignments_project_id_employee_id",
                ["project_id", "employee_id"],
            ),
        ] {
            let mut index = Index::create();
            index.name(name).table("assignments").col(first).col(second);
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::drop().table("assignments").take();
        manager.drop_table(table).await
    }
}
