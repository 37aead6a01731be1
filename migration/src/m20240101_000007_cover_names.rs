//! Indexes of PostgreSQL on the key that include the column which sorts lists of related rows.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

use crate::{parts, step::Step};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Tables and the column that sorts their lists. Statements find the neighbours of a parent by key and
/// sort them by this column: the index saves the page of each row, half of all pages read.
const COVERED: [(&str, &str); 3] = [
    ("employees", "name"),
    ("meetings", "scheduled_time"),
    ("projects", "title"),
];

#[async_trait::async_trait]
impl Step for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite keeps rows in the order of the key, so the index would save nothing.
        if manager.get_database_backend() == DbBackend::Postgres {
            for (table, column) in COVERED {
                let statement = format!(
                    "CREATE INDEX ix_{table}_id_{column} ON {table} (id) INCLUDE ({column})"
                );
                parts::execute(manager, &statement).await?;
            }
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in COVERED {
            let statement = format!("DROP INDEX IF EXISTS ix_{table}_id_{column}");
            parts::execute(manager, &statement).await?;
        }
        Ok(())
    }
}
