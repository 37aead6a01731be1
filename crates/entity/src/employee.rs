//! A person on staff.

use sea_orm::entity::prelude::*;

/// One row of `employees`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "employees")]
pub struct Model {
    /// Given once, never again.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Full name, 1 to 200 characters, not unique.
    #[sea_orm(column_type = "Text")]
    pub name: String,
    /// First day of employment.
    pub hire_date: Date,
    /// Grows by one with every change of the row.
    #[sea_orm(default_value = 1)]
    pub version: i32,
    /// Many-to-many through a plain table.
    #[sea_orm(has_many, via = "employee_meeting")]
    pub meetings: HasMany<super::meeting::Entity>,
    /// Many-to-many through the association entity: one project may be linked more than once.
    #[sea_orm(has_many, via = "assignment")]
    pub projects: HasMany<super::project::Entity>,
    /// One-to-many: the association entity itself.
    #[sea_orm(has_many)]
    pub assignments: HasMany<super::assignment::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
