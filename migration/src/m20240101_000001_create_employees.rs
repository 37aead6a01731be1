//! `employees`: people on staff.

use sea_orm_migration::{prelude::*, schema::*};

use crate::{parts, step::Step};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl Step for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        parts::refuse_other_than_utf8(manager).await?;

        manager
            .create_table(
                Table::create()
                    .table("employees")
                    .col(big_pk_auto("id"))
                    .col(parts::text(manager, "name"))
                    .col(date("hire_date"))
                    .col(integer("version").default(1))
                    .check(parts::check_length("ck_employees_name", "name", 200))
                    .check(parts::check_date(
                        manager,
                        "ck_employees_hire_date",
                        "hire_date",
                    ))
                    .take(),
            )
            .await?;

        // The first page of all employees by either of their columns, without sorting them all.
        for (index, column) in [
            ("ix_employees_name_id", "name"),
            ("ix_employees_hire_date_id", "hire_date"),
        ] {
            parts::create_index(manager, index, "employees", [column, "id"]).await?;
        }
        parts::index_folded(manager, "employees", "name").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        parts::drop_table(manager, "employees").await
    }
}
