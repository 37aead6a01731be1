//! The log of changes: appended in the transaction of a change, read by subscribers after the commit.

use std::{collections::VecDeque, sync::Arc};

use async_graphql::{Context, Object, Subscription as GraphqlSubscription};
use futures_util::{Stream, stream};
use sea_level::{
    Columns, Database, Long, ObjectOutput, Reader, Result, Row, Transaction, auth::Viewer, column,
    deliver, find_object, operation, sql::select_rows, write::EventLog,
};
use sea_orm::{
    DbErr, EntityTrait,
    sea_query::{ExprTrait, Order, Query},
};
use tokio::sync::watch;

use crate::{
    assignment::Assignment,
    employee::Employee,
    entity::change::{self, Column},
    project::Project,
};

/// Changes of one read at most.
const BATCH: u64 = 100;

/// Log of changes. All clones are one.
#[derive(Clone, Default)]
pub struct ChangeLog(Arc<watch::Sender<()>>);

impl EventLog for ChangeLog {
    type Event = change::ActiveModel;

    async fn append(
        changes: &[change::ActiveModel],
        _viewer: &Viewer,
        transaction: &Transaction,
    ) -> Result<(), DbErr> {
        let insert = change::Entity::insert_many(changes.to_vec());
        insert.exec_without_returning(transaction).await.map(drop)
    }

    fn wake(&self) {
        self.0.send_replace(());
    }
}

#[derive(Clone, Row)]
struct ChangeRow {
    seq: i64,
    kind: String,
    assignment_id: i64,
    employee_id: i64,
    project_id: i64,
}

/// A change of one assignment.
#[derive(Clone)]
pub struct AssignmentChange(ChangeRow);

#[Object]
impl AssignmentChange {
    /// Position in the log, for `after`.
    async fn seq(&self) -> Long {
        Long(self.0.seq)
    }

    /// `CREATED`, `UPDATED` or `DELETED`.
    async fn kind(&self) -> &str {
        &self.0.kind
    }

    /// The assignment as it is now; null once deleted.
    async fn assignment(&self, ctx: &Context<'_>) -> Option<Result<ObjectOutput<Assignment>>> {
        find_object::<Assignment>(ctx, Some(self.0.assignment_id)).await
    }

    async fn employee(&self, ctx: &Context<'_>) -> Option<Result<ObjectOutput<Employee>>> {
        find_object::<Employee>(ctx, Some(self.0.employee_id)).await
    }

    async fn project(&self, ctx: &Context<'_>) -> Option<Result<ObjectOutput<Project>>> {
        find_object::<Project>(ctx, Some(self.0.project_id)).await
    }
}

#[derive(Default)]
pub struct Subscription;

#[GraphqlSubscription]
impl Subscription {
    /// Changes of assignments after a position, or from now on.
    async fn assignment_changes(
        &self,
        ctx: &Context<'_>,
        after: Option<Long>,
    ) -> Result<impl Stream<Item = Result<AssignmentChange>>> {
        let reader = ctx.data_unchecked::<Database>().reader.clone();
        // Subscribes before the read: a commit in between wakes the subscriber.
        let commits = ctx.data_unchecked::<ChangeLog>().0.subscribe();
        let position = match after {
            Some(after) => after.0,
            None => newest(&reader).await?,
        };
        let subscriber = Subscriber {
            reader,
            commits,
            position,
            unsent: VecDeque::new(),
        };
        let changes = stream::unfold(subscriber, |mut subscriber| async {
            Some((subscriber.next().await?, subscriber))
        });
        // Makes each event an operation of its own, with its own loads and limits.
        Ok(deliver(
            operation(ctx).clone(),
            position.to_string(),
            changes,
            |change| change.0.seq.to_string(),
        ))
    }
}

struct Subscriber {
    reader: Reader,
    commits: watch::Receiver<()>,
    /// Number of the last change that was sent.
    position: i64,
    unsent: VecDeque<ChangeRow>,
}

impl Subscriber {
    /// Returns the next change; `None` when the server ends.
    async fn next(&mut self) -> Option<Result<AssignmentChange>> {
        loop {
            if let Some(row) = self.unsent.pop_front() {
                self.position = row.seq;
                return Some(Ok(AssignmentChange(row)));
            }
            self.commits.mark_unchanged();
            match read(&self.reader, self.position).await {
                Ok(rows) => self.unsent = rows.into(),
                Err(error) => return Some(Err(error)),
            }
            if self.unsent.is_empty() {
                self.commits.changed().await.ok()?;
            }
        }
    }
}

/// Reads the changes after a position, oldest first.
async fn read(reader: &Reader, position: i64) -> Result<Vec<ChangeRow>> {
    let select = Query::select()
        .columns(ChangeRow::COLUMNS.iter().copied())
        .from(change::Entity)
        .and_where(column(Column::Seq).gt(position))
        .order_by(Column::Seq, Order::Asc)
        .limit(BATCH)
        .take();
    select_rows::<ChangeRow>(reader, &select).await
}

/// Returns the number of the newest change; 0 without changes.
async fn newest(reader: &Reader) -> Result<i64> {
    let select = Query::select()
        .columns(ChangeRow::COLUMNS.iter().copied())
        .from(change::Entity)
        .order_by(Column::Seq, Order::Desc)
        .limit(1)
        .take();
    let rows = select_rows::<ChangeRow>(reader, &select).await?;
    Ok(rows.first().map_or(0, |row| row.seq))
}
