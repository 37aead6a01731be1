//! `meetings`: what employees attend.

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
                    .table("meetings")
                    .col(big_pk_auto("id"))
                    .col(parts::text(manager, "topic"))
                    .col(timestamp_with_time_zone("scheduled_time"))
                    .col(parts::text(manager, "location").null())
                    .col(integer("version").default(1))
                    .check(parts::check_length("ck_meetings_topic", "topic", 200))
                    .check(parts::check_time(
                        manager,
                        "ck_meetings_scheduled_time",
                        "scheduled_time",
                    ))
                    .check(parts::check_length("ck_meetings_location", "location", 200))
                    .take(),
            )
            .await?;

        // The first page of all meetings by topic or start, without sorting them all. No client
        // pages through meetings by location.
        for (index, column) in [
            ("ix_meetings_topic_id", "topic"),
            ("ix_meetings_scheduled_time_id", "scheduled_time"),
        ] {
            parts::create_index(manager, index, "meetings", [column, "id"]).await?;
        }
        parts::index_folded(manager, "meetings", "topic").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        parts::drop_table(manager, "meetings").await
    }
}
