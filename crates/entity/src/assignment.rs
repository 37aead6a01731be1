//! The association entity: one employee's stint on one project, with data of its own.

use sea_orm::entity::prelude::*;

/// A column that is no part of the model: a copy of the employee's name, which triggers keep, for the
/// index that lists the people of a project, and for lists of assignments that say whose they are.
pub const EMPLOYEE_NAME: &str = "employee_name";

/// One row of `assignments`; unique by employee, project, role and start, nulls counting as equal.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "assignments")]
pub struct Model {
    /// Given once, never again.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// What the employee does, 1 to 100 characters, when decided.
    #[sea_orm(column_type = "Text", nullable)]
    pub role: Option<String>,
    /// When the work starts, UTC; open when not decided.
    pub start_date: Option<DateTimeUtc>,
    /// When the work ends, UTC, not included; open when null.
    pub end_date: Option<DateTimeUtc>,
    /// Who.
    pub employee_id: i64,
    /// On what.
    pub project_id: i64,
    /// Grows by one with every change of the row.
    #[sea_orm(default_value = 1)]
    pub version: i32,
    /// Many-to-one; deleting the employee deletes the assignment.
    #[sea_orm(belongs_to, from = "employee_id", to = "id", on_delete = "Cascade")]
    pub employee: BelongsTo<super::employee::Entity>,
    /// Many-to-one; deleting the project deletes the assignment.
    #[sea_orm(belongs_to, from = "project_id", to = "id", on_delete = "Cascade")]
    pub project: BelongsTo<super::project::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
