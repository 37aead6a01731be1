//! All that GraphQL says about projects.

mod mutations;

use async_graphql::{Context, SimpleObject};
use entity::{assignment, employee, project};
use sea_orm::sea_query::{Expr, ExprTrait, Func, IntoIden, Query};

use crate::{
    assignment::{
        AssignmentConnection, AssignmentFilter, AssignmentOrder, ProjectEmployeeConnection,
    },
    batch::Question,
    columns::ColumnSet,
    connection::{connection, edge, object},
    context::{Found, Loaded, Record, batch},
    employee::{EmployeeFilter, EmployeeOrder},
    error::Result,
    filter::{Comparison, ListFilter, LongFilter, StringFilter, active_at, column, filter, many},
    order::{By, SortKey, order},
    page::{Scope, Source},
    reader::Reader,
    rows::{Count, key_part, row, select_per_key},
    scalar::{DateTime, Long, PublicId, Text},
};

pub use mutations::*;

/// A piece of work that employees are assigned to.
#[derive(Clone)]
pub struct Project(Found<project::Entity>);

impl From<Found<project::Entity>> for Project {
    fn from(found: Found<project::Entity>) -> Self {
        Self(found)
    }
}

row!(project::Model {
    id,
    title,
    budget,
    version,
});

impl Record for project::Entity {
    const PREFIX: &'static str = "prj_";
    const ID: project::Column = project::Column::Id;
    const ORDER: &'static [SortKey<Self>] = &[SortKey::ascending("Title", |_| {
        By::Column(project::Column::Title)
    })];
    type Object = Project;
    type Listed = project::Model;
    type Beside = ();

    fn key(model: &project::Model) -> i64 {
        model.id
    }

    fn loaded(listed: Vec<project::Model>, _: ColumnSet) -> Loaded<Self> {
        listed.into()
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
        assignments -> AssignmentConnection from Source::linked::<project::Entity>("Project.assignments"),
        where AssignmentFilter: "Keep only assignments that match.",
        order by AssignmentOrder: "Sort keys, most significant first. Default: earliest first (startDate ascending, a null start first).";

        /// Employees who work on this project. Each employee appears ONCE however many assignments link them; the assignments are on the edge.
        employees -> ProjectEmployeeConnection from Source::linked::<project::Entity>("Project.employees").listed_by(employee::Column::Name, || assignment::Column::EmployeeName.into_iden()),
        where EmployeeFilter: "Keep only employees that match.",
        through AssignmentFilter: "Keep only employees linked by at least one matching assignment; `edge.assignments` then holds just the matching ones.",
        order by EmployeeOrder: "Sort keys, most significant first. Default: name ascending.";
    }

    /// Globally unique id, `prj_…`.
    pub async fn id(&self) -> PublicId {
        PublicId(project::Entity::PREFIX, self.0.id)
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
        let batch = batch(ctx);
        let question = Headcount { at: at.unwrap_or(batch.now()) };
        let count = batch.load(&question, self.key()).await?;
        Ok(i32::try_from(*count).unwrap_or(i32::MAX))
    }

    /// Row version, for `expectedVersion` in mutations.
    async fn version(&self) -> i32 {
        self.0.version
    }
}

connection! {
    /// A page of projects.
    ProjectConnection of ProjectEdge, Project, ProjectFilter {
        /// Budget figures over ALL matching projects, not only this page. Each project counts once.
        async fn budget(&self, ctx: &Context<'_>) -> Result<BudgetSummary> {
            let question = BudgetQuestion(self.0.scope().clone());
            let summary = batch(ctx).load(&question, self.0.parent).await?;
            Ok(BudgetSummary::clone(&summary))
        }
    }
}

edge! {
    /// One project in a page.
    ProjectEdge of Project, ProjectFilter
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
    ProjectFilter of project::Entity {
        /// By title.
        title: StringFilter => |title, reading| title.on(project::Column::Title, reading),
        /// By budget.
        budget: LongFilter => |budget, reading| budget.on(column(project::Column::Budget), reading),
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
        Id => |_| By::Column(project::Column::Id),
        /// Title.
        Title => |_| By::Column(project::Column::Title),
        /// Budget.
        Budget => |_| By::Column(project::Column::Budget),
        /// Number of distinct employees.
        EmployeeCount => By::count::<employee::Entity>,
        /// Number of assignments.
        AssignmentCount => By::count::<assignment::Entity>,
    }
    /// Where nulls go (only BUDGET has any).
    nulls
}

/// How many distinct employees are active on a project.
#[derive(Clone, PartialEq)]
struct Headcount {
    at: DateTime,
}

impl Question for Headcount {
    type Key = i64;
    type Answer = i64;

    async fn ask(&self, db: &Reader, projects: &[i64]) -> Result<Vec<i64>> {
        use assignment::Column::{EmployeeId, EndDate, ProjectId, StartDate};
        let select = Query::select()
            .expr_as(Func::count_distinct(column(EmployeeId)), "count")
            .from(assignment::Entity)
            .and_where(column(ProjectId).eq(key_part(0)))
            .cond_where(active_at(column(StartDate), column(EndDate), self.at))
            .take();
        let counts: Vec<Vec<Count>> = select_per_key(db, &select, projects).await?;
        Ok(counts
            .iter()
            .map(|rows| rows.first().map_or(0, |row| row.count))
            .collect())
    }
}

/// The budget figures of the projects of one connection.
#[derive(Clone, PartialEq)]
struct BudgetQuestion(Scope<ProjectFilter>);

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

impl Question for BudgetQuestion {
    type Key = i64;
    type Answer = BudgetSummary;

    async fn ask(&self, db: &Reader, keys: &[i64]) -> Result<Vec<BudgetSummary>> {
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
        let found: Vec<Vec<BudgetRow>> = self.0.fetch(db, &select, keys).await?;
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
