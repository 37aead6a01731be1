//! Mutations of projects.

use async_graphql::{Context, Description, ID, InputObject, MaybeUndefined, Object, OneofObject};
use entity::project;

use sea_level::{
    DateTime, ListOutput, Long, Node, ObjectOutput, Result, find_object, find_objects,
    scalar::public_id,
    write::{Abort, WritableNode, WriteKind},
};

use super::{
    nested::{NestedAssignments, NestedInput, NewEmployeeInput, NewProject, OtherInput},
    staffing::{
        DeletePolicy, Deleted, Relinked, Side, assignment_ids, delete_assignments, lock_dependents,
        relink,
    },
};
use crate::{
    assignment::Assignment,
    employee::Employee,
    outbox::{self, NewChange, Outbox},
    project::Project,
    user_error::{Place, UserError},
    write::{InputMutation, Outcome, Write, is_empty, mutate, refusal},
};

impl WritableNode<Outbox> for Project {
    const FOLDED: &'static [project::Column] = &[project::Column::Title];

    fn version(model: &mut project::Model) -> &mut i32 {
        &mut model.version
    }

    fn event(kind: WriteKind, model: &project::Model) -> NewChange {
        NewChange::project(outbox::kind(kind), model.id)
    }

    fn append_sql(kind: WriteKind, actor: &str) -> Option<String> {
        Some(NewChange::project(outbox::kind(kind), "id").append_sql(actor))
    }
}

/// A project to add.
#[derive(InputObject)]
pub struct CreateProjectInput {
    /// Title, 1 to 200 characters.
    title: String,
    /// Budget in whole currency units, 0 to 1,000,000,000,000.
    budget: Option<Long>,
    /// Assignments to create. At most 100.
    assignments: Option<Vec<ProjectAssignmentInput>>,
}

/// An assignment on the project being created.
#[derive(InputObject)]
pub struct ProjectAssignmentInput {
    /// The employee: one who exists, or a new one.
    employee: EmployeeRefInput,
    /// Role, 1 to 100 characters; omit when not decided.
    role: Option<String>,
    /// Start; omit when not decided.
    start_date: Option<DateTime>,
    /// End, not included; omit while open-ended.
    end_date: Option<DateTime>,
}

impl ProjectAssignmentInput {
    fn nested(&self) -> NestedInput<'_, NewEmployeeInput> {
        NestedInput {
            other: match &self.employee {
                EmployeeRefInput::Id(id) => OtherInput::Id(id),
                EmployeeRefInput::Create(employee) => OtherInput::Create(employee),
            },
            role: self.role.as_ref(),
            start: self.start_date,
            end: self.end_date,
        }
    }
}

/// An employee who exists, or a new one. Give exactly one.
#[derive(OneofObject)]
pub enum EmployeeRefInput {
    /// One who exists.
    Id(ID),
    /// A new one.
    Create(NewEmployeeInput),
}

/// What to change in a project. Fields left out stay as they are.
#[derive(InputObject)]
pub struct UpdateProjectInput {
    /// Which project.
    id: ID,
    /// Refuse with a `VersionConflictError` unless the record still has this version.
    expected_version: Option<i32>,
    /// New title.
    title: MaybeUndefined<String>,
    /// New budget; null clears it.
    budget: MaybeUndefined<Long>,
}

/// Which project to delete.
#[derive(InputObject)]
pub struct DeleteProjectInput {
    /// Which project.
    id: ID,
    /// Refuse with a `VersionConflictError` unless the record still has this version.
    expected_version: Option<i32>,
    /// What to do with the project's assignments.
    #[graphql(default)]
    assignments: DeletePolicy,
}

/// The exact employees of one project.
#[derive(InputObject)]
pub struct SetProjectEmployeesInput {
    /// Which project.
    project_id: ID,
    /// Who works on it, 0 to 1000.
    employee_ids: Vec<ID>,
}

/// The outcome of `createProject`.
#[derive(Description)]
pub struct CreateProjectPayload(Outcome<i64>);

#[Object(use_type_description)]
impl CreateProjectPayload {
    /// The new project; null when refused.
    async fn project(&self, ctx: &Context<'_>) -> Option<Result<ObjectOutput<Project>>> {
        find_object::<Project>(ctx, self.0.as_ref().ok().copied()).await
    }

    /// Why it was refused; empty when it was done.
    async fn user_errors(&self) -> &[UserError] {
        refusal(&self.0)
    }
}

/// The outcome of `updateProject`.
#[derive(Description)]
pub struct UpdateProjectPayload(Outcome<i64>);

#[Object(use_type_description)]
impl UpdateProjectPayload {
    /// The project as it now is; null when refused.
    async fn project(&self, ctx: &Context<'_>) -> Option<Result<ObjectOutput<Project>>> {
        find_object::<Project>(ctx, self.0.as_ref().ok().copied()).await
    }

    /// Why it was refused; empty when it was done.
    async fn user_errors(&self) -> &[UserError] {
        refusal(&self.0)
    }
}

/// The outcome of `deleteProject`.
#[derive(Description)]
pub struct DeleteProjectPayload(Outcome<Deleted>);

#[Object(use_type_description)]
impl DeleteProjectPayload {
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

/// The outcome of `setProjectEmployees`.
#[derive(Description)]
pub struct SetProjectEmployeesPayload(Outcome<Relinked>);

#[Object(use_type_description)]
impl SetProjectEmployeesPayload {
    /// The project as it now is; null when refused.
    async fn project(&self, ctx: &Context<'_>) -> Option<Result<ObjectOutput<Project>>> {
        find_object::<Project>(ctx, self.0.as_ref().ok().map(|done| done.of)).await
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

/// Mutations of projects.
#[derive(Default)]
pub struct ProjectMutations;

/// Mutations of projects.
#[Object]
impl ProjectMutations {
    /// Add a project, optionally with assignments, all or nothing.
    async fn create_project(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to create.")] input: CreateProjectInput,
    ) -> Result<CreateProjectPayload> {
        mutate(ctx, input).await.map(CreateProjectPayload)
    }

    /// Change a project. Only the fields you give change.
    async fn update_project(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: UpdateProjectInput,
    ) -> Result<UpdateProjectPayload> {
        mutate(ctx, input).await.map(UpdateProjectPayload)
    }

    /// Delete a project and, with CASCADE, its assignments.
    async fn delete_project(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to delete.")] input: DeleteProjectInput,
    ) -> Result<DeleteProjectPayload> {
        mutate(ctx, input).await.map(DeleteProjectPayload)
    }

    /// Make a project's employees exactly this list: an employee who is new gets a bare assignment, one who stays keeps their assignments, one who is left out loses them.
    async fn set_project_employees(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What and who.")] input: SetProjectEmployeesInput,
    ) -> Result<SetProjectEmployeesPayload> {
        mutate(ctx, input).await.map(SetProjectEmployeesPayload)
    }
}

impl InputMutation for CreateProjectInput {
    type Done = i64;

    fn writes_one_row(&self) -> bool {
        is_empty(self.assignments.as_ref())
    }

    async fn run(&self, write: &mut Write<'_>) -> Result<i64, Abort<()>> {
        let input = Place::input();
        let project = NewProject::read(write, &input, &self.title, self.budget.as_ref());
        let place = input.at("assignments");
        let assignments = write.list(place.clone(), self.assignments.as_ref(), 100);
        let assignments = NestedAssignments::read::<Employee, _>(
            write,
            &place,
            "employee",
            assignments.iter().map(ProjectAssignmentInput::nested),
            NewEmployeeInput::read,
        );
        write.lock_all::<Employee>(&assignments.ids).await?;
        write.ensure_valid()?;

        let project = project.insert(write).await?;
        let mut employees = Vec::with_capacity(assignments.new.len());
        for employee in &assignments.new {
            employees.push(employee.insert(write).await?);
        }
        assignments
            .insert(write, Side::Project, project, employees)
            .await?;
        Ok(project)
    }
}

impl InputMutation for UpdateProjectInput {
    type Done = i64;

    fn writes_one_row(&self) -> bool {
        true
    }

    async fn run(&self, write: &mut Write<'_>) -> Result<i64, Abort<()>> {
        let input = Place::input();
        let before = write
            .lock_subject::<Project>(&self.id, self.expected_version)
            .await?;
        let title = write.given_text(input.at("title"), &self.title, 200);
        let budget = self.budget.as_opt_ref();
        let budget = budget.map(|budget| write.budget(input.at("budget"), budget));
        write.ensure_valid()?;

        let before = before.ok_or(Abort::Refused(()))?;
        let mut after = before.clone();
        if let Some(title) = title {
            after.title = title;
        }
        if let Some(budget) = budget {
            after.budget = budget;
        }
        write.update::<Project>(&before, after).await?;
        Ok(before.id)
    }
}

impl InputMutation for DeleteProjectInput {
    type Done = Deleted;

    async fn run(&self, write: &mut Write<'_>) -> Result<Deleted, Abort<()>> {
        let project = write
            .lock_subject::<Project>(&self.id, self.expected_version)
            .await?;
        let project = project.ok_or(Abort::Refused(()))?;
        let assignments =
            lock_dependents(write, self.assignments, Side::Project, project.id).await?;
        write.ensure_valid()?;

        let assignments = delete_assignments(write, &assignments).await?;
        write
            .delete::<Project>(std::slice::from_ref(&project))
            .await?;
        Ok(Deleted {
            id: public_id(Project::PREFIX, project.id),
            assignments,
        })
    }
}

impl InputMutation for SetProjectEmployeesInput {
    type Done = Relinked;

    async fn run(&self, write: &mut Write<'_>) -> Result<Relinked, Abort<()>> {
        let input = Place::input();
        let employees =
            write.ids::<Employee>(input.at("employeeIds"), &self.employee_ids, 0..=1000);
        write.lock_all::<Employee>(&employees).await?;
        let project = write
            .lock_one::<Project>(input.at("projectId"), &self.project_id)
            .await?;
        write.ensure_valid()?;

        let project = project.ok_or(Abort::Refused(()))?.id;
        let place = input.at("projectId");
        relink(write, place, Side::Project, project, &employees).await
    }
}
