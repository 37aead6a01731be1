//! Everything that can go wrong in a resolver, and what of it a client may see.
//!
//! [`Error`] has no `Display`: async-graphql turns any `Display` into a message for the client, and
//! without it `?` on a database error does not compile. What is internal goes to the log.

use std::borrow::Cow;

use async_graphql::{ErrorExtensionValues, ErrorExtensions, Pos, ServerError, Value};
use sea_orm::{DbErr, RuntimeErr, SqlxError};

/// Message for an explicit null in a filter.
pub const NO_NULL: &str = "null is not allowed in a filter; leave the field out, or use isNull";

/// The result of a resolver or a lookup.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a field could not be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// An argument is at fault; the client can put it right.
    BadUserInput {
        /// Which argument, and where inside it.
        argument: Vec<String>,
        /// What is wrong and what to do.
        message: String,
    },
    /// The database is away or busy; trying again later may help.
    Unavailable,
    /// A statement was stopped at its deadline.
    TimedOut,
    /// A row vanished between two statements of one operation; running it again helps.
    Vanished,
    /// A cursor of the change feed is older than what is kept, or of another database.
    CursorExpired,
    /// The operation loads too much.
    LimitExceeded {
        /// The name of the limit in [`crate::Limits`].
        limit: &'static str,
        /// The limit.
        most: usize,
        /// What is too much and what to do.
        message: String,
    },
    /// Our fault; the log has the details.
    Internal,
}

impl Error {
    /// The client's fault, in `argument` (or in a field inside it).
    pub fn bad_input(argument: &str, message: impl Into<String>) -> Self {
        Self::BadUserInput {
            argument: vec![argument.to_owned()],
            message: message.into(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::BadUserInput { .. } => "BAD_USER_INPUT",
            Self::Unavailable | Self::Vanished => "UNAVAILABLE",
            Self::TimedOut => "TIMEOUT",
            Self::CursorExpired => "CURSOR_EXPIRED",
            Self::LimitExceeded { .. } => "LIMIT_EXCEEDED",
            Self::Internal => "INTERNAL",
        }
    }
}

/// Marks errors of [`Error::Vanished`], so that they can be told from others in a response.
pub struct Vanished;

impl std::fmt::Display for Vanished {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("The data changed while it was read. Try again.")
    }
}

impl From<Error> for async_graphql::Error {
    fn from(error: Error) -> Self {
        let code = error.code();
        let vanished = error == Error::Vanished;
        let exceeded = match &error {
            Error::LimitExceeded { limit, most, .. } => Some((*limit, *most)),
            _ => None,
        };
        let (message, argument) = match error {
            Error::BadUserInput { argument, message } => (message, argument),
            Error::Unavailable => (
                "The database is not available right now. Try again in a moment.".to_owned(),
                Vec::new(),
            ),
            Error::TimedOut => (
                "The query took too long and was stopped. Ask for less at once, or filter by less."
                    .to_owned(),
                Vec::new(),
            ),
            Error::Vanished => (Vanished.to_string(), Vec::new()),
            Error::CursorExpired => (
                "This cursor is older than the oldest change that is kept, or not of this feed. Read everything anew, then go on from `latestCursor`.".to_owned(),
                vec!["after".to_owned()],
            ),
            Error::LimitExceeded { message, .. } => (message, Vec::new()),
            Error::Internal => ("Something went wrong on the server.".to_owned(), Vec::new()),
        };
        let shown = if vanished {
            async_graphql::Error::new_with_source(Vanished)
        } else {
            async_graphql::Error::new(message)
        };
        shown.extend_with(|_, extensions| {
            extensions.set("code", code);
            if let Some((limit, most)) = exceeded {
                extensions.set("limit", limit);
                extensions.set("most", most);
            }
            if !argument.is_empty() {
                extensions.set("argument", argument);
            }
        })
    }
}

impl From<DbErr> for Error {
    /// Logs the cause, which may hold SQL and addresses, and keeps only what a client may know.
    fn from(error: DbErr) -> Self {
        if was_stopped(&error) {
            tracing::warn!(%error, "a statement was stopped at its deadline");
            Self::TimedOut
        } else if is_away(&error) {
            tracing::warn!(%error, "database not available");
            Self::Unavailable
        } else {
            tracing::error!(%error, "database error");
            Self::Internal
        }
    }
}

/// PostgreSQL's «query canceled», which its `statement_timeout` ends in, and SQLite's «interrupted»,
/// which is how our progress handler stops a statement.
fn was_stopped(error: &DbErr) -> bool {
    matches!(database_code(error).as_deref(), Some("57014" | "9"))
}

fn is_away(error: &DbErr) -> bool {
    match error {
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => true,
        DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => {
            match &**error {
                SqlxError::Io(_)
                | SqlxError::Tls(_)
                | SqlxError::PoolTimedOut
                | SqlxError::PoolClosed => true,
                // Class 08 connection exceptions, 53 insufficient resources, 57 operator intervention (shutdown), 55P03 lock
                // not available; SQLite's 5 busy, 6 locked, 13 disk full.
                SqlxError::Database(error) => error.code().is_some_and(|code| {
                    code.starts_with("08")
                        || code.starts_with("53")
                        || code.starts_with("57")
                        || matches!(&*code, "55P03" | "5" | "6" | "13")
                }),
                _ => false,
            }
        }
        _ => false,
    }
}

/// What the database itself calls the failure.
fn database_code(error: &DbErr) -> Option<Cow<'_, str>> {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) =
        error
    else {
        return None;
    };
    match &**error {
        SqlxError::Database(error) => error.code(),
        _ => None,
    }
}

/// An error that says what kind it is.
pub fn coded(code: &str, message: impl Into<String>, pos: Option<Pos>) -> ServerError {
    let mut error = ServerError::new(message, pos);
    set(&mut error, "code", code);
    error
}

pub(crate) fn set(error: &mut ServerError, name: &str, value: impl Into<Value>) {
    let extensions = error
        .extensions
        .get_or_insert_with(ErrorExtensionValues::default);
    extensions.set(name, value);
}

/// Creates the error for an exceeded limit; `limit` is its name in [`crate::Limits`].
pub(crate) fn limit_error(
    limit: &str,
    most: u64,
    message: String,
    pos: Option<Pos>,
) -> ServerError {
    let mut error = coded("LIMIT_EXCEEDED", message, pos);
    set(&mut error, "limit", limit);
    set(&mut error, "most", most);
    error
}
