//! State of a connection, read from the error of a statement.

use std::io;

use sea_orm::{
    DbErr, SqlxError,
    sqlx::postgres::{PgDatabaseError, PgSeverity},
};

use crate::error::sqlx_error;

/// State of a connection after a statement failed on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection works: the statement is at fault.
    Statement,
    /// The connection is closed. A statement that only reads can be sent again.
    Closed,
    /// Its prepared statements are older than the tables (PostgreSQL's 0A000, “cached plan must not
    /// change result type”, for as long as the connection lives). The statement did not run.
    StalePlan,
    /// The database did not answer in time.
    Silent,
}

impl Fault {
    /// Reads it from an error of SQLx.
    pub fn of(error: &SqlxError) -> Self {
        match error {
            SqlxError::Io(error) if error.kind() == io::ErrorKind::TimedOut => Self::Silent,
            SqlxError::Database(error) => match error.code().as_deref() {
                Some("0A000") => Self::StalePlan,
                // Connection exceptions, and operator intervention: shutdown, crash.
                Some(code) if code.starts_with("08") || code.starts_with("57P") => Self::Closed,
                _ => match error.try_downcast_ref::<PgDatabaseError>() {
                    Some(error) if is_fatal(error.severity()) => Self::Closed,
                    _ => Self::Statement,
                },
            },
            SqlxError::Io(_)
            | SqlxError::Tls(_)
            | SqlxError::Protocol(_)
            | SqlxError::WorkerCrashed
            | SqlxError::BeginFailed
            | SqlxError::PoolClosed => Self::Closed,
            _ => Self::Statement,
        }
    }

    /// Reads it from an error of SeaORM.
    pub fn of_db(error: &DbErr) -> Self {
        sqlx_error(error).map_or(Self::Statement, Self::of)
    }

    /// Whether a statement that only reads, or a whole transaction, is worth another connection.
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::Closed | Self::StalePlan)
    }
}

/// Whether PostgreSQL closes the connection behind the error.
fn is_fatal(severity: PgSeverity) -> bool {
    matches!(severity, PgSeverity::Fatal | PgSeverity::Panic)
}
