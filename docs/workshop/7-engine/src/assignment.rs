//! Assignments: the association entity.

use async_graphql::Context;
use sea_level::{
    DateTime, DateTimeFilter, Node, ObjectOutput, PublicId, Record, Result, StringFilter, Text,
    filter, object, order, referenced,
};

use crate::{
    employee::{Employee, EmployeeFilter},
    entity::assignment,
    project::{Project, ProjectFilter},
};

/// One employee on one project.
#[derive(Clone, Node)]
#[node(
    entity = assignment,
    columns(id, role, start_date, end_date, employee_id, project_id, version),
    references(employee: Employee = employee_id, project: Project = project_id),
    prefix = "asg_",
    sorted_by(start_date nulls first),
    filter = AssignmentFilter,
    order = AssignmentOrder,
    connection = "A page of assignments.",
    edge = "One assignment in a page."
)]
pub struct Assignment(Record<Assignment>);

#[object]
impl Assignment {
    #[column]
    pub async fn id(&self) -> PublicId {
        PublicId(Assignment::PREFIX, self.0.id)
    }

    /// Role on the project; null when not decided.
    #[column]
    async fn role(&self) -> Option<Text<'_>> {
        self.0.role.as_deref().map(Text)
    }

    #[column]
    async fn start_date(&self) -> Option<DateTime> {
        self.0.start_date.map(DateTime)
    }

    /// End of the work, not included; null while open-ended.
    #[column]
    async fn end_date(&self) -> Option<DateTime> {
        self.0.end_date.map(DateTime)
    }

    async fn employee(&self, ctx: &Context<'_>) -> Result<ObjectOutput<Employee>> {
        referenced(ctx, &self.0, |rows| &rows.employee, self.0.employee_id).await
    }

    async fn project(&self, ctx: &Context<'_>) -> Result<ObjectOutput<Project>> {
        referenced(ctx, &self.0, |rows| &rows.project, self.0.project_id).await
    }
}

#[filter(of = Assignment)]
pub struct AssignmentFilter {
    role: StringFilter,
    start_date: DateTimeFilter,
    end_date: DateTimeFilter,
    #[one(employee_id)]
    employee: Box<EmployeeFilter>,
    #[one(project_id)]
    project: Box<ProjectFilter>,
}

#[order(
    AssignmentOrder,
    of = Assignment,
    description = "One sort key for assignments.",
    nulls = "Place of assignments without a role or date."
)]
pub enum AssignmentOrderField {
    Role,
    StartDate,
    EndDate,
}
