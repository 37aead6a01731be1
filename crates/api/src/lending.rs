//! Connections that are borrowed from a pool and kept at hand.
//!
//! SQLx's pool asks a connection that comes back whether it is alive, in a task of its own: for a
//! small statement that is as much work again, on both sides. So a connection is borrowed from the
//! pool for half a minute, and one after the other uses it.

use std::{
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use sea_orm::{
    DbErr, RuntimeErr, SqlxError,
    sqlx::{Database, Pool, Postgres, Sqlite, pool::PoolConnection, sqlite::SqliteConnection},
};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

use crate::error::Result;

/// How long a connection is borrowed: then the pool looks whether it is alive, and not too old.
const BORROWED: Duration = Duration::from_secs(30);

/// A database whose connections are lent.
pub trait Lendable: Database {
    /// Sees to it that statements of this connection end at the deadline.
    fn watch(
        deadline: &Deadline,
        connection: &mut Self::Connection,
    ) -> impl Future<Output = Result<(), SqlxError>> + Send;
}

impl Lendable for Postgres {
    /// It was told a time when it was connected to.
    async fn watch(_: &Deadline, _: &mut Self::Connection) -> Result<(), SqlxError> {
        Ok(())
    }
}

impl Lendable for Sqlite {
    async fn watch(
        deadline: &Deadline,
        connection: &mut SqliteConnection,
    ) -> Result<(), SqlxError> {
        deadline.watch(connection).await
    }
}

/// Connections of a pool, lent to so many at once.
pub struct Lending<DB: Lendable> {
    pool: Pool<DB>,
    /// As many statements as run at once.
    permits: Semaphore,
    idle: Mutex<Vec<Lent<DB>>>,
    deadline: Option<Duration>,
}

/// Connections of either database. All clones are one.
#[derive(Clone)]
pub enum Connections {
    /// Of SQLite.
    Sqlite(Arc<Lending<Sqlite>>),
    /// Of PostgreSQL.
    Postgres(Arc<Lending<Postgres>>),
}

impl Connections {
    /// Of SQLite, as [`Lending::new`].
    pub fn sqlite(pool: Pool<Sqlite>, most: u32, deadline: Option<Duration>) -> Self {
        Self::Sqlite(Arc::new(Lending::new(pool, most, deadline)))
    }

    /// Of PostgreSQL, which keeps the time itself.
    pub fn postgres(pool: Pool<Postgres>, most: u32) -> Self {
        Self::Postgres(Arc::new(Lending::new(pool, most, None)))
    }

    /// How many connections the pool has, and how many of them do nothing.
    pub fn size(&self) -> (u32, usize) {
        match self {
            Self::Sqlite(lending) => lending.size(),
            Self::Postgres(lending) => lending.size(),
        }
    }

    /// Gives every connection back and closes the pool.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(lending) => lending.close().await,
            Self::Postgres(lending) => lending.close().await,
        }
    }
}

/// A connection that was borrowed from the pool. Dropped, it goes back.
pub struct Lent<DB: Lendable> {
    /// The connection.
    pub connection: PoolConnection<DB>,
    since: Instant,
    deadline: Option<Deadline>,
}

/// A connection in use. Dropped, it goes back to the pool, which looks at it.
pub struct Borrowed<'a, DB: Lendable> {
    /// What was lent.
    pub lent: Lent<DB>,
    lending: &'a Lending<DB>,
    /// Released last, when the connection is where the next one looks for it.
    _permit: SemaphorePermit<'a>,
}

impl<DB: Lendable> Borrowed<'_, DB> {
    /// For the next one, if there will be one: it is sound.
    pub fn keep(self) {
        let mut idle = self.lending.idle();
        if !self.lending.permits.is_closed() {
            idle.push(self.lent);
        }
    }
}

impl<DB: Lendable> Lending<DB> {
    /// Lends so many connections of the pool at once; a statement is stopped after this time.
    pub fn new(pool: Pool<DB>, most: u32, deadline: Option<Duration>) -> Self {
        Self {
            pool,
            permits: Semaphore::new(most as usize),
            idle: Mutex::default(),
            deadline,
        }
    }

    /// One of them, waited for no longer than the pool says.
    pub async fn borrow(&self) -> Result<Borrowed<'_, DB>, DbErr> {
        let borrowed = self.try_to_borrow().await;
        borrowed.map_err(|error| DbErr::Conn(RuntimeErr::SqlxError(error.into())))
    }

    async fn try_to_borrow(&self) -> Result<Borrowed<'_, DB>, SqlxError> {
        let permit = match self.permits.try_acquire() {
            Ok(permit) => permit,
            Err(_) => timeout(
                self.pool.options().get_acquire_timeout(),
                self.permits.acquire(),
            )
            .await
            .map_err(|_| SqlxError::PoolTimedOut)?
            .map_err(|_| SqlxError::PoolClosed)?,
        };
        let idle = self.idle().pop();
        let lent = match idle {
            Some(lent) if lent.since.elapsed() < BORROWED => lent,
            // Boxed, since to open a connection takes a large future.
            expired => Box::pin(self.lend(expired)).await?,
        };
        if let Some(deadline) = &lent.deadline {
            deadline.renew();
        }
        Ok(Borrowed {
            lent,
            lending: self,
            _permit: permit,
        })
    }

    async fn lend(&self, expired: Option<Lent<DB>>) -> Result<Lent<DB>, SqlxError> {
        if let Some(Lent { mut connection, .. }) = expired {
            // Waited for, so that it can be had again and no other need be opened.
            let patience = self.pool.options().get_acquire_timeout();
            let _ = timeout(patience, connection.return_to_pool()).await;
        }
        let mut connection = self.pool.acquire().await?;
        let deadline = self.deadline.map(Deadline::new);
        if let Some(deadline) = &deadline {
            DB::watch(deadline, &mut connection).await?;
        }
        Ok(Lent {
            connection,
            since: Instant::now(),
            deadline,
        })
    }

    fn size(&self) -> (u32, usize) {
        let idle = self.idle().len();
        (self.pool.size(), self.pool.num_idle() + idle)
    }

    async fn close(&self) {
        self.permits.close();
        self.idle().clear();
        self.pool.close().await;
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Lent<DB>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When a statement of SQLite ends at the latest. It knows no such time, and its thread does not
/// notice that nobody waits any more; but it asks now and then whether to go on.
#[derive(Clone, Debug)]
pub struct Deadline {
    after: Duration,
    clock: Instant,
    /// When the statement began, in milliseconds of the clock.
    began: Arc<AtomicU64>,
}

impl Deadline {
    /// How often SQLite asks: a few hundred times a second.
    const INSTRUCTIONS: i32 = 20_000;

    /// So long after [`renew`](Self::renew).
    pub fn new(after: Duration) -> Self {
        Self {
            after,
            clock: Instant::now(),
            began: Arc::default(),
        }
    }

    /// A statement, or a transaction, begins now.
    pub fn renew(&self) {
        self.began.store(self.now(), Ordering::Relaxed);
    }

    /// Holds for this connection from now on.
    pub async fn watch(&self, connection: &mut SqliteConnection) -> Result<(), SqlxError> {
        let deadline = self.clone();
        let goes_on = move || !deadline.is_over();
        let mut handle = connection.lock_handle().await?;
        handle.set_progress_handler(Self::INSTRUCTIONS, goes_on);
        Ok(())
    }

    fn is_over(&self) -> bool {
        let took = self
            .now()
            .saturating_sub(self.began.load(Ordering::Relaxed));
        u128::from(took) >= self.after.as_millis()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.clock.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
