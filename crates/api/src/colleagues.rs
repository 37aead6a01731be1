//! Colleagues: employees two hops away, with what is shared on the edge.

use std::{borrow::Cow, marker::PhantomData};

use async_graphql::{Context, Enum, InputObject, Object};
use entity::{employee, meeting, project};
use sea_orm::{
    Related,
    sea_query::{Condition, Expr, ExprTrait, Query, SelectStatement},
};

use sea_level::{
    Connection, EdgeRow, Error, Link, LinkFields, ListOutput, Loader, NoFields, Node, ObjectOutput,
    Order, OrderDirection, Page, PageArguments, Reader, Record, RecordBatch, Result, SortExpr,
    SortKey, Source, column, key_part, link_condition, operation, records_per_key,
    sql::{Count, select_per_key},
};

use crate::{
    assignment::AssignmentFilter,
    employee::{Employee, EmployeeFilter},
    meeting::Meeting,
    project::Project,
    staffing::short_list,
};

/// Link from an employee to colleagues.
pub struct Colleagues;

impl LinkFields<Employee> for Colleagues {
    type Through = AssignmentFilter;
    type ConnectionFields = NoFields;
    type EdgeFields = ColleagueFields;

    const CONNECTION: &'static str = "A page of one employee's colleagues.";
    const EDGE: &'static str = "The two-hop link between two employees.";

    fn name() -> Cow<'static, str> {
        "Colleague".into()
    }
}

/// Creates the connection to the colleagues of the employee with this key.
pub fn connection(
    ctx: &Context<'_>,
    employee: i64,
    via: ColleagueVia,
    arguments: PageArguments,
    filter: Option<Box<EmployeeFilter>>,
    through: Option<Box<AssignmentFilter>>,
    order: Vec<ColleagueOrder>,
) -> Result<ObjectOutput<Connection<Employee, Colleagues>>> {
    if via == ColleagueVia::Meetings && through.is_some() {
        return Err(Error::bad_input(
            "through",
            "`through` asks about assignments, which `via: MEETINGS` does not look at. Leave one of them out.",
        ));
    }
    let order = order.iter().map(|key| key.over(via)).collect::<Vec<_>>();
    let page = Page::new(
        ctx,
        via.source(),
        employee,
        arguments,
        filter,
        through,
        Some(order),
    )?;
    Ok(ObjectOutput(page.into()))
}

/// Fields of an edge to a colleague.
pub struct ColleagueFields(EdgeRow<Employee, AssignmentFilter>);

impl From<EdgeRow<Employee, AssignmentFilter>> for ColleagueFields {
    fn from(row: EdgeRow<Employee, AssignmentFilter>) -> Self {
        Self(row)
    }
}

#[Object]
impl ColleagueFields {
    /// Projects both work on, by title. Empty when `via` is MEETINGS.
    async fn shared_projects(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most this many; largest value 100.", default = 20)] first: i32,
    ) -> Result<ListOutput<Project>> {
        let shared = self.shared_unless(ColleagueVia::Meetings, self.through());
        self.rows::<Project>(ctx, shared, first).await
    }

    /// How many projects are shared.
    async fn shared_project_count(&self, ctx: &Context<'_>) -> Result<i32> {
        let shared = self.shared_unless(ColleagueVia::Meetings, self.through());
        self.count::<Project>(ctx, shared).await
    }

    /// Meetings both attend, earliest first. Empty when `via` is PROJECTS.
    async fn shared_meetings(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most this many; largest value 100.", default = 20)] first: i32,
    ) -> Result<ListOutput<Meeting>> {
        let shared = self.shared_unless(ColleagueVia::Projects, None);
        self.rows::<Meeting>(ctx, shared, first).await
    }

    /// How many meetings are shared.
    async fn shared_meeting_count(&self, ctx: &Context<'_>) -> Result<i32> {
        let shared = self.shared_unless(ColleagueVia::Projects, None);
        self.count::<Meeting>(ctx, shared).await
    }
}

impl ColleagueFields {
    fn through(&self) -> Option<AssignmentFilter> {
        self.0.page.scope().through().cloned()
    }

    /// Returns the shared rows to load; `None` if `via` does not count rows of this kind.
    fn shared_unless<R: Node>(
        &self,
        via: ColleagueVia,
        through: Option<AssignmentFilter>,
    ) -> Option<Shared<R>> {
        let counts = !self.0.page.scope().is_from(&via.source());
        counts.then_some(Shared {
            through,
            what: PhantomData,
        })
    }

    /// Primary keys of the employee and the colleague.
    fn pair(&self) -> (i64, i64) {
        (self.0.page.parent, self.0.record().key())
    }

    async fn rows<R: Node>(
        &self,
        ctx: &Context<'_>,
        shared: Option<Shared<R>>,
        first: i32,
    ) -> Result<ListOutput<R>>
    where
        employee::Entity: Related<R::Entity>,
    {
        let limit = short_list(first)?;
        let Some(shared) = shared else {
            return Ok(ListOutput(Vec::new()));
        };
        let rows = operation(ctx)
            .load(&SharedRows { shared, limit }, self.pair())
            .await?;
        Ok(ListOutput(Record::objects(&rows)))
    }

    async fn count<R: Node>(&self, ctx: &Context<'_>, shared: Option<Shared<R>>) -> Result<i32>
    where
        employee::Entity: Related<R::Entity>,
    {
        let Some(shared) = shared else {
            return Ok(0);
        };
        let count = operation(ctx)
            .load(&SharedCount(shared), self.pair())
            .await?;
        Ok(i32::try_from(*count).unwrap_or(i32::MAX))
    }
}

/// What makes two employees colleagues.
#[derive(Enum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColleagueVia {
    /// They share a project.
    #[default]
    Projects,
    /// They share a meeting.
    Meetings,
    /// They share either.
    Any,
}

impl ColleagueVia {
    fn source(self) -> Source<Employee> {
        match self {
            Self::Projects => Source::of(
                "Employee.colleagues(PROJECTS)",
                &const { ColleagueVia::Projects.default_order() },
                |through| others(by_projects(through)),
            ),
            Self::Meetings => Source::of(
                "Employee.colleagues(MEETINGS)",
                &const { ColleagueVia::Meetings.default_order() },
                |_| others(by_meetings()),
            ),
            Self::Any => Source::of(
                "Employee.colleagues(ANY)",
                &const { ColleagueVia::Any.default_order() },
                |through| others(by_projects(through).or(by_meetings())),
            ),
        }
    }

    const fn default_order(self) -> [SortKey<employee::Entity>; 2] {
        let mut most_shared_first = ColleagueOrderField::SharedCount.over(self);
        most_shared_first.descending = true;
        [most_shared_first, ColleagueOrderField::Name.over(self)]
    }
}

/// One sort key for colleagues.
#[derive(InputObject, Clone, Copy, Debug, PartialEq)]
pub struct ColleagueOrder {
    /// What to sort by.
    field: ColleagueOrderField,
    /// Which way.
    #[graphql(default)]
    direction: OrderDirection,
}

/// What colleagues can be sorted by.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColleagueOrderField {
    /// Name.
    Name,
    /// Shared projects plus shared meetings.
    SharedCount,
}

impl ColleagueOrder {
    fn over(&self, via: ColleagueVia) -> SortKey<employee::Entity> {
        let mut key = self.field.over(via);
        key.descending = self.direction == OrderDirection::Desc;
        key
    }
}

impl ColleagueOrderField {
    /// Sort key; the number of shared rows depends on `via`.
    const fn over(self, via: ColleagueVia) -> SortKey<employee::Entity> {
        match (self, via) {
            (Self::Name, _) => {
                SortKey::ascending("Name", |_| SortExpr::Column(employee::Column::Name))
            }
            (Self::SharedCount, ColleagueVia::Projects) => {
                SortKey::ascending("SharedCount", |through| {
                    SortExpr::Number(shared_count::<Project>(through))
                })
            }
            (Self::SharedCount, ColleagueVia::Meetings) => {
                SortKey::ascending("SharedCount", |_| {
                    SortExpr::Number(shared_count::<Meeting>(&Condition::all()))
                })
            }
            (Self::SharedCount, ColleagueVia::Any) => {
                SortKey::ascending("SharedCount", |through| {
                    let meetings = shared_count::<Meeting>(&Condition::all());
                    SortExpr::Number(shared_count::<Project>(through).add(meetings))
                })
            }
        }
    }
}

/// Condition for colleagues, without the employee themself.
fn others(colleague: Expr) -> Condition {
    let themself = column(employee::Column::Id).eq(key_part(0));
    Condition::all().add(colleague).add(themself.not())
}

fn by_projects(through: Condition) -> Expr {
    let link = Link::between::<employee::Entity, project::Entity>();
    column(employee::Column::Id).in_subquery(link.parents_sharing_with(key_part(0), through))
}

fn by_meetings() -> Expr {
    let link = Link::between::<employee::Entity, meeting::Entity>();
    column(employee::Column::Id)
        .in_subquery(link.parents_sharing_with(key_part(0), Condition::all()))
}

fn shared_count<R: Node>(through: &Condition) -> Expr
where
    employee::Entity: Related<R::Entity>,
{
    let colleague = column(employee::Column::Id);
    Link::between::<employee::Entity, R::Entity>().count_shared(
        key_part(0),
        colleague,
        through.clone(),
    )
}

/// Rows of one kind that two employees share.
struct Shared<R> {
    through: Option<AssignmentFilter>,
    what: PhantomData<fn() -> R>,
}

/// Loader of the first shared rows.
struct SharedRows<R> {
    shared: Shared<R>,
    limit: u64,
}

/// Loader of the number of shared rows.
struct SharedCount<R>(Shared<R>);

// Derived, these would ask the entity to be comparable.
impl<R> Clone for Shared<R> {
    fn clone(&self) -> Self {
        Self {
            through: self.through.clone(),
            what: PhantomData,
        }
    }
}

impl<R> PartialEq for Shared<R> {
    fn eq(&self, other: &Self) -> bool {
        self.through == other.through
    }
}

impl<R> Clone for SharedRows<R> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
            limit: self.limit,
        }
    }
}

impl<R> PartialEq for SharedRows<R> {
    fn eq(&self, other: &Self) -> bool {
        self.shared == other.shared && self.limit == other.limit
    }
}

impl<R> Clone for SharedCount<R> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<R> PartialEq for SharedCount<R> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<R: Node> Shared<R>
where
    employee::Entity: Related<R::Entity>,
{
    fn select(&self, db: &Reader) -> Result<SelectStatement> {
        let through = link_condition(self.through.as_ref(), db.backend())?;
        let link = Link::between::<employee::Entity, R::Entity>();
        Ok(Query::select()
            .from(R::Entity::default())
            .cond_where(link.others_of(key_part(0), through.clone()))
            .cond_where(link.others_of(key_part(1), through))
            .take())
    }
}

impl<R: Node> Loader for SharedRows<R>
where
    employee::Entity: Related<R::Entity>,
{
    type Key = (i64, i64);
    type Value = RecordBatch<R>;

    async fn load(&self, db: &Reader, pairs: &[(i64, i64)]) -> Result<Vec<RecordBatch<R>>> {
        let mut select = self.shared.select(db)?;
        select.columns(
            R::COLUMNS
                .iter()
                .map(|column| (R::Entity::default(), *column)),
        );
        Order::<R>(R::ORDER.to_vec()).apply(&mut select, &Condition::all(), false);
        select.limit(self.limit);
        records_per_key(db, &select, pairs).await
    }
}

impl<R: Node> Loader for SharedCount<R>
where
    employee::Entity: Related<R::Entity>,
{
    type Key = (i64, i64);
    type Value = i64;

    async fn load(&self, db: &Reader, pairs: &[(i64, i64)]) -> Result<Vec<i64>> {
        let mut select = self.0.select(db)?;
        select.expr_as(Expr::cust("COUNT(*)"), "count");
        let counts = select_per_key::<_, Count>(db, &select, pairs).await?;
        Ok(counts
            .iter()
            .map(|rows| rows.first().map_or(0, |row| row.count))
            .collect())
    }
}
