//! Connection pools of both databases, on deadpool. Every wait on a database has a limit here.
//!
//! * The database has limits of its own for a statement, but a connection that died silently (no FIN,
//!   no RST) never reports them. So each statement also has a limit on this side.
//! * A connection goes back to its pool only when its user [releases](PooledConnection::release) it.
//!   Else it is closed: a cancelled statement may still run on it, and where COMMIT fails SQLite has
//!   rolled back by itself.
//! * A connection that is found dead, or whose plans are stale, is rarely the only one: all that were
//!   opened before the fault are replaced when they are next taken.
//! * No connection is pinged on release or acquire, unless it was idle for 10 s. SQLx's own
//!   pool pings on every release, which is as much work as a small statement.

mod deadline;
mod fault;

use std::{
    future::Future,
    io,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use deadpool::{
    Runtime,
    managed::{
        self, Metrics, Object, PoolError, QueueMode, RecycleError, RecycleResult, TimeoutType,
        Timeouts,
    },
};
use sea_orm::{
    DbBackend, DbErr, RuntimeErr, SqlxError, Statement,
    sqlx::{
        self, AssertSqlSafe, ConnectOptions, Connection, Database, Postgres, Sqlite,
        postgres::{PgConnectOptions, PgConnection},
        sqlite::{SqliteConnectOptions, SqliteConnection},
    },
};
use tokio::time::{sleep, timeout};

pub use deadline::Deadline;
pub use fault::Fault;

/// A connection that was not used for this long is pinged before it is used again.
const IDLE: Duration = Duration::from_secs(10);

/// Time for that ping: a dead connection must be replaced within the time of a readiness probe.
const PING: Duration = Duration::from_millis(300);

/// Time that the database has, beyond its own limits, to report that a statement exceeded them.
const GRACE: Duration = Duration::from_secs(2);

/// How many connections a pool has, and how long it waits for them.
#[derive(Clone, Copy, Debug)]
pub struct PoolSettings {
    /// How many connections are open at most.
    pub size: u32,
    /// Time to wait for a free connection, and to open one.
    pub acquire: Duration,
    /// Time that a statement may take. On SQLite, where the database has no such limit, all
    /// statements between [`Pool::get`] and [`PooledConnection::release`] together.
    pub statement: Duration,
    /// Time that a statement may wait for a lock.
    pub lock: Duration,
}

impl PoolSettings {
    /// The limit of a statement on this side, which is reached only where the database is silent.
    fn limit(&self) -> Duration {
        self.statement.max(self.lock) + GRACE
    }
}

/// A database that the pool can connect to.
pub trait Backend:
    Database<Connection: Connection<Database = Self, Options = Self::Connect>>
{
    /// How its connections are opened.
    type Connect: ConnectOptions<Connection = Self::Connection> + Sync;

    /// Begins a transaction that writes. SQLite takes its one lock at the beginning: a transaction
    /// that first reads fails when another process writes in between.
    const BEGIN: &'static str;

    /// Makes a new connection ready for its first statement.
    fn set_up(
        connector: &Connector<Self>,
        connection: &mut Self::Connection,
    ) -> impl Future<Output = Result<Option<Deadline>, SqlxError>> + Send;
}

impl Backend for Sqlite {
    type Connect = SqliteConnectOptions;

    const BEGIN: &'static str = "BEGIN IMMEDIATE";

    async fn set_up(
        connector: &Connector<Self>,
        connection: &mut SqliteConnection,
    ) -> Result<Option<Deadline>, SqlxError> {
        let deadline = Deadline::new(connector.settings.statement);
        deadline.watch(connection).await?;
        Ok(Some(deadline))
    }
}

impl Backend for Postgres {
    type Connect = PgConnectOptions;

    /// A standby refuses it, and the connection is replaced: after a failover it leads to the old
    /// primary.
    const BEGIN: &'static str = "BEGIN READ WRITE";

    async fn set_up(
        connector: &Connector<Self>,
        connection: &mut PgConnection,
    ) -> Result<Option<Deadline>, SqlxError> {
        let session = sqlx::raw_sql(AssertSqlSafe(connector.session.clone()));
        session.execute(&mut *connection).await?;
        // A cancelled statement ends with its connection, where the server can tell.
        let check = "SELECT set_config('client_connection_check_interval', '2s', false)";
        match sqlx::raw_sql(check).execute(connection).await {
            Err(error) if !matches!(error, SqlxError::Database(_)) => Err(error),
            _ => Ok(None),
        }
    }
}

/// Opens connections and decides which may be used again.
pub struct Connector<DB: Backend> {
    options: DB::Connect,
    /// SQL that sets a session up. Not sent with the startup message, since poolers refuse most
    /// parameters there.
    session: Arc<str>,
    settings: PoolSettings,
    /// Connections of an earlier generation are replaced. Pools of one database share it.
    generation: Arc<AtomicU32>,
}

impl<DB: Backend> Connector<DB> {
    /// Opens connections with these options, and runs this SQL on each.
    pub fn new(options: DB::Connect, session: impl Into<Arc<str>>, settings: PoolSettings) -> Self {
        Self {
            options,
            session: session.into(),
            settings,
            generation: Arc::default(),
        }
    }

    /// The same for another pool of the same database.
    #[must_use]
    pub fn with_size(&self, size: u32) -> Self {
        Self {
            options: self.options.clone(),
            session: self.session.clone(),
            settings: PoolSettings {
                size,
                ..self.settings
            },
            generation: self.generation.clone(),
        }
    }

    async fn open(&self) -> Result<Session<DB>, SqlxError> {
        // Read first: a connection that was opened before a fault belongs to the time before it.
        let generation = self.generation.load(Ordering::Relaxed);
        let mut connection = self.options.connect().await?;
        let deadline = DB::set_up(self, &mut connection).await?;
        Ok(Session {
            connection,
            generation,
            deadline,
        })
    }
}

impl<DB: Backend> managed::Manager for Connector<DB> {
    type Type = Session<DB>;
    type Error = SqlxError;

    async fn create(&self) -> Result<Session<DB>, SqlxError> {
        // Boxed, since the future of connecting is large and rarely needed.
        Box::pin(self.open()).await
    }

    async fn recycle(
        &self,
        session: &mut Session<DB>,
        metrics: &Metrics,
    ) -> RecycleResult<SqlxError> {
        if session.generation != self.generation.load(Ordering::Relaxed) {
            return Err(RecycleError::message("opened before a fault"));
        }
        if metrics.last_used() > IDLE
            && let Err(error) = within(PING, session.connection.ping()).await
        {
            // The others are refused without a ping of their own.
            replace(&self.generation, session.generation);
            return Err(error.into());
        }
        Ok(())
    }
}

/// An open connection, and what the pool knows of it.
pub struct Session<DB: Backend> {
    connection: DB::Connection,
    generation: u32,
    deadline: Option<Deadline>,
}

/// A connection pool. All clones are one.
pub struct Pool<DB: Backend> {
    pool: managed::Pool<Connector<DB>>,
    limit: Duration,
}

impl<DB: Backend> Clone for Pool<DB> {
    fn clone(&self) -> Self {
        Self {
            pool: self.pool.clone(),
            limit: self.limit,
        }
    }
}

impl<DB: Backend> Pool<DB> {
    /// A pool that opens connections when they are needed.
    ///
    /// # Errors
    ///
    /// When deadpool refuses the settings.
    pub fn new(connector: Connector<DB>) -> Result<Self, managed::BuildError> {
        let settings = connector.settings;
        let pool = managed::Pool::builder(connector)
            .max_size(settings.size as usize)
            .queue_mode(QueueMode::Lifo)
            .wait_timeout(Some(settings.acquire))
            .create_timeout(Some(settings.acquire))
            .runtime(Runtime::Tokio1)
            .build()?;
        Ok(Self {
            pool,
            limit: settings.limit(),
        })
    }

    /// A connection, waited for no longer than the settings say.
    pub async fn get(&self) -> Result<PooledConnection<DB>, DbErr> {
        // Most often one is free, and no timer is needed.
        let at_once = Timeouts {
            wait: Some(Duration::ZERO),
            ..self.pool.timeouts()
        };
        let taken = match self.pool.timeout_get(&at_once).await {
            Err(PoolError::Timeout(TimeoutType::Wait)) => self.pool.get().await,
            taken => taken,
        };
        let connection = PooledConnection(Some(taken.map_err(|error| {
            let error = match error {
                PoolError::Backend(error) => error,
                PoolError::Closed => SqlxError::PoolClosed,
                _ => SqlxError::PoolTimedOut,
            };
            DbErr::Conn(RuntimeErr::SqlxError(error.into()))
        })?));
        connection.restart_deadline();
        Ok(connection)
    }

    /// Waits for a statement on a connection of this generation, within the limit on this side. A
    /// fault of the connection lets all of its generation be replaced, each when it is next taken.
    pub async fn within<T>(
        &self,
        generation: u32,
        statement: impl Future<Output = Result<T, SqlxError>>,
    ) -> Result<T, SqlxError> {
        let outcome = within(self.limit, statement).await;
        if let Err(error) = &outcome
            && Fault::of(error) != Fault::Statement
        {
            tracing::debug!(%error, "the open database connections are replaced");
            replace(&self.pool.manager().generation, generation);
        }
        outcome
    }

    /// Opens so many connections in the background, so that the first requests find them.
    pub fn warm_up(&self, connections: u32) {
        for _ in 0..connections {
            let pool = self.clone();
            tokio::spawn(async move {
                // If none can be had, the first statement reports it.
                if let Ok(connection) = pool.get().await {
                    connection.release();
                }
            });
        }
    }

    /// How many connections are open, and how many of them are free.
    pub fn size(&self) -> (usize, usize) {
        let status = self.pool.status();
        (status.size, status.available)
    }

    /// Waits for the connections in use, then closes all. Bounded by the caller.
    pub async fn close(&self) {
        loop {
            for session in self.pool.retain(|_, _| false).removed {
                // Gracefully, so that SQLite folds its log into the file.
                let _ = session.connection.close().await;
            }
            let (open, _) = self.size();
            if open == 0 {
                break;
            }
            sleep(Duration::from_millis(5)).await;
        }
        self.pool.close();
    }
}

/// Function that is called with each statement before it is sent.
pub type Observer = dyn Fn(&Statement) + Send + Sync;

/// A pool of either database.
#[derive(Clone)]
pub enum DatabasePool {
    /// Of SQLite.
    Sqlite(Pool<Sqlite>),
    /// Of PostgreSQL.
    Postgres(Pool<Postgres>),
}

impl From<Pool<Sqlite>> for DatabasePool {
    fn from(pool: Pool<Sqlite>) -> Self {
        Self::Sqlite(pool)
    }
}

impl From<Pool<Postgres>> for DatabasePool {
    fn from(pool: Pool<Postgres>) -> Self {
        Self::Postgres(pool)
    }
}

impl DatabasePool {
    /// Returns which database it is.
    pub fn backend(&self) -> DbBackend {
        match self {
            Self::Sqlite(_) => DbBackend::Sqlite,
            Self::Postgres(_) => DbBackend::Postgres,
        }
    }

    /// See [`Pool::size`].
    pub fn size(&self) -> (usize, usize) {
        match self {
            Self::Sqlite(pool) => pool.size(),
            Self::Postgres(pool) => pool.size(),
        }
    }

    /// See [`Pool::close`].
    pub async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// A connection in use. Dropped without [`release`](Self::release), it is closed.
pub struct PooledConnection<DB: Backend>(Option<Object<Connector<DB>>>);

impl<DB: Backend> PooledConnection<DB> {
    /// The generation of the connection, for [`Pool::within`].
    pub fn generation(&self) -> u32 {
        self.0.as_ref().map_or(0, |session| session.generation)
    }

    /// Restarts the deadline of the statements of a SQLite connection.
    pub fn restart_deadline(&self) {
        let deadline = self
            .0
            .as_ref()
            .and_then(|session| session.deadline.as_ref());
        if let Some(deadline) = deadline {
            deadline.restart();
        }
    }

    /// The connection, unless it was released.
    pub fn get_mut(&mut self) -> Result<&mut DB::Connection, SqlxError> {
        let session = self.0.as_mut().ok_or(SqlxError::PoolClosed)?;
        Ok(&mut session.connection)
    }

    /// Gives the connection back to the pool: it works, and no transaction is open on it.
    pub fn release(mut self) {
        drop(self.0.take());
    }
}

impl<DB: Backend> Drop for PooledConnection<DB> {
    fn drop(&mut self) {
        if let Some(session) = self.0.take() {
            drop(Object::take(session));
        }
    }
}

/// Ends a generation, unless it has ended already: connections that fail later must not let the new
/// ones be replaced.
fn replace(current: &AtomicU32, generation: u32) {
    let next = generation.wrapping_add(1);
    let _ = current.compare_exchange(generation, next, Ordering::Relaxed, Ordering::Relaxed);
}

/// Waits for the database no longer than this.
pub(crate) async fn within<T>(
    limit: Duration,
    statement: impl Future<Output = Result<T, SqlxError>>,
) -> Result<T, SqlxError> {
    let silent = |_| Err(SqlxError::Io(io::ErrorKind::TimedOut.into()));
    timeout(limit, statement).await.unwrap_or_else(silent)
}

#[cfg(test)]
mod tests;
