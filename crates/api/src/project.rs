//! Projects.

use async_graphql::{Context, Object, SimpleObject};
use entity::{assignment, employee, project};
use sea_orm::sea_query::{Expr, ExprTrait, Func, IntoIden, Query};

use sea_level::{
    ConnectionScope, DateTime, LinkFields, ListFilter, Loader, Long, LongFilter, NoFields,
    NoThrough, Node, Page, PublicId, Reader, Record, Result, Row, SortExpr, Source, StringFilter,
    Text, column, filter, key_part, object, operation, order,
    sql::{Count, select_per_key},
};

use crate::{
    assignment::{Assignment, AssignmentFilter, RoleTotals},
    employee::{Employee, EmployeeFilter},
    period::active_at,
    staffing::Staffing,
};

/// A piece of work that employees are assigned to.
#[derive(Clone, Node)]
#[node(
    entity = project,
    columns(id, title, budget, version),
    prefix = "prj_",
    sorted_by(title),
    filter = ProjectFilter,
    order = ProjectOrder,
    connection = "A page of projects.",
    edge = "One project in a page."
)]
pub struct Project(Record<Project>);

#[object]
impl Project {
    /// Globally unique id, `prj_…`.
    #[column]
    pub async fn id(&self) -> PublicId {
        PublicId(Project::PREFIX, self.0.id)
    }

    /// Title. Not unique.
    #[column]
    async fn title(&self) -> Text<'_> {
        Text(&self.0.title)
    }

    /// Budget in whole currency units, 0 to 1,000,000,000,000; null when not set.
    #[column]
    async fn budget(&self) -> Option<Long> {
        self.0.budget.map(Long)
    }

    /// Number of distinct employees whose assignment is active at an instant.
    #[reads(id)]
    async fn headcount(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The instant; now when omitted.")] at: Option<DateTime>,
    ) -> Result<i32> {
        let operation = operation(ctx);
        let loader = Headcount {
            at: at.unwrap_or(operation.now()),
        };
        let count = operation.load(&loader, self.key()).await?;
        Ok(i32::try_from(*count).unwrap_or(i32::MAX))
    }

    /// Row version, for `expectedVersion` in mutations.
    #[column]
    async fn version(&self) -> i32 {
        self.0.version
    }

    /// Every assignment on this project, past, present and future.
    #[connection(
        link = RoleTotals,
        filter = "Keep only assignments that match.",
        order = "Sort keys, most significant first. Default: earliest first (startDate ascending, a null start first)."
    )]
    fn assignments(&self) -> Source<Assignment> {
        Source::linked::<project::Entity>("Project.assignments")
    }

    /// Employees who work on this project. Each employee appears ONCE however many assignments link them; the assignments are on the edge.
    #[connection(
        link = Staffing,
        filter = "Keep only employees that match.",
        through = "Keep only employees linked by at least one matching assignment; `edge.assignments` then holds just the matching ones.",
        order = "Sort keys, most significant first. Default: name ascending."
    )]
    fn employees(&self) -> Source<Employee> {
        Source::linked::<project::Entity>("Project.employees")
            .listed_by(employee::Column::Name, || {
                assignment::Column::EmployeeName.into_iden()
            })
    }
}

/// Connection to projects with budget figures.
pub struct BudgetTotals;

impl LinkFields<Project> for BudgetTotals {
    type Through = NoThrough;
    type ConnectionFields = BudgetFields;
    type EdgeFields = NoFields;
}

/// Fields of a connection to projects beyond those of Relay.
pub struct BudgetFields(Page<Project, NoThrough>);

impl From<Page<Project, NoThrough>> for BudgetFields {
    fn from(page: Page<Project, NoThrough>) -> Self {
        Self(page)
    }
}

#[Object]
impl BudgetFields {
    /// Budget figures over ALL matching projects, not only this page. Each project counts once.
    async fn budget(&self, ctx: &Context<'_>) -> Result<BudgetSummary> {
        let loader = BudgetLoader(self.0.scope().clone());
        let summary = operation(ctx).load(&loader, self.0.parent).await?;
        Ok(BudgetSummary::clone(&summary))
    }
}

/// Budget figures over a set of projects. Projects without a budget are left out of every figure.
#[derive(SimpleObject, Clone, Default)]
pub struct BudgetSummary {
    /// How many projects have a budget.
    count: i32,
    /// Total; 0 when none has a budget, null when it is beyond what `Long` can hold.
    sum: Option<Long>,
    /// Mean; null when none has a budget.
    average: Option<f64>,
    /// Smallest; null when none has a budget.
    min: Option<Long>,
    /// Largest; null when none has a budget.
    max: Option<Long>,
}

/// Which projects. Everything given must hold; an empty filter matches all; a null inside is an error.
#[filter(of = Project)]
pub struct ProjectFilter {
    /// By title.
    title: StringFilter,
    /// By budget.
    budget: LongFilter,
    /// By distinct employees working on it.
    #[many]
    employees: ListFilter<EmployeeFilter>,
    /// By assignments.
    #[many]
    assignments: ListFilter<AssignmentFilter>,
}

/// What projects can be sorted by.
#[order(
    ProjectOrder,
    of = Project,
    description = "One sort key for projects.",
    nulls = "Where nulls go (only BUDGET has any)."
)]
pub enum ProjectOrderField {
    /// Oldest record first.
    Id,
    /// Title.
    Title,
    /// Budget.
    Budget,
    /// Number of distinct employees.
    #[by(SortExpr::count::<employee::Entity>)]
    EmployeeCount,
    /// Number of assignments.
    #[by(SortExpr::count::<assignment::Entity>)]
    AssignmentCount,
}

/// How many distinct employees are active on a project.
#[derive(Clone, PartialEq)]
struct Headcount {
    at: DateTime,
}

impl Loader for Headcount {
    type Key = i64;
    type Value = i64;

    async fn load(&self, db: &Reader, projects: &[i64]) -> Result<Vec<i64>> {
        use assignment::Column::{EmployeeId, EndDate, ProjectId, StartDate};
        let select = Query::select()
            .expr_as(Func::count_distinct(column(EmployeeId)), "count")
            .from(assignment::Entity)
            .and_where(column(ProjectId).eq(key_part(0)))
            .cond_where(active_at(column(StartDate), column(EndDate), self.at))
            .take();
        let counts = select_per_key::<_, Count>(db, &select, projects).await?;
        Ok(counts
            .iter()
            .map(|rows| rows.first().map_or(0, |row| row.count))
            .collect())
    }
}

/// The budget figures of the projects of one connection.
#[derive(Clone, PartialEq)]
struct BudgetLoader(ConnectionScope<Project, NoThrough>);

#[derive(Row)]
struct BudgetRow {
    count: i64,
    millions: Option<i64>,
    units: Option<i64>,
    min: Option<i64>,
    max: Option<i64>,
}

impl Loader for BudgetLoader {
    type Key = i64;
    type Value = BudgetSummary;

    async fn load(&self, db: &Reader, keys: &[i64]) -> Result<Vec<BudgetSummary>> {
        let budget = || column(project::Column::Budget);
        let mut select = self.0.select(db.backend())?;
        // In two halves, because a sum of 64-bit numbers can pass 64 bits: PostgreSQL would widen
        // it, SQLite would fail.
        let sum = |half: Expr| Expr::from(Func::sum(half)).cast_as("bigint");
        select
            .expr_as(Func::count(budget()), "count")
            .expr_as(sum(budget().div(MILLION)), "millions")
            .expr_as(sum(budget().modulo(MILLION)), "units")
            .expr_as(Func::min(budget()), "min")
            .expr_as(Func::max(budget()), "max");
        let found = self.0.fetch::<BudgetRow>(db, &select, keys).await?;
        let summary = |rows: Vec<BudgetRow>| rows.first().map(summarize).unwrap_or_default();
        Ok(found.into_iter().map(summary).collect())
    }
}

const MILLION: i64 = 1_000_000;

#[expect(clippy::cast_precision_loss, reason = "a mean is a Float")]
fn summarize(row: &BudgetRow) -> BudgetSummary {
    let half = |half: Option<i64>| i128::from(half.unwrap_or(0));
    let sum = half(row.millions) * i128::from(MILLION) + half(row.units);
    BudgetSummary {
        count: i32::try_from(row.count).unwrap_or(i32::MAX),
        sum: i64::try_from(sum)
            .ok()
            .filter(|sum| *sum <= Long::MAX)
            .map(Long),
        average: (row.count > 0).then(|| sum as f64 / row.count as f64),
        min: row.min.map(Long),
        max: row.max.map(Long),
    }
}
