//! Errors that end the program. Each message names the fault and the remedy in one line, and shows
//! neither a password nor a type of ours.

use std::{error, fmt, io, path::PathBuf};

use sea_level::error::{database_code, sqlx_error};
use sea_orm::{DbErr, SqlxError};

/// Error that ends the program.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The scheme of `DATABASE_URL` names neither database.
    #[error(
        "DATABASE_URL must begin with sqlite: or postgres:, like sqlite:roster.db or \
         postgres://user@localhost/roster"
    )]
    UnknownDatabase,
    /// The rest of `DATABASE_URL` cannot be read.
    #[error("DATABASE_URL is not understood: {0}")]
    DatabaseUrl(Reason),
    /// Two pools cannot share a database in memory.
    #[error(
        "SQLite in memory cannot serve several readers; use a file (sqlite:roster.db), or `roster \
         demo` for a database that vanishes afterwards"
    )]
    InMemory,
    /// The file cannot be opened, or is no SQLite database.
    #[error(
        "cannot use the SQLite database {}: {reason}; choose a file in a directory that may be \
         written, like DATABASE_URL=sqlite:roster.db", path.display()
    )]
    SqliteFile {
        /// Path of the file.
        path: PathBuf,
        /// Error of SQLite.
        reason: Reason,
    },
    /// PostgreSQL did not answer within the time of `--database-wait`.
    #[error(
        "PostgreSQL at {address} did not answer for {seconds} s: {reason}; start it, or correct \
         DATABASE_URL"
    )]
    Unreachable {
        /// Host and port, or socket.
        address: String,
        /// Seconds of the wait.
        seconds: u64,
        /// Last error.
        reason: Reason,
    },
    /// PostgreSQL refuses the connection.
    #[error("PostgreSQL at {address} refuses the connection: {reason}; correct DATABASE_URL")]
    Refused {
        /// Host and port, or socket.
        address: String,
        /// Error of PostgreSQL.
        reason: Reason,
    },
    /// A pooler shares each session between clients.
    #[error(
        "DATABASE_URL leads to a pooler in transaction mode, where sessions have no settings of their \
         own and LISTEN hears nothing; set pool_mode=session for this database in the pooler (in \
         pgbouncer.ini, behind its name in [databases]), or give the address of PostgreSQL itself"
    )]
    TransactionPooler,
    /// The tables are older than the program.
    #[error(
        "the database lacks {} of the program's migrations: {}; apply them with `roster migrate \
         up`, or start with `roster serve --migrate`", .0.len(), .0.join(", ")
    )]
    PendingMigrations(Vec<String>),
    /// The role of PostgreSQL may not do what the command needs.
    #[error("the role {role} lacks rights in the database; let its owner run: {grant}")]
    MissingPrivilege {
        /// Role, quoted as in SQL.
        role: String,
        /// Statement that grants what is missing.
        grant: String,
    },
    /// No schema of the search path exists.
    #[error(
        "no schema of the search path exists in the database; create it with CREATE SCHEMA, or \
         correct `search_path` in DATABASE_URL"
    )]
    NoSchema,
    /// `migrate fresh` would drop rows, or tables of another program.
    #[error("the database is in use: {}; `roster migrate fresh --force` drops everything", .0.join(", "))]
    NotDisposable(Vec<String>),
    /// The tables are newer than the program.
    #[error("the database belongs to a newer version of the program: {0}; use that version")]
    NewerDatabase(Reason),
    /// A migration failed, and nothing of it was kept.
    #[error("cannot migrate the database: {0}; it is as it was before")]
    Migration(Reason),
    /// Another process holds SQLite's one place to write.
    #[error("another process is writing to the database; try again when it is done")]
    Busy,
    /// A statement of ours failed.
    #[error("the database failed: {0}")]
    Database(#[from] Reason),
    /// A statement of ours found no space left.
    #[error(
        "the disk of the database is full: {0}; nothing was kept: free some space and try again"
    )]
    FullDisk(Reason),
    /// Ctrl-C ended `seed`, which inserts everything in one transaction.
    #[error(
        "interrupted: all rows are in the database or none; begin again with `roster seed --reset`"
    )]
    Interrupted,
    /// `seed` found rows.
    #[error(
        "the database is not empty, {0} has rows; `roster seed --reset` deletes everything first"
    )]
    NotEmpty(&'static str),
    /// `seed` found no rows, but ids that once had some.
    #[error(
        "the database is empty, but ids were given out before; `roster seed --reset` starts them \
         at 1 again"
    )]
    UsedIds,
    /// There is no company with these numbers.
    #[error("there is no such company: {0}")]
    Impossible(String),
    /// Another program listens there.
    #[error(
        "port {port} of {host} is taken; choose another with --port or PORT, like --port {}, or \
         any free one with --port 0", port.checked_add(1).unwrap_or(8000)
    )]
    PortTaken {
        /// Host of the settings.
        host: String,
        /// Port of the settings.
        port: u16,
    },
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {host}, port {port}: {reason}; choose another address with --host or the \
         environment variable HOST, and another port with --port or PORT"
    )]
    Listen {
        /// Host of the settings.
        host: String,
        /// Port of the settings.
        port: u16,
        /// Error of the system.
        reason: io::Error,
    },
    /// A public address without auth: every client could do everything.
    #[error(
        "other machines can reach {host}, and no token is required; set JWT_SECRET or --jwks to \
         require tokens, or --public-without-auth"
    )]
    PublicWithoutAuth {
        /// Host of the settings.
        host: String,
    },
    /// A secret that can be guessed.
    #[error("JWT_SECRET needs 32 bytes at least; make one with `openssl rand -base64 32`")]
    ShortSecret,
    /// There is nothing to sign a token with.
    #[error("a token is signed with JWT_SECRET; set it as for the server")]
    NoSecret,
    /// The JWKS file is of no use.
    #[error("cannot use the keys in {}: {reason}; it must be a JWKS file", path.display())]
    UnusableKeys {
        /// The file that was given.
        path: PathBuf,
        /// Fault of the file.
        reason: String,
    },
    /// The manifest of trusted documents is of no use.
    #[error(
        "cannot use the documents in {}: {reason}; it must be a JSON object of the text of each \
         document by its id, as graphql-codegen writes it with `persistedDocuments`", path.display()
    )]
    UnusableDocuments {
        /// The file that was given.
        path: PathBuf,
        /// Fault of the file.
        reason: String,
    },
    /// `check-documents` found some that do not run.
    #[error("{faulty} of the {all} documents in {} do not run", path.display())]
    FaultyDocuments {
        /// The file that was checked.
        path: PathBuf,
        /// Number of documents that do not run.
        faulty: usize,
        /// Number of documents.
        all: usize,
    },
    /// `schema --check` found another text than the code's.
    #[error(
        "{} is stale, first in line {line}; renew it with `roster schema > {}`",
        path.display(), path.display()
    )]
    StaleSchema {
        /// The file that was compared.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// `schema --check` could not read the file.
    #[error("cannot read {}: {reason}; write it with `roster schema > {}`", path.display(), path.display())]
    UnreadableSchema {
        /// Path of the file.
        path: PathBuf,
        /// Error of the system.
        reason: io::Error,
    },
    /// The system gives no signals, no threads, no directory for temporary files.
    #[error("cannot {what}: {reason}")]
    System {
        /// Verb and object of the failed action.
        what: &'static str,
        /// Error of the system.
        reason: io::Error,
    },
    /// A second signal arrived during the shutdown.
    #[error("stopped at once by a second signal; requests may have been cut off")]
    Forced,
}

impl Error {
    /// Returns 2 for errors of the command line, as clap does, and 1 for others.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::PublicWithoutAuth { .. } => 2,
            _ => 1,
        }
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        // SQLite's and PostgreSQL's code of a full disk.
        match database_code(&error).as_deref() {
            Some("13" | "53100") => Self::FullDisk(error.into()),
            _ => Self::Database(error.into()),
        }
    }
}

/// Message of a database or its driver, without those of the layers above.
#[derive(Debug)]
pub struct Reason(String);

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl error::Error for Reason {}

impl From<DbErr> for Reason {
    fn from(error: DbErr) -> Self {
        if let Some(error) = sqlx_error(&error) {
            return Self::from(error);
        }
        match &error {
            DbErr::Custom(text) | DbErr::Migration(text) => Self::one_line(text),
            _ => Self::one_line(&error.to_string()),
        }
    }
}

impl From<&SqlxError> for Reason {
    fn from(error: &SqlxError) -> Self {
        match error {
            SqlxError::Database(error) => Self::one_line(error.message()),
            SqlxError::Io(error) => Self::one_line(&error.to_string()),
            SqlxError::Configuration(error) => match error.downcast_ref::<SqlxError>() {
                Some(inner) => Self::from(inner),
                None => Self::one_line(&error.to_string()),
            },
            _ => Self::one_line(&error.to_string()),
        }
    }
}

impl Reason {
    /// Returns a reason from the text of another error.
    pub fn new(text: &str) -> Self {
        Self::one_line(text)
    }

    fn one_line(text: &str) -> Self {
        Self(text.split_whitespace().collect::<Vec<_>>().join(" "))
    }
}
