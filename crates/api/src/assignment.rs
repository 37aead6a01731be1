//! Assignments: the association entity between employees and projects.

use std::sync::Arc;

use async_graphql::{Context, Object, SimpleObject};
use entity::{assignment, employee, project};
use sea_orm::sea_query::{Expr, Func, NullOrdering, Order as Direction};
use serde::de::SeqAccess;

use sea_level::{
    ColumnSet, Columns, Comparison, ConnectionScope, DateTime, DateTimeFilter, LinkFields,
    ListOutput, Loader, NoFields, NoThrough, Node, ObjectOutput, Page, PublicId, Reader, Record,
    RecordBatch, Reference, Result, SortExpr, SortKey, StringFilter, Text, column, filter, object,
    one, operation, order, referenced, row,
    sql::{Column, Row},
};

use crate::{
    employee::{Employee, EmployeeFilter},
    period::ActiveFilter,
    project::{Project, ProjectFilter},
};

/// One employee's stint on one project in one role. An assignment cannot exist without both: deleting either deletes it.
#[derive(Clone)]
pub struct Assignment(Record<Assignment>);

impl From<Record<Assignment>> for Assignment {
    fn from(found: Record<Assignment>) -> Self {
        Self(found)
    }
}

row!(Assignment => assignment::Model {
    id,
    role,
    start_date,
    end_date,
    employee_id,
    project_id,
    version,
} without {
    employee_name,
});

impl Node for Assignment {
    type Entity = assignment::Entity;

    const NAME: &'static str = "assignment";
    const CONNECTION: &'static str = "A page of assignments.";
    const EDGE: &'static str = "One assignment in a page.";
    const PREFIX: &'static str = "asg_";
    const ORDER: &'static [SortKey<Self::Entity>] = &[EARLIEST_FIRST];
    type Filter = AssignmentFilter;
    type Order = AssignmentOrder;
    type ListRow = Staffed;
    type Preloaded = Ends;

    fn key(model: &assignment::Model) -> i64 {
        model.id
    }

    fn batch(rows: Vec<Staffed>, columns: ColumnSet) -> RecordBatch<Self> {
        let mut are_requested = columns
            .referred::<Staffed>()
            .map(|(_, requested)| !requested.is_empty());
        let mut next_is_requested = || are_requested.next().unwrap_or_default();
        let mut employees = next_is_requested().then(|| Vec::with_capacity(rows.len()));
        let mut projects = next_is_requested().then(|| Vec::with_capacity(rows.len()));
        let mut assignments = Vec::with_capacity(rows.len());
        for Staffed(assignment, employee, project) in rows {
            assignments.push(assignment);
            if let Some(employees) = &mut employees {
                employees.push(employee);
            }
            if let Some(projects) = &mut projects {
                projects.push(project);
            }
        }
        let ends = Ends {
            employees: employees.map(|employees| Arc::new(employees.into())),
            projects: projects.map(|projects| Arc::new(projects.into())),
        };
        RecordBatch::new(assignments, ends)
    }
}

/// Row of an assignment with its employee and its project. Columns that are not requested have defaults.
pub struct Staffed(assignment::Model, employee::Model, project::Model);

/// Employees and projects of a list of assignments.
#[derive(Default)]
pub struct Ends {
    employees: Option<Arc<RecordBatch<Employee>>>,
    projects: Option<Arc<RecordBatch<Project>>>,
}

impl Columns for Staffed {
    const COLUMNS: &'static [&'static str] = Assignment::COLUMNS;
    const REFERENCES: &'static [Reference] = &[
        Reference::to::<Employee>("employee", "employee_id"),
        Reference::to::<Project>("project", "project_id"),
    ];
}

impl Row for Staffed {
    type Value = Self;

    fn read(columns: &mut [Column<'_>]) -> Option<Self> {
        let (own, columns) = columns.split_at_mut_checked(Self::COLUMNS.len())?;
        let (employee, project) = columns.split_at_mut_checked(Employee::COLUMNS.len())?;
        Some(Self(
            Assignment::read(own)?,
            Employee::read(employee)?,
            Project::read(project)?,
        ))
    }

    fn read_json<'de, A: SeqAccess<'de>>(
        array: &mut A,
        columns: ColumnSet,
    ) -> Result<Self, A::Error> {
        let mut referred = columns.referred::<Self>().map(|(_, columns)| columns);
        let mut next = || referred.next().unwrap_or_default();
        Ok(Self(
            Assignment::read_json(array, columns)?,
            Employee::read_json(array, next())?,
            Project::read_json(array, next())?,
        ))
    }
}

const EARLIEST_FIRST: SortKey<assignment::Entity> = SortKey {
    name: "StartDate",
    by: |_| SortExpr::Column(assignment::Column::StartDate),
    descending: false,
    nulls_first: true,
};

object! {
    /// One employee's stint on one project in one role. An assignment cannot exist without both: deleting either deletes it.
    Assignment {}

    /// Globally unique id, `asg_…`.
    pub async fn id(&self) -> PublicId {
        PublicId(Assignment::PREFIX, self.0.id)
    }

    /// What the employee does on the project; null when not decided.
    async fn role(&self) -> Option<Text<'_>> {
        self.0.role.as_deref().map(Text)
    }

    /// When the work starts; null when not decided, which counts as started.
    async fn start_date(&self) -> Option<DateTime> {
        self.0.start_date.map(DateTime)
    }

    /// When the work ends, NOT included; null while open-ended.
    async fn end_date(&self) -> Option<DateTime> {
        self.0.end_date.map(DateTime)
    }

    /// Who is assigned.
    async fn employee(&self, ctx: &Context<'_>) -> Result<ObjectOutput<Employee>> {
        match self.0.preloaded(|ends| &ends.employees) {
            Some(employee) => Ok(ObjectOutput(employee.into())),
            None => referenced::<Employee>(ctx, self.0.employee_id).await,
        }
    }

    /// What they are assigned to.
    async fn project(&self, ctx: &Context<'_>) -> Result<ObjectOutput<Project>> {
        match self.0.preloaded(|ends| &ends.projects) {
            Some(project) => Ok(ObjectOutput(project.into())),
            None => referenced::<Project>(ctx, self.0.project_id).await,
        }
    }

    /// Is `startDate <= at < endDate`?
    async fn is_active(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The instant to test; now when omitted.")] at: Option<DateTime>,
    ) -> bool {
        let at = at.unwrap_or(operation(ctx).now()).0;
        self.0.start_date.is_none_or(|start| start <= at) && self.0.end_date.is_none_or(|end| at < end)
    }

    /// Row version, for `expectedVersion` in mutations.
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

filter! {
    /// Which assignments. Everything given must hold; an empty filter matches all; a null inside is an error.
    AssignmentFilter of Assignment {
        /// By role.
        role: StringFilter => |role, context| role.on(assignment::Column::Role, context),
        /// By start.
        start_date: DateTimeFilter => |start, context| start.on(column(assignment::Column::StartDate), context),
        /// By end. `{isNull: true}` finds open-ended ones.
        end_date: DateTimeFilter => |end, context| end.on(column(assignment::Column::EndDate), context),
        /// By when it is active.
        active: ActiveFilter => |active, context| active.on(
            column(assignment::Column::StartDate), column(assignment::Column::EndDate), context,
        ),
        /// By its employee.
        employee: Box<EmployeeFilter> => |employee, context| one(column(assignment::Column::EmployeeId), &**employee, context),
        /// By its project.
        project: Box<ProjectFilter> => |project, context| one(column(assignment::Column::ProjectId), &**project, context),
    }
}

order! {
    /// One sort key for assignments.
    AssignmentOrder of assignment::Entity,
    /// What assignments can be sorted by.
    AssignmentOrderField {
        /// Oldest record first.
        Id => |_| SortExpr::Column(assignment::Column::Id),
        /// Role.
        Role => |_| SortExpr::Column(assignment::Column::Role),
        /// Start.
        StartDate => |_| SortExpr::Column(assignment::Column::StartDate),
        /// End.
        EndDate => |_| SortExpr::Column(assignment::Column::EndDate),
        /// The employee's name.
        EmployeeName => |_| SortExpr::text_of(assignment::Column::EmployeeId, employee::Column::Name),
        /// The project's title.
        ProjectTitle => |_| SortExpr::text_of(assignment::Column::ProjectId, project::Column::Title),
    }
    /// Where nulls go (ROLE, START_DATE and END_DATE have some; LAST puts open-ended ones at the end).
    nulls
}

/// Loader of the assignments of one connection, counted by role.
#[derive(Clone, PartialEq)]
struct RoleCounts(ConnectionScope<Assignment, NoThrough>);

struct RoleCountRow {
    role: Option<String>,
    assignments: i64,
    employees: i64,
}

row!(RoleCountRow {
    role,
    assignments,
    employees
});

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
