//! `changes`: what has happened, written in the transaction in which it happened.

use sea_orm_migration::{prelude::*, schema::*, sea_orm::DbBackend};

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
                    .table("changes")
                    .col(big_pk_auto("seq"))
                    .col(timestamp_with_time_zone("occurred_at"))
                    .col(parts::text(manager, "subject"))
                    .col(parts::text(manager, "kind"))
                    // No foreign keys: a change outlives what it speaks of.
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

        let now = match manager.get_database_backend() {
            DbBackend::Sqlite => "strftime('%Y-%m-%dT%H:%M:%S', 'now') || '+00:00'",
            _ => "now()",
        };
        // Where the feed begins. The table is never empty, so there is always a newest number to
        // take up the feed after, and an oldest one to tell a number that is too old.
        manager
            .get_connection()
            .execute_unprepared(&format!(
                "INSERT INTO changes (occurred_at, subject, kind) VALUES ({now}, 'FEED', 'CREATED')"
            ))
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("changes").take())
            .await
    }
}
