//! How a connection to SQLite or PostgreSQL is opened, awaited and locked, and nothing about tables.

use std::{
    io,
    path::Path,
    pin::pin,
    thread,
    time::{Duration, Instant},
};

use api::{Reader, Transactions, lending::Deadline};
use futures_util::{
    FutureExt,
    future::{Either, select},
};
use sea_orm::{
    ConnectOptions, ConnectionTrait, DatabaseBackend, DatabaseConnection, DatabaseTransaction,
    DbErr, SqliteTransactionMode, SqlxError, TransactionOptions, TransactionTrait,
    sqlx::{
        self, Connection,
        postgres::{PgConnectOptions, PgPool},
        sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
    },
};
use tokio::time::{sleep, timeout};

use crate::{
    config::{DatabaseSettings, DeadlineSettings, seconds},
    error::{Error, Reason},
};

/// A connection that was idle for this long is pinged before use; a ping for each use would cost
/// more than a small read.
const STALE: Duration = Duration::from_secs(30);

/// How much of a SQLite file readers map into memory: all of it, up to the most that SQLite allows.
const MAPPED: u32 = 0x7fff_0000;

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
    let deadlines = &settings.deadlines;
    if url.starts_with("sqlite:") {
        open_sqlite(url, purpose, deadlines).await
    } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
        let wait = Duration::from_secs(settings.database_wait);
        open_postgres(url, purpose, wait, deadlines).await
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
    let closing = [
        database.reader.close().boxed(),
        database.transactions.close().boxed(),
        database.writer.close_by_ref().map(drop).boxed(),
    ];
    for closing in closing {
        // A statement that never ends must not keep the process alive; nothing is lost.
        if timeout(Duration::from_millis(500), closing).await.is_err() {
            tracing::debug!("a connection was busy until the end");
        }
    }
}

async fn open_sqlite(
    url: &str,
    purpose: Purpose,
    deadlines: &DeadlineSettings,
) -> Result<api::Database, Error> {
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
        .busy_timeout(seconds(deadlines.busy_timeout));

    let deadline = match purpose {
        Purpose::Serve => Some(seconds(deadlines.statement_timeout)),
        Purpose::Maintain => None,
    };
    let writer = sqlite_writer(&path, options.clone(), deadline, deadlines).await?;
    // Statements of SQLite compute more than they wait: more of them at once are not faster.
    let readers = thread::available_parallelism().map_or(4, |cores| (cores.get() + 1).clamp(3, 8));
    // Opened by the first who writes.
    let mut one = sqlite_pool(options.clone(), 1, deadlines);
    one.connect_lazy(true);
    let transactions = sea_orm::Database::connect(one).await?;
    let transactions = transactions.get_sqlite_connection_pool().clone();
    let options = options
        .pragma("query_only", "ON")
        // Pages are read where the system keeps them, and not copied into a cache for each reader.
        .pragma("mmap_size", MAPPED.to_string());
    let reader = sea_orm::Database::connect(sqlite_pool(options, readers as u32, deadlines))
        .await
        .map_err(|error| unusable_file(&path, error))?;
    let reader = Reader::sqlite(reader.get_sqlite_connection_pool().clone(), deadline);
    Ok(api::Database {
        reader,
        transactions: Transactions::sqlite(transactions, deadline),
        writer,
    })
}

/// The one connection that writes. Only it asks for the write-ahead log, which is a property of the
/// file: SQLite lets nobody wait for that change, so it is tried until another process is done.
async fn sqlite_writer(
    path: &Path,
    options: SqliteConnectOptions,
    deadline: Option<Duration>,
    deadlines: &DeadlineSettings,
) -> Result<DatabaseConnection, Error> {
    let mut options = sqlite_pool(options.journal_mode(SqliteJournalMode::Wal), 1, deadlines);
    if let Some(deadline) = deadline.map(Deadline::new) {
        // There is but one connection, so that it has but one clock.
        let renewed = deadline.clone();
        options
            .map_sqlx_sqlite_pool_opts(move |pool| {
                let deadline = deadline.clone();
                pool.after_connect(move |connection, _| {
                    let deadline = deadline.clone();
                    Box::pin(async move {
                        deadline.renew();
                        deadline.watch(connection).await
                    })
                })
            })
            .map_sqlx_sqlite_before_acquire(move |_, _| {
                renewed.renew();
                Box::pin(async { Ok(true) })
            });
    }
    let give_up = Instant::now() + seconds(deadlines.busy_timeout);
    loop {
        match sea_orm::Database::connect(options.clone()).await {
            Ok(writer) => return Ok(writer),
            Err(error) if is_locked(&error) && Instant::now() < give_up => {
                sleep(Duration::from_millis(50)).await;
            }
            Err(error) => return Err(unusable_file(path, error)),
        }
    }
}

fn sqlite_pool(
    sqlite: SqliteConnectOptions,
    connections: u32,
    deadlines: &DeadlineSettings,
) -> ConnectOptions {
    let mut options = ConnectOptions::new("sqlite:");
    options
        .max_connections(connections)
        // A file does not go away, and a connection's cache is worth keeping.
        .idle_timeout(None::<Duration>)
        .max_lifetime(None::<Duration>)
        .acquire_timeout(seconds(deadlines.acquire_timeout))
        .test_before_acquire_if_idle_for(STALE)
        .map_sqlx_sqlite_opts(move |_| {
            sqlx::ConnectOptions::disable_statement_logging(sqlite.clone())
        });
    options
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
    deadlines: &DeadlineSettings,
) -> Result<api::Database, Error> {
    let options: PgConnectOptions = url
        .parse()
        .map_err(|error: SqlxError| Error::DatabaseUrl(Reason::from(&error)))?;
    let (statement, lock, idle) = match purpose {
        Purpose::Serve => (
            deadlines.statement_timeout,
            deadlines.lock_timeout,
            deadlines.transaction_timeout,
        ),
        Purpose::Maintain => (0, 0, 0),
    };
    let postgres = sqlx::ConnectOptions::disable_statement_logging(options.options([
        ("statement_timeout", &*format!("{statement}s")),
        ("lock_timeout", &*format!("{lock}s")),
        ("idle_in_transaction_session_timeout", &*format!("{idle}s")),
        ("TimeZone", "UTC"),
        // Without it a batch of parents looks as costly as the whole table, and is answered by
        // reading the whole table.
        ("random_page_cost", "1.1"),
        // 128 MB, of which a statement takes what it needs. A filter that says «none» keeps the
        // keys of millions of links at hand; beyond the default of 8 MB, from 200,000 on, they
        // would be gone through from the start for every row.
        ("work_mem", "4MB"),
        ("hash_mem_multiplier", "32"),
        // A statement is planned once for each connection, not each time: keys come as an array, so
        // what they are makes no difference to the plan.
        ("plan_cache_mode", "force_generic_plan"),
        // What is looked up for each row is most often another each time.
        ("enable_memoize", "off"),
        // Compiling a statement takes longer than any of ours runs.
        ("jit", "off"),
    ]));
    let postgres = match postgres.get_application_name() {
        Some(_) => postgres,
        None => postgres.application_name("roster"),
    };
    // The password stays inside SQLx's type: a trace of the library prints its own options.
    let mut options = ConnectOptions::new("postgres://");
    let sqlx = postgres.clone();
    options
        .max_connections(match purpose {
            Purpose::Serve => deadlines.database_connections,
            Purpose::Maintain => 1,
        })
        .acquire_timeout(seconds(deadlines.acquire_timeout))
        .test_before_acquire_if_idle_for(STALE)
        .connect_lazy(true)
        .map_sqlx_postgres_opts(move |_| sqlx.clone());
    let pool = sea_orm::Database::connect(options).await?;

    let connected = pin!(connect(pool.get_postgres_connection_pool().clone()));
    let waited = pin!(wait_for_postgres(&postgres, wait, deadlines));
    match select(connected, waited).await {
        Either::Left((Ok(()), _)) => {}
        Either::Left((Err(_), waited)) => waited.await?,
        Either::Right((waited, connected)) => {
            waited?;
            // If it cannot be had, the first statement says so.
            let _ = connected.await;
        }
    }
    // One connection listens for changes; a third of the others are for who writes, but for those whose
    // statement nobody waits for any more.
    let sqlx = pool.get_postgres_connection_pool();
    let others = sqlx.options().get_max_connections().saturating_sub(1);
    let writers = (others / 3).max(1);
    let readers = others.saturating_sub(writers).max(1);
    Ok(api::Database {
        reader: Reader::postgres(sqlx.clone(), readers),
        transactions: Transactions::postgres(sqlx.clone(), writers),
        writer: pool,
    })
}

/// How many connections a server needs at once when it begins: for the first request, for what is
/// heard of changes and for deleting old ones.
const FIRST: u32 = 3;

/// Connects while it is found out whether that is possible, and not one after the other: by TLS a
/// connection takes 90 ms, since SQLx 0.9.0 does not set `TCP_NODELAY` and waits twice for a late
/// acknowledgement (its issue 4335).
async fn connect(pool: PgPool) -> Result<(), SqlxError> {
    for _ in 1..FIRST.min(pool.options().get_max_connections()) {
        let pool = pool.clone();
        tokio::spawn(async move { drop(pool.acquire().await) });
    }
    // Dropped, it would be back only after a while, and the next statement would connect again.
    pool.acquire().await?.return_to_pool().await;
    Ok(())
}

/// Connects once, outside of any pool: a pool keeps the cause of a failure to itself.
async fn wait_for_postgres(
    options: &PgConnectOptions,
    wait: Duration,
    deadlines: &DeadlineSettings,
) -> Result<(), Error> {
    let address = match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    let attempt = seconds(deadlines.connect_timeout);
    let start = Instant::now();
    let mut told = false;
    loop {
        let reason = match timeout(attempt, sqlx::ConnectOptions::connect(options)).await {
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
