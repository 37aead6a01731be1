//! Opens SQLite or PostgreSQL: for a server, with pools and deadlines; for maintenance, one connection
//! without. Knows no table.

use std::{
    hash::{BuildHasher, RandomState},
    io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use futures_util::future::join;
use sea_level::{
    Reader,
    error::database_code,
    sql::{
        CommitSource, Transactions,
        pool::{Connector, Pool, PoolSettings},
    },
};
use sea_orm::{
    ConnectionTrait, DatabaseBackend, DatabaseConnection, DatabaseTransaction, DbErr, RuntimeErr,
    SqliteTransactionMode, SqlxError, SqlxPostgresConnector, SqlxSqliteConnector,
    TransactionOptions, TransactionTrait,
    sqlx::{
        self, Connection, Executor, Postgres, Sqlite,
        postgres::{PgConnectOptions, PgConnection, PgPoolOptions},
        sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
    },
};
use tokio::time::{sleep, timeout};

use crate::{
    config::{DatabaseSettings, DeadlineSettings, database_url, seconds},
    error::{Error, Reason},
};

/// Bytes of a SQLite file that readers map into memory, 1 TiB: the most that `.cargo/config.toml` allows.
const MAPPED: u64 = 1 << 40;

/// Connections that a server opens at its start: for the first request, and for the deletion of old
/// changes.
const FIRST: u32 = 2;

/// Database that a URL names.
enum DatabaseTarget {
    Sqlite(PathBuf, Box<SqliteConnectOptions>),
    Postgres(Box<PgConnectOptions>),
}

fn parse_target(settings: &DatabaseSettings) -> Result<DatabaseTarget, Error> {
    let url = settings.database_url.trim();
    if url.starts_with("sqlite:") {
        let options = database_url::sqlite(url)?;
        let path = options.get_filename().to_owned();
        let options = options
            .foreign_keys(true)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(seconds(settings.deadlines.busy_timeout));
        let options = sqlx::ConnectOptions::disable_statement_logging(options);
        Ok(DatabaseTarget::Sqlite(path, Box::new(options)))
    } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
        let options = database_url::postgres(url)?;
        // Poolers refuse it in the startup message; numbers travel in binary form anyway.
        let options = options.extra_float_digits(None);
        let options = sqlx::ConnectOptions::disable_statement_logging(options);
        let options = match options.get_application_name() {
            Some(_) => options,
            None => options.application_name("roster"),
        };
        Ok(DatabaseTarget::Postgres(Box::new(options)))
    } else {
        Err(Error::UnknownDatabase)
    }
}

/// Opens the pools of a server on a database that can be reached. Connections are opened when they
/// are needed, the first few at once.
pub fn open(settings: &DatabaseSettings) -> Result<sea_level::Database, Error> {
    let deadlines = &settings.deadlines;
    match parse_target(settings)? {
        DatabaseTarget::Sqlite(_, options) => open_sqlite(*options, deadlines),
        DatabaseTarget::Postgres(options) => open_postgres(*options, deadlines),
    }
}

/// Returns a pool of one connection without deadlines, for migrations and seeds. Creates a SQLite file,
/// waits for a PostgreSQL that is down.
pub async fn maintain(settings: &DatabaseSettings) -> Result<DatabaseConnection, Error> {
    let deadlines = &settings.deadlines;
    match parse_target(settings)? {
        DatabaseTarget::Sqlite(path, options) => maintain_sqlite(&path, *options, deadlines).await,
        DatabaseTarget::Postgres(options) => {
            let wait = Duration::from_secs(settings.database_wait);
            maintain_postgres(&options, wait, deadlines).await
        }
    }
}

/// Begins the only transaction that may migrate or seed. Another process waits here for its turn.
pub async fn begin_alone(connection: &DatabaseConnection) -> Result<DatabaseTransaction, Error> {
    // "roster" in ASCII. The lock goes with the transaction, however that ends.
    const LOCK: &str = "SELECT pg_advisory_xact_lock(x'726f73746572'::bigint)";

    let transaction = connection
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

/// Closes the connections; SQLite then merges its log into the file.
pub async fn close(database: &sea_level::Database) {
    // A statement that never ends must not keep the process alive; nothing is lost.
    let limit = Duration::from_millis(500);
    // Readers first: the last connection to close folds the log, and a reader may not write.
    let closed = [
        timeout(limit, database.reader.close()).await,
        timeout(limit, database.transactions.close()).await,
    ];
    if closed.iter().any(Result::is_err) {
        tracing::debug!("a connection was busy until the end");
    }
}

fn open_sqlite(
    options: SqliteConnectOptions,
    deadlines: &DeadlineSettings,
) -> Result<sea_level::Database, Error> {
    let settings = |size| pool_settings(deadlines, size, deadlines.busy_timeout);
    // Statements of SQLite compute more than they wait: more of them at once are not faster.
    let readers = thread::available_parallelism().map_or(4, |cores| (cores.get() + 1).clamp(3, 8));
    let writer = Pool::new(Connector::<Sqlite>::new(options.clone(), "", settings(1)));
    let options = options
        .pragma("query_only", "ON")
        // Pages are read where the system keeps them, and not copied into a cache for each reader.
        .pragma("mmap_size", MAPPED.to_string());
    let reader = Connector::<Sqlite>::new(options.clone(), "", settings(readers as u32));
    Ok(sea_level::Database {
        reader: Reader::new(Pool::new(reader).map_err(no_pool)?),
        transactions: Transactions::new(writer.map_err(no_pool)?),
        commits: CommitSource::Sqlite(Box::new(options)),
    })
}

fn pool_settings(deadlines: &DeadlineSettings, size: u32, lock: u64) -> PoolSettings {
    PoolSettings {
        size,
        acquire: seconds(deadlines.acquire_timeout),
        statement: seconds(deadlines.statement_timeout),
        lock: seconds(lock),
    }
}

fn no_pool(error: impl std::fmt::Display) -> Error {
    Error::System {
        what: "make a connection pool",
        reason: io::Error::other(error.to_string()),
    }
}

/// Only this connection asks for the write-ahead log, which is a property of the file: SQLite lets no
/// connection wait for that change, so it is tried until another process is done.
async fn maintain_sqlite(
    path: &Path,
    options: SqliteConnectOptions,
    deadlines: &DeadlineSettings,
) -> Result<DatabaseConnection, Error> {
    let options = options.journal_mode(SqliteJournalMode::Wal);
    let give_up = Instant::now() + seconds(deadlines.busy_timeout);
    loop {
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None);
        match pool.connect_with(options.clone()).await {
            Ok(pool) => return Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool)),
            Err(error) => {
                let error = DbErr::Conn(RuntimeErr::SqlxError(error.into()));
                if !is_locked(&error) || Instant::now() >= give_up {
                    return Err(Error::SqliteFile {
                        path: path.to_owned(),
                        reason: error.into(),
                    });
                }
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

fn is_locked(error: &DbErr) -> bool {
    // SQLITE_BUSY and SQLITE_LOCKED; the higher bits are extended codes.
    database_code(error)
        .and_then(|code| code.parse::<i32>().ok())
        .is_some_and(|code| matches!(code & 0xff, 5 | 6))
}

fn open_postgres(
    options: PgConnectOptions,
    deadlines: &DeadlineSettings,
) -> Result<sea_level::Database, Error> {
    // One connection listens for changes. A third of the others write, except those that were closed
    // while a statement ran.
    let others = deadlines.database_connections.saturating_sub(1);
    let writers = (others / 3).max(1);
    let readers = others.saturating_sub(writers).max(1);

    let session = session(Some(deadlines));
    let settings = pool_settings(deadlines, readers, deadlines.lock_timeout);
    let readers = Connector::<Postgres>::new(options.clone(), session, settings);
    let writers = Pool::new(readers.with_size(writers)).map_err(no_pool)?;
    let readers = Pool::new(readers).map_err(no_pool)?;
    readers.warm_up(FIRST);
    Ok(sea_level::Database {
        reader: Reader::new(readers),
        transactions: Transactions::new(writers),
        commits: CommitSource::Postgres(Box::new(options), api::CHANNEL),
    })
}

/// SQL that sets up a session. Without deadlines a statement may take as long as it needs.
fn session(deadlines: Option<&DeadlineSettings>) -> String {
    let limit = |of: fn(&DeadlineSettings) -> u64| format!("{}s", deadlines.map_or(0, of));
    let settings = [
        ("statement_timeout", limit(|of| of.statement_timeout)),
        ("lock_timeout", limit(|of| of.lock_timeout)),
        (
            "idle_in_transaction_session_timeout",
            limit(|of| of.transaction_timeout),
        ),
        // A stricter default of the database makes writers fail that meet, and triggers copy values
        // as old as their transaction.
        ("default_transaction_isolation", "read committed".to_owned()),
        // Without it a batch of parents looks as costly as the whole table, and is answered by
        // reading the whole table.
        ("random_page_cost", "1.1".to_owned()),
        // Up to 128 MB for a hash. A filter with `none` hashes the keys of millions of links; beyond
        // the default of 8 MB, from 200,000 keys on, every row would scan them all.
        ("work_mem", "4MB".to_owned()),
        ("hash_mem_multiplier", "32".to_owned()),
        // A statement is planned once for each connection: keys are an array, so the plan does not
        // depend on them.
        ("plan_cache_mode", "force_generic_plan".to_owned()),
        // Keys of lookups seldom repeat, so a cache of lookups costs more than it saves.
        ("enable_memoize", "off".to_owned()),
        // Compiling a statement takes longer than any of ours runs.
        ("jit", "off".to_owned()),
    ];
    let settings = settings.map(|(name, value)| format!("set_config('{name}', '{value}', false)"));
    format!("SELECT {}", settings.join(", "))
}

async fn maintain_postgres(
    options: &PgConnectOptions,
    wait: Duration,
    deadlines: &DeadlineSettings,
) -> Result<DatabaseConnection, Error> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(seconds(deadlines.acquire_timeout))
        .idle_timeout(None)
        .max_lifetime(None)
        .after_connect(|connection, _| {
            Box::pin(async move {
                let session = sqlx::raw_sql(sqlx::AssertSqlSafe(session(None)));
                session.execute(connection).await.map(drop)
            })
        })
        .connect_lazy_with(options.clone());
    // Both at once: by TLS a connection takes 90 ms, since SQLx 0.9.0 does not set `TCP_NODELAY` and
    // waits twice for a late acknowledgement (its issue 4335).
    let (connection, second) =
        join(wait_for_postgres(options, wait, deadlines), pool.acquire()).await;
    let mut first = connection?;
    let mut second = match second {
        Ok(second) => second,
        // The database was down at the first attempt.
        Err(_) => pool.acquire().await.map_err(failed)?,
    };
    let limit = seconds(deadlines.connect_timeout);
    match timeout(limit, is_transaction_pooler(&mut first, &mut second)).await {
        Ok(Ok(false)) => {}
        Ok(Ok(true)) => return Err(Error::TransactionPooler),
        Ok(Err(error)) => return Err(failed(error)),
        Err(_) => return Err(failed(SqlxError::PoolTimedOut)),
    }
    drop(second);
    let _ = first.close().await;
    Ok(SqlxPostgresConnector::from_sqlx_postgres_pool(pool))
}

/// Returns true if a pooler in transaction mode answers: it shares settings and prepared statements
/// of a session between clients, and LISTEN gets no notification. It gives the session of an idle connection to the
/// next one that asks, so two connections see each other's settings.
async fn is_transaction_pooler(
    first: &mut PgConnection,
    second: &mut PgConnection,
) -> Result<bool, SqlxError> {
    async fn mark(connection: &mut PgConnection) -> Result<String, SqlxError> {
        let select = "SELECT coalesce(current_setting('roster.session', true), '')";
        let row = sqlx::raw_sql(select).fetch_one(connection).await?;
        sqlx::Row::try_get(&row, 0)
    }
    // Another one for each start: a session pooler may keep the setting of the last.
    let own = format!("{:x}", RandomState::new().hash_one("roster.session"));
    let set = format!("SELECT set_config('roster.session', '{own}', false)");
    first
        .execute(sqlx::raw_sql(sqlx::AssertSqlSafe(set)))
        .await?;
    // Holds its session until the end of the transaction, so that the first may get another one.
    second.execute(sqlx::raw_sql("BEGIN")).await?;
    let is_shared = mark(second).await? == own || mark(first).await? != own;
    second.execute(sqlx::raw_sql("COMMIT")).await?;
    Ok(is_shared)
}

fn failed(error: SqlxError) -> Error {
    Error::Database(Reason::from(&error))
}

/// Connects outside of any pool: a pool keeps the cause of a failure to itself.
async fn wait_for_postgres(
    options: &PgConnectOptions,
    wait: Duration,
    deadlines: &DeadlineSettings,
) -> Result<PgConnection, Error> {
    let address = match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    let attempt = seconds(deadlines.connect_timeout);
    let start = Instant::now();
    let mut has_warned = false;
    loop {
        let reason = match timeout(attempt, sqlx::ConnectOptions::connect(options)).await {
            Ok(Ok(connection)) => return Ok(connection),
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
        if !has_warned {
            tracing::warn!("waiting up to {seconds} s for PostgreSQL at {address}: {reason}");
            has_warned = true;
        }
        sleep(Duration::from_millis(500)).await;
    }
}

/// Returns true for errors of a database that is starting, restarting or full.
fn may_pass(error: &SqlxError) -> bool {
    match error {
        // InvalidData is the error of a certificate.
        SqlxError::Io(error) => error.kind() != io::ErrorKind::InvalidData,
        SqlxError::Database(error) => matches!(
            error.code().as_deref(),
            Some("53300" | "57P01" | "57P02" | "57P03")
        ),
        _ => false,
    }
}
