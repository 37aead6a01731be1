//! A piece of work that employees are assigned to.

use sea_orm::entity::prelude::*;

/// One row of `projects`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "projects")]
pub struct Model {
    /// Given once, never again.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// 1 to 200 characters, not unique.
    #[sea_orm(column_type = "Text")]
    pub title: String,
    /// Whole currency units, 0 to 10^12, when set.
    pub budget: Option<i64>,
    /// Grows by one with every change of the row.
    #[sea_orm(default_value = 1)]
    pub version: i32,
    /// Many-to-many through the association entity: one employee may be linked more than once.
    #[sea_orm(has_many, via = "assignment")]
    pub employees: HasMany<super::employee::Entity>,
    /// One-to-many: the association entity itself.
    #[sea_orm(has_many)]
    pub assignments: HasMany<super::assignment::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
