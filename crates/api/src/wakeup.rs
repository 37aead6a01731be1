//! Wake-ups by commits of other processes: LISTEN/NOTIFY on PostgreSQL, `PRAGMA data_version` on SQLite.
//!
//! A wake-up carries nothing, so that a spurious one costs a look at the feed and a missed one is made
//! good by the next.

use std::{fmt, hash::BuildHasher, io, time::Duration};

use sea_orm::{
    SqlxError,
    sqlx::{
        self, AssertSqlSafe, ConnectOptions, Connection, Executor,
        postgres::{PgConnectOptions, PgListener, PgPoolOptions},
        sqlite::{SqliteConnectOptions, SqliteConnection},
    },
};
use tokio::time::{Instant, sleep, timeout_at};

use crate::{changes::CHANNEL, pool::within};

/// How often the connection that listens is tried: a peer that vanishes says nothing.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// How long the database may take to answer, or to deliver a notification.
const ANSWER: Duration = Duration::from_secs(5);

/// How often the feed is looked at where the database announces nothing.
const POLLING: Duration = Duration::from_secs(1);

/// The source of wake-ups.
#[derive(Clone)]
pub enum CommitSource {
    /// A SQLite file, which other processes may write to.
    Sqlite(Box<SqliteConnectOptions>),
    /// A PostgreSQL database, where every commit notifies [`CHANNEL`].
    Postgres(Box<PgConnectOptions>),
}

impl fmt::Debug for CommitSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The options hold a password.
        formatter.write_str("CommitSource")
    }
}

/// What hears of the commits.
pub trait Sleeper: Sync {
    /// Whether anything would come of a wake-up.
    fn is_wanted(&self) -> bool;
    /// There may have been a commit.
    fn wake(&self);
}

impl CommitSource {
    /// Wakes the sleeper after each commit, as long as it wants to be.
    ///
    /// # Errors
    ///
    /// When the connection is lost: commits may have been missed, and the next call makes them good.
    pub async fn watch(&self, sleeper: &impl Sleeper) -> Result<(), SqlxError> {
        match self {
            Self::Sqlite(options) => watch_data_version(options, sleeper).await,
            Self::Postgres(options) => listen(options, sleeper).await,
        }
    }
}

async fn watch_data_version(
    options: &SqliteConnectOptions,
    sleeper: &impl Sleeper,
) -> Result<(), SqlxError> {
    async fn data_version(connection: &mut SqliteConnection) -> Result<i64, SqlxError> {
        within(
            ANSWER,
            sqlx::query_scalar("PRAGMA data_version").fetch_one(connection),
        )
        .await
    }
    // Of its own: the number counts commits of all other connections, as seen by this one.
    let mut connection = within(ANSWER, options.connect()).await?;
    let mut seen = data_version(&mut connection).await?;
    sleeper.wake();
    while sleeper.is_wanted() {
        sleep(POLLING).await;
        let now = data_version(&mut connection).await?;
        if now != seen {
            seen = now;
            sleeper.wake();
        }
    }
    connection.close().await
}

async fn listen(options: &PgConnectOptions, sleeper: &impl Sleeper) -> Result<(), SqlxError> {
    // `PgListener` takes its connection from a pool.
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ANSWER)
        .connect_lazy_with(options.clone());
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.eager_reconnect(false);
    let own = format!(
        "{CHANNEL}_{:x}",
        std::hash::RandomState::new().hash_one(CHANNEL)
    );
    within(ANSWER, listener.listen_all([CHANNEL, &own])).await?;
    // Commits before this moment were not announced here.
    sleeper.wake();
    while sleeper.is_wanted() {
        if !hears_itself(&mut listener, &own, sleeper).await? {
            tracing::warn!(
                "LISTEN hears nothing from this PostgreSQL, which probably stands behind a \
                 transaction pooler: changes of other servers are looked for every second"
            );
            drop(listener);
            return poll(sleeper).await;
        }
        let heartbeat = Instant::now() + HEARTBEAT;
        while let Ok(received) = timeout_at(heartbeat, listener.try_recv()).await {
            received?.ok_or_else(lost)?;
            sleeper.wake();
            if !sleeper.is_wanted() {
                break;
            }
        }
    }
    Ok(())
}

/// Whether a notification that this connection sends comes back to it.
async fn hears_itself(
    listener: &mut PgListener,
    own: &str,
    sleeper: &impl Sleeper,
) -> Result<bool, SqlxError> {
    let notify = AssertSqlSafe(format!("NOTIFY {own}"));
    within(ANSWER, (&mut *listener).execute(notify)).await?;
    let answer = Instant::now() + ANSWER;
    while let Ok(received) = timeout_at(answer, listener.try_recv()).await {
        if received?.ok_or_else(lost)?.channel() == own {
            return Ok(true);
        }
        sleeper.wake();
    }
    Ok(false)
}

async fn poll(sleeper: &impl Sleeper) -> Result<(), SqlxError> {
    while sleeper.is_wanted() {
        sleeper.wake();
        sleep(POLLING).await;
    }
    Ok(())
}

fn lost() -> SqlxError {
    SqlxError::Io(io::ErrorKind::ConnectionAborted.into())
}
