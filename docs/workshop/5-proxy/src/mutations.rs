//! Mutations. One that writes more than one row is a transaction.

use std::collections::BTreeSet;

use async_graphql::{Context, Error, InputObject, Object, Result};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, QueryFilter, SqlErr,
    TransactionTrait,
};

use crate::{
    entity::{assignment, employee, employee_meeting, meeting},
    objects::{Assignment, Employee, Meeting, database},
};

pub struct Mutation;

#[Object]
impl Mutation {
    /// Adds an employee to a meeting. Does nothing if the employee attends already.
    async fn add_attendee(
        &self,
        ctx: &Context<'_>,
        meeting_id: i64,
        employee_id: i64,
    ) -> Result<Option<Meeting>> {
        let db = database(ctx)?;
        let link = employee_meeting::ActiveModel {
            employee_id: Set(employee_id),
            meeting_id: Set(meeting_id),
        };
        employee_meeting::Entity::insert(link)
            .on_conflict_do_nothing()
            .exec_without_returning(db)
            .await
            .map_err(in_words)?;
        let row = meeting::Entity::find_by_id(meeting_id).one(db).await?;
        Ok(row.map(Meeting))
    }

    /// Assigns an employee to a project.
    async fn assign_employee(
        &self,
        ctx: &Context<'_>,
        input: AssignEmployeeInput,
    ) -> Result<Assignment> {
        let row = assignment::ActiveModel {
            role: Set(input.role),
            start_date: Set(input.start_date),
            end_date: Set(input.end_date),
            employee_id: Set(input.employee_id),
            project_id: Set(input.project_id),
            ..Default::default()
        };
        let row = row.insert(database(ctx)?).await.map_err(in_words)?;
        Ok(Assignment(row))
    }

    /// Sets the projects of an employee. A new project gets an assignment without a role; a project that
    /// is left out loses its assignments; the others keep theirs.
    async fn set_employee_projects(
        &self,
        ctx: &Context<'_>,
        employee_id: i64,
        project_ids: BTreeSet<i64>,
    ) -> Result<Option<Employee>> {
        let transaction = database(ctx)?.begin().await?;
        let own = assignment::Column::EmployeeId.eq(employee_id);
        let rows = assignment::Entity::find().filter(own);
        let rows = rows.all(&transaction).await?;
        let present: BTreeSet<_> = rows.iter().map(|row| row.project_id).collect();

        let orphans = rows
            .iter()
            .filter(|row| !project_ids.contains(&row.project_id))
            .map(|row| row.id);
        assignment::Entity::delete_many()
            .filter(assignment::Column::Id.is_in(orphans))
            .exec(&transaction)
            .await?;
        for project_id in project_ids.difference(&present) {
            let row = assignment::ActiveModel {
                employee_id: Set(employee_id),
                project_id: Set(*project_id),
                ..Default::default()
            };
            row.insert(&transaction).await.map_err(in_words)?;
        }
        let row = employee::Entity::find_by_id(employee_id);
        let row = row.one(&transaction).await?;
        transaction.commit().await?;
        Ok(row.map(Employee))
    }
}

#[derive(InputObject)]
pub struct AssignEmployeeInput {
    employee_id: i64,
    project_id: i64,
    role: Option<String>,
    start_date: Option<DateTime<Utc>>,
    end_date: Option<DateTime<Utc>>,
}

/// Turns an error of the database into one for the client.
fn in_words(error: DbErr) -> Error {
    match error.sql_err() {
        Some(SqlErr::ForeignKeyConstraintViolation(_)) => "One of the ids does not exist.".into(),
        // The text of the database is for the log, never for the client.
        _ => {
            eprintln!("{error}");
            "The database refused the change.".into()
        }
    }
}
