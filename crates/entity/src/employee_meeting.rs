//! The plain join table between employees and meetings: the pair is all there is.

use sea_orm::entity::prelude::*;

/// One row of `employee_meetings`: this employee attends this meeting.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "employee_meetings")]
pub struct Model {
    /// The employee.
    #[sea_orm(primary_key, auto_increment = false)]
    pub employee_id: i64,
    /// The meeting.
    #[sea_orm(primary_key, auto_increment = false)]
    pub meeting_id: i64,
    /// Deleting the employee deletes the link.
    #[sea_orm(belongs_to, from = "employee_id", to = "id", on_delete = "Cascade")]
    pub employee: BelongsTo<super::employee::Entity>,
    /// Deleting the meeting deletes the link.
    #[sea_orm(belongs_to, from = "meeting_id", to = "id", on_delete = "Cascade")]
    pub meeting: BelongsTo<super::meeting::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
