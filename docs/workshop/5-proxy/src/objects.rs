//! Objects over rows.

use async_graphql::{Context, Object, Result};
use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::{
    ColumnTrait, DatabaseConnection, EntityTrait, ModelTrait, QueryFilter, QuerySelect, QueryTrait,
};

use crate::entity::{assignment, employee, meeting, project};

/// Returns the database that the schema was built with.
pub fn database<'a>(ctx: &Context<'a>) -> Result<&'a DatabaseConnection> {
    ctx.data()
}

/// A person on staff.
pub struct Employee(pub employee::Model);

#[Object]
impl Employee {
    async fn id(&self) -> i64 {
        self.0.id
    }

    async fn name(&self) -> &str {
        &self.0.name
    }

    async fn hire_date(&self) -> NaiveDate {
        self.0.hire_date
    }

    /// Meetings that this employee attends.
    async fn meetings(&self, ctx: &Context<'_>) -> Result<Vec<Meeting>> {
        let rows = self.0.find_related(meeting::Entity).order_by_id_asc();
        let rows = rows.all(database(ctx)?).await?;
        Ok(rows.into_iter().map(Meeting).collect())
    }

    /// Assignments of this employee.
    async fn assignments(&self, ctx: &Context<'_>) -> Result<Vec<Assignment>> {
        let rows = self.0.find_related(assignment::Entity).order_by_id_asc();
        let rows = rows.all(database(ctx)?).await?;
        Ok(rows.into_iter().map(Assignment).collect())
    }

    /// Projects that this employee works on, each once.
    async fn projects(&self, ctx: &Context<'_>) -> Result<Vec<Project>> {
        // `find_related` joins, and returns a project once for each assignment.
        let ids = assignment::Entity::find()
            .select_only()
            .column(assignment::Column::ProjectId)
            .filter(assignment::Column::EmployeeId.eq(self.0.id))
            .into_query();
        let rows = project::Entity::find()
            .filter(project::Column::Id.in_subquery(ids))
            .order_by_id_asc();
        let rows = rows.all(database(ctx)?).await?;
        Ok(rows.into_iter().map(Project).collect())
    }
}

/// An appointment that employees attend.
pub struct Meeting(pub meeting::Model);

#[Object]
impl Meeting {
    async fn id(&self) -> i64 {
        self.0.id
    }

    async fn topic(&self) -> &str {
        &self.0.topic
    }

    async fn scheduled_time(&self) -> DateTime<Utc> {
        self.0.scheduled_time
    }

    async fn location(&self) -> Option<&str> {
        self.0.location.as_deref()
    }

    /// Employees who attend this meeting.
    async fn employees(&self, ctx: &Context<'_>) -> Result<Vec<Employee>> {
        let rows = self.0.find_related(employee::Entity).order_by_id_asc();
        let rows = rows.all(database(ctx)?).await?;
        Ok(rows.into_iter().map(Employee).collect())
    }
}

/// A piece of work that employees are assigned to.
pub struct Project(pub project::Model);

#[Object]
impl Project {
    async fn id(&self) -> i64 {
        self.0.id
    }

    async fn title(&self) -> &str {
        &self.0.title
    }

    async fn budget(&self) -> Option<i64> {
        self.0.budget
    }

    /// Assignments on this project.
    async fn assignments(&self, ctx: &Context<'_>) -> Result<Vec<Assignment>> {
        let rows = self.0.find_related(assignment::Entity).order_by_id_asc();
        let rows = rows.all(database(ctx)?).await?;
        Ok(rows.into_iter().map(Assignment).collect())
    }

    /// Employees who work on this project, each once.
    async fn employees(&self, ctx: &Context<'_>) -> Result<Vec<Employee>> {
        let ids = assignment::Entity::find()
            .select_only()
            .column(assignment::Column::EmployeeId)
            .filter(assignment::Column::ProjectId.eq(self.0.id))
            .into_query();
        let rows = employee::Entity::find()
            .filter(employee::Column::Id.in_subquery(ids))
            .order_by_id_asc();
        let rows = rows.all(database(ctx)?).await?;
        Ok(rows.into_iter().map(Employee).collect())
    }
}

/// One employee on one project.
pub struct Assignment(pub assignment::Model);

#[Object]
impl Assignment {
    async fn id(&self) -> i64 {
        self.0.id
    }

    /// Role on the project; null when not decided.
    async fn role(&self) -> Option<&str> {
        self.0.role.as_deref()
    }

    async fn start_date(&self) -> Option<DateTime<Utc>> {
        self.0.start_date
    }

    /// End of the work, not included; null while open-ended.
    async fn end_date(&self) -> Option<DateTime<Utc>> {
        self.0.end_date
    }

    async fn employee(&self, ctx: &Context<'_>) -> Result<Employee> {
        let row = employee::Entity::find_by_id(self.0.employee_id);
        let row = row.one(database(ctx)?).await?;
        row.map(Employee)
            .ok_or_else(|| "The employee is gone.".into())
    }

    async fn project(&self, ctx: &Context<'_>) -> Result<Project> {
        let row = project::Entity::find_by_id(self.0.project_id);
        let row = row.one(database(ctx)?).await?;
        row.map(Project)
            .ok_or_else(|| "The project is gone.".into())
    }
}
