//! All that GraphQL says about assignments, and about the links between employees and projects that
//! they make.

mod mutations;

use std::sync::Arc;

use async_graphql::{Context, Interface, Object, SimpleObject};
use entity::{assignment, employee, project};
use sea_orm::sea_query::{
    Expr, ExprTrait, Func, NullOrdering, Order as Direction, Query, SelectStatement,
};
use serde::de::SeqAccess;

use crate::{
    arrays::Column,
    batch::Question,
    columns::{ColumnSet, Reference},
    connection::{connection, edge, object},
    context::{Found, Loaded, Record, batch, referred},
    employee::{Employee, EmployeeFilter},
    error::{Error, Result},
    filter::{ActiveFilter, Comparison, DateTimeFilter, Filter, StringFilter, column, filter, one},
    nodes::{Nodes, Object as AnObject},
    order::{By, SortKey, order},
    page::{Positioned, Scope, links},
    project::{Project, ProjectFilter},
    reader::Reader,
    rows::{Row, key_part, load_per_key, row, select_per_key},
    scalar::{DateTime, PublicId, Text},
};

pub use mutations::*;

/// One employee's stint on one project in one role. An assignment cannot exist without both: deleting either deletes it.
#[derive(Clone)]
pub struct Assignment(Found<assignment::Entity>);

impl From<Found<assignment::Entity>> for Assignment {
    fn from(found: Found<assignment::Entity>) -> Self {
        Self(found)
    }
}

row!(assignment::Model {
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

impl Record for assignment::Entity {
    const PREFIX: &'static str = "asg_";
    const ID: assignment::Column = assignment::Column::Id;
    const ORDER: &'static [SortKey<Self>] = &[EARLIEST_FIRST];
    type Object = Assignment;
    type Listed = Staffed;
    type Beside = Ends;

    fn key(model: &assignment::Model) -> i64 {
        model.id
    }

    fn loaded(listed: Vec<Staffed>, columns: ColumnSet) -> Loaded<Self> {
        let mut are_asked = columns
            .referred::<Staffed>()
            .map(|(_, asked)| !asked.is_empty());
        let mut next_is_asked = || are_asked.next().unwrap_or_default();
        let mut employees = next_is_asked().then(|| Vec::with_capacity(listed.len()));
        let mut projects = next_is_asked().then(|| Vec::with_capacity(listed.len()));
        let mut assignments = Vec::with_capacity(listed.len());
        for Staffed(assignment, employee, project) in listed {
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
        Loaded::new(assignments, ends)
    }
}

/// An assignment with its employee and its project, of which what was not asked for is empty.
pub struct Staffed(assignment::Model, employee::Model, project::Model);

/// The employees and the projects of assignments that were listed.
#[derive(Default)]
pub struct Ends {
    employees: Option<Arc<Loaded<employee::Entity>>>,
    projects: Option<Arc<Loaded<project::Entity>>>,
}

impl Row for Staffed {
    const COLUMNS: &'static [&'static str] = assignment::Model::COLUMNS;
    const REFERENCES: &'static [Reference] = &[
        Reference::to::<employee::Entity>("employee", "employee_id"),
        Reference::to::<project::Entity>("project", "project_id"),
    ];

    fn read(columns: &mut [Column<'_>]) -> Option<Self> {
        let (own, columns) = columns.split_at_mut_checked(Self::COLUMNS.len())?;
        let (employee, project) = columns.split_at_mut_checked(employee::Model::COLUMNS.len())?;
        Some(Self(
            assignment::Model::read(own)?,
            employee::Model::read(employee)?,
            project::Model::read(project)?,
        ))
    }

    fn read_json<'de, A: SeqAccess<'de>>(
        array: &mut A,
        columns: ColumnSet,
    ) -> Result<Self, A::Error> {
        let mut referred = columns.referred::<Self>().map(|(_, columns)| columns);
        let mut next = || referred.next().unwrap_or_default();
        Ok(Self(
            assignment::Model::read_json(array, columns)?,
            employee::Model::read_json(array, next())?,
            project::Model::read_json(array, next())?,
        ))
    }
}

const EARLIEST_FIRST: SortKey<assignment::Entity> = SortKey {
    name: "StartDate",
    by: |_| By::Column(assignment::Column::StartDate),
    descending: false,
    nulls_first: true,
};

object! {
    /// One employee's stint on one project in one role. An assignment cannot exist without both: deleting either deletes it.
    Assignment {}

    /// Globally unique id, `asg_…`.
    pub async fn id(&self) -> PublicId {
        PublicId(assignment::Entity::PREFIX, self.0.id)
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
    async fn employee(&self, ctx: &Context<'_>) -> Result<AnObject<Employee>> {
        match self.0.beside(|ends| &ends.employees) {
            Some(employee) => Ok(AnObject(employee.into())),
            None => referred::<employee::Entity>(ctx, self.0.employee_id).await,
        }
    }

    /// What they are assigned to.
    async fn project(&self, ctx: &Context<'_>) -> Result<AnObject<Project>> {
        match self.0.beside(|ends| &ends.projects) {
            Some(project) => Ok(AnObject(project.into())),
            None => referred::<project::Entity>(ctx, self.0.project_id).await,
        }
    }

    /// Is `startDate <= at < endDate`?
    async fn is_active(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The instant to test; now when omitted.")] at: Option<DateTime>,
    ) -> bool {
        let at = at.unwrap_or(batch(ctx).now()).0;
        self.0.start_date.is_none_or(|start| start <= at) && self.0.end_date.is_none_or(|end| at < end)
    }

    /// Row version, for `expectedVersion` in mutations.
    async fn version(&self) -> i32 {
        self.0.version
    }
}

connection! {
    /// A page of assignments.
    AssignmentConnection of AssignmentEdge, Assignment, AssignmentFilter {
        /// All matching assignments counted by role, most frequent first, then by role, the undecided last. Roles that differ only in case are different. At most 100 roles.
        async fn by_role(&self, ctx: &Context<'_>) -> Result<Nodes<RoleCount>> {
            let question = RoleCounts(self.0.scope().clone());
            let roles = batch(ctx).load(&question, self.0.parent).await?;
            Ok(Nodes(roles.to_vec()))
        }
    }
}

edge! {
    /// One assignment in a page.
    AssignmentEdge of Assignment, AssignmentFilter
}

connection! {
    /// A page of the distinct projects of one employee.
    EmployeeProjectConnection of EmployeeProjectEdge, Project, ProjectFilter {}
}

connection! {
    /// A page of the distinct employees of one project.
    ProjectEmployeeConnection of ProjectEmployeeEdge, Employee, EmployeeFilter {}
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
    AssignmentFilter of assignment::Entity {
        /// By role.
        role: StringFilter => |role, reading| role.on(assignment::Column::Role, reading),
        /// By start.
        start_date: DateTimeFilter => |start, reading| start.on(column(assignment::Column::StartDate), reading),
        /// By end. `{isNull: true}` finds open-ended ones.
        end_date: DateTimeFilter => |end, reading| end.on(column(assignment::Column::EndDate), reading),
        /// By when it is active.
        active: ActiveFilter => |active, reading| active.on(
            column(assignment::Column::StartDate), column(assignment::Column::EndDate), reading,
        ),
        /// By its employee.
        employee: Box<EmployeeFilter> => |employee, reading| one(column(assignment::Column::EmployeeId), &**employee, reading),
        /// By its project.
        project: Box<ProjectFilter> => |project, reading| one(column(assignment::Column::ProjectId), &**project, reading),
    }
}

order! {
    /// One sort key for assignments.
    AssignmentOrder of assignment::Entity,
    /// What assignments can be sorted by.
    AssignmentOrderField {
        /// Oldest record first.
        Id => |_| By::Column(assignment::Column::Id),
        /// Role.
        Role => |_| By::Column(assignment::Column::Role),
        /// Start.
        StartDate => |_| By::Column(assignment::Column::StartDate),
        /// End.
        EndDate => |_| By::Column(assignment::Column::EndDate),
        /// The employee's name.
        EmployeeName => |_| By::text_of(assignment::Column::EmployeeId, employee::Column::Name),
        /// The project's title.
        ProjectTitle => |_| By::text_of(assignment::Column::ProjectId, project::Column::Title),
    }
    /// Where nulls go (ROLE, START_DATE and END_DATE have some; LAST puts open-ended ones at the end).
    nulls
}

/// The link from one employee to one project: all the assignments between the two.
pub struct LinkEdge<F: Filter>(Positioned<F>);

/// From an employee to a project.
pub type EmployeeProjectEdge = LinkEdge<ProjectFilter>;
/// From a project to an employee.
pub type ProjectEmployeeEdge = LinkEdge<EmployeeFilter>;

impl<F: Filter> From<Positioned<F>> for LinkEdge<F> {
    fn from(positioned: Positioned<F>) -> Self {
        Self(positioned)
    }
}

/// Which end of the link the node of an edge is.
pub trait LinkEnd {
    /// (employee, project), from the key of the parent and that of the node.
    fn pair(parent: i64, node: i64) -> (i64, i64);
}

impl LinkEnd for ProjectFilter {
    fn pair(employee: i64, project: i64) -> (i64, i64) {
        (employee, project)
    }
}

impl LinkEnd for EmployeeFilter {
    fn pair(project: i64, employee: i64) -> (i64, i64) {
        (employee, project)
    }
}

/// The link from one employee to one project: all the assignments between the two.
#[Object(
    concrete(name = "EmployeeProjectEdge", params(ProjectFilter)),
    concrete(name = "ProjectEmployeeEdge", params(EmployeeFilter))
)]
impl<F: Filter + LinkEnd> LinkEdge<F> {
    /// Opaque position, for `after` and `before`.
    async fn cursor(&self) -> String {
        self.0.cursor()
    }

    /// The project, or the employee.
    async fn node(&self) -> AnObject<<F::Entity as Record>::Object> {
        AnObject(self.0.found().into())
    }

    /// The assignments between the two, earliest first. Never empty. Only those matching `through`, when it is given.
    pub async fn assignments(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most this many; largest value 100.", default = 20)] first: i32,
    ) -> Result<Nodes<Assignment>> {
        let limit = short_list(first)?;
        let question = LinkAssignments {
            link: self.link(),
            limit,
        };
        let found = batch(ctx).load(&question, self.pair()).await?;
        Ok(Nodes(
            (0..found.len())
                .map(|index| Found::<assignment::Entity>::new(found.clone(), index).into())
                .collect(),
        ))
    }

    /// How many assignments `assignments` would list without its limit.
    pub async fn assignment_count(&self, ctx: &Context<'_>) -> Result<i32> {
        let summary = batch(ctx)
            .load(&LinkSummary(self.link()), self.pair())
            .await?;
        Ok(i32::try_from(summary.count).unwrap_or(i32::MAX))
    }

    /// The distinct roles held, earliest first; undecided roles are left out.
    pub async fn roles(&self, ctx: &Context<'_>) -> Result<Vec<String>> {
        Ok(batch(ctx)
            .load(&LinkRoles(self.link()), self.pair())
            .await?
            .to_vec())
    }

    /// Start of the earliest of these assignments; null when any has no start.
    pub async fn since(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        let summary = batch(ctx)
            .load(&LinkSummary(self.link()), self.pair())
            .await;
        summary
            .map(|summary| summary.since.map(DateTime))
            .transpose()
    }

    /// End of the latest of these assignments; null while any is open-ended.
    pub async fn until(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        let summary = batch(ctx)
            .load(&LinkSummary(self.link()), self.pair())
            .await;
        summary
            .map(|summary| summary.until.map(DateTime))
            .transpose()
    }
}

impl<F: Filter + LinkEnd> LinkEdge<F> {
    fn link(&self) -> Link {
        Link {
            through: self.0.page.scope().through().cloned(),
        }
    }

    fn pair(&self) -> (i64, i64) {
        F::pair(self.0.page.parent, self.0.found().key())
    }
}

/// What the two directions of the employee–project link have in common, so that a client fragment works on both.
#[expect(
    clippy::duplicated_attributes,
    reason = "two fields may have the same type"
)]
#[derive(Interface)]
#[graphql(
    field(
        name = "assignments",
        ty = "Nodes<Assignment>",
        desc = "The assignments between the two, earliest first. Never empty. Only those matching `through`, when it is given.",
        arg(
            name = "first",
            ty = "i32",
            desc = "At most this many; largest value 100.",
            default = 20
        )
    ),
    field(
        name = "assignment_count",
        ty = "i32",
        desc = "How many assignments `assignments` would list without its limit."
    ),
    field(
        name = "roles",
        ty = "Vec<String>",
        desc = "The distinct roles held, earliest first; undecided roles are left out."
    ),
    field(
        name = "since",
        ty = "Option<Result<DateTime>>",
        desc = "Start of the earliest of these assignments; null when any has no start."
    ),
    field(
        name = "until",
        ty = "Option<Result<DateTime>>",
        desc = "End of the latest of these assignments; null while any is open-ended."
    )
)]
pub enum AssignmentLink {
    /// From an employee to a project.
    EmployeeProjectEdge(EmployeeProjectEdge),
    /// From a project to an employee.
    ProjectEmployeeEdge(ProjectEmployeeEdge),
}

/// The size of a list that is no connection: 0 to 100.
pub fn short_list(first: i32) -> Result<u64> {
    u64::try_from(first)
        .ok()
        .filter(|first| *first <= 100)
        .ok_or_else(|| Error::bad_input("first", "`first` must be 0 to 100."))
}

/// The assignments between an employee and a project, or those of them that match.
#[derive(Clone, PartialEq)]
struct Link {
    through: Option<AssignmentFilter>,
}

impl Link {
    fn select(&self, db: &Reader) -> Result<SelectStatement> {
        Ok(Query::select()
            .from(assignment::Entity)
            .and_where(column(assignment::Column::EmployeeId).eq(key_part(0)))
            .and_where(column(assignment::Column::ProjectId).eq(key_part(1)))
            .cond_where(links(self.through.as_ref(), db.backend())?)
            .take())
    }
}

#[derive(Clone, PartialEq)]
struct LinkAssignments {
    link: Link,
    limit: u64,
}

impl Question for LinkAssignments {
    type Key = (i64, i64);
    type Answer = Loaded<assignment::Entity>;

    async fn ask(&self, db: &Reader, pairs: &[(i64, i64)]) -> Result<Vec<Self::Answer>> {
        let mut select = self.link.select(db)?;
        let columns = assignment::Model::COLUMNS.iter();
        select
            .columns(columns.map(|column| (assignment::Entity, *column)))
            .order_by_with_nulls(
                (assignment::Entity, assignment::Column::StartDate),
                Direction::Asc,
                NullOrdering::First,
            )
            .order_by((assignment::Entity, assignment::Column::Id), Direction::Asc)
            .limit(self.limit);
        load_per_key(db, &select, pairs).await
    }
}

#[derive(Clone, PartialEq)]
struct LinkSummary(Link);

#[derive(Clone, Default)]
struct LinkSummaryRow {
    count: i64,
    since: Option<chrono::DateTime<chrono::Utc>>,
    until: Option<chrono::DateTime<chrono::Utc>>,
}

row!(LinkSummaryRow {
    count,
    since,
    until
});

impl Question for LinkSummary {
    type Key = (i64, i64);
    type Answer = LinkSummaryRow;

    async fn ask(&self, db: &Reader, pairs: &[(i64, i64)]) -> Result<Vec<LinkSummaryRow>> {
        // An open end swallows the others.
        let unless_open = |column: Expr, figure: Expr| {
            Expr::case(Func::count(column).eq(Func::count(Expr::cust("*"))), figure)
        };
        let start = || column(assignment::Column::StartDate);
        let end = || column(assignment::Column::EndDate);
        let mut select = self.0.select(db)?;
        select
            .expr_as(Func::count(Expr::cust("*")), "count")
            .expr_as(unless_open(start(), Func::min(start()).into()), "since")
            .expr_as(unless_open(end(), Func::max(end()).into()), "until");
        let found: Vec<Vec<LinkSummaryRow>> = select_per_key(db, &select, pairs).await?;
        Ok(found
            .into_iter()
            .map(|rows| rows.into_iter().next().unwrap_or_default())
            .collect())
    }
}

#[derive(Clone, PartialEq)]
struct LinkRoles(Link);

struct RoleRow {
    role: String,
}

row!(RoleRow { role });

impl Question for LinkRoles {
    type Key = (i64, i64);
    type Answer = Vec<String>;

    async fn ask(&self, db: &Reader, pairs: &[(i64, i64)]) -> Result<Vec<Vec<String>>> {
        let mut numbered = self.0.select(db)?;
        numbered
            .column((assignment::Entity, assignment::Column::Role))
            .expr_as(
                Expr::cust("ROW_NUMBER() OVER (ORDER BY assignments.start_date ASC NULLS FIRST, assignments.id)"),
                "place",
            )
            .and_where(column(assignment::Column::Role).is_not_null());
        let select = Query::select()
            .column("role")
            .from_subquery(numbered, "numbered")
            .group_by_col("role")
            .order_by_expr(Func::min(Expr::col("place")).into(), Direction::Asc)
            .take();
        let found: Vec<Vec<RoleRow>> = select_per_key(db, &select, pairs).await?;
        Ok(found
            .into_iter()
            .map(|rows| rows.into_iter().map(|row| row.role).collect())
            .collect())
    }
}

/// The assignments of one connection, counted by role.
#[derive(Clone, PartialEq)]
struct RoleCounts(Scope<AssignmentFilter>);

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

impl Question for RoleCounts {
    type Key = i64;
    type Answer = Vec<RoleCount>;

    async fn ask(&self, db: &Reader, keys: &[i64]) -> Result<Vec<Vec<RoleCount>>> {
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
        let found: Vec<Vec<RoleCountRow>> = self.0.fetch(db, &select, keys).await?;
        Ok(found
            .into_iter()
            .map(|rows| rows.into_iter().map(Into::into).collect())
            .collect())
    }
}
