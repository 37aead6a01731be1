//! Statement log: the statements that an operation sends, by level, for `extensions.explain`.
//!
//! Holds SQL with placeholders and never a parameter. Most operations have no log, and pay one branch for
//! each statement.

use std::{
    sync::{Arc, Mutex, OnceLock},
    time::{Duration, Instant},
};

use async_graphql::{Value, value};

use crate::mutex::lock;

/// Statements of a log at most. Further ones are not logged.
const MAX_STATEMENTS: usize = 200;

/// Bytes of the SQL of a statement at most. The rest is cut off.
const MAX_SQL: usize = 20_000;

/// Log of the statements of one operation, or of all operations that share a statement. Clones share it.
#[derive(Clone)]
pub(crate) struct StatementLog(Arc<[Arc<Mutex<Levels>>]>);

/// Statements in the order in which they were sent, by level.
type Levels = Vec<Vec<Arc<LoggedStatement>>>;

struct LoggedStatement {
    sql: String,
    sent: Instant,
    /// Number of rows, and the time until they were read; not set while the statement runs.
    outcome: OnceLock<(usize, Duration)>,
}

impl StatementLog {
    /// Creates the log of an operation.
    pub(crate) fn new() -> Self {
        Self(Arc::new([Arc::default()]))
    }

    /// Returns a log that appends to all of these; `None` if there are none.
    pub(crate) fn of_all<'a>(logs: impl Iterator<Item = &'a Self>) -> Option<Self> {
        let all: Vec<_> = logs.flat_map(|log| log.0.iter().cloned()).collect();
        (!all.is_empty()).then(|| Self(all.into()))
    }

    /// Begins a level: a dispatch of the loaders, or a transaction.
    pub(crate) fn begin_level(&self) {
        for levels in &*self.0 {
            lock(levels).push(Vec::new());
        }
    }

    /// Removes all levels.
    pub(crate) fn clear(&self) {
        for levels in &*self.0 {
            lock(levels).clear();
        }
    }

    fn append(&self, sql: &str) -> Arc<LoggedStatement> {
        let statement = Arc::new(LoggedStatement {
            sql: sql[..sql.floor_char_boundary(MAX_SQL)].to_owned(),
            sent: Instant::now(),
            outcome: OnceLock::new(),
        });
        for levels in &*self.0 {
            let mut levels = lock(levels);
            let count: usize = levels.iter().map(Vec::len).sum();
            if let Some(level) = levels.last_mut().filter(|_| count < MAX_STATEMENTS) {
                level.push(statement.clone());
            }
        }
        statement
    }

    /// Returns the levels that have statements, as `extensions.explain` shows them.
    pub(crate) fn to_value(&self) -> Value {
        let levels = self.0.iter().flat_map(|levels| lock(levels).clone());
        let levels = levels.filter(|level| !level.is_empty()).map(|level| {
            let statements: Vec<_> = level.iter().map(|statement| statement.to_value()).collect();
            value!({ "statements": statements })
        });
        value!({ "levels": levels.collect::<Vec<_>>() })
    }
}

impl LoggedStatement {
    fn to_value(&self) -> Value {
        let (rows, time) = self.outcome.get().copied().unwrap_or_default();
        // Rounded to 0.01 ms.
        let milliseconds = (time.as_secs_f64() * 100_000.0).round() / 100.0;
        value!({ "sql": self.sql, "rows": rows, "milliseconds": milliseconds })
    }
}

/// Statement that was sent. A drop logs its end without rows: it failed, or it returns none.
#[must_use = "a drop ends the statement"]
pub(crate) struct SentStatement(Option<Arc<LoggedStatement>>);

impl SentStatement {
    /// Logs a statement that is sent now, if the operation has a log.
    pub(crate) fn new(log: Option<&StatementLog>, sql: &str) -> Self {
        Self(log.map(|log| log.append(sql)))
    }

    /// Logs the number of rows that came back.
    pub(crate) fn received(self, rows: usize) {
        self.end(rows);
    }

    /// The first call counts.
    fn end(&self, rows: usize) {
        if let Some(LoggedStatement { sent, outcome, .. }) = self.0.as_deref() {
            let _ = outcome.set((rows, sent.elapsed()));
        }
    }
}

impl Drop for SentStatement {
    fn drop(&mut self) {
        self.end(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_bounded() {
        let (one, other) = (StatementLog::new(), StatementLog::new());
        one.begin_level();
        other.begin_level();
        SentStatement::new(Some(&one), &"é".repeat(MAX_SQL)).received(7);
        let both = StatementLog::of_all([&one, &other].into_iter());
        for _ in 0..MAX_STATEMENTS {
            SentStatement::new(both.as_ref(), "SELECT 1").received(1);
        }
        let first = |log: &StatementLog| lock(&log.0[0])[0][0].clone();
        assert_eq!(first(&one).sql, "é".repeat(MAX_SQL / 2));
        assert_eq!(first(&other).sql, "SELECT 1");
        for log in [one, other] {
            assert_eq!(lock(&log.0[0])[0].len(), MAX_STATEMENTS);
        }
    }
}
