//! `assignments`: employees on projects with role, start and end; the join table that is an entity.

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
                    .table("assignments")
                    .col(big_pk_auto("id"))
                    .col(parts::text(manager, "role").null())
                    .col(timestamp_with_time_zone_null("start_date"))
                    .col(timestamp_with_time_zone_null("end_date"))
                    .col(parts::foreign_key(
                        "fk_assignments_employee_id_employees",
                        "employee_id",
                        "employees",
                    ))
                    .col(parts::foreign_key(
                        "fk_assignments_project_id_projects",
                        "project_id",
                        "projects",
                    ))
                    .col(integer("version").default(1))
                    .check(parts::check_length("ck_assignments_role", "role", 100))
                    .check(parts::check_time(
                        manager,
                        "ck_assignments_start_date",
                        "start_date",
                    ))
                    .check(parts::check_time(
                        manager,
                        "ck_assignments_end_date",
                        "end_date",
                    ))
                    .check((
                        "ck_assignments_end_date_after_start_date",
                        Expr::col("end_date").gt(Expr::col("start_date")),
                    ))
                    .take(),
            )
            .await?;

        // sea-query has neither NULLS FIRST in an index nor, on SQLite, an expression. SQLite sorts
        // nulls first. There two nulls count as equal through a text that the checks keep out of the
        // column.
        let unique = parts::either(
            manager,
            "CREATE UNIQUE INDEX uq_assignments_employee_project_role_start ON assignments \
             (employee_id, project_id, ifnull(role, ''), ifnull(start_date, ''))",
            "ALTER TABLE assignments \
             ADD CONSTRAINT uq_assignments_employee_project_role_start \
             UNIQUE NULLS NOT DISTINCT (employee_id, project_id, role, start_date)",
        );
        let nulls_first = parts::either(manager, "", " NULLS FIRST");
        // No index has the start alone: a million assignments are sorted in 0.1 s, and every write to
        // the largest table would pay for the index.
        let statements = [
            // Lists the projects of an employee too, without reading the rows.
            unique,
            // The employees of a project, likewise, and the assignments of a pair in their order;
            // without the start in it SQLite would read all assignments of the project for a pair.
            &format!(
                "CREATE INDEX ix_assignments_project_id_employee_id_start_date_id \
                 ON assignments (project_id, employee_id, start_date{nulls_first}, id)"
            ),
            // The default order below either parent: a page is read from its place, never sorted.
            &format!(
                "CREATE INDEX ix_assignments_employee_id_start_date_id \
                 ON assignments (employee_id, start_date{nulls_first}, id)"
            ),
            &format!(
                "CREATE INDEX ix_assignments_project_id_start_date_id \
                 ON assignments (project_id, start_date{nulls_first}, id)"
            ),
            // Assignments with a role: of 300,000 assignments SQLite reads a role's 13,000 in
            // 10 ms instead of all in 80. The ids spare it the rows, and the sorting.
            "CREATE INDEX ix_assignments_lower_role_id_employee_id_project_id \
             ON assignments (lower(role), id, employee_id, project_id)",
        ];
        parts::execute_all(manager, &statements).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        parts::drop_table(manager, "assignments").await
    }
}
