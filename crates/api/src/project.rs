//! Projects.

use async_graphql::{Context, Object, SimpleObject};
use entity::{assignment, employee, project};
use sea_orm::sea_query::{Expr, ExprTrait, Func, IntoIden, Query};

use sea_level::{
    ColumnSet, Comparison, ConnectionScope, DateTime, LinkFields, ListFilter, Loader, Long,
    LongFilter, NoFields, NoThrough, Node, Page, PublicId, Reader, Record, RecordBatch, Result,
    SortExpr, SortKey, Source, StringFilter, Text, column, filter, key_part, many, object,
    operation, order, row,
    sql::{Count, select_per_key},
};

use crate::{
    assignment::{Assignment, AssignmentFilter, RoleTotals},
    employee::{Employee, EmployeeFilter},
    period::active_at,
    staffing::Staffing,
};

/// A piece of work that employees are assigned to.
#[derive(Clone)]
pub struct Project(Record<Project>);

impl From<Record<Project>> for Project {
    fn from(found: Record<Project>) -> Self {
        Self(found)
    }
}

row!(Project => project::Model {
    id,
    title,
    budget,
    version,
});

impl Node for Project {
    type Entity = project::Entity;

    const NAME: &'static str = "project";
    const CONNECTION: &'static str = "A page of projects.";
    const EDGE: &'static str = "One project in a page.";
    const PREFIX: &'static str = "prj_";
    const ORDER: &'static [SortKey<Self::Entity>] = &[SortKey::ascending("Title", |_| {
        SortExpr::Column(project::Column::Title)
    })];
    type Filter = ProjectFilter;
    type Order = ProjectOrder;
    type ListRow = Self;
    type Preloaded = ();

    fn key(model: &project::Model) -> i64 {
        model.id
    }

    fn batch(rows: Vec<project::Model>, _: ColumnSet) -> RecordBatch<Self> {
        rows.into()
    }
}

impl Project {
    fn key(&self) -> i64 {
        self.0.key()
    }
}

object! {
    /// A piece of work that employees are assigned to.
    Project {
        /// Every assignment on this project, past, present and future.
        assignments -> Assignment, RoleTotals => Source::linked::<project::Entity>("Project.assignments"),
        where "Keep only assignments that match.",
        order by "Sort keys, most significant first. Default: earliest first (startDate ascending, a null start first).";

        /// Employees who work on this project. Each employee appears ONCE however many assignments link them; the assignments are on the edge.
        employees -> Employee, Staffing => Source::linked::<project::Entity>("Project.employees").listed_by(employee::Column::Name, || assignment::Column::EmployeeName.into_iden()),
        where "Keep only employees that match.",
        through AssignmentFilter: "Keep only employees linked by at least one matching assignment; `edge.assignments` then holds just the matching ones.",
        order by "Sort keys, most significant first. Default: name ascending.";
    }

    /// Globally unique id, `prj_…`.
    pub async fn id(&self) -> PublicId {
        PublicId(Project::PREFIX, self.0.id)
    }

    /// Title. Not unique.
    async fn title(&self) -> Text<'_> {
        Text(&self.0.title)
    }

    /// Budget in whole currency units, 0 to 1,000,000,000,000; null when not set.
    async fn budget(&self) -> Option<Long> {
        self.0.budget.map(Long)
    }

    /// Number of distinct employees whose assignment is active at an instant.
    async fn headcount(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The instant; now when omitted.")] at: Option<DateTime>,
    ) -> Result<i32> {
        let operation = operation(ctx);
        let loader = Headcount { at: at.unwrap_or(operation.now()) };
        let count = operation.load(&loader, self.key()).await?;
        Ok(i32::try_from(*count).unwrap_or(i32::MAX))
    }

    /// Row version, for `expectedVersion` in mutations.
    async fn version(&self) -> i32 {
        self.0.version
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

filter! {
    /// Which projects. Everything given must hold; an empty filter matches all; a null inside is an error.
    ProjectFilter of Project {
        /// By title.
        title: StringFilter => |title, context| title.on(project::Column::Title, context),
        /// By budget.
        budget: LongFilter => |budget, context| budget.on(column(project::Column::Budget), context),
        /// By distinct employees working on it.
        employees: ListFilter<EmployeeFilter> => many::<project::Entity, _>,
        /// By assignments.
        assignments: ListFilter<AssignmentFilter> => many::<project::Entity, _>,
    }
}

order! {
    /// One sort key for projects.
    ProjectOrder of project::Entity,
    /// What projects can be sorted by.
    ProjectOrderField {
        /// Oldest record first.
        Id => |_| SortExpr::Column(project::Column::Id),
        /// Title.
        Title => |_| SortExpr::Column(project::Column::Title),
        /// Budget.
        Budget => |_| SortExpr::Column(project::Column::Budget),
        /// Number of distinct employees.
        EmployeeCount => SortExpr::count::<employee::Entity>,
        /// Number of assignments.
        AssignmentCount => SortExpr::count::<assignment::Entity>,
    }
    /// Where nulls go (only BUDGET has any).
    nulls
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

struct BudgetRow {
    count: i64,
    millions: Option<i64>,
    units: Option<i64>,
    min: Option<i64>,
    max: Option<i64>,
}

row!(BudgetRow {
    count,
    millions,
    units,
    min,
    max,
});

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
