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
    Database, Error, Result, Transaction, deliver, delivery::Backoff, operation,
    sql::commits::CommitListener, write::EventLog,
};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use tokio::{
    sync::{Notify, broadcast},
    time::sleep,
};

use crate::{
    changes::{Change, ChangeFilter, ChangePredicate, from_cursor, read},
    outbox::NewChange,
};

/// How many rows are read at a time.
const STRETCH: usize = 200;

/// How many changes are kept for subscribers. One that falls further behind reads the table.
const KEPT: usize = 1024;

/// How many old rows are deleted at a time, so that no writer waits for long.
const PRUNED_AT_ONCE: i64 = 1_000;

/// The change feed of this server. All clones are one.
#[derive(Clone)]
pub struct Feed(Arc<Shared>);

struct Shared {
    database: Database,
    /// There may be new rows.
    woken: Notify,
    /// The first subscriber has come.
    wanted: Notify,
    /// `None` makes every subscriber read the table by itself.
    live: broadcast::Sender<Option<Arc<change::Model>>>,
    /// The last number handed out; `None` while there are no subscribers.
    position: Mutex<Option<i64>>,
}

impl Feed {
    /// The feed of this database, which is read there by [`Feed::follow`].
    pub fn new(database: Database) -> Self {
        Self(Arc::new(Shared {
            database,
            woken: Notify::new(),
            wanted: Notify::new(),
            live: broadcast::Sender::new(KEPT),
            position: Mutex::default(),
        }))
    }

    /// Wakes the reader of the table, after a commit.
    pub fn wake(&self) {
        self.0.woken.notify_one();
    }

    /// Hands what is committed to the subscribers, for ever; drop it to end it.
    pub async fn follow(&self) {
        tokio::join!(self.read_when_woken(), self.watch());
    }

    async fn read_when_woken(&self) {
        let mut pause = Backoff::default();
        loop {
            self.0.woken.notified().await;
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
                            // Nobody may be there any more.
                            let _ = self.0.live.send(Some(change));
                        }
                        if !stretch.more {
                            break;
                        }
                    }
                    Err(Error::CursorExpired) => {
                        // The table was emptied under our feet. Each finds out what it has missed.
                        self.set_position(None);
                        let _ = self.0.live.send(None);
                    }
                    Err(_) => pause.wait().await,
                }
            }
        }
    }

    /// Where the reader stands; it has nothing to do while nobody listens.
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

    /// Sees to it that everything beyond this number is handed out. Call it with a receiver.
    fn hand_out_after(&self, seq: i64) {
        self.0.wanted.notify_one();
        let mut position = self.lock_position();
        if position.is_none() {
            *position = Some(seq);
            // What was committed between the look at `seq` and now has woken nobody.
            self.0.woken.notify_one();
        }
    }

    fn lock_position(&self) -> MutexGuard<'_, Option<i64>> {
        lock(&self.0.position)
    }

    /// Is woken by commits of other processes while this server has subscribers: each notification
    /// costs as much as a small query.
    async fn watch(&self) {
        let mut pause = Backoff::default();
        loop {
            self.0.wanted.notified().await;
            while self.has_subscribers() {
                match self.0.database.commits.watch(self).await {
                    Ok(()) => pause = Backoff::default(),
                    Err(error) => {
                        tracing::warn!(%error, "not told of changes; connecting again");
                        pause.wait().await;
                        // A commit may have been missed.
                        self.wake();
                    }
                }
            }
        }
    }

    /// The changes that match, from a number on, or from now on.
    async fn subscribe(
        &self,
        after: Option<i64>,
        wanted: ChangePredicate,
    ) -> Result<impl Stream<Item = Result<Change>> + use<>> {
        // First the receiver, then the look at the table: what is not seen there comes here.
        let live = self.0.live.subscribe();
        let newest = read(
            &self.0.database.reader,
            after,
            &ChangePredicate::default(),
            0,
        )
        .await?
        .newest;
        self.hand_out_after(newest);
        let subscriber = Subscriber {
            feed: self.clone(),
            wanted,
            live,
            position: after.unwrap_or(newest),
            behind: after.is_some_and(|after| after < newest),
            read: VecDeque::new(),
            pause: Backoff::default(),
        };
        Ok(stream::unfold(Some(subscriber), |subscriber| async move {
            let mut subscriber = subscriber?;
            match subscriber.next().await? {
                Ok(change) => Some((Ok(change), Some(subscriber))),
                Err(error) => Some((Err(error), None)),
            }
        }))
    }

    /// Deletes what is older than this, in small steps, and returns how many rows went.
    ///
    /// It is a beginning of the feed that goes, whatever the clocks say. The newest of the old rows
    /// stays: somebody may have read up to it only yesterday, before the next one came.
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
            // Others want to write too.
            sleep(Duration::from_millis(50)).await;
        }
    }
}

impl EventLog for Feed {
    type Event = NewChange;

    async fn append(events: &[NewChange], transaction: &Transaction) -> Result<(), DbErr> {
        NewChange::append(events, transaction).await
    }

    fn wake(&self) {
        self.wake();
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
    /// Everything up to this number has been seen.
    position: i64,
    /// Reads the table until it has caught up.
    behind: bool,
    /// What it has read there.
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
                // After the table was emptied nobody hands out anything.
                self.feed.hand_out_after(stretch.newest);
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

/// What happens, as it happens. Over WebSocket (`graphql-transport-ws`).
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
        let after = after.map(|after| from_cursor(&after)).transpose()?;
        let feed = ctx.data_unchecked::<Feed>();
        let changes = feed.subscribe(after, filter.into()).await?;
        Ok(deliver(operation(ctx).clone(), changes))
    }
}
