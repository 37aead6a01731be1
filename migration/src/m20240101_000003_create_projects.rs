//! `projects`: pieces of work that employees are assigned to.

use sea_orm_migration::{prelude::*, schema::*};

use crate::{parts, step::Step};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl Step for Migration {
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
        parts::create_index(manager, "ix_projects_title_id", "projects", ["title", "id"]).await?;
        parts::index_folded(manager, "projects", "title").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        parts::drop_table(manager, "projects").await
    }
}
