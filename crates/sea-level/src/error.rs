//! Errors of resolvers and loaders, and the part of them that a client may see.
//!
//! [`Error`] has no `Display`: async-graphql turns any `Display` into a message for the client, and
//! without it `?` on a database error does not compile. Internal details go to the log.

use std::borrow::Cow;

use async_graphql::{ErrorExtensionValues, ErrorExtensions, Pos, ServerError, Value};
use sea_orm::{DbErr, RuntimeErr, SqlxError};

/// Values of `extensions.code`.
pub mod code {
    /// The document does not parse.
    pub const GRAPHQL_PARSE_FAILED: &str = "GRAPHQL_PARSE_FAILED";
    /// The document breaks a rule of validation.
    pub const GRAPHQL_VALIDATION_FAILED: &str = "GRAPHQL_VALIDATION_FAILED";
    /// An argument or a variable has a value that the client can put right.
    pub const BAD_USER_INPUT: &str = "BAD_USER_INPUT";
    /// The operation exceeds a limit, which `extensions.limit` names.
    pub const LIMIT_EXCEEDED: &str = "LIMIT_EXCEEDED";
    /// The client has no right to the field.
    pub const FORBIDDEN: &str = "FORBIDDEN";
    /// The cursor of a feed is older than the oldest event that is kept.
    pub const CURSOR_EXPIRED: &str = "CURSOR_EXPIRED";
    /// The database is not reachable or busy; a later attempt may succeed.
    pub const UNAVAILABLE: &str = "UNAVAILABLE";
    /// A statement or an event took too long.
    pub const TIMEOUT: &str = "TIMEOUT";
    /// A fault of the server; the log has the details.
    pub const INTERNAL: &str = "INTERNAL";
}

/// Extension with the message of an input error. The library puts the names of all enclosing types before
/// the message itself.
pub(crate) const PLAIN_MESSAGE: &str = "plainMessage";

/// Result of a resolver or a loader.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Failure of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The client can put an argument right.
    BadUserInput {
        /// Path of the argument, with the fields inside it.
        argument: Vec<String>,
        /// Text for the client: the fault and the remedy.
        message: String,
    },
    /// The database is not reachable or busy; a later attempt may succeed.
    Unavailable,
    /// A statement reached its deadline.
    TimedOut,
    /// A row vanished between two statements of one operation; a second run may succeed.
    Vanished,
    /// A cursor of a feed is older than the oldest event that is kept, or of another database.
    CursorExpired,
    /// The operation loads too many rows.
    LimitExceeded {
        /// Name of the limit in [`crate::Limits`].
        limit: &'static str,
        /// The limit.
        most: usize,
        /// Text for the client: the excess and the remedy.
        message: String,
    },
    /// A fault of the server; the log has the details.
    Internal,
}

impl Error {
    /// Creates the error for a fault in `argument`.
    pub fn bad_input(argument: &str, message: impl Into<String>) -> Self {
        Self::BadUserInput {
            argument: vec![argument.to_owned()],
            message: message.into(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::BadUserInput { .. } => code::BAD_USER_INPUT,
            Self::Unavailable | Self::Vanished => code::UNAVAILABLE,
            Self::TimedOut => code::TIMEOUT,
            Self::CursorExpired => code::CURSOR_EXPIRED,
            Self::LimitExceeded { .. } => code::LIMIT_EXCEEDED,
            Self::Internal => code::INTERNAL,
        }
    }
}

/// Source of errors of [`Error::Vanished`], by which a response finds them.
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
    /// Logs the cause, which may hold SQL and addresses, and keeps the kind of failure only.
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

/// True for PostgreSQL's “query canceled” (`statement_timeout`) and SQLite's “interrupted” (the
/// progress handler of [`crate::sql::pool`]).
fn was_stopped(error: &DbErr) -> bool {
    let is_statement = !matches!(error, DbErr::Conn(_));
    is_statement && matches!(database_code(error).as_deref(), Some("57014" | "9"))
}

fn is_away(error: &DbErr) -> bool {
    if let DbErr::ConnectionAcquire(_) | DbErr::Conn(_) = error {
        return true;
    }
    match sqlx_error(error) {
        Some(
            SqlxError::Io(_) | SqlxError::Tls(_) | SqlxError::PoolTimedOut | SqlxError::PoolClosed,
        ) => true,
        // Class 08 connection exceptions, 53 insufficient resources, 57 operator intervention (shutdown), 55P03 lock
        // not available; SQLite's 5 busy, 6 locked, 13 disk full.
        Some(SqlxError::Database(error)) => error.code().is_some_and(|code| {
            code.starts_with("08")
                || code.starts_with("53")
                || code.starts_with("57")
                || matches!(&*code, "55P03" | "5" | "6" | "13")
        }),
        _ => false,
    }
}

/// Returns the error of SQLx inside the error, if there is one.
pub fn sqlx_error(error: &DbErr) -> Option<&SqlxError> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => Some(error),
        _ => None,
    }
}

/// Returns the code that the database gave the error: a SQLSTATE, or the number of SQLite's result code.
pub fn database_code(error: &DbErr) -> Option<Cow<'_, str>> {
    sqlx_error(error)?.as_database_error()?.code()
}

/// Creates an error with an `extensions.code`.
pub fn coded(code: &str, message: impl Into<String>, pos: Option<Pos>) -> ServerError {
    let mut error = ServerError::new(message, pos);
    set(&mut error, "code", code);
    error
}

/// Sets a value in the extensions of an error.
pub fn set(error: &mut ServerError, name: &str, value: impl Into<Value>) {
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
    let mut error = coded(code::LIMIT_EXCEEDED, message, pos);
    set(&mut error, "limit", limit);
    set(&mut error, "most", most);
    error
}
