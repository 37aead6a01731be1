//! The association entity: one employee's stint on one project, with data of its own.

use sea_orm::{ActiveValue::NotSet, entity::prelude::*};

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
    /// The employee.
    pub employee_id: i64,
    /// The project.
    pub project_id: i64,
    /// Grows by one with every change of the row.
    #[sea_orm(default_value = 1)]
    pub version: i32,
    /// Copy of the employee's name that the triggers of the database keep, for the index that lists
    /// the employees of a project. It decides a position in a list, never an answer: it is stale
    /// after a write that no trigger saw, and in a row that SQLite has just returned from a write.
    #[sea_orm(column_type = "Text", default_value = "")]
    pub employee_name: String,
    /// Many-to-one; deleting the employee deletes the assignment.
    #[sea_orm(belongs_to, from = "employee_id", to = "id", on_delete = "Cascade")]
    pub employee: BelongsTo<super::employee::Entity>,
    /// Many-to-one; deleting the project deletes the assignment.
    #[sea_orm(belongs_to, from = "project_id", to = "id", on_delete = "Cascade")]
    pub project: BelongsTo<super::project::Entity>,
}

#[async_trait::async_trait]
impl ActiveModelBehavior for ActiveModel {
    /// Leaves the copy to the triggers.
    async fn before_save<C: ConnectionTrait>(
        mut self,
        _db: &C,
        _is_insert: bool,
    ) -> Result<Self, DbErr> {
        self.employee_name = NotSet;
        Ok(self)
    }
}
