//! A step: a change of the tables that runs in one transaction, on SQLite too.

use sea_orm_migration::prelude::*;

/// A change of the tables, and the way back.
#[async_trait::async_trait]
pub(crate) trait Step: MigrationName + Send + Sync {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr>;

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr>;
}

/// Runs a step in a transaction, so that a failed step leaves nothing behind.
pub(crate) struct InTransaction<S>(pub(crate) S);

impl<S: Step> MigrationName for InTransaction<S> {
    fn name(&self) -> &str {
        self.0.name()
    }
}

#[async_trait::async_trait]
impl<S: Step> MigrationTrait for InTransaction<S> {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        self.0.up(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        self.0.down(manager).await
    }
}
