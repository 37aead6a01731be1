//! The link between employees and projects: all assignments between the two, as fields of the edge.

use std::borrow::Cow;

use async_graphql::{
    Context, Object, OutputType,
    registry::{MetaType, Registry},
};
use entity::assignment;
use sea_level::{
    Columns, DateTime, Edge, EdgeRow, Error, LinkFields, ListOutput, Loader, NoFields, Reader,
    Record, RecordBatch, Result, Row, column, key_part, link_condition, operation, records_per_key,
    sql::select_per_key,
};
use sea_orm::sea_query::{
    Expr, ExprTrait, Func, NullOrdering, Order as Direction, Query, SelectStatement,
};

use crate::{
    assignment::{Assignment, AssignmentFilter},
    employee::Employee,
    project::Project,
};

/// Link between employees and projects, in both directions.
pub struct Staffing;

const EDGE: &str =
    "The link from one employee to one project: all the assignments between the two.";

impl LinkFields<Project> for Staffing {
    type Through = AssignmentFilter;
    type ConnectionFields = NoFields;
    type EdgeFields = StaffingFields;

    const CONNECTION: &'static str = "A page of the distinct projects of one employee.";
    const EDGE: &'static str = EDGE;

    fn name() -> Cow<'static, str> {
        "EmployeeProject".into()
    }
}

impl LinkFields<Employee> for Staffing {
    type Through = AssignmentFilter;
    type ConnectionFields = NoFields;
    type EdgeFields = StaffingFields;

    const CONNECTION: &'static str = "A page of the distinct employees of one project.";
    const EDGE: &'static str = EDGE;

    fn name() -> Cow<'static, str> {
        "ProjectEmployee".into()
    }
}

/// Fields of an edge between an employee and a project.
pub struct StaffingFields {
    links: Links,
    /// Primary keys of employee and project.
    pair: (i64, i64),
}

impl From<EdgeRow<Project, AssignmentFilter>> for StaffingFields {
    fn from(row: EdgeRow<Project, AssignmentFilter>) -> Self {
        Self {
            links: Links::of(row.page.scope().through()),
            pair: (row.page.parent, row.record().key()),
        }
    }
}

impl From<EdgeRow<Employee, AssignmentFilter>> for StaffingFields {
    fn from(row: EdgeRow<Employee, AssignmentFilter>) -> Self {
        Self {
            links: Links::of(row.page.scope().through()),
            pair: (row.record().key(), row.page.parent),
        }
    }
}

#[Object]
impl StaffingFields {
    /// The assignments between the two, earliest first. Never empty. Only those matching `through`, when it is given.
    pub async fn assignments(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most this many; largest value 100.", default = 20)] first: i32,
    ) -> Result<ListOutput<Assignment>> {
        let limit = short_list(first)?;
        let loader = LinkAssignments {
            links: self.links.clone(),
            limit,
        };
        let found = operation(ctx).load(&loader, self.pair).await?;
        Ok(ListOutput(Record::objects(&found)))
    }

    /// How many assignments `assignments` would list without its limit.
    pub async fn assignment_count(&self, ctx: &Context<'_>) -> Result<i32> {
        let summary = operation(ctx)
            .load(&LinkSummary(self.links.clone()), self.pair)
            .await?;
        Ok(i32::try_from(summary.count).unwrap_or(i32::MAX))
    }

    /// The distinct roles held, earliest first; undecided roles are left out.
    pub async fn roles(&self, ctx: &Context<'_>) -> Result<Vec<String>> {
        Ok(operation(ctx)
            .load(&LinkRoles(self.links.clone()), self.pair)
            .await?
            .to_vec())
    }

    /// Start of the earliest of these assignments; null when any has no start.
    pub async fn since(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        let summary = operation(ctx)
            .load(&LinkSummary(self.links.clone()), self.pair)
            .await;
        summary
            .map(|summary| summary.since.map(DateTime))
            .transpose()
    }

    /// End of the latest of these assignments; null while any is open-ended.
    pub async fn until(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        let summary = operation(ctx)
            .load(&LinkSummary(self.links.clone()), self.pair)
            .await;
        summary
            .map(|summary| summary.until.map(DateTime))
            .transpose()
    }
}

/// Adds the interface of both edges, so that one fragment of a client works on both.
pub fn register_interface(registry: &mut Registry) {
    const NAME: &str = "AssignmentLink";
    let edges = [
        <Edge<Project, Staffing> as OutputType>::type_name(),
        <Edge<Employee, Staffing> as OutputType>::type_name(),
    ];
    StaffingFields::create_type_info(registry);
    // The fields belong to the edges; no field returns this type.
    let fields = registry.types.remove(&*StaffingFields::type_name());
    let Some(MetaType::Object { fields, .. }) = fields else {
        return;
    };
    for edge in &edges {
        registry.add_implements(edge, NAME);
    }
    let interface = MetaType::Interface {
        name: NAME.to_owned(),
        description: Some("What the two directions of the employee–project link have in common, so that a client fragment works on both.".to_owned()),
        fields,
        possible_types: edges.into_iter().map(Cow::into_owned).collect(),
        extends: false,
        keys: None,
        visible: None,
        inaccessible: false,
        tags: Vec::new(),
        rust_typename: None,
        directive_invocations: Vec::new(),
        requires_scopes: Vec::new(),
    };
    registry.types.insert(NAME.to_owned(), interface);
}

/// Validates the size of a list that is not a connection: 0 to 100.
pub fn short_list(first: i32) -> Result<u64> {
    u64::try_from(first)
        .ok()
        .filter(|first| *first <= 100)
        .ok_or_else(|| Error::bad_input("first", "`first` must be 0 to 100."))
}

/// Assignments between an employee and a project that match `through`.
#[derive(Clone, PartialEq)]
struct Links {
    through: Option<AssignmentFilter>,
}

impl Links {
    fn of(through: Option<&AssignmentFilter>) -> Self {
        Self {
            through: through.cloned(),
        }
    }

    fn select(&self, db: &Reader) -> Result<SelectStatement> {
        Ok(Query::select()
            .from(assignment::Entity)
            .and_where(column(assignment::Column::EmployeeId).eq(key_part(0)))
            .and_where(column(assignment::Column::ProjectId).eq(key_part(1)))
            .cond_where(link_condition(self.through.as_ref(), db.backend())?)
            .take())
    }
}

#[derive(Clone, PartialEq)]
struct LinkAssignments {
    links: Links,
    limit: u64,
}

impl Loader for LinkAssignments {
    type Key = (i64, i64);
    type Value = RecordBatch<Assignment>;

    async fn load(&self, db: &Reader, pairs: &[(i64, i64)]) -> Result<Vec<Self::Value>> {
        let mut select = self.links.select(db)?;
        let columns = Assignment::COLUMNS.iter();
        select
            .columns(columns.map(|column| (assignment::Entity, *column)))
            .order_by_with_nulls(
                (assignment::Entity, assignment::Column::StartDate),
                Direction::Asc,
                NullOrdering::First,
            )
            .order_by((assignment::Entity, assignment::Column::Id), Direction::Asc)
            .limit(self.limit);
        records_per_key(db, &select, pairs).await
    }
}

#[derive(Clone, PartialEq)]
struct LinkSummary(Links);

#[derive(Clone, Default, Row)]
struct LinkSummaryRow {
    count: i64,
    since: Option<chrono::DateTime<chrono::Utc>>,
    until: Option<chrono::DateTime<chrono::Utc>>,
}

impl Loader for LinkSummary {
    type Key = (i64, i64);
    type Value = LinkSummaryRow;

    async fn load(&self, db: &Reader, pairs: &[(i64, i64)]) -> Result<Vec<LinkSummaryRow>> {
        // Null if any of the dates is null.
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
        let found = select_per_key::<_, LinkSummaryRow>(db, &select, pairs).await?;
        Ok(found
            .into_iter()
            .map(|rows| rows.into_iter().next().unwrap_or_default())
            .collect())
    }
}

#[derive(Clone, PartialEq)]
struct LinkRoles(Links);

#[derive(Row)]
struct RoleRow {
    role: String,
}

impl Loader for LinkRoles {
    type Key = (i64, i64);
    type Value = Vec<String>;

    async fn load(&self, db: &Reader, pairs: &[(i64, i64)]) -> Result<Vec<Vec<String>>> {
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
        let found = select_per_key::<_, RoleRow>(db, &select, pairs).await?;
        Ok(found
            .into_iter()
            .map(|rows| rows.into_iter().map(|row| row.role).collect())
            .collect())
    }
}
