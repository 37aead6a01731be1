//! Columns and a table that the engine uses: folded text for filters, the version of a row, and the log
//! of changes.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

/// Text columns that clients filter by.
const FOLDED: [(&str, &str); 4] = [
    ("employees", "name_folded"),
    ("meetings", "topic_folded"),
    ("projects", "title_folded"),
    ("assignments", "role_folded"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in FOLDED {
            let mut alter = Table::alter();
            alter.table(table).add_column(text_null(column));
            manager.alter_table(alter).await?;
        }
        let mut alter = Table::alter();
        alter
            .table("assignments")
            .add_column(integer("version").default(1));
        manager.alter_table(alter).await?;

        let mut changes = Table::create();
        changes
            .table("changes")
            .col(big_pk_auto("seq"))
            .col(text("kind"))
            .col(big_integer("assignment_id"))
            .col(big_integer("employee_id"))
            .col(big_integer("project_id"));
        manager.create_table(changes).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let changes = Table::drop().table("changes").take();
        manager.drop_table(changes).await?;
        let version = [("assignments", "version")];
        for (table, column) in version.into_iter().chain(FOLDED) {
            let mut alter = Table::alter();
            alter.table(table).drop_column(column);
            manager.alter_table(alter).await?;
        }
        Ok(())
    }
}
