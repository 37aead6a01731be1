//! Deadline of the statements of a SQLite connection.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use sea_orm::{SqlxError, sqlx::sqlite::SqliteConnection};

/// When the statements of a SQLite connection end at the latest. SQLite has no such limit, and its
/// thread does not notice that a statement was cancelled; but it asks now and then whether to go on.
#[derive(Clone, Debug)]
pub struct Deadline {
    after: Duration,
    clock: Instant,
    /// When the connection was taken, in milliseconds of the clock.
    began: Arc<AtomicU64>,
}

impl Deadline {
    /// How often SQLite asks: a few hundred times a second.
    const INSTRUCTIONS: i32 = 20_000;

    pub(super) fn new(after: Duration) -> Self {
        Self {
            after,
            clock: Instant::now(),
            began: Arc::default(),
        }
    }

    /// Begins again, for the next user of the connection.
    pub(super) fn restart(&self) {
        self.began.store(self.now(), Ordering::Relaxed);
    }

    pub(super) async fn watch(&self, connection: &mut SqliteConnection) -> Result<(), SqlxError> {
        self.restart();
        let deadline = self.clone();
        let mut handle = connection.lock_handle().await?;
        handle.set_progress_handler(Self::INSTRUCTIONS, move || !deadline.is_over());
        Ok(())
    }

    pub(super) fn is_over(&self) -> bool {
        let took = self
            .now()
            .saturating_sub(self.began.load(Ordering::Relaxed));
        u128::from(took) >= self.after.as_millis()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.clock.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
