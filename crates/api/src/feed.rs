//! Change feed as a subscription: one reader of the table for all subscribers of this server.
//!
//! A notification of a commit carries no data. After one, the reader reads the table from its position
//! and sends the rows to all subscribers. A subscriber that is behind, because it resumes at a cursor or
//! was too slow, reads the table itself until it has caught up. Without commits there are no statements.
//! [`sea_level::delivery`] resolves the events.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_graphql::{Context, Subscription as GraphqlSubscription};
use entity::change;
use futures_util::{Stream, stream};
use sea_level::{
    Database, Error, Result, deliver, delivery::Backoff, operation, sql::commits::CommitListener,
    write::EventLog,
};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use tokio::{
    sync::{Notify, broadcast},
    time::sleep,
};

use crate::{
    changes::{Change, ChangeFilter, ChangePredicate, from_cursor, read, to_cursor},
    outbox::Outbox,
};

/// Rows of one read at most.
const STRETCH: usize = 200;

/// Changes kept for subscribers. A subscriber that is further behind reads the table.
const KEPT: usize = 1024;

/// Old rows deleted at a time, so that no writer waits for long.
const PRUNED_AT_ONCE: i64 = 1_000;

/// The change feed of this server. All clones are one.
#[derive(Clone)]
pub struct Feed(Arc<Shared>);

struct Shared {
    database: Database,
    outbox: Outbox,
    /// Notified by each new subscriber.
    wanted: Notify,
    /// `None` makes all subscribers read the table themselves.
    live: broadcast::Sender<Option<Arc<change::Model>>>,
    /// Number of the last row sent; `None` without subscribers.
    position: Mutex<Option<i64>>,
}

impl Feed {
    /// Creates the feed of a database and its outbox. [`Feed::follow`] reads it.
    pub fn new(database: Database, outbox: Outbox) -> Self {
        Self(Arc::new(Shared {
            database,
            outbox,
            wanted: Notify::new(),
            live: broadcast::Sender::new(KEPT),
            position: Mutex::default(),
        }))
    }

    /// Wakes the reader of the table, after a commit.
    pub fn wake(&self) {
        self.0.outbox.wake();
    }

    /// Sends commits to the subscribers until it is dropped.
    pub async fn follow(&self) {
        tokio::join!(self.read_when_woken(), self.watch());
    }

    async fn read_when_woken(&self) {
        let mut pause = Backoff::default();
        loop {
            self.0.outbox.committed().await;
            while let Some(position) = self.position() {
                match read(
                    &self.0.database.reader,
                    Some(position),
                    &ChangePredicate::default(),
                    STRETCH,
                )
                .await
                {
                    Ok(stretch) => {
                        pause = Backoff::default();
                        if let Some(last) = stretch.changes.last() {
                            self.set_position(Some(last.seq));
                        }
                        for change in stretch.changes {
                            // An error means that the last subscriber has left.
                            let _ = self.0.live.send(Some(change));
                        }
                        if !stretch.more {
                            break;
                        }
                    }
                    Err(Error::CursorExpired) => {
                        // Another program emptied the table. Each subscriber finds its own gap.
                        self.set_position(None);
                        let _ = self.0.live.send(None);
                    }
                    Err(_) => pause.wait().await,
                }
            }
        }
    }

    /// Position of the reader; none without subscribers.
    fn position(&self) -> Option<i64> {
        let mut position = self.lock_position();
        if !self.has_subscribers() {
            *position = None;
        }
        *position
    }

    fn set_position(&self, to: Option<i64>) {
        *self.lock_position() = to;
    }

    /// Makes the reader send all rows after this number. The caller has subscribed before.
    fn send_after(&self, seq: i64) {
        self.0.wanted.notify_one();
        let mut position = self.lock_position();
        if position.is_none() {
            *position = Some(seq);
            // A commit between the read of `seq` and now has notified no reader.
            self.0.outbox.wake();
        }
    }

    fn lock_position(&self) -> MutexGuard<'_, Option<i64>> {
        lock(&self.0.position)
    }

    /// Watches commits of other processes while this server has subscribers: each notification costs as
    /// much as a small query.
    async fn watch(&self) {
        let mut pause = Backoff::default();
        loop {
            self.0.wanted.notified().await;
            while self.has_subscribers() {
                match self.0.database.commits.watch(self).await {
                    Ok(()) => pause = Backoff::default(),
                    Err(error) => {
                        tracing::warn!(%error, "the connection for notifications of commits is lost; connecting again");
                        pause.wait().await;
                        // A commit may have been missed.
                        self.wake();
                    }
                }
            }
        }
    }

    /// Returns the matching changes after a number, or from now on, and the number after which they
    /// begin.
    async fn subscribe(
        &self,
        after: Option<i64>,
        wanted: ChangePredicate,
    ) -> Result<(i64, impl Stream<Item = Result<Change>> + use<>)> {
        // Subscribes before the read: a row that the read misses arrives at the receiver.
        let live = self.0.live.subscribe();
        let newest = read(
            &self.0.database.reader,
            after,
            &ChangePredicate::default(),
            0,
        )
        .await?
        .newest;
        self.send_after(newest);
        let start = after.unwrap_or(newest);
        let subscriber = Subscriber {
            feed: self.clone(),
            wanted,
            live,
            position: start,
            behind: after.is_some_and(|after| after < newest),
            read: VecDeque::new(),
            pause: Backoff::default(),
        };
        let changes = stream::unfold(Some(subscriber), |subscriber| async move {
            let mut subscriber = subscriber?;
            match subscriber.next().await? {
                Ok(change) => Some((Ok(change), Some(subscriber))),
                Err(error) => Some((Err(error), None)),
            }
        });
        Ok((start, changes))
    }

    /// Deletes rows that are older than `age`, in small steps. Returns their number.
    ///
    /// The deleted rows are the first ones of the feed, whatever the clocks of the writers say. The newest
    /// of the old rows stays: it may be the position of a client that read it before the next one came.
    pub async fn prune(&self, age: Duration) -> Result<u64, DbErr> {
        let transactions = &self.0.database.transactions;
        let backend = self.0.database.reader.backend();
        let age = chrono::TimeDelta::from_std(age).unwrap_or(chrono::TimeDelta::MAX);
        let Some(before) = chrono::Utc::now().checked_sub_signed(age) else {
            return Ok(0);
        };
        let before = chrono::SubsecRound::trunc_subsecs(before, 6);
        let (a, b) = match backend {
            DbBackend::Sqlite => ("?1", "?2"),
            _ => ("$1", "$2"),
        };
        let sql = format!(
            "WITH oldest AS (SELECT seq, occurred_at FROM changes ORDER BY seq LIMIT {b}) \
             DELETE FROM changes WHERE seq < (SELECT max(seq) FROM oldest WHERE seq < coalesce(\
             (SELECT min(seq) FROM oldest WHERE occurred_at >= {a}), {max}))",
            max = i64::MAX
        );
        let mut deleted = 0;
        loop {
            let values = [before.into(), PRUNED_AT_ONCE.into()];
            let statement = Statement::from_sql_and_values(backend, &sql, values);
            let transaction = transactions.begin().await?;
            let rows = transaction.execute_raw(statement).await?.rows_affected();
            transaction.commit().await?;
            deleted += rows;
            if rows + 1 < PRUNED_AT_ONCE.unsigned_abs() {
                return Ok(deleted);
            }
            // Lets other transactions write.
            sleep(Duration::from_millis(50)).await;
        }
    }
}

impl CommitListener for Feed {
    fn has_subscribers(&self) -> bool {
        self.0.live.receiver_count() > 0
    }

    fn wake(&self) {
        self.wake();
    }
}

struct Subscriber {
    feed: Feed,
    wanted: ChangePredicate,
    live: broadcast::Receiver<Option<Arc<change::Model>>>,
    /// Number of the last row that was received.
    position: i64,
    /// True while the subscriber reads the table itself.
    behind: bool,
    /// Rows that were read from the table.
    read: VecDeque<Arc<change::Model>>,
    pause: Backoff,
}

impl Subscriber {
    /// Returns the next change that matches; `None` when the server ends.
    async fn next(&mut self) -> Option<Result<Change>> {
        let change = self.next_change().await?;
        Some(change.map(Change))
    }

    async fn next_change(&mut self) -> Option<Result<Arc<change::Model>>> {
        loop {
            if let Some(change) = self.read.pop_front() {
                self.position = change.seq;
                return Some(Ok(change));
            }
            if self.behind {
                if let Err(error) = self.catch_up().await {
                    return Some(Err(error));
                }
                continue;
            }
            match self.live.recv().await {
                Ok(Some(change)) => {
                    if change.seq > self.position {
                        self.position = change.seq;
                        if self.wanted.holds(&change) {
                            return Some(Ok(change));
                        }
                    }
                }
                Ok(None) | Err(broadcast::error::RecvError::Lagged(_)) => self.behind = true,
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }

    async fn catch_up(&mut self) -> Result<()> {
        match read(
            &self.feed.0.database.reader,
            Some(self.position),
            &self.wanted,
            STRETCH,
        )
        .await
        {
            Ok(stretch) => {
                self.pause = Backoff::default();
                self.behind = stretch.more;
                self.read = stretch.changes.into();
                if self.read.is_empty() {
                    self.position = stretch.newest;
                }
                // The reader stops after the table was emptied.
                self.feed.send_after(stretch.newest);
                Ok(())
            }
            Err(Error::Unavailable | Error::TimedOut) => {
                self.pause.wait().await;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The root of what can be subscribed to.
#[derive(Default)]
pub struct Subscription;

/// What happens, as it happens. Over WebSocket (`graphql-transport-ws`) or as server-sent events.
#[GraphqlSubscription]
impl Subscription {
    /// Every change that matches. Give `after` to first receive what was missed while disconnected, so that nothing is lost and nothing comes twice.
    async fn changes(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Start after this event's `cursor`; only new events when omitted. A cursor older than the oldest kept event is an error (`CURSOR_EXPIRED`), never a silent gap."
        )]
        after: Option<String>,
        #[graphql(name = "where", desc = "Keep only events that match.")] filter: Option<
            ChangeFilter,
        >,
    ) -> Result<impl Stream<Item = Result<Change>>> {
        let running = operation(ctx);
        let after = after.as_deref().or(running.resume_after());
        let after = after.map(from_cursor).transpose()?;
        let feed = ctx.data_unchecked::<Feed>();
        let (start, changes) = feed.subscribe(after, filter.into()).await?;
        Ok(deliver(
            running.clone(),
            to_cursor(start),
            changes,
            |change| to_cursor(change.0.seq),
        ))
    }
}
