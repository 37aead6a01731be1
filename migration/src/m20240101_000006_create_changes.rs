//! `changes`: the outbox. Each row is written in the transaction of the change.

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
                    .table("changes")
                    .col(big_pk_auto("seq"))
                    .col(timestamp_with_time_zone("occurred_at"))
                    .col(parts::text(manager, "subject"))
                    .col(parts::text(manager, "kind"))
                    // No foreign keys: a change outlives the row that it names.
                    .col(big_integer_null("employee_id"))
                    .col(big_integer_null("meeting_id"))
                    .col(big_integer_null("project_id"))
                    .col(big_integer_null("assignment_id"))
                    .check(parts::check_time(
                        manager,
                        "ck_changes_occurred_at",
                        "occurred_at",
                    ))
                    .check((
                        "ck_changes_subject",
                        Expr::col("subject").is_in([
                            "FEED",
                            "EMPLOYEE",
                            "MEETING",
                            "PROJECT",
                            "ASSIGNMENT",
                            "ATTENDANCE",
                        ]),
                    ))
                    .check((
                        "ck_changes_kind",
                        Expr::col("kind").is_in(["CREATED", "UPDATED", "DELETED"]),
                    ))
                    .take(),
            )
            .await?;

        let now = parts::either(
            manager,
            "strftime('%Y-%m-%dT%H:%M:%S', 'now') || '+00:00'",
            "now()",
        );
        // First row of the feed. The table is never empty: the newest number is a place to resume at,
        // and numbers below the oldest are too old.
        let insert = format!(
            "INSERT INTO changes (occurred_at, subject, kind) VALUES ({now}, 'FEED', 'CREATED')"
        );
        parts::execute(manager, &insert).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        parts::drop_table(manager, "changes").await
    }
}
