//! The client that made a change, in the outbox.

use sea_orm_migration::prelude::*;

use crate::{parts, step::Step};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl Step for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Null for older rows, and without a token.
        let text = parts::either(manager, "TEXT", r#"TEXT COLLATE "C""#);
        let add = format!("ALTER TABLE changes ADD COLUMN actor {text}");
        parts::execute(manager, &add).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        parts::execute(manager, "ALTER TABLE changes DROP COLUMN actor").await
    }
}
