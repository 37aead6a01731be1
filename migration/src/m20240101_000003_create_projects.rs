//! `projects`: pieces of work that employees are assigned to.

use sea_orm_migration::{prelude::*, schema::*};

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
        manager
            .create_table(
                Table::create()
                    .table("projects")
                    .col(big_pk_auto("id"))
                    .col(parts::text(manager, "title"))
                    .col(big_integer_null("budget"))
                    .col(integer("version").default(1))
                    .check(parts::check_length("ck_projects_title", "title", 200))
                    .check((
                        "ck_projects_budget",
                        Expr::col("budget").between(0, 1_000_000_000_000_i64),
                    ))
                    .take(),
            )
            .await?;

        // The first page of all projects by title, without sorting them all. None by budget: with
        // nulls last either way, PostgreSQL would need one index for the smallest and another for
        // the largest, and sorting 20,000 projects takes 3 ms.
        manager
            .create_index(
                Index::create()
                    .name("ix_projects_title_id")
                    .table("projects")
                    .col("title")
                    .col("id")
                    .take(),
            )
            .await?;
        parts::index_folded(manager, "projects", "title").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("projects").take())
            .await
    }
}
