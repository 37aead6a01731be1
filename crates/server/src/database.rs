//! How a connection to SQLite or PostgreSQL is opened, awaited and locked, and nothing about tables.

use std::{
    io,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use sea_orm::{
    ConnectOptions, ConnectionTrait, DatabaseBackend, DatabaseConnection, DatabaseTransaction,
    DbErr, SqliteTransactionMode, SqlxError, TransactionOptions, TransactionTrait,
    sqlx::{
        self, Connection,
        postgres::PgConnectOptions,
        sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
    },
};
use tokio::time::{sleep, timeout};

use crate::{
    config::DatabaseSettings,
    error::{Error, Reason},
};

/// How long a request waits for a free connection.
const ACQUIRE: Duration = Duration::from_secs(3);

/// How long one attempt to reach PostgreSQL may take.
const CONNECT: Duration = Duration::from_secs(5);

/// How long one SQLite process waits for the other's transaction.
const BUSY: Duration = Duration::from_secs(5);

/// A connection that was idle for this long is pinged before use; a ping for each use would cost
/// more than a small read.
const STALE: Duration = Duration::from_secs(30);

/// More PostgreSQL connections make it no faster.
const POSTGRES_CONNECTIONS: u32 = 16;

/// What a connection is for, which decides how long a statement of its may take.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Answering requests: nothing may hold a connection or a lock for long.
    Serve,
    /// `migrate` and `seed`: as long as it takes.
    Maintain,
}

/// Opens the database of the settings, creates a SQLite file, waits for a PostgreSQL that is down.
pub async fn open(settings: &DatabaseSettings, purpose: Purpose) -> Result<api::Database, Error> {
    let url = settings.database_url.trim();
    if url.starts_with("sqlite:") {
        open_sqlite(url, purpose).await
    } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
        let wait = Duration::from_secs(settings.database_wait);
        open_postgres(url, purpose, wait).await
    } else {
        Err(Error::UnknownDatabase)
    }
}

/// Begins the one transaction that may migrate or seed: another process that wants to waits here.
pub async fn begin_alone(database: &api::Database) -> Result<DatabaseTransaction, Error> {
    // "roster" in ASCII. The lock goes with the transaction, however that ends.
    const LOCK: &str = "SELECT pg_advisory_xact_lock(x'726f73746572'::bigint)";

    let transaction = database
        .writer
        .begin_with_options(TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        })
        .await
        .map_err(|error| match error {
            error if is_locked(&error) => Error::Busy,
            error => error.into(),
        })?;
    if transaction.get_database_backend() == DatabaseBackend::Postgres {
        transaction.execute_unprepared(LOCK).await?;
    }
    Ok(transaction)
}

/// Ends the connections in good order; SQLite then folds its log into the file.
pub async fn close(database: &api::Database) {
    // Readers first: the last to leave folds the log, and a reader may not write.
    for connection in [&database.reader, &database.writer] {
        // A statement that never ends must not keep the process alive; nothing is lost.
        let closed = timeout(Duration::from_millis(500), connection.close_by_ref()).await;
        if !matches!(closed, Ok(Ok(()))) {
            tracing::debug!("a connection was busy until the end");
        }
    }
}

async fn open_sqlite(url: &str, purpose: Purpose) -> Result<api::Database, Error> {
    if url.contains(":memory:") || url.contains("mode=memory") {
        return Err(Error::InMemory);
    }
    let options: SqliteConnectOptions = url
        .parse()
        .map_err(|error: SqlxError| Error::DatabaseUrl(Reason::from(&error)))?;
    let path = options.get_filename().to_owned();
    let options = options
        .create_if_missing(true)
        .foreign_keys(true)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY);

    let writer = sqlite_writer(&path, options.clone(), purpose).await?;
    let readers = thread::available_parallelism().map_or(4, |cores| cores.get().clamp(4, 8));
    let reader = sqlite_pool(options.pragma("query_only", "ON"), readers as u32, purpose)
        .await
        .map_err(|error| unusable_file(&path, error))?;
    Ok(api::Database { reader, writer })
}

/// The one connection that writes. Only it asks for the write-ahead log, which is a property of the
/// file: SQLite lets nobody wait for that change, so it is tried until another process is done.
async fn sqlite_writer(
    path: &Path,
    options: SqliteConnectOptions,
    purpose: Purpose,
) -> Result<DatabaseConnection, Error> {
    let options = options.journal_mode(SqliteJournalMode::Wal);
    let deadline = Instant::now() + BUSY;
    loop {
        match sqlite_pool(options.clone(), 1, purpose).await {
            Ok(writer) => return Ok(writer),
            Err(error) if is_locked(&error) && Instant::now() < deadline => {
                sleep(Duration::from_millis(50)).await;
            }
            Err(error) => return Err(unusable_file(path, error)),
        }
    }
}

async fn sqlite_pool(
    sqlite: SqliteConnectOptions,
    connections: u32,
    purpose: Purpose,
) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new("sqlite:");
    options
        .max_connections(connections)
        // A file does not go away, and a connection's cache is worth keeping.
        .idle_timeout(None::<Duration>)
        .max_lifetime(None::<Duration>)
        .acquire_timeout(ACQUIRE)
        .test_before_acquire_if_idle_for(STALE)
        .map_sqlx_sqlite_opts(move |_| {
            sqlx::ConnectOptions::disable_statement_logging(sqlite.clone())
        });
    if purpose == Purpose::Serve {
        options
            .map_sqlx_sqlite_pool_opts(|pool| {
                pool.after_connect(|connection, _| Box::pin(sqlite_deadline::begin(connection)))
            })
            .map_sqlx_sqlite_before_acquire(|connection, _| {
                Box::pin(async {
                    sqlite_deadline::begin_unless_told(connection).await?;
                    Ok(true)
                })
            });
    }
    sea_orm::Database::connect(options).await
}

/// SQLite knows no statement timeout, and its thread does not notice that nobody waits any more.
/// But it asks now and then whether to go on.
mod sqlite_deadline {
    use std::time::{Duration, Instant};

    use sea_orm::sqlx::{Error, sqlite::SqliteConnection};
    use tracing::Span;

    /// How long the statements of one operation may keep a connection.
    pub const DEADLINE: Duration = Duration::from_secs(8);

    /// How often it asks: a few hundred times a second.
    const INSTRUCTIONS: i32 = 20_000;

    /// Sets the clock of a connection.
    ///
    /// SQLx runs statements in the span of whoever asks, in the connection's own thread too: as
    /// long as it is the same one, it is the same operation that keeps the connection.
    pub async fn begin(connection: &mut SqliteConnection) -> Result<(), Error> {
        let mut operation = None;
        let mut since = Instant::now();
        connection
            .lock_handle()
            .await?
            .set_progress_handler(INSTRUCTIONS, move || {
                let current = Span::current().id();
                if current != operation {
                    operation = current;
                    since = Instant::now();
                }
                since.elapsed() < DEADLINE
            });
        Ok(())
    }

    /// Sets it anew for whoever has no span. That is not done for all, since it costs about as much
    /// as a small statement.
    pub async fn begin_unless_told(connection: &mut SqliteConnection) -> Result<(), Error> {
        if Span::current().id().is_none() {
            begin(connection).await?;
        }
        Ok(())
    }
}

fn is_locked(error: &DbErr) -> bool {
    // SQLITE_BUSY and SQLITE_LOCKED, whose higher bits tell kinds of each.
    matches!(sqlx_error(error), Some(SqlxError::Database(error))
        if error.code().and_then(|code| code.parse::<i32>().ok()).is_some_and(|code| matches!(code & 0xff, 5 | 6)))
}

fn unusable_file(path: &Path, error: DbErr) -> Error {
    Error::SqliteFile {
        path: path.to_owned(),
        reason: error.into(),
    }
}

async fn open_postgres(
    url: &str,
    purpose: Purpose,
    wait: Duration,
) -> Result<api::Database, Error> {
    let options: PgConnectOptions = url
        .parse()
        .map_err(|error: SqlxError| Error::DatabaseUrl(Reason::from(&error)))?;
    let (statement, lock, idle) = match purpose {
        Purpose::Serve => ("8s", "4s", "15s"),
        Purpose::Maintain => ("0", "0", "0"),
    };
    let postgres = sqlx::ConnectOptions::disable_statement_logging(options.options([
        ("statement_timeout", statement),
        ("lock_timeout", lock),
        ("idle_in_transaction_session_timeout", idle),
        ("TimeZone", "UTC"),
        // Without it a batch of parents looks as costly as the whole table, and is answered by
        // reading the whole table.
        ("random_page_cost", "1.1"),
        // 128 MB, of which a statement takes what it needs. A filter that says «none» keeps the
        // keys of millions of links at hand; beyond the default of 8 MB, from 200,000 on, they
        // would be gone through from the start for every row.
        ("work_mem", "4MB"),
        ("hash_mem_multiplier", "32"),
        // Compiling a statement takes longer than any of ours runs.
        ("jit", "off"),
    ]));
    let postgres = match postgres.get_application_name() {
        Some(_) => postgres,
        None => postgres.application_name("roster"),
    };
    wait_for_postgres(&postgres, wait).await?;

    // The password stays inside SQLx's type: a trace of the library prints its own options.
    let mut options = ConnectOptions::new("postgres://");
    options
        .max_connections(match purpose {
            Purpose::Serve => POSTGRES_CONNECTIONS,
            Purpose::Maintain => 1,
        })
        .acquire_timeout(ACQUIRE)
        .test_before_acquire_if_idle_for(STALE)
        .map_sqlx_postgres_opts(move |_| postgres.clone());
    let pool = sea_orm::Database::connect(options).await?;
    Ok(api::Database {
        reader: pool.clone(),
        writer: pool,
    })
}

/// Connects once, outside of any pool: a pool keeps the cause of a failure to itself.
async fn wait_for_postgres(options: &PgConnectOptions, wait: Duration) -> Result<(), Error> {
    let address = match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    let start = Instant::now();
    let mut told = false;
    loop {
        let reason = match timeout(CONNECT, sqlx::ConnectOptions::connect(options)).await {
            Ok(Ok(connection)) => {
                // It has served: however it ends, a connection could be made.
                let _ = connection.close().await;
                return Ok(());
            }
            Ok(Err(error)) if may_pass(&error) => Reason::from(&error),
            Ok(Err(error)) => {
                return Err(Error::Refused {
                    address,
                    reason: Reason::from(&error),
                });
            }
            Err(_) => Reason::new("no answer"),
        };
        let seconds = wait.as_secs();
        if start.elapsed() >= wait {
            return Err(Error::Unreachable {
                address,
                seconds,
                reason,
            });
        }
        if !told {
            tracing::warn!("waiting up to {seconds} s for PostgreSQL at {address}: {reason}");
            told = true;
        }
        sleep(Duration::from_millis(500)).await;
    }
}

/// Whether this is what a database says that is starting, restarting or full.
fn may_pass(error: &SqlxError) -> bool {
    match error {
        // Invalid is what a certificate is.
        SqlxError::Io(error) => error.kind() != io::ErrorKind::InvalidData,
        SqlxError::Database(error) => matches!(
            error.code().as_deref(),
            Some("53300" | "57P01" | "57P02" | "57P03")
        ),
        _ => false,
    }
}

/// What SQLx said, where it was SQLx.
fn sqlx_error(error: &DbErr) -> Option<&SqlxError> {
    use sea_orm::RuntimeErr::SqlxError as Sqlx;
    match error {
        DbErr::Conn(Sqlx(error)) | DbErr::Exec(Sqlx(error)) | DbErr::Query(Sqlx(error)) => {
            Some(error)
        }
        _ => None,
    }
}
