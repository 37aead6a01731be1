//! What can be done to assignments: inputs, payloads, mutations.

use std::{collections::HashMap, sync::Arc};

use async_graphql::{Context, Enum, ID, InputObject, MaybeUndefined, Object};
use chrono::Utc;
use entity::{assignment, change::Kind};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Condition, IntoCondition, NullOrdering, Order as Direction},
};

use sea_level::{
    DateTime, Node, ObjectOutput, Record, RecordBatch, Result, column, find_object,
    scalar::{key_of, public_id},
    write::{Abort, WritableNode, WriteKind, same},
};

use crate::{
    assignment::Assignment,
    employee::Employee,
    feed::Feed,
    outbox::{self, NewChange},
    period::overlaps,
    project::Project,
    user_error::{DuplicateAssignmentError, OverlapError, Place, StillReferencedError, UserError},
    write::{InputMutation, Write, mutate, payload},
};

/// How many assignments an [`OverlapError`] lists.
const MOST_CONFLICTING: u64 = 20;

impl WritableNode<Feed> for Assignment {
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
}

/// What to do with assignments when their employee or project is deleted.
#[derive(Enum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeletePolicy {
    /// Delete them too, unless there are more than the server loads for one operation; then nothing is deleted.
    #[default]
    Cascade,
    /// Refuse with a `StillReferencedError` if there are any.
    Restrict,
}

/// What to do about overlapping assignments of one employee.
#[derive(Enum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OverlapPolicy {
    /// Allow any overlap.
    #[default]
    Allow,
    /// Refuse with an `OverlapError` if the overlap is on the same project.
    RejectSameProject,
    /// Refuse with an `OverlapError` on any overlap.
    Reject,
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

payload! {
    /// The outcome of `assignEmployee`.
    AssignEmployeePayload of Assigned {
        /// The assignment; null when refused.
        async fn assignment(&self, ctx: &Context<'_>) -> Option<Result<ObjectOutput<Assignment>>> {
            find_object::<Assignment>(ctx, self.0.as_ref().ok().map(|done| done.id)).await
        }

        /// false when the very same assignment existed already, and when refused.
        async fn created(&self) -> bool {
            self.0.as_ref().is_ok_and(|done| done.created)
        }
    }
}

payload! {
    /// The outcome of `updateAssignment`.
    UpdateAssignmentPayload of i64 {
        /// The assignment as it now is; null when refused.
        async fn assignment(&self, ctx: &Context<'_>) -> Option<Result<ObjectOutput<Assignment>>> {
            find_object::<Assignment>(ctx, self.0.as_ref().ok().copied()).await
        }
    }
}

payload! {
    /// The outcome of `endAssignment`.
    EndAssignmentPayload of i64 {
        /// The assignment as it now is; null when refused.
        async fn assignment(&self, ctx: &Context<'_>) -> Option<Result<ObjectOutput<Assignment>>> {
            find_object::<Assignment>(ctx, self.0.as_ref().ok().copied()).await
        }
    }
}

payload! {
    /// The outcome of `deleteAssignment`.
    DeleteAssignmentPayload of assignment::Model {
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
    }
}

/// What came of `assignEmployee`.
pub struct Assigned {
    id: i64,
    created: bool,
}

/// What can be done to assignments.
#[derive(Default)]
pub struct AssignmentMutations;

/// What can be done to assignments.
#[Object]
impl AssignmentMutations {
    /// Assign an employee to a project. Repeating it with the same employee, project, role, startDate and endDate returns the assignment that exists; this is looked at before overlaps.
    async fn assign_employee(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who, what, as what, when.")] input: AssignEmployeeInput,
    ) -> Result<AssignEmployeePayload> {
        Ok(mutate(ctx, input).await?.into())
    }

    /// Change an assignment's role or dates. Only the fields you give change.
    async fn update_assignment(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: UpdateAssignmentInput,
    ) -> Result<UpdateAssignmentPayload> {
        Ok(mutate(ctx, input).await?.into())
    }

    /// Close an assignment at an instant. Ending it again at the same instant changes nothing.
    async fn end_assignment(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which and when.")] input: EndAssignmentInput,
    ) -> Result<EndAssignmentPayload> {
        Ok(mutate(ctx, input).await?.into())
    }

    /// Delete an assignment as if it had never been. To record that it is over, use `endAssignment`.
    async fn delete_assignment(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to delete.")] input: DeleteAssignmentInput,
    ) -> Result<DeleteAssignmentPayload> {
        Ok(mutate(ctx, input).await?.into())
    }
}

/// What no two assignments have in common.
const TWINS: [assignment::Column; 4] = [
    assignment::Column::EmployeeId,
    assignment::Column::ProjectId,
    assignment::Column::Role,
    assignment::Column::StartDate,
];

/// What an assignment says beside who and what.
#[derive(Clone)]
pub struct Stint {
    /// The role.
    pub role: Option<String>,
    /// The start.
    pub start: Option<chrono::DateTime<Utc>>,
    /// The end, not included.
    pub end: Option<chrono::DateTime<Utc>>,
}

impl Stint {
    /// Looks at it.
    pub fn read(
        write: &mut Write<'_>,
        place: &Place,
        role: Option<&String>,
        start: Option<DateTime>,
        end: Option<DateTime>,
    ) -> Self {
        let stint = Self {
            role: write.optional_text(place.at("role"), role, 100),
            start: start.map(|start| start.0),
            end: end.map(|end| end.0),
        };
        stint.check_dates(write, place.at("endDate"));
        stint
    }

    /// Whether the end is after the start; reported when it is not.
    fn check_dates(&self, write: &mut Write<'_>, place: Place) -> bool {
        let sound = self
            .end
            .is_none_or(|end| self.start.is_none_or(|start| start < end));
        if !sound {
            write.invalid(place, "The end must be after the start.");
        }
        sound
    }

    /// What no two assignments between the same employee and project have in common; `None` when
    /// the role is none that any can have.
    pub fn identity(&self) -> Option<(Option<String>, Option<chrono::DateTime<Utc>>)> {
        (self.role.as_deref() != Some("")).then(|| (self.role.clone(), self.start))
    }

    fn row(self, employee: i64, project: i64) -> assignment::ActiveModel {
        assignment::ActiveModel {
            role: Set(self.role),
            start_date: Set(self.start),
            end_date: Set(self.end),
            employee_id: Set(employee),
            project_id: Set(project),
            ..Default::default()
        }
    }

    /// Makes the assignment.
    pub async fn insert(
        self,
        write: &mut Write<'_>,
        employee: i64,
        project: i64,
    ) -> Result<i64, DbErr> {
        let row = self.row(employee, project);
        Ok(write.insert::<Assignment>(row).await?.id)
    }

    /// The assignment that this one would be the same as.
    async fn twin(
        &self,
        write: &Write<'_>,
        employee: i64,
        project: i64,
    ) -> Result<Option<assignment::Model>, DbErr> {
        let row = self.clone().row(employee, project);
        assignment::Entity::find()
            .filter(same::<assignment::Entity>(&row, &TWINS))
            .one(write.transaction())
            .await
    }

    /// Reports the assignments in the way, if the policy says that they are. The employee is
    /// locked, so that none can come between this look and the commit.
    async fn check_overlaps(
        &self,
        write: &mut Write<'_>,
        policy: OverlapPolicy,
        employee: i64,
        project: i64,
        except: Option<i64>,
    ) -> Result<(), DbErr> {
        use assignment::Column::{EmployeeId, EndDate, Id, ProjectId, StartDate};
        let on_project = match policy {
            OverlapPolicy::Allow => return Ok(()),
            OverlapPolicy::Reject => Condition::all(),
            OverlapPolicy::RejectSameProject => ProjectId.eq(project).into_condition(),
        };
        let conflicting = assignment::Entity::find()
            .filter(EmployeeId.eq(employee))
            .filter(on_project)
            .filter(overlaps(
                column(StartDate),
                column(EndDate),
                self.start.map(DateTime),
                self.end.map(DateTime),
            ))
            .filter(Id.ne(except.unwrap_or_default()))
            .order_by_with_nulls(StartDate, Direction::Asc, NullOrdering::First)
            .order_by_asc(Id)
            .limit(MOST_CONFLICTING)
            .all(write.transaction())
            .await?;
        if !conflicting.is_empty() {
            let conflicting = Arc::new(RecordBatch::from(conflicting));
            let found = |index| Record::<Assignment>::new(conflicting.clone(), index).into();
            write.report(OverlapError::report(
                Place::input(),
                "The employee has another assignment in some of this time.",
                (0..conflicting.len()).map(found).collect(),
            ));
        }
        Ok(())
    }
}

impl DuplicateAssignmentError {
    /// The same assignment is given twice in one request.
    pub fn twice(place: Place) -> UserError {
        let message =
            "The same assignment, in the same role and with the same start, is given twice.";
        Self::report(place, message, None)
    }

    fn of(existing: assignment::Model) -> UserError {
        let existing = Record::<Assignment>::new(Arc::new(vec![existing].into()), 0);
        let message =
            "This employee has an assignment on this project in this role with this start already.";
        Self::report(Place::input(), message, Some(existing.into()))
    }
}

/// The keys of an assignment: its own, the employee's, the project's. Of an assignment that is deleted
/// nothing else is read, since their number can be large.
pub type AssignmentKeys = (i64, i64, i64);

/// Locks the assignments whose `column` is this key, by id; refuses at `place` if there are too many.
pub async fn lock_assignments_of(
    write: &mut Write<'_>,
    place: Place,
    column: assignment::Column,
    key: i64,
) -> Result<Vec<AssignmentKeys>, Abort<()>> {
    use assignment::Column::{EmployeeId, Id, ProjectId};
    let keys: Vec<AssignmentKeys> = assignment::Entity::find()
        .select_only()
        .columns([Id, EmployeeId, ProjectId])
        .filter(column.eq(key))
        .order_by_asc(Id)
        .limit(write.row_limit())
        .lock_exclusive()
        .into_tuple()
        .all(write.transaction())
        .await?;
    write.charge_reported_rows(place, keys.len(), "assignments")?;
    Ok(keys)
}

/// Locks the assignments to delete along with the row that `column` refers to by this key. Reports
/// their number instead if the policy is to keep that row because of them.
pub async fn lock_dependents(
    write: &mut Write<'_>,
    policy: DeletePolicy,
    column: assignment::Column,
    key: i64,
) -> Result<Vec<AssignmentKeys>, Abort<()>> {
    let place = Place::input().at("id");
    if policy == DeletePolicy::Cascade {
        return lock_assignments_of(write, place, column, key).await;
    }
    let count = assignment::Entity::find().filter(column.eq(key));
    let count = count.count(write.transaction()).await?;
    if count > 0 {
        let count = i32::try_from(count).unwrap_or(i32::MAX);
        write.report(StillReferencedError::report(
            place,
            format!("It still has assignments: {count}. Delete them first, or choose CASCADE."),
            count,
        ));
    }
    Ok(Vec::new())
}

/// Deletes assignments that are locked, and returns their ids.
pub async fn delete_assignments(
    write: &mut Write<'_>,
    assignments: &[AssignmentKeys],
) -> Result<Vec<i64>, DbErr> {
    let ids: Vec<i64> = assignments.iter().map(|(id, ..)| *id).collect();
    if !ids.is_empty() {
        assignment::Entity::delete_many()
            .filter(write.among(column(assignment::Column::Id), &ids))
            .exec(write.transaction())
            .await?;
    }
    for &(id, employee, project) in assignments {
        write.record(NewChange::assignment(Kind::Deleted, id, employee, project));
    }
    Ok(ids)
}

/// The public ids of these assignments.
pub fn assignment_ids(keys: &[i64]) -> Vec<ID> {
    let id = |key: &i64| public_id(Assignment::PREFIX, *key);
    keys.iter().map(id).collect()
}

/// Makes an assignment that says nothing more for each (employee, project), none of which has any;
/// returns their keys in this order.
pub async fn bare_assignments(
    write: &mut Write<'_>,
    pairs: &[(i64, i64)],
) -> Result<Vec<i64>, DbErr> {
    if pairs.is_empty() {
        return Ok(Vec::new());
    }
    let rows = pairs
        .iter()
        .map(|(employee, project)| assignment::ActiveModel {
            employee_id: Set(*employee),
            project_id: Set(*project),
            ..Default::default()
        });
    let rows = assignment::Entity::insert_many(rows)
        .exec_with_returning(write.transaction())
        .await?;
    write.know::<Assignment>(&rows);
    let key = |row: assignment::Model| ((row.employee_id, row.project_id), row);
    let mut rows: HashMap<_, _> = rows.into_iter().map(key).collect();
    let mut keys = Vec::with_capacity(pairs.len());
    for row in pairs.iter().filter_map(|pair| rows.remove(pair)) {
        write.record(NewChange::assignment(
            Kind::Created,
            row.id,
            row.employee_id,
            row.project_id,
        ));
        keys.push(row.id);
    }
    Ok(keys)
}

/// Locks the employee of an assignment, who comes before it in the order of locks and never
/// changes.
async fn lock_employee_of(write: &mut Write<'_>, id: &ID) -> Result<(), DbErr> {
    let Some(key) = key_of(Assignment::PREFIX, id) else {
        return Ok(());
    };
    let row = assignment::Entity::find_by_id(key)
        .one(write.transaction())
        .await?;
    if let Some(row) = row {
        write.lock::<Employee>(&[row.employee_id]).await?;
    }
    Ok(())
}

impl InputMutation for AssignEmployeeInput {
    type Done = Assigned;

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
        // Most often nobody minds overlaps, and there is none like it.
        if self.on_overlap == OverlapPolicy::Allow {
            let row = stint.clone().row(employee, project);
            let made = write.insert_unless_there::<Assignment>(&row, &TWINS);
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

    async fn run(&self, write: &mut Write<'_>) -> Result<i64, Abort<()>> {
        let input = Place::input();
        lock_employee_of(write, &self.id).await?;
        let before = write
            .lock_subject::<Assignment>(&self.id, self.expected_version)
            .await?;
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

    async fn run(&self, write: &mut Write<'_>) -> Result<i64, Abort<()>> {
        let place = Place::input().at("endDate");
        lock_employee_of(write, &self.id).await?;
        let before = write
            .lock_subject::<Assignment>(&self.id, self.expected_version)
            .await?;
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
