//! What can be done to projects: inputs, payloads, mutations.

use std::collections::HashSet;

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, OneofObject};
use entity::{assignment, project};
use sea_orm::{ActiveValue::Set, DbErr};

use sea_level::{
    DateTime, ListOutput, Long, Node, ObjectOutput, Result, find_object, find_objects,
    scalar::public_id,
    write::{Abort, WritableNode, WriteKind},
};

use super::{
    assignment::{
        DeletePolicy, Stint, assignment_ids, bare_assignments, delete_assignments,
        lock_assignments_of, lock_dependents,
    },
    employee::{Deleted, NewEmployeeInput, Relinked},
};
use crate::{
    assignment::Assignment,
    employee::Employee,
    feed::Feed,
    outbox::{self, NewChange},
    project::Project,
    user_error::{DuplicateAssignmentError, Place},
    write::{IdInput, InputMutation, Write, mutate, payload},
};

impl WritableNode<Feed> for Project {
    const FOLDED: &'static [project::Column] = &[project::Column::Title];

    fn version(model: &mut project::Model) -> &mut i32 {
        &mut model.version
    }

    fn event(kind: WriteKind, model: &project::Model) -> NewChange {
        NewChange::project(outbox::kind(kind), model.id)
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

/// An employee who exists, or a new one. Give exactly one.
#[derive(OneofObject)]
pub enum EmployeeRefInput {
    /// One who exists.
    Id(ID),
    /// A new one.
    Create(NewEmployeeInput),
}

/// A project created on the way.
#[derive(InputObject)]
pub struct NewProjectInput {
    /// Title, 1 to 200 characters.
    title: String,
    /// Budget in whole currency units, 0 to 1,000,000,000,000.
    budget: Option<Long>,
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

payload! {
    /// The outcome of `createProject`.
    CreateProjectPayload of i64 {
        /// The new project; null when refused.
        async fn project(&self, ctx: &Context<'_>) -> Option<Result<ObjectOutput<Project>>> {
            find_object::<Project>(ctx, self.0.as_ref().ok().copied()).await
        }
    }
}

payload! {
    /// The outcome of `updateProject`.
    UpdateProjectPayload of i64 {
        /// The project as it now is; null when refused.
        async fn project(&self, ctx: &Context<'_>) -> Option<Result<ObjectOutput<Project>>> {
            find_object::<Project>(ctx, self.0.as_ref().ok().copied()).await
        }
    }
}

payload! {
    /// The outcome of `deleteProject`.
    DeleteProjectPayload of Deleted {
        /// Id of what was deleted; null when refused.
        async fn deleted_id(&self) -> Option<&ID> {
            self.0.as_ref().ok().map(|deleted| &deleted.id)
        }

        /// Ids of the assignments deleted with it.
        async fn deleted_assignment_ids(&self) -> Vec<ID> {
            let deleted = self.0.as_ref().map_or(&[][..], |done| &done.assignments);
            assignment_ids(deleted)
        }
    }
}

payload! {
    /// The outcome of `setProjectEmployees`.
    SetProjectEmployeesPayload of Relinked {
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
    }
}

/// What can be done to projects.
#[derive(Default)]
pub struct ProjectMutations;

/// What can be done to projects.
#[Object]
impl ProjectMutations {
    /// Add a project, optionally with assignments, all or nothing.
    async fn create_project(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to create.")] input: CreateProjectInput,
    ) -> Result<CreateProjectPayload> {
        Ok(mutate(ctx, input).await?.into())
    }

    /// Change a project. Only the fields you give change.
    async fn update_project(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: UpdateProjectInput,
    ) -> Result<UpdateProjectPayload> {
        Ok(mutate(ctx, input).await?.into())
    }

    /// Delete a project and, with CASCADE, its assignments.
    async fn delete_project(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to delete.")] input: DeleteProjectInput,
    ) -> Result<DeleteProjectPayload> {
        Ok(mutate(ctx, input).await?.into())
    }

    /// Make a project's employees exactly this list: an employee who is new gets a bare assignment, one who stays keeps their assignments, one who is left out loses them.
    async fn set_project_employees(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What and who.")] input: SetProjectEmployeesInput,
    ) -> Result<SetProjectEmployeesPayload> {
        Ok(mutate(ctx, input).await?.into())
    }
}

/// A project that is to be made.
pub struct NewProject {
    title: String,
    budget: Option<i64>,
}

impl NewProject {
    fn read(write: &mut Write<'_>, place: &Place, title: &str, budget: Option<&Long>) -> Self {
        Self {
            title: write.text(place.at("title"), title, 200),
            budget: write.budget(place.at("budget"), budget),
        }
    }

    /// Makes it.
    pub async fn insert(self, write: &mut Write<'_>) -> Result<i64, DbErr> {
        let row = project::ActiveModel {
            title: Set(self.title),
            budget: Set(self.budget),
            ..Default::default()
        };
        Ok(write.insert::<Project>(row).await?.id)
    }
}

impl NewProjectInput {
    /// Looks at it.
    pub fn read(&self, write: &mut Write<'_>, place: &Place) -> NewProject {
        NewProject::read(write, place, &self.title, self.budget.as_ref())
    }
}

impl InputMutation for CreateProjectInput {
    type Done = i64;

    async fn run(&self, write: &mut Write<'_>) -> Result<i64, Abort<()>> {
        let input = Place::input();
        let project = NewProject::read(write, &input, &self.title, self.budget.as_ref());
        let place = input.at("assignments");
        let assignments = write.list(place.clone(), self.assignments.as_ref(), 100);
        let mut stints = Vec::with_capacity(assignments.len());
        let mut employees = Vec::new();
        let mut new_employees = Vec::new();
        let mut seen = HashSet::new();
        for (index, assignment) in assignments.iter().enumerate() {
            let ProjectAssignmentInput {
                employee,
                role,
                start_date,
                end_date,
            } = assignment;
            let place = place.at(index);
            let stint = Stint::read(write, &place, role.as_ref(), *start_date, *end_date);
            let known = match employee {
                EmployeeRefInput::Create(employee) => {
                    new_employees.push(employee.read(write, &place.at("employee").at("create")));
                    None
                }
                EmployeeRefInput::Id(id) => {
                    let place = place.at("employee").at("id");
                    let wanted = IdInput::new::<Employee>(place, id);
                    let key = wanted.key;
                    employees.push(wanted);
                    // One that leads nowhere is reported, and never used.
                    Some(key.unwrap_or_default())
                }
            };
            if let (Some(key), Some(identity)) = (known, stint.identity())
                && key != 0
                && !seen.insert((key, identity))
            {
                write.report(DuplicateAssignmentError::twice(place));
            }
            stints.push((known, stint));
        }
        write.lock_all::<Employee>(&employees).await?;
        write.ensure_valid()?;

        let project = project.insert(write).await?;
        let mut made = Vec::with_capacity(new_employees.len());
        for employee in new_employees {
            made.push(employee.insert(write).await?);
        }
        let mut made = made.into_iter();
        for (known, stint) in stints {
            let employee = known.or_else(|| made.next()).unwrap_or_default();
            stint.insert(write, employee, project).await?;
        }
        Ok(project)
    }
}

impl InputMutation for UpdateProjectInput {
    type Done = i64;

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
        let of_project = assignment::Column::ProjectId;
        let assignments = lock_dependents(write, self.assignments, of_project, project.id).await?;
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
        let employees: Vec<i64> = employees
            .iter()
            .filter_map(|employee| employee.key)
            .collect();
        let of_project = assignment::Column::ProjectId;
        let place = input.at("projectId");
        let assignments = lock_assignments_of(write, place, of_project, project).await?;
        let listed: HashSet<i64> = employees.iter().copied().collect();
        let linked: HashSet<i64> = assignments
            .iter()
            .map(|(_, employee, _)| *employee)
            .collect();
        let mut orphans = assignments;
        orphans.retain(|(_, employee, _)| !listed.contains(employee));
        let deleted = delete_assignments(write, &orphans).await?;
        let new = employees
            .into_iter()
            .filter(|employee| !linked.contains(employee));
        let new: Vec<_> = new.map(|employee| (employee, project)).collect();
        Ok(Relinked {
            of: project,
            added: bare_assignments(write, &new).await?,
            deleted,
        })
    }
}
