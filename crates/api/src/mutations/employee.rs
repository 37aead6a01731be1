//! Mutations of employees.

use async_graphql::{Context, Description, ID, InputObject, MaybeUndefined, Object, OneofObject};
use entity::{change::Kind, employee, employee_meeting, meeting};
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use sea_level::{
    Date, DateTime, ListOutput, Node, ObjectOutput, Result, column, find_object, find_objects,
    scalar::public_id,
    write::{Abort, WritableNode, WriteKind},
};

use super::{
    attendance::{change_attendance, more_versions},
    nested::{NestedAssignments, NestedInput, NewEmployee, NewProjectInput, OtherInput},
    staffing::{
        DeletePolicy, Deleted, Relinked, Side, assignment_ids, delete_assignments, lock_dependents,
        relink,
    },
};
use crate::{
    assignment::Assignment,
    employee::Employee,
    meeting::Meeting,
    outbox::{self, NewChange, Outbox},
    project::Project,
    user_error::{Place, UserError},
    write::{InputMutation, Outcome, Write, is_empty, mutate, refusal},
};

impl WritableNode<Outbox> for Employee {
    const FOLDED: &'static [employee::Column] = &[employee::Column::Name];

    fn version(model: &mut employee::Model) -> &mut i32 {
        &mut model.version
    }

    fn event(kind: WriteKind, model: &employee::Model) -> NewChange {
        NewChange::employee(outbox::kind(kind), model.id)
    }

    fn append_sql(kind: WriteKind, actor: &str) -> Option<String> {
        Some(NewChange::employee(outbox::kind(kind), "id").append_sql(actor))
    }
}

/// An employee to add.
#[derive(InputObject)]
pub struct CreateEmployeeInput {
    /// Full name, 1 to 200 characters.
    name: String,
    /// First day of employment; today (UTC) when omitted.
    hire_date: Option<Date>,
    /// Meetings to attend. At most 100.
    meeting_ids: Option<Vec<ID>>,
    /// Assignments to create. At most 100.
    assignments: Option<Vec<EmployeeAssignmentInput>>,
}

/// An assignment of the employee being created.
#[derive(InputObject)]
pub struct EmployeeAssignmentInput {
    /// The project: one that exists, or a new one.
    project: ProjectRefInput,
    /// Role, 1 to 100 characters; omit when not decided.
    role: Option<String>,
    /// Start; omit when not decided.
    start_date: Option<DateTime>,
    /// End, not included; omit while open-ended.
    end_date: Option<DateTime>,
}

impl EmployeeAssignmentInput {
    fn nested(&self) -> NestedInput<'_, NewProjectInput> {
        NestedInput {
            other: match &self.project {
                ProjectRefInput::Id(id) => OtherInput::Id(id),
                ProjectRefInput::Create(project) => OtherInput::Create(project),
            },
            role: self.role.as_ref(),
            start: self.start_date,
            end: self.end_date,
        }
    }
}

/// A project that exists, or a new one. Give exactly one.
#[derive(OneofObject)]
pub enum ProjectRefInput {
    /// One that exists.
    Id(ID),
    /// A new one.
    Create(NewProjectInput),
}

/// What to change in an employee. Fields left out stay as they are.
#[derive(InputObject)]
pub struct UpdateEmployeeInput {
    /// Which employee.
    id: ID,
    /// Refuse with a `VersionConflictError` unless the record still has this version.
    expected_version: Option<i32>,
    /// New name.
    name: MaybeUndefined<String>,
    /// New first day of employment.
    hire_date: MaybeUndefined<Date>,
}

/// Which employee to delete.
#[derive(InputObject)]
pub struct DeleteEmployeeInput {
    /// Which employee.
    id: ID,
    /// Refuse with a `VersionConflictError` unless the record still has this version.
    expected_version: Option<i32>,
    /// What to do with the employee's assignments.
    #[graphql(default)]
    assignments: DeletePolicy,
}

/// The exact projects of one employee.
#[derive(InputObject)]
pub struct SetEmployeeProjectsInput {
    /// Which employee.
    employee_id: ID,
    /// The projects, 0 to 1000.
    project_ids: Vec<ID>,
}

/// The outcome of `createEmployee`.
#[derive(Description)]
pub struct CreateEmployeePayload(Outcome<i64>);

#[Object(use_type_description)]
impl CreateEmployeePayload {
    /// The new employee; null when refused.
    async fn employee(&self, ctx: &Context<'_>) -> Option<Result<ObjectOutput<Employee>>> {
        find_object::<Employee>(ctx, self.0.as_ref().ok().copied()).await
    }

    /// Why it was refused; empty when it was done.
    async fn user_errors(&self) -> &[UserError] {
        refusal(&self.0)
    }
}

/// The outcome of `updateEmployee`.
#[derive(Description)]
pub struct UpdateEmployeePayload(Outcome<i64>);

#[Object(use_type_description)]
impl UpdateEmployeePayload {
    /// The employee as it now is; null when refused.
    async fn employee(&self, ctx: &Context<'_>) -> Option<Result<ObjectOutput<Employee>>> {
        find_object::<Employee>(ctx, self.0.as_ref().ok().copied()).await
    }

    /// Why it was refused; empty when it was done.
    async fn user_errors(&self) -> &[UserError] {
        refusal(&self.0)
    }
}

/// The outcome of `deleteEmployee`.
#[derive(Description)]
pub struct DeleteEmployeePayload(Outcome<Deleted>);

#[Object(use_type_description)]
impl DeleteEmployeePayload {
    /// Id of what was deleted; null when refused.
    async fn deleted_id(&self) -> Option<&ID> {
        self.0.as_ref().ok().map(|deleted| &deleted.id)
    }

    /// Ids of the assignments deleted with it.
    async fn deleted_assignment_ids(&self) -> Vec<ID> {
        let deleted = self.0.as_ref().map_or(&[][..], |done| &done.assignments);
        assignment_ids(deleted)
    }

    /// Why it was refused; empty when it was done.
    async fn user_errors(&self) -> &[UserError] {
        refusal(&self.0)
    }
}

/// The outcome of `setEmployeeProjects`.
#[derive(Description)]
pub struct SetEmployeeProjectsPayload(Outcome<Relinked>);

#[Object(use_type_description)]
impl SetEmployeeProjectsPayload {
    /// The employee as they now are; null when refused.
    async fn employee(&self, ctx: &Context<'_>) -> Option<Result<ObjectOutput<Employee>>> {
        find_object::<Employee>(ctx, self.0.as_ref().ok().map(|done| done.of)).await
    }

    /// The bare assignments that were made.
    async fn added(&self, ctx: &Context<'_>) -> Result<ListOutput<Assignment>> {
        let added = self.0.as_ref().map_or(&[][..], |done| &done.added);
        find_objects::<Assignment>(ctx, added).await
    }

    /// Ids of the assignments that were deleted.
    async fn deleted_assignment_ids(&self) -> Vec<ID> {
        assignment_ids(self.0.as_ref().map_or(&[][..], |done| &done.deleted))
    }

    /// Why it was refused; empty when it was done.
    async fn user_errors(&self) -> &[UserError] {
        refusal(&self.0)
    }
}

/// Mutations of employees.
#[derive(Default)]
pub struct EmployeeMutations;

/// Mutations of employees.
#[Object]
impl EmployeeMutations {
    /// Add an employee, optionally with meetings and assignments, all or nothing.
    async fn create_employee(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to create.")] input: CreateEmployeeInput,
    ) -> Result<CreateEmployeePayload> {
        mutate(ctx, input).await.map(CreateEmployeePayload)
    }

    /// Change an employee. Only the fields you give change.
    async fn update_employee(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: UpdateEmployeeInput,
    ) -> Result<UpdateEmployeePayload> {
        mutate(ctx, input).await.map(UpdateEmployeePayload)
    }

    /// Delete an employee, the links to meetings and, with CASCADE, their assignments.
    async fn delete_employee(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to delete.")] input: DeleteEmployeeInput,
    ) -> Result<DeleteEmployeePayload> {
        mutate(ctx, input).await.map(DeleteEmployeePayload)
    }

    /// Make an employee's projects exactly this list: a project that is new gets a bare assignment, one that stays keeps its assignments, one that is left out loses them.
    async fn set_employee_projects(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who and what.")] input: SetEmployeeProjectsInput,
    ) -> Result<SetEmployeeProjectsPayload> {
        mutate(ctx, input).await.map(SetEmployeeProjectsPayload)
    }
}

impl InputMutation for CreateEmployeeInput {
    type Done = i64;

    fn writes_one_row(&self) -> bool {
        is_empty(self.meeting_ids.as_ref()) && is_empty(self.assignments.as_ref())
    }

    async fn run(&self, write: &mut Write<'_>) -> Result<i64, Abort<()>> {
        let input = Place::input();
        let employee = NewEmployee::read(write, &input, &self.name, self.hire_date);
        let place = input.at("meetingIds");
        let ids = self.meeting_ids.as_deref().unwrap_or_default();
        let meetings = write.ids::<Meeting>(place, ids, 0..=100);

        let place = input.at("assignments");
        let assignments = write.list(place.clone(), self.assignments.as_ref(), 100);
        let assignments = NestedAssignments::read::<Project, _>(
            write,
            &place,
            "project",
            assignments.iter().map(EmployeeAssignmentInput::nested),
            NewProjectInput::read,
        );
        write.lock_all::<Project>(&assignments.ids).await?;
        write.lock_all::<Meeting>(&meetings).await?;
        write.ensure_valid()?;

        let employee = employee.insert(write).await?;
        let mut projects = Vec::with_capacity(assignments.new.len());
        for project in &assignments.new {
            projects.push(project.insert(write).await?);
        }
        let links: Vec<_> = meetings
            .iter()
            .filter_map(|meeting| Some((employee, meeting.key?)))
            .collect();
        change_attendance(write, &[], &links).await?;
        assignments
            .insert(write, Side::Employee, employee, projects)
            .await?;
        Ok(employee)
    }
}

impl InputMutation for UpdateEmployeeInput {
    type Done = i64;

    /// A rename updates assignments too, by a trigger, which must come before the lock of the feed.
    fn writes_one_row(&self) -> bool {
        self.name.is_undefined()
    }

    async fn run(&self, write: &mut Write<'_>) -> Result<i64, Abort<()>> {
        let input = Place::input();
        let before = write
            .lock_subject::<Employee>(&self.id, self.expected_version)
            .await?;
        let name = write.given_text(input.at("name"), &self.name, 200);
        let hire_date = write.given(input.at("hireDate"), &self.hire_date);
        write.ensure_valid()?;

        let before = before.ok_or(Abort::Refused(()))?;
        let mut after = before.clone();
        if let Some(name) = name {
            after.name = name;
        }
        if let Some(date) = hire_date {
            after.hire_date = date.0;
        }
        write.update::<Employee>(&before, after).await?;
        Ok(before.id)
    }
}

impl InputMutation for DeleteEmployeeInput {
    type Done = Deleted;

    async fn run(&self, write: &mut Write<'_>) -> Result<Deleted, Abort<()>> {
        let employee = write
            .lock_subject::<Employee>(&self.id, self.expected_version)
            .await?;
        let employee = employee.ok_or(Abort::Refused(()))?;
        // Until a meeting is locked, another mutation may delete the link; none can insert one.
        let linked = meetings_of(write, employee.id).await?;
        write.check_rows(Place::input().at("id"), linked.len(), "meetings")?;
        lock_meetings(write, &linked).await?;
        let linked = meetings_of(write, employee.id).await?;
        let assignments =
            lock_dependents(write, self.assignments, Side::Employee, employee.id).await?;
        write.ensure_valid()?;

        let assignments = delete_assignments(write, &assignments).await?;
        for meeting in &linked {
            write.record(NewChange::attendance(Kind::Deleted, employee.id, *meeting));
        }
        if !linked.is_empty() {
            more_versions(write, &linked)
                .exec(write.transaction())
                .await?;
        }
        // The foreign key deletes the links.
        write
            .delete::<Employee>(std::slice::from_ref(&employee))
            .await?;
        Ok(Deleted {
            id: public_id(Employee::PREFIX, employee.id),
            assignments,
        })
    }
}

impl InputMutation for SetEmployeeProjectsInput {
    type Done = Relinked;

    async fn run(&self, write: &mut Write<'_>) -> Result<Relinked, Abort<()>> {
        let input = Place::input();
        let employee = write
            .lock_one::<Employee>(input.at("employeeId"), &self.employee_id)
            .await?;
        let projects = write.ids::<Project>(input.at("projectIds"), &self.project_ids, 0..=1000);
        write.lock_all::<Project>(&projects).await?;
        write.ensure_valid()?;

        let employee = employee.ok_or(Abort::Refused(()))?.id;
        let place = input.at("employeeId");
        relink(write, place, Side::Employee, employee, &projects).await
    }
}

async fn meetings_of(write: &Write<'_>, employee: i64) -> Result<Vec<i64>, DbErr> {
    employee_meeting::Entity::find()
        .select_only()
        .column(employee_meeting::Column::MeetingId)
        .filter(employee_meeting::Column::EmployeeId.eq(employee))
        .order_by_asc(employee_meeting::Column::MeetingId)
        .limit(write.row_limit())
        .into_tuple()
        .all(write.transaction())
        .await
}

/// Locks meetings without charging them: the payload does not report them, and there can be many.
async fn lock_meetings(write: &Write<'_>, meetings: &[i64]) -> Result<(), DbErr> {
    let id = column(meeting::Column::Id);
    let locked = meeting::Entity::find()
        .select_only()
        .column(meeting::Column::Id)
        .filter(write.among(id, meetings))
        .order_by_asc(meeting::Column::Id)
        .lock_exclusive()
        .into_tuple::<i64>();
    if !meetings.is_empty() {
        locked.all(write.transaction()).await?;
    }
    Ok(())
}
