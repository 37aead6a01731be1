//! Assignments: the association entity between employees and projects.

use async_graphql::{Context, Object, SimpleObject};
use entity::{assignment, employee, project};
use sea_orm::sea_query::{Condition, Expr, Func, NullOrdering, Order as Direction};

use sea_level::{
    ConnectionScope, DateTime, DateTimeFilter, FilterContext, LinkFields, ListOutput, Loader,
    NoFields, NoThrough, Node, ObjectFields, ObjectOutput, Page, PublicId, Reader, Record, Result,
    Row, SortExpr, StringFilter, Text, column, filter, object, operation, order, referenced,
};

use crate::{
    employee::{Employee, EmployeeFilter},
    period::ActiveFilter,
    project::{Project, ProjectFilter},
};

/// One employee's stint on one project in one role. An assignment cannot exist without both: deleting either deletes it.
#[derive(Clone, Node)]
#[node(
    entity = assignment,
    columns(id, role, start_date, end_date, employee_id, project_id, version),
    unread(employee_name),
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
    /// Globally unique id, `asg_…`.
    #[column]
    pub async fn id(&self) -> PublicId {
        PublicId(Assignment::PREFIX, self.0.id)
    }

    /// What the employee does on the project; null when not decided.
    #[column]
    async fn role(&self) -> Option<Text<'_>> {
        self.0.role.as_deref().map(Text)
    }

    /// When the work starts; null when not decided, which counts as started.
    #[column]
    async fn start_date(&self) -> Option<DateTime> {
        self.0.start_date.map(DateTime)
    }

    /// When the work ends, NOT included; null while open-ended.
    #[column]
    async fn end_date(&self) -> Option<DateTime> {
        self.0.end_date.map(DateTime)
    }

    /// Who is assigned.
    async fn employee(&self, ctx: &Context<'_>) -> Result<ObjectOutput<Employee>> {
        referenced(ctx, &self.0, |rows| &rows.employee, self.0.employee_id).await
    }

    /// What they are assigned to.
    async fn project(&self, ctx: &Context<'_>) -> Result<ObjectOutput<Project>> {
        referenced(ctx, &self.0, |rows| &rows.project, self.0.project_id).await
    }

    /// Is `startDate <= at < endDate`?
    #[reads(start_date, end_date)]
    async fn is_active(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The instant to test; now when omitted.")] at: Option<DateTime>,
    ) -> bool {
        let at = at.unwrap_or(operation(ctx).now()).0;
        self.0.start_date.is_none_or(|start| start <= at)
            && self.0.end_date.is_none_or(|end| at < end)
    }

    /// Row version, for `expectedVersion` in mutations.
    #[column]
    async fn version(&self) -> i32 {
        self.0.version
    }
}

/// Connection to assignments with totals by role.
pub struct RoleTotals;

impl LinkFields<Assignment> for RoleTotals {
    type Through = NoThrough;
    type ConnectionFields = RoleFields;
    type EdgeFields = NoFields;
}

/// Fields of a connection to assignments beyond those of Relay.
pub struct RoleFields(Page<Assignment, NoThrough>);

impl From<Page<Assignment, NoThrough>> for RoleFields {
    fn from(page: Page<Assignment, NoThrough>) -> Self {
        Self(page)
    }
}

#[Object]
impl RoleFields {
    /// All matching assignments counted by role, most frequent first, then by role, the undecided last. Roles that differ only in case are different. At most 100 roles.
    async fn by_role(&self, ctx: &Context<'_>) -> Result<ListOutput<RoleCount>> {
        let loader = RoleCounts(self.0.scope().clone());
        let roles = operation(ctx).load(&loader, self.0.parent).await?;
        Ok(ListOutput(roles.to_vec()))
    }
}

/// How often a role occurs.
#[derive(SimpleObject, Clone)]
pub struct RoleCount {
    /// The role, as written; null for assignments whose role is not decided.
    role: Option<String>,
    /// Assignments with that role.
    assignment_count: i32,
    /// Distinct employees with that role.
    employee_count: i32,
}

impl ObjectFields for RoleCount {}

/// Which assignments. Everything given must hold; an empty filter matches all; a null inside is an error.
#[filter(of = Assignment)]
pub struct AssignmentFilter {
    /// By role.
    role: StringFilter,
    /// By start.
    start_date: DateTimeFilter,
    /// By end. `{isNull: true}` finds open-ended ones.
    end_date: DateTimeFilter,
    /// By when it is active.
    #[condition(is_active)]
    active: ActiveFilter,
    /// By its employee.
    #[one(employee_id)]
    employee: Box<EmployeeFilter>,
    /// By its project.
    #[one(project_id)]
    project: Box<ProjectFilter>,
}

fn is_active(active: &ActiveFilter, context: &mut FilterContext) -> Result<Condition> {
    let start = column(assignment::Column::StartDate);
    active.on(start, column(assignment::Column::EndDate), context)
}

/// What assignments can be sorted by.
#[order(
    AssignmentOrder,
    of = Assignment,
    description = "One sort key for assignments.",
    nulls = "Where nulls go (ROLE, START_DATE and END_DATE have some; LAST puts open-ended ones at the end)."
)]
pub enum AssignmentOrderField {
    /// Oldest record first.
    Id,
    /// Role.
    Role,
    /// Start.
    StartDate,
    /// End.
    EndDate,
    /// The employee's name.
    #[by(|_| SortExpr::text_of(assignment::Column::EmployeeId, employee::Column::Name))]
    EmployeeName,
    /// The project's title.
    #[by(|_| SortExpr::text_of(assignment::Column::ProjectId, project::Column::Title))]
    ProjectTitle,
}

/// Loader of the assignments of one connection, counted by role.
#[derive(Clone, PartialEq)]
struct RoleCounts(ConnectionScope<Assignment, NoThrough>);

#[derive(Row)]
struct RoleCountRow {
    role: Option<String>,
    assignments: i64,
    employees: i64,
}

impl From<RoleCountRow> for RoleCount {
    fn from(row: RoleCountRow) -> Self {
        let count = |count| i32::try_from(count).unwrap_or(i32::MAX);
        Self {
            role: row.role,
            assignment_count: count(row.assignments),
            employee_count: count(row.employees),
        }
    }
}

impl Loader for RoleCounts {
    type Key = i64;
    type Value = Vec<RoleCount>;

    async fn load(&self, db: &Reader, keys: &[i64]) -> Result<Vec<Vec<RoleCount>>> {
        let role = (assignment::Entity, assignment::Column::Role);
        let mut select = self.0.select(db.backend())?;
        select
            .column(role)
            .expr_as(Func::count(Expr::cust("*")), "assignments")
            .expr_as(
                Func::count_distinct(column(assignment::Column::EmployeeId)),
                "employees",
            )
            .group_by_col(role)
            .order_by_expr(Func::count(Expr::cust("*")).into(), Direction::Desc)
            .order_by_with_nulls(role, Direction::Asc, NullOrdering::Last)
            .limit(100);
        let found = self.0.fetch::<RoleCountRow>(db, &select, keys).await?;
        Ok(found
            .into_iter()
            .map(|rows| rows.into_iter().map(Into::into).collect())
            .collect())
    }
}
