//! `meetings`: appointments that employees attend.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table("meetings")
            .col(big_pk_auto("id"))
            .col(text("topic"))
            .col(timestamp_with_time_zone("scheduled_time"))
            .col(text_null("location"));
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::drop().table("meetings").take();
        manager.drop_table(table).await
    }
}
