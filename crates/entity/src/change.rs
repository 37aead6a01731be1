//! What has happened: a row is written in the transaction of the change that it tells of.

use sea_orm::entity::prelude::*;

/// One row of `changes`. The table is never empty: its oldest row tells how far back it reaches.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "changes")]
pub struct Model {
    /// The order of commit; given once, never again.
    #[sea_orm(primary_key)]
    pub seq: i64,
    /// When it was written, just before the commit.
    pub occurred_at: DateTimeUtc,
    /// What kind of thing changed.
    #[sea_orm(column_type = "Text")]
    pub subject: Subject,
    /// What happened to it.
    #[sea_orm(column_type = "Text")]
    pub kind: Kind,
    /// Identifier of the client that made the change: the `sub` of its token; null without one.
    #[sea_orm(column_type = "Text", nullable)]
    pub actor: Option<String>,
    /// The employee that changed, or that the link or assignment concerns.
    pub employee_id: Option<i64>,
    /// The meeting that changed, or that the link concerns.
    pub meeting_id: Option<i64>,
    /// The project that changed, or that the assignment concerns.
    pub project_id: Option<i64>,
    /// The assignment that changed.
    pub assignment_id: Option<i64>,
}

impl ActiveModelBehavior for ActiveModel {}

/// Columns with the keys of what a change touches.
pub const KEYS: [Column; 4] = [
    Column::EmployeeId,
    Column::MeetingId,
    Column::ProjectId,
    Column::AssignmentId,
];

/// What kind of thing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
pub enum Subject {
    /// None: here the feed begins.
    Feed,
    /// An employee.
    Employee,
    /// A meeting.
    Meeting,
    /// A project.
    Project,
    /// An assignment.
    Assignment,
    /// A link between an employee and a meeting.
    Attendance,
}

/// What happened to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
pub enum Kind {
    /// It was created, or the link was made.
    Created,
    /// It was changed.
    Updated,
    /// It was deleted, or the link was removed.
    Deleted,
}
