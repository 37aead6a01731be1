//! Mutations: a transaction each, with its changes in the log.

use async_graphql::{Context, ID, InputObject, Object};
use sea_level::{
    DateTime, Node, ObjectOutput, Result, find_object,
    scalar::key_of,
    write::{self, Abort, Mutation as WriteMutation, WritableNode, Write, WriteKind},
};
use sea_orm::ActiveValue::Set;

use crate::{
    assignment::Assignment,
    changes::ChangeLog,
    employee::Employee,
    entity::{assignment, change},
    project::Project,
};

impl WritableNode<ChangeLog> for Assignment {
    const FOLDED: &'static [assignment::Column] = &[assignment::Column::Role];

    fn version(assignment: &mut assignment::Model) -> &mut i32 {
        &mut assignment.version
    }

    fn event(kind: WriteKind, assignment: &assignment::Model) -> change::ActiveModel {
        let kind = match kind {
            WriteKind::Created => "CREATED",
            WriteKind::Updated => "UPDATED",
            WriteKind::Deleted => "DELETED",
        };
        change::ActiveModel {
            kind: Set(kind.to_owned()),
            assignment_id: Set(assignment.id),
            employee_id: Set(assignment.employee_id),
            project_id: Set(assignment.project_id),
            ..Default::default()
        }
    }
}

#[derive(InputObject)]
pub struct AssignEmployeeInput {
    employee_id: ID,
    project_id: ID,
    role: Option<String>,
    start_date: Option<DateTime>,
    end_date: Option<DateTime>,
}

impl WriteMutation for AssignEmployeeInput {
    type Log = ChangeLog;
    /// The key of the new assignment.
    type Done = i64;
    type Refusal = String;

    async fn run(&self, write: &mut Write<ChangeLog>) -> Result<i64, Abort<String>> {
        let missing = || Abort::Refused("One of the ids does not exist.".to_owned());
        let employee = key_of(Employee::PREFIX, &self.employee_id).ok_or_else(missing)?;
        let project = key_of(Project::PREFIX, &self.project_id).ok_or_else(missing)?;
        let (employee, project) = write
            .lock_pair::<Employee, Project>(employee, project)
            .await?;
        let row = assignment::ActiveModel {
            role: Set(self.role.clone()),
            start_date: Set(self.start_date.map(|start| start.0)),
            end_date: Set(self.end_date.map(|end| end.0)),
            employee_id: Set(employee.ok_or_else(missing)?.id),
            project_id: Set(project.ok_or_else(missing)?.id),
            version: Set(1),
            ..Default::default()
        };
        Ok(write.insert::<Assignment>(row).await?.id)
    }
}

/// The new assignment, or the reason why there is none.
pub struct AssignEmployeePayload(Result<i64, String>);

#[Object]
impl AssignEmployeePayload {
    async fn assignment(&self, ctx: &Context<'_>) -> Option<Result<ObjectOutput<Assignment>>> {
        find_object::<Assignment>(ctx, self.0.as_ref().ok().copied()).await
    }

    async fn refusal(&self) -> Option<&String> {
        self.0.as_ref().err()
    }
}

#[derive(Default)]
pub struct Mutation;

#[Object]
impl Mutation {
    /// Assigns an employee to a project.
    async fn assign_employee(
        &self,
        ctx: &Context<'_>,
        input: AssignEmployeeInput,
    ) -> Result<AssignEmployeePayload> {
        write::mutate(ctx, input).await.map(AssignEmployeePayload)
    }
}
