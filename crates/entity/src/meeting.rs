//! A meeting that employees attend.

use sea_orm::entity::prelude::*;

/// One row of `meetings`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "meetings")]
pub struct Model {
    /// Given once, never again.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// What it is about, 1 to 200 characters.
    #[sea_orm(column_type = "Text")]
    pub topic: String,
    /// When it starts, UTC.
    pub scheduled_time: DateTimeUtc,
    /// Where it takes place, 1 to 200 characters, when known.
    #[sea_orm(column_type = "Text", nullable)]
    pub location: Option<String>,
    /// Grows by one with every change of the row or of its attendees.
    #[sea_orm(default_value = 1)]
    pub version: i32,
    /// Many-to-many through a plain table.
    #[sea_orm(has_many, via = "employee_meeting")]
    pub employees: HasMany<super::employee::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
