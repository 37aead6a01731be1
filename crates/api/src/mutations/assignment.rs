//! Mutations of assignments.

use async_graphql::{Context, Description, ID, InputObject, MaybeUndefined, Object};
use entity::assignment;
use sea_level::{
    DateTime, Node, ObjectOutput, Result, find_object,
    scalar::{key_of, public_id},
    write::{Abort, WritableNode, WriteKind},
};
use sea_orm::DbErr;

use super::staffing::{OverlapPolicy, Stint, UNIQUE_COLUMNS};
use crate::{
    assignment::Assignment,
    employee::Employee,
    outbox::{self, NewChange, Outbox},
    project::Project,
    user_error::{DuplicateAssignmentError, Place, UserError},
    write::{InputMutation, Outcome, Write, mutate, refusal},
};

impl WritableNode<Outbox> for Assignment {
    const FOLDED: &'static [assignment::Column] = &[assignment::Column::Role];

    fn version(model: &mut assignment::Model) -> &mut i32 {
        &mut model.version
    }

    fn event(kind: WriteKind, model: &assignment::Model) -> NewChange {
        NewChange::assignment(
            outbox::kind(kind),
            model.id,
            model.employee_id,
            model.project_id,
        )
    }

    fn append_sql(kind: WriteKind, actor: &str) -> Option<String> {
        let kind = outbox::kind(kind);
        let change = NewChange::assignment(kind, "id", "employee_id", "project_id");
        Some(change.append_sql(actor))
    }
}

/// Who is assigned to what.
#[derive(InputObject)]
pub struct AssignEmployeeInput {
    /// Who.
    employee_id: ID,
    /// To what.
    project_id: ID,
    /// Role, 1 to 100 characters; omit when not decided.
    role: Option<String>,
    /// Start; omit when not decided.
    start_date: Option<DateTime>,
    /// End, not included; omit while open-ended.
    end_date: Option<DateTime>,
    /// What to do if the employee already has an assignment in some of this time.
    #[graphql(default)]
    on_overlap: OverlapPolicy,
}

/// What to change in an assignment. Fields left out stay as they are.
#[derive(InputObject)]
pub struct UpdateAssignmentInput {
    /// Which assignment.
    id: ID,
    /// Refuse with a `VersionConflictError` unless the record still has this version.
    expected_version: Option<i32>,
    /// New role; null clears it.
    role: MaybeUndefined<String>,
    /// New start; null clears it.
    start_date: MaybeUndefined<DateTime>,
    /// New end; null makes it open-ended.
    end_date: MaybeUndefined<DateTime>,
    /// What to do if the new dates overlap another assignment of the employee.
    #[graphql(default)]
    on_overlap: OverlapPolicy,
}

/// Which assignment to end, and when.
#[derive(InputObject)]
pub struct EndAssignmentInput {
    /// Which assignment.
    id: ID,
    /// End, not included; now when omitted.
    end_date: Option<DateTime>,
    /// Refuse with a `VersionConflictError` unless the record still has this version.
    expected_version: Option<i32>,
}

/// Which assignment to delete.
#[derive(InputObject)]
pub struct DeleteAssignmentInput {
    /// Which assignment.
    id: ID,
    /// Refuse with a `VersionConflictError` unless the record still has this version.
    expected_version: Option<i32>,
}

/// The outcome of `assignEmployee`.
#[derive(Description)]
pub struct AssignEmployeePayload(Outcome<Assigned>);

#[Object(use_type_description)]
impl AssignEmployeePayload {
    /// The assignment; null when refused.
    async fn assignment(&self, ctx: &Context<'_>) -> Option<Result<ObjectOutput<Assignment>>> {
        find_object::<Assignment>(ctx, self.0.as_ref().ok().map(|done| done.id)).await
    }

    /// false when the very same assignment existed already, and when refused.
    async fn created(&self) -> bool {
        self.0.as_ref().is_ok_and(|done| done.created)
    }

    /// Why it was refused; empty when it was done.
    async fn user_errors(&self) -> &[UserError] {
        refusal(&self.0)
    }
}

/// The outcome of `updateAssignment`.
#[derive(Description)]
pub struct UpdateAssignmentPayload(Outcome<i64>);

#[Object(use_type_description)]
impl UpdateAssignmentPayload {
    /// The assignment as it now is; null when refused.
    async fn assignment(&self, ctx: &Context<'_>) -> Option<Result<ObjectOutput<Assignment>>> {
        find_object::<Assignment>(ctx, self.0.as_ref().ok().copied()).await
    }

    /// Why it was refused; empty when it was done.
    async fn user_errors(&self) -> &[UserError] {
        refusal(&self.0)
    }
}

/// The outcome of `endAssignment`.
#[derive(Description)]
pub struct EndAssignmentPayload(Outcome<i64>);

#[Object(use_type_description)]
impl EndAssignmentPayload {
    /// The assignment as it now is; null when refused.
    async fn assignment(&self, ctx: &Context<'_>) -> Option<Result<ObjectOutput<Assignment>>> {
        find_object::<Assignment>(ctx, self.0.as_ref().ok().copied()).await
    }

    /// Why it was refused; empty when it was done.
    async fn user_errors(&self) -> &[UserError] {
        refusal(&self.0)
    }
}

/// The outcome of `deleteAssignment`.
#[derive(Description)]
pub struct DeleteAssignmentPayload(Outcome<assignment::Model>);

#[Object(use_type_description)]
impl DeleteAssignmentPayload {
    /// Id of what was deleted; null when refused.
    async fn deleted_id(&self) -> Option<ID> {
        let row = self.0.as_ref().ok()?;
        Some(public_id(Assignment::PREFIX, row.id))
    }

    /// The employee it belonged to.
    async fn employee(&self, ctx: &Context<'_>) -> Option<Result<ObjectOutput<Employee>>> {
        find_object::<Employee>(ctx, self.0.as_ref().ok().map(|row| row.employee_id)).await
    }

    /// The project it belonged to.
    async fn project(&self, ctx: &Context<'_>) -> Option<Result<ObjectOutput<Project>>> {
        find_object::<Project>(ctx, self.0.as_ref().ok().map(|row| row.project_id)).await
    }

    /// Why it was refused; empty when it was done.
    async fn user_errors(&self) -> &[UserError] {
        refusal(&self.0)
    }
}

/// Assignment of `assignEmployee`.
pub struct Assigned {
    id: i64,
    created: bool,
}

/// Mutations of assignments.
#[derive(Default)]
pub struct AssignmentMutations;

/// Mutations of assignments.
#[Object]
impl AssignmentMutations {
    /// Assign an employee to a project. Repeating it with the same employee, project, role, startDate and endDate returns the assignment that exists; this is looked at before overlaps.
    async fn assign_employee(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who, what, as what, when.")] input: AssignEmployeeInput,
    ) -> Result<AssignEmployeePayload> {
        mutate(ctx, input).await.map(AssignEmployeePayload)
    }

    /// Change an assignment's role or dates. Only the fields you give change.
    async fn update_assignment(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: UpdateAssignmentInput,
    ) -> Result<UpdateAssignmentPayload> {
        mutate(ctx, input).await.map(UpdateAssignmentPayload)
    }

    /// Close an assignment at an instant. Ending it again at the same instant changes nothing.
    async fn end_assignment(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which and when.")] input: EndAssignmentInput,
    ) -> Result<EndAssignmentPayload> {
        mutate(ctx, input).await.map(EndAssignmentPayload)
    }

    /// Delete an assignment as if it had never been. To record that it is over, use `endAssignment`.
    async fn delete_assignment(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to delete.")] input: DeleteAssignmentInput,
    ) -> Result<DeleteAssignmentPayload> {
        mutate(ctx, input).await.map(DeleteAssignmentPayload)
    }
}

/// Locks the assignment that `input.id` names, after its employee, which precedes it in the order of locks and
/// never changes. Reports a missing row and another version.
async fn lock_assignment(
    write: &mut Write<'_>,
    id: &ID,
    expected: Option<i32>,
) -> Result<Option<assignment::Model>, DbErr> {
    let row = match key_of(Assignment::PREFIX, id) {
        Some(key) => {
            let owner = assignment::Column::EmployeeId;
            write
                .lock_after_owner::<Employee, Assignment>(owner, key)
                .await?
        }
        None => None,
    };
    if row.is_none() {
        write.missing::<Assignment>(Place::input().at("id"), id);
    }
    write.expect_version::<Assignment>(row.as_ref(), expected);
    Ok(row)
}

impl InputMutation for AssignEmployeeInput {
    type Done = Assigned;

    fn writes_one_row(&self) -> bool {
        self.on_overlap == OverlapPolicy::Allow
    }

    async fn run(&self, write: &mut Write<'_>) -> Result<Assigned, Abort<()>> {
        let input = Place::input();
        let role = self.role.as_ref();
        let stint = Stint::read(write, &input, role, self.start_date, self.end_date);
        let (employee, project) = write
            .lock_two::<Employee, Project>(
                (input.at("employeeId"), &self.employee_id),
                (input.at("projectId"), &self.project_id),
            )
            .await?;
        write.ensure_valid()?;

        let employee = employee.ok_or(Abort::Refused(()))?.id;
        let project = project.ok_or(Abort::Refused(()))?.id;
        // The common case: overlaps are allowed, and no equal assignment exists.
        if self.on_overlap == OverlapPolicy::Allow {
            let row = stint.clone().row(employee, project);
            let made = write.insert_unless_there::<Assignment>(&row, &UNIQUE_COLUMNS);
            if let Some(assignment::Model { id, .. }) = made.await? {
                return Ok(Assigned { id, created: true });
            }
        }
        if let Some(twin) = stint.twin(write, employee, project).await? {
            if twin.end_date == stint.end {
                write.know::<Assignment>(std::slice::from_ref(&twin));
                return Ok(Assigned {
                    id: twin.id,
                    created: false,
                });
            }
            write.report(DuplicateAssignmentError::of(twin));
        }
        stint
            .check_overlaps(write, self.on_overlap, employee, project, None)
            .await?;
        write.ensure_valid()?;

        Ok(Assigned {
            id: stint.insert(write, employee, project).await?,
            created: true,
        })
    }
}

impl InputMutation for UpdateAssignmentInput {
    type Done = i64;

    /// Role, start and overlaps are compared with other assignments first.
    fn writes_one_row(&self) -> bool {
        self.role.is_undefined()
            && self.start_date.is_undefined()
            && self.on_overlap == OverlapPolicy::Allow
    }

    async fn run(&self, write: &mut Write<'_>) -> Result<i64, Abort<()>> {
        let input = Place::input();
        let before = lock_assignment(write, &self.id, self.expected_version).await?;
        let role = self.role.as_opt_ref();
        let role = role.map(|role| write.optional_text(input.at("role"), role, 100));
        let before = before.ok_or(Abort::Refused(()))?;
        let instant = |given: &MaybeUndefined<DateTime>, old| match given {
            MaybeUndefined::Undefined => old,
            MaybeUndefined::Null => None,
            MaybeUndefined::Value(instant) => Some(instant.0),
        };
        let stint = Stint {
            role: role.unwrap_or_else(|| before.role.clone()),
            start: instant(&self.start_date, before.start_date),
            end: instant(&self.end_date, before.end_date),
        };
        let place = if self.end_date.is_undefined() {
            "startDate"
        } else {
            "endDate"
        };
        let sound = stint.check_dates(write, input.at(place));

        let (employee, project) = (before.employee_id, before.project_id);
        if (&stint.role, stint.start) != (&before.role, before.start_date)
            && let Some(twin) = stint.twin(write, employee, project).await?
        {
            write.report(DuplicateAssignmentError::of(twin));
        }
        if sound && (stint.start, stint.end) != (before.start_date, before.end_date) {
            stint
                .check_overlaps(write, self.on_overlap, employee, project, Some(before.id))
                .await?;
        }
        write.ensure_valid()?;

        let after = assignment::Model {
            role: stint.role,
            start_date: stint.start,
            end_date: stint.end,
            ..before.clone()
        };
        write.update::<Assignment>(&before, after).await?;
        Ok(before.id)
    }
}

impl InputMutation for EndAssignmentInput {
    type Done = i64;

    fn writes_one_row(&self) -> bool {
        true
    }

    async fn run(&self, write: &mut Write<'_>) -> Result<i64, Abort<()>> {
        let place = Place::input().at("endDate");
        let before = lock_assignment(write, &self.id, self.expected_version).await?;
        let end = self.end_date.unwrap_or(write.now);
        let before = before.ok_or(Abort::Refused(()))?;
        let stint = Stint {
            role: before.role.clone(),
            start: before.start_date,
            end: Some(end.0),
        };
        stint.check_dates(write, place);
        write.ensure_valid()?;

        let after = assignment::Model {
            end_date: stint.end,
            ..before.clone()
        };
        write.update::<Assignment>(&before, after).await?;
        Ok(before.id)
    }
}

impl InputMutation for DeleteAssignmentInput {
    type Done = assignment::Model;

    fn writes_one_row(&self) -> bool {
        true
    }

    async fn run(&self, write: &mut Write<'_>) -> Result<assignment::Model, Abort<()>> {
        let row = write
            .lock_subject::<Assignment>(&self.id, self.expected_version)
            .await?;
        write.ensure_valid()?;

        let row = row.ok_or(Abort::Refused(()))?;
        write
            .delete::<Assignment>(std::slice::from_ref(&row))
            .await?;
        Ok(row)
    }
}
