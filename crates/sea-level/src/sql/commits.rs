//! Notifications of commits by other processes: LISTEN/NOTIFY on PostgreSQL, `PRAGMA data_version` on
//! SQLite.
//!
//! A notification carries no data. A spurious one costs a statement, and the next one makes up for one
//! that was missed.

use std::{fmt, hash::BuildHasher, io, time::Duration};

use sea_orm::{
    SqlxError,
    sqlx::{
        self, AssertSqlSafe, ConnectOptions, Connection, Executor,
        postgres::{PgConnectOptions, PgListener, PgPoolOptions},
        sqlite::{SqliteConnectOptions, SqliteConnection},
    },
};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::pool::within;

/// How often the connection that listens is tried: a peer that vanishes says nothing.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// How long the database may take to answer, or to deliver a notification.
const ANSWER: Duration = Duration::from_secs(5);

/// How long the feed is polled before LISTEN is tried again.
const DEAF: Duration = Duration::from_secs(60);

/// How often the feed is looked at where the database announces nothing.
const POLLING: Duration = Duration::from_secs(1);

/// The source of wake-ups.
#[derive(Clone)]
pub enum CommitSource {
    /// A SQLite file, which other processes may write to.
    Sqlite(Box<SqliteConnectOptions>),
    /// A PostgreSQL database, and the channel that each commit notifies.
    Postgres(Box<PgConnectOptions>, &'static str),
}

impl fmt::Debug for CommitSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The options hold a password.
        formatter.write_str("CommitSource")
    }
}

/// A receiver of wake-ups.
pub trait CommitListener: Sync {
    /// Whether it has subscribers, without whom a wake-up is wasted.
    fn has_subscribers(&self) -> bool;
    /// Reports that there may have been a commit.
    fn wake(&self);
}

impl CommitSource {
    /// Wakes the feed after each commit, as long as it has subscribers.
    ///
    /// # Errors
    ///
    /// When the connection is lost: commits may have been missed, and the next call makes them good.
    pub async fn watch(&self, feed: &impl CommitListener) -> Result<(), SqlxError> {
        match self {
            Self::Sqlite(options) => watch_data_version(options, feed).await,
            Self::Postgres(options, channel) => listen(options, channel, feed).await,
        }
    }
}

async fn watch_data_version(
    options: &SqliteConnectOptions,
    feed: &impl CommitListener,
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
    feed.wake();
    while feed.has_subscribers() {
        sleep(POLLING).await;
        let now = data_version(&mut connection).await?;
        if now != seen {
            seen = now;
            feed.wake();
        }
    }
    connection.close().await
}

async fn listen(
    options: &PgConnectOptions,
    channel: &str,
    feed: &impl CommitListener,
) -> Result<(), SqlxError> {
    // `PgListener` takes its connection from a pool.
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ANSWER)
        .connect_lazy_with(options.clone());
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.eager_reconnect(false);
    let own = format!(
        "{channel}_{:x}",
        std::hash::RandomState::new().hash_one(channel)
    );
    within(ANSWER, listener.listen_all([channel, &own])).await?;
    // Commits before this moment were not announced here.
    feed.wake();
    while feed.has_subscribers() {
        if !hears_itself(&mut listener, &own, feed).await? {
            tracing::warn!(
                "LISTEN hears nothing from this PostgreSQL, which probably stands behind a \
                 transaction pooler: changes of other servers are looked for every second"
            );
            drop(listener);
            return poll(feed).await;
        }
        let heartbeat = Instant::now() + HEARTBEAT;
        while let Ok(received) = timeout_at(heartbeat, listener.try_recv()).await {
            received?.ok_or_else(lost)?;
            feed.wake();
            if !feed.has_subscribers() {
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
    feed: &impl CommitListener,
) -> Result<bool, SqlxError> {
    let notify = AssertSqlSafe(format!("NOTIFY {own}"));
    within(ANSWER, (&mut *listener).execute(notify)).await?;
    let answer = Instant::now() + ANSWER;
    while Instant::now() < answer {
        if let Ok(received) = timeout(POLLING, listener.try_recv()).await
            && received?.ok_or_else(lost)?.channel() == own
        {
            return Ok(true);
        }
        // A notification of a commit, or none for a while.
        feed.wake();
    }
    Ok(false)
}

async fn poll(feed: &impl CommitListener) -> Result<(), SqlxError> {
    let end = Instant::now() + DEAF;
    while feed.has_subscribers() && Instant::now() < end {
        feed.wake();
        sleep(POLLING).await;
    }
    Ok(())
}

fn lost() -> SqlxError {
    SqlxError::Io(io::ErrorKind::ConnectionAborted.into())
}
