//! Connections for reading, kept at hand.
//!
//! SQLx's pool asks a connection that comes back whether it is alive, in a task of its own: for a
//! small statement that is as much work again, on both sides. So a connection is borrowed from the
//! pool for half a minute, and one statement after the other uses it.

use std::{
    fmt,
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use sea_orm::{
    DbBackend, DbErr, QueryResult, RuntimeErr, SqlxError, Statement, Value,
    sea_query::Values,
    sqlx::{
        self, AssertSqlSafe, Database, Executor, IntoArguments, Pool, Postgres, Sqlite,
        pool::PoolConnection, sqlite::SqliteConnection,
    },
};
use sea_query_sqlx::SqlxValues;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

use crate::{error::Result, kept::Kept, rows::Rows};

/// How long a connection is borrowed: then the pool looks whether it is alive, and not too old.
const BORROWED: Duration = Duration::from_secs(30);

/// How many bytes of SQL are kept, to be sent again with other values.
const WRITTEN: usize = 1 << 20;

/// What all queries read with. All clones are one.
#[derive(Clone)]
pub struct Reader {
    connections: Connections,
    observer: Option<Arc<Observer>>,
    written: Arc<Mutex<Kept<Rows>>>,
}

type Observer = dyn Fn(&Statement) + Send + Sync;

#[derive(Clone)]
enum Connections {
    Sqlite(Arc<Lending<Sqlite>>),
    Postgres(Arc<Lending<Postgres>>),
}

impl fmt::Debug for Reader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Reader")
    }
}

impl Reader {
    /// Reads with all connections of the pool; a statement is stopped after this time.
    pub fn sqlite(pool: Pool<Sqlite>, deadline: Option<Duration>) -> Self {
        let most = pool.options().get_max_connections();
        Connections::Sqlite(Arc::new(Lending::new(pool, most, deadline))).into()
    }

    /// Reads with this many connections of the pool, which others use too.
    pub fn postgres(pool: Pool<Postgres>, most: u32) -> Self {
        Connections::Postgres(Arc::new(Lending::new(pool, most, None))).into()
    }

    /// Which database it is.
    pub fn backend(&self) -> DbBackend {
        match self.connections {
            Connections::Sqlite(_) => DbBackend::Sqlite,
            Connections::Postgres(_) => DbBackend::Postgres,
        }
    }

    /// Shows every statement before it is sent.
    pub fn observe(&mut self, observer: impl Fn(&Statement) + Send + Sync + 'static) {
        self.observer = Some(Arc::new(observer));
    }

    /// The SELECT of this name, whose text depends on nothing else; written when it is not known yet.
    pub fn written(&self, name: &str, write: impl FnOnce() -> Result<Rows>) -> Result<Rows> {
        let kept = || self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rows) = kept().get(name) {
            return Ok(rows);
        }
        let rows = write()?;
        kept().keep(name, rows.clone(), rows.size());
        Ok(rows)
    }

    /// The only row that the statement brings.
    pub async fn query_one(
        &self,
        statement: Arc<str>,
        values: Vec<Value>,
    ) -> Result<QueryResult, DbErr> {
        if let Some(observer) = &self.observer {
            let (statement, values) = (&*statement, values.clone());
            observer(&Statement::from_sql_and_values(
                self.backend(),
                statement,
                values,
            ));
        }
        match &self.connections {
            Connections::Sqlite(lending) => query_one(lending, statement, values).await,
            Connections::Postgres(lending) => query_one(lending, statement, values).await,
        }
    }

    /// How many connections the pool has, and how many of them do nothing.
    pub fn size(&self) -> (u32, usize) {
        match &self.connections {
            Connections::Sqlite(lending) => lending.size(),
            Connections::Postgres(lending) => lending.size(),
        }
    }

    /// Gives every connection back and closes the pool.
    pub async fn close(&self) {
        match &self.connections {
            Connections::Sqlite(lending) => lending.close().await,
            Connections::Postgres(lending) => lending.close().await,
        }
    }
}

impl From<Connections> for Reader {
    fn from(connections: Connections) -> Self {
        Self {
            connections,
            observer: None,
            written: Arc::new(Mutex::new(Kept::new(WRITTEN))),
        }
    }
}

async fn query_one<DB: Lendable>(
    lending: &Lending<DB>,
    statement: Arc<str>,
    values: Vec<Value>,
) -> Result<QueryResult, DbErr>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    SqlxValues: IntoArguments<DB>,
    QueryResult: From<DB::Row>,
{
    let connecting = |error: SqlxError| DbErr::Conn(RuntimeErr::SqlxError(error.into()));
    let mut borrowed = lending.borrow().await.map_err(connecting)?;
    let found = sqlx::query_with(AssertSqlSafe(statement), SqlxValues(Values(values)))
        .fetch_one(&mut *borrowed.lent.connection)
        .await;
    // After anything else, or when nobody waits any more, the pool shall look at it.
    let is_sound = match &found {
        Ok(_) => true,
        // PostgreSQL's class 57P is the end of the connection too.
        Err(SqlxError::Database(error)) => {
            error.code().is_some_and(|code| !code.starts_with("57P"))
        }
        Err(_) => false,
    };
    if is_sound {
        borrowed.keep();
    }
    let querying = |error: SqlxError| DbErr::Query(RuntimeErr::SqlxError(error.into()));
    found.map(QueryResult::from).map_err(querying)
}

/// A database whose connections are lent.
trait Lendable: Database {
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

struct Lending<DB: Lendable> {
    pool: Pool<DB>,
    /// As many statements as run at once.
    permits: Semaphore,
    idle: Mutex<Vec<Lent<DB>>>,
    deadline: Option<Duration>,
}

/// A connection that was borrowed from the pool. Dropped, it goes back.
struct Lent<DB: Lendable> {
    connection: PoolConnection<DB>,
    since: Instant,
    deadline: Option<Deadline>,
}

/// A connection in use.
struct Borrowed<'a, DB: Lendable> {
    lent: Lent<DB>,
    lending: &'a Lending<DB>,
    /// Released last, when the connection is where the next one looks for it.
    _permit: SemaphorePermit<'a>,
}

impl<DB: Lendable> Borrowed<'_, DB> {
    /// For the next statement, if there will be one.
    fn keep(self) {
        let mut idle = self.lending.idle();
        if !self.lending.permits.is_closed() {
            idle.push(self.lent);
        }
    }
}

impl<DB: Lendable> Lending<DB> {
    fn new(pool: Pool<DB>, most: u32, deadline: Option<Duration>) -> Self {
        Self {
            pool,
            permits: Semaphore::new(most as usize),
            idle: Mutex::default(),
            deadline,
        }
    }

    async fn borrow(&self) -> Result<Borrowed<'_, DB>, SqlxError> {
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
