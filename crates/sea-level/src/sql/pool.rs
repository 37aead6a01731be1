//! Connection pools of both databases, on deadpool. Every wait on a database has a limit here.
//!
//! * The database limits the time of a statement, but a connection that died silently (no FIN, no RST)
//!   reports nothing. So each statement also has a limit on this side.
//! * A connection returns to its pool only by [`release`](PooledConnection::release). Otherwise it is
//!   closed, because a cancelled statement may still run on it.
//! * A connection that is found dead, or whose plans are stale, is rarely the only one. All connections
//!   opened before the fault are replaced when they are next taken.
//! * A connection is pinged only after it was idle for 10 s. SQLx's own pool pings on every release, which
//!   costs as much as a small statement.

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

/// Idle time after which a connection is pinged before it is used again.
const IDLE: Duration = Duration::from_secs(10);

/// Time for that ping: a dead connection must be replaced within the time of a readiness probe.
const PING: Duration = Duration::from_millis(300);

/// Time that the database has, beyond its own limits, to report that a statement exceeded them.
const GRACE: Duration = Duration::from_secs(2);

/// Size and time limits of a pool.
#[derive(Clone, Copy, Debug)]
pub struct PoolSettings {
    /// Limit of open connections.
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
    /// Returns the limit of a statement on this side, which is reached only if the database is silent.
    fn limit(&self) -> Duration {
        self.statement.max(self.lock) + GRACE
    }
}

/// Database that the pool can connect to.
pub trait Backend:
    Database<Connection: Connection<Database = Self, Options = Self::Connect>>
{
    /// Options of its connections.
    type Connect: ConnectOptions<Connection = Self::Connection> + Sync;

    /// Begins a transaction that writes. SQLite takes its one lock at the beginning: a transaction
    /// that first reads fails when another process writes in between.
    const BEGIN: &'static str;

    /// Prepares a new connection for its first statement.
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

    /// A standby refuses this, and the connection is replaced: after a failover it leads to the former
    /// primary.
    const BEGIN: &'static str = "BEGIN READ WRITE";

    async fn set_up(
        connector: &Connector<Self>,
        connection: &mut PgConnection,
    ) -> Result<Option<Deadline>, SqlxError> {
        let session = sqlx::raw_sql(AssertSqlSafe(connector.session.clone()));
        session.execute(&mut *connection).await?;
        // Ends a statement whose client is gone. Not every server can detect that.
        let check = "SELECT set_config('client_connection_check_interval', '2s', false)";
        match sqlx::raw_sql(check).execute(connection).await {
            Err(error) if !matches!(error, SqlxError::Database(_)) => Err(error),
            _ => Ok(None),
        }
    }
}

/// Opens connections and decides whether one may be used again.
pub struct Connector<DB: Backend> {
    options: DB::Connect,
    /// SQL that sets up a session. Not sent in the startup message, where poolers refuse most parameters.
    session: Arc<str>,
    settings: PoolSettings,
    /// Connections of an earlier generation are replaced. Pools of one database share it.
    generation: Arc<AtomicU32>,
}

impl<DB: Backend> Connector<DB> {
    /// Creates a connector with these options, which runs this SQL on each connection.
    pub fn new(options: DB::Connect, session: impl Into<Arc<str>>, settings: PoolSettings) -> Self {
        Self {
            options,
            session: session.into(),
            settings,
            generation: Arc::default(),
        }
    }

    /// Returns a connector for another pool of the same database.
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

/// Open connection with its generation and deadline.
pub struct Session<DB: Backend> {
    connection: DB::Connection,
    generation: u32,
    deadline: Option<Deadline>,
}

/// Connection pool. Clones share it.
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
    /// Creates a pool that opens connections when they are needed.
    ///
    /// # Errors
    ///
    /// Fails if deadpool refuses the settings.
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

    /// Returns a connection. Waits for a free one, or opens one, within [`PoolSettings::acquire`].
    pub async fn get(&self) -> Result<PooledConnection<DB>, DbErr> {
        // Usually a connection is free, and no timer is needed.
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

    /// Waits for a statement on a connection of this generation, within the limit on this side. After a
    /// fault of the connection, each of its generation is replaced when it is next taken.
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

    /// Opens connections in the background, so that the first requests find them.
    pub fn warm_up(&self, connections: u32) {
        for _ in 0..connections {
            let pool = self.clone();
            tokio::spawn(async move {
                // If none can be opened, the first statement reports the reason.
                if let Ok(connection) = pool.get().await {
                    connection.release();
                }
            });
        }
    }

    /// Returns the number of open connections, and how many of them are free.
    pub fn size(&self) -> (usize, usize) {
        let status = self.pool.status();
        (status.size, status.available)
    }

    /// Waits for the connections in use, then closes all. The caller limits the time.
    pub async fn close(&self) {
        loop {
            for session in self.pool.retain(|_, _| false).removed {
                // Gracefully, so that SQLite moves its log into the file.
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

/// Pool of either database.
#[derive(Clone)]
pub enum DatabasePool {
    /// SQLite.
    Sqlite(Pool<Sqlite>),
    /// PostgreSQL.
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
    /// Returns the kind of database.
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

/// Connection in use. Dropped without [`release`](Self::release), it is closed.
pub struct PooledConnection<DB: Backend>(Option<Object<Connector<DB>>>);

impl<DB: Backend> PooledConnection<DB> {
    /// Returns the generation of the connection, for [`Pool::within`].
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

    /// Returns the connection, unless it was released.
    pub fn get_mut(&mut self) -> Result<&mut DB::Connection, SqlxError> {
        let session = self.0.as_mut().ok_or(SqlxError::PoolClosed)?;
        Ok(&mut session.connection)
    }

    /// Returns the connection to the pool. It must work, and no transaction may be open on it.
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

/// Ends a generation, unless it has ended already. A connection that fails later must not cause its
/// successors to be replaced.
fn replace(current: &AtomicU32, generation: u32) {
    let next = generation.wrapping_add(1);
    let _ = current.compare_exchange(generation, next, Ordering::Relaxed, Ordering::Relaxed);
}

/// Waits for the database within a limit.
pub(crate) async fn within<T>(
    limit: Duration,
    statement: impl Future<Output = Result<T, SqlxError>>,
) -> Result<T, SqlxError> {
    let silent = |_| Err(SqlxError::Io(io::ErrorKind::TimedOut.into()));
    timeout(limit, statement).await.unwrap_or_else(silent)
}

#[cfg(test)]
mod tests;
