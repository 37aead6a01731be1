//! Change feed: pages of the [outbox](crate::outbox) for `Query.changes` and for the
//! [subscription](crate::feed). A cursor is the number of a row, which is the order of commit.

mod filter;

use std::sync::Arc;

use async_graphql::{Context, Description, Enum, ID, Object};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::Utc;
use entity::change::{self, Column, KEYS, Kind, Subject};
use sea_level::{
    Columns, DateTime, Error, ListOutput, Loader, Node, ObjectFields, ObjectOutput, PageInfo,
    Reader, Result, Row, column, find_object, operation,
    scalar::{key_of, public_id},
    sql::select_rows,
};
use sea_orm::{
    ActiveEnum, DbBackend, Iterable, ModelTrait,
    sea_query::{Expr, ExprTrait, JoinType, Order as Direction, Query, SelectStatement, ValueType},
};

use crate::{
    assignment::Assignment,
    employee::Employee,
    meeting::Meeting,
    node::{AnyNode, node_with_key},
    project::Project,
    staffing::short_list,
};

pub use filter::{ChangeFilter, ChangePredicate};

/// What kind of thing changed.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChangeSubject {
    /// An employee.
    Employee,
    /// A meeting.
    Meeting,
    /// A project.
    Project,
    /// An assignment.
    Assignment,
    /// A link between an employee and a meeting.
    Attendance,
}

impl From<ChangeSubject> for Subject {
    fn from(subject: ChangeSubject) -> Self {
        match subject {
            ChangeSubject::Employee => Self::Employee,
            ChangeSubject::Meeting => Self::Meeting,
            ChangeSubject::Project => Self::Project,
            ChangeSubject::Assignment => Self::Assignment,
            ChangeSubject::Attendance => Self::Attendance,
        }
    }
}

/// What happened to it.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[graphql(remote = "Kind")]
pub enum ChangeKind {
    /// It was created, or the link was made.
    Created,
    /// It was changed.
    Updated,
    /// It was deleted, or the link was removed.
    Deleted,
}

/// One change, in the order of commit; within one mutation in the order in which it took effect: what is created before what links to it, links and assignments before what is deleted with them, one event each. A mutation that changes nothing makes no event; neither does seeding.
#[derive(Clone, Description)]
pub struct Change(pub Arc<change::Model>);

#[Object(use_type_description)]
impl Change {
    /// Opaque position in the feed, for `after`.
    async fn cursor(&self) -> String {
        to_cursor(self.0.seq)
    }

    /// When it was written, just before the commit.
    async fn occurred_at(&self) -> DateTime {
        DateTime(self.0.occurred_at)
    }

    /// What kind of thing.
    #[graphql(name = "type")]
    async fn subject(&self) -> ChangeSubject {
        match self.0.subject {
            Subject::Meeting => ChangeSubject::Meeting,
            Subject::Project => ChangeSubject::Project,
            Subject::Assignment => ChangeSubject::Assignment,
            Subject::Attendance => ChangeSubject::Attendance,
            // The beginning of the feed is no change.
            Subject::Employee | Subject::Feed => ChangeSubject::Employee,
        }
    }

    /// What happened.
    async fn kind(&self) -> ChangeKind {
        self.0.kind.into()
    }

    /// Who did it: the `sub` of the token; null when the server asks for no token, or the token has none. Never a name.
    async fn actor(&self) -> Option<&str> {
        self.0.actor.as_deref()
    }

    /// The ids it touches: for an assignment itself, its employee, its project; for an attendance the meeting, then the employee; else the thing itself.
    async fn touched_ids(&self) -> Vec<ID> {
        let id = |(prefix, column)| Some(public_id(prefix, key(&self.0, column)?));
        TOUCHED.into_iter().filter_map(id).collect()
    }

    /// The thing as it is NOW, read when the event is delivered; null once deleted, and for ATTENDANCE.
    async fn node(&self, ctx: &Context<'_>) -> Option<Result<AnyNode>> {
        let (prefix, key) = match self.0.subject {
            Subject::Employee => (Employee::PREFIX, self.0.employee_id),
            Subject::Meeting => (Meeting::PREFIX, self.0.meeting_id),
            Subject::Project => (Project::PREFIX, self.0.project_id),
            Subject::Assignment => (Assignment::PREFIX, self.0.assignment_id),
            Subject::Attendance | Subject::Feed => return None,
        };
        node_with_key(ctx, prefix, key?).await.transpose()
    }

    /// The employee concerned, if one is and still exists (ASSIGNMENT, ATTENDANCE).
    async fn employee(&self, ctx: &Context<'_>) -> Option<Result<ObjectOutput<Employee>>> {
        find_object::<Employee>(ctx, self.0.employee_id.filter(|_| self.links())).await
    }

    /// The meeting concerned, if one is and still exists (ATTENDANCE).
    async fn meeting(&self, ctx: &Context<'_>) -> Option<Result<ObjectOutput<Meeting>>> {
        find_object::<Meeting>(ctx, self.0.meeting_id.filter(|_| self.links())).await
    }

    /// The project concerned, if one is and still exists (ASSIGNMENT).
    async fn project(&self, ctx: &Context<'_>) -> Option<Result<ObjectOutput<Project>>> {
        find_object::<Project>(ctx, self.0.project_id.filter(|_| self.links())).await
    }
}

impl Change {
    /// True for changes of links.
    fn links(&self) -> bool {
        matches!(self.0.subject, Subject::Assignment | Subject::Attendance)
    }
}

/// Prefix and column of the ids that a change can touch, in the order of `touchedIds`.
const TOUCHED: [(&str, Column); KEYS.len()] = [
    (Assignment::PREFIX, Column::AssignmentId),
    (Meeting::PREFIX, Column::MeetingId),
    (Employee::PREFIX, Column::EmployeeId),
    (Project::PREFIX, Column::ProjectId),
];

/// Returns the key in this column.
fn key(change: &change::Model, column: Column) -> Option<i64> {
    <Option<i64> as ValueType>::try_from(change.get(column)).ok()?
}

/// A page of changes.
#[derive(Description)]
pub struct ChangeConnection {
    loader: ChangesLoader,
    page: Arc<Stretch>,
}

#[Object(use_type_description)]
impl ChangeConnection {
    /// The page, with cursors.
    async fn edges(&self) -> ListOutput<ChangeEdge> {
        ListOutput(self.changes().map(ChangeEdge).collect())
    }

    /// The page, without cursors.
    async fn nodes(&self) -> ListOutput<Change> {
        ListOutput(self.changes().collect())
    }

    /// Where the page stands. Keep `endCursor` to continue later or to hand to `Subscription.changes`.
    async fn page_info(&self, ctx: &Context<'_>) -> PageInfo {
        let is_behind = self.loader.after.is_some() && PageInfo::selects(ctx, "hasPreviousPage");
        let loader = BeforeLoader(self.loader.clone());
        let has_previous_page = if is_behind {
            operation(ctx).load(&loader, 0).await.map(|found| *found)
        } else {
            Ok(false)
        };
        let cursor =
            |change: Option<&Arc<change::Model>>| change.map(|change| Ok(to_cursor(change.seq)));
        PageInfo {
            has_next_page: Ok(self.page.more),
            has_previous_page,
            start_cursor: cursor(self.page.changes.first()),
            end_cursor: cursor(self.page.changes.last()),
        }
    }

    /// Position of the newest event, whatever page and filter, read before the page; valid also when there are none. Take it, then read your data, then subscribe with it as `after`: nothing is missed.
    async fn latest_cursor(&self) -> String {
        to_cursor(self.page.newest)
    }
}

impl ObjectFields for Change {}

impl ObjectFields for ChangeEdge {}

impl ChangeConnection {
    fn changes(&self) -> impl Iterator<Item = Change> {
        self.page.changes.iter().cloned().map(Change)
    }
}

/// One change in a page.
#[derive(Description)]
pub struct ChangeEdge(Change);

#[Object(use_type_description)]
impl ChangeEdge {
    /// Opaque position, the same as `node.cursor`.
    async fn cursor(&self) -> String {
        to_cursor(self.0.0.seq)
    }

    /// The change.
    async fn node(&self) -> ObjectOutput<Change> {
        ObjectOutput(self.0.clone())
    }
}

/// Consecutive matching changes.
pub struct Stretch {
    /// The changes, oldest first.
    pub changes: Vec<Arc<change::Model>>,
    /// True if more changes match behind them.
    pub more: bool,
    /// Number of the newest row at the time of the read.
    pub newest: i64,
}

/// The oldest and the newest number with a change; nulls if no change matches.
#[derive(Row)]
struct StretchRow {
    oldest: i64,
    newest: i64,
    seq: Option<i64>,
    occurred_at: Option<chrono::DateTime<Utc>>,
    subject: Option<String>,
    kind: Option<String>,
    actor: Option<String>,
    employee_id: Option<i64>,
    meeting_id: Option<i64>,
    project_id: Option<i64>,
    assignment_id: Option<i64>,
}

impl StretchRow {
    fn change(self) -> Option<change::Model> {
        Some(change::Model {
            seq: self.seq?,
            occurred_at: self.occurred_at?,
            subject: Subject::try_from_value(&self.subject?).ok()?,
            kind: Kind::try_from_value(&self.kind?).ok()?,
            actor: self.actor,
            employee_id: self.employee_id,
            meeting_id: self.meeting_id,
            project_id: self.project_id,
            assignment_id: self.assignment_id,
        })
    }
}

/// Reads the matching changes after a number, or from the start. One statement, so that no row is pruned
/// between the check of the oldest row and the read.
pub async fn read(
    db: &Reader,
    after: Option<i64>,
    wanted: &ChangePredicate,
    limit: usize,
) -> Result<Stretch> {
    let end = |direction| -> Expr {
        Query::select()
            .column(Column::Seq)
            .from(change::Entity)
            .order_by(Column::Seq, direction)
            .limit(1)
            .take()
            .into()
    };
    let mut ends = Query::select();
    ends.expr_as(end(Direction::Asc), "oldest")
        .expr_as(end(Direction::Desc), "newest");
    let mut page = matching(db.backend(), wanted);
    page.columns(Column::iter())
        .order_by(Column::Seq, Direction::Asc)
        .limit(limit as u64 + 1);
    if let Some(after) = after {
        page.and_where(column(Column::Seq).gt(after));
    }
    let select = Query::select()
        .columns(StretchRow::COLUMNS.iter().copied())
        .from_subquery(ends, "ends")
        .join_subquery(JoinType::LeftJoin, page, "page", Expr::cust("TRUE"))
        .order_by("seq", Direction::Asc)
        .take();
    let found = select_rows::<StretchRow>(db, &select).await?;
    let (oldest, newest) = found
        .first()
        .map(|row| (row.oldest, row.newest))
        .ok_or(Error::Internal)?;
    if after.is_some_and(|after| after < oldest || after > newest) {
        return Err(Error::CursorExpired);
    }
    let mut changes: Vec<_> = found
        .into_iter()
        .filter_map(StretchRow::change)
        .map(Arc::new)
        .collect();
    let more = changes.len() > limit;
    changes.truncate(limit);
    Ok(Stretch {
        changes,
        more,
        newest,
    })
}

/// SELECT without columns of the matching changes. It walks the feed in its order until a page is full:
/// 0.1 s for a rarely touched id among a million rows. Four more indexes would cost each writer more
/// than that, and the changes of a frequently touched id would have to be sorted.
fn matching(backend: DbBackend, wanted: &ChangePredicate) -> SelectStatement {
    Query::select()
        .from(change::Entity)
        .cond_where(wanted.condition(backend))
        .take()
}

/// `Query.changes`.
pub async fn changes(
    ctx: &Context<'_>,
    first: i32,
    after: Option<String>,
    filter: Option<ChangeFilter>,
) -> Result<ChangeConnection> {
    let loader = ChangesLoader {
        after: after.map(|after| from_cursor(&after)).transpose()?,
        limit: usize::try_from(short_list(first)?).unwrap_or_default(),
        wanted: filter.into(),
    };
    let page = operation(ctx).load(&loader, 0).await?;
    Ok(ChangeConnection { loader, page })
}

#[derive(Clone, PartialEq)]
struct ChangesLoader {
    after: Option<i64>,
    limit: usize,
    wanted: ChangePredicate,
}

impl Loader for ChangesLoader {
    /// The feed is one.
    type Key = i64;
    type Value = Stretch;

    /// Values of other loaders are then not older than `latestCursor`.
    const COMES_FIRST: bool = true;

    async fn load(&self, db: &Reader, _: &[i64]) -> Result<Vec<Stretch>> {
        Ok(vec![read(db, self.after, &self.wanted, self.limit).await?])
    }
}

/// Loader of a flag: true if changes match up to the cursor that the page follows.
#[derive(Clone, PartialEq)]
struct BeforeLoader(ChangesLoader);

#[derive(Row)]
struct SeqRow {
    #[expect(
        dead_code,
        reason = "the column is read to be there, the row is what counts"
    )]
    seq: i64,
}

impl Loader for BeforeLoader {
    type Key = i64;
    type Value = bool;

    async fn load(&self, db: &Reader, _: &[i64]) -> Result<Vec<bool>> {
        let ChangesLoader { after, wanted, .. } = &self.0;
        let mut select = matching(db.backend(), wanted);
        select
            .column(Column::Seq)
            .and_where(column(Column::Seq).lte(after.unwrap_or_default()))
            .limit(1);
        let found = select_rows::<SeqRow>(db, &select).await?;
        Ok(vec![!found.is_empty()])
    }
}

/// Prefix of decoded cursors of the feed.
const CURSOR: &str = "changes:";

/// Encodes the number of a row as a cursor.
pub fn to_cursor(seq: i64) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("{CURSOR}{seq}"))
}

/// Decodes a cursor.
pub fn from_cursor(cursor: &str) -> Result<i64> {
    let read = || {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?;
        key_of(CURSOR, std::str::from_utf8(&bytes).ok()?)
    };
    read().ok_or_else(|| {
        Error::bad_input(
            "after",
            "`after` is not a cursor of the change feed. Pass one back unchanged, or leave it out.",
        )
    })
}
