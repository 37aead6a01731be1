//! Fills a database with a company, all or nothing: the lesson's, or a large made-up one.
//!
//! | module | what it owns |
//! | --- | --- |
//! | `lesson` | the four employees that the README and the tests talk about |
//! | `made_up` | a company of any size, the same rows for the same numbers on every machine |
//! | `rows` | inserts of thousands of rows in one statement, and the progress bar |
//! | `deferred` | indexes and foreign keys, built after the rows of a large company |
//! | `random` | a generator of random numbers that no update of a library changes |

mod deferred;
mod lesson;
mod made_up;
mod random;
mod rows;

use std::fmt;

use sea_orm::{
    ConnectionTrait, DatabaseBackend, DatabaseConnection, DatabaseTransaction, DbErr, QueryResult,
    Statement,
};

use self::rows::Filler;
use crate::{
    config::SeedCounts,
    database,
    error::{Error, Reason},
    tables,
};

/// Number of rows from which indexes are built after the rows, and the planner gets statistics.
const MANY: u64 = 10_000;

/// 128 MiB for this connection: attendances are a tree by employee and come by meeting, and an index
/// is sorted in as much memory as the cache may take.
const LARGE_CACHE: &str = "PRAGMA cache_size = -131072";

/// Company to insert.
#[derive(Clone, Copy)]
pub enum Company {
    /// The company of the lesson.
    Lesson,
    /// A made-up one of this size.
    MadeUp(Counts),
}

impl Company {
    /// The lesson's when no number is given; else the missing ones follow from the others.
    pub fn of(counts: SeedCounts) -> Result<Self, Error> {
        match counts {
            SeedCounts {
                employees: None,
                projects: None,
                assignments: None,
                meetings: None,
                attendances: None,
            } => Ok(Self::Lesson),
            counts => made_up::complete(counts).map(Self::MadeUp),
        }
    }
}

/// Numbers of rows.
#[derive(Clone, Copy, Default)]
pub struct Counts {
    employees: u64,
    projects: u64,
    assignments: u64,
    meetings: u64,
    attendances: u64,
}

impl Counts {
    fn rows(&self) -> u64 {
        self.employees + self.projects + self.assignments + self.meetings + self.attendances
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} employees, {} projects, {} assignments, {} meetings and {} attendances",
            self.employees, self.projects, self.assignments, self.meetings, self.attendances
        )
    }
}

/// Fills an empty database, or with `reset` any, and returns the numbers of rows. Ids begin at 1.
pub async fn fill(
    connection: &DatabaseConnection,
    company: Company,
    reset: bool,
) -> Result<Counts, Error> {
    let is_large = matches!(company, Company::MadeUp(counts) if counts.rows() >= MANY);
    let transaction = database::begin_alone(connection).await?;
    let is_sqlite = transaction.get_database_backend() == DatabaseBackend::Sqlite;
    if !is_sqlite {
        // Keeps empty tables empty until the end of the transaction, and their ids unused.
        let company = tables::owned(tables::company()).join(", ");
        let lock = format!("LOCK TABLE {company} IN SHARE ROW EXCLUSIVE MODE");
        transaction.execute_unprepared(&lock).await?;
    } else if is_large {
        transaction.execute_unprepared(LARGE_CACHE).await?;
    }
    if !reset {
        refuse_used(&transaction).await?;
    }
    let deferred = match is_large {
        true => deferred::drop_all(&transaction).await?,
        false => Vec::new(),
    };
    if reset {
        empty(&transaction).await?;
    }
    let mut filler = Filler::new(&transaction, company);
    match company {
        Company::Lesson => {
            filler.insert(lesson::employees()).await?;
            filler.insert(lesson::meetings()).await?;
            filler.insert(lesson::projects()).await?;
            filler.insert(lesson::assignments()).await?;
            filler.insert(lesson::attendances()).await?;
        }
        Company::MadeUp(counts) => {
            filler.insert(made_up::employees(counts)).await?;
            filler.insert(made_up::meetings(counts)).await?;
            filler.insert(made_up::projects(counts)).await?;
            filler.insert(made_up::assignments(counts)).await?;
            filler.insert(made_up::attendances(counts)).await?;
        }
    }
    filler.run("indexes", &deferred).await?;
    let made = filler.finish();
    continue_ids(&transaction).await?;
    if is_large {
        tracing::info!("gathering statistics");
    }
    if is_large && is_sqlite {
        transaction.execute_unprepared("ANALYZE").await?;
    }
    transaction.commit().await?;
    if is_large && let Err(error) = settle(connection, reset).await {
        let reason = Reason::from(error);
        tracing::warn!("all rows are inserted, but not vacuumed: {reason}");
    }
    Ok(made)
}

/// Deletes all rows and restarts the ids at 1. The numbers of changes go on: a cursor that a client
/// still holds is below the new first change, and so is recognized as too old.
async fn empty(transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    let is_sqlite = transaction.get_database_backend() == DatabaseBackend::Sqlite;
    let mut statements = Vec::new();
    if is_sqlite {
        // Children first, so that no delete has to look for them.
        let names = tables::company().rev().chain([tables::CHANGES]);
        statements.extend(names.map(|name| format!("DELETE FROM {name}")));
        let entities = tables::ENTITIES.join("', '");
        statements.push(format!(
            "DELETE FROM sqlite_sequence WHERE name IN ('{entities}')"
        ));
    } else {
        let company = tables::owned(tables::company()).join(", ");
        statements.push(format!("TRUNCATE {company} RESTART IDENTITY"));
        statements.push(format!("TRUNCATE {}", tables::CHANGES));
    }
    let now = match is_sqlite {
        true => "strftime('%Y-%m-%dT%H:%M:%S', 'now') || '+00:00'",
        false => "now()",
    };
    statements.push(format!(
        "INSERT INTO changes (occurred_at, subject, kind) VALUES ({now}, 'FEED', 'CREATED')"
    ));
    for statement in statements {
        transaction.execute_unprepared(&statement).await?;
    }
    Ok(())
}

/// An id is never given out again, so a database that once had rows counts as used.
async fn refuse_used(transaction: &DatabaseTransaction) -> Result<(), Error> {
    for table in tables::ENTITIES {
        let rows = format!("SELECT EXISTS (SELECT 1 FROM {table})");
        if ask(transaction, &rows).await? {
            return Err(Error::NotEmpty(table));
        }
    }
    for table in tables::ENTITIES {
        let ids = match transaction.get_database_backend() {
            DatabaseBackend::Sqlite => {
                format!(
                    "SELECT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = '{table}' AND seq > 0)"
                )
            }
            _ => format!(
                "SELECT pg_sequence_last_value(pg_get_serial_sequence('{table}', 'id')::regclass) IS NOT NULL"
            ),
        };
        if ask(transaction, &ids).await? {
            return Err(Error::UsedIds);
        }
    }
    Ok(())
}

async fn ask(transaction: &DatabaseTransaction, sql: &str) -> Result<bool, DbErr> {
    let statement = Statement::from_string(transaction.get_database_backend(), sql);
    let row = transaction.query_one_raw(statement).await?;
    row.map_or(Ok(false), |row: QueryResult| row.try_get_by_index(0))
}

/// Advances the sequences past the inserted ids. SQLite does so by itself.
async fn continue_ids(transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    if transaction.get_database_backend() == DatabaseBackend::Sqlite {
        return Ok(());
    }
    for table in tables::ENTITIES {
        transaction
            .execute_unprepared(&format!(
                "SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table} \
                 HAVING max(id) IS NOT NULL"
            ))
            .await?;
    }
    Ok(())
}

/// Puts a large database in order.
async fn settle(connection: &DatabaseConnection, reset: bool) -> Result<(), DbErr> {
    let checkpoint = || "PRAGMA wal_checkpoint(TRUNCATE)".to_owned();
    let statements = match connection.get_database_backend() {
        // Pages that deleted rows left lie everywhere: VACUUM puts each table and index into one
        // place, so that readers map what they read. The log is as long as the database.
        DatabaseBackend::Sqlite if reset => vec!["VACUUM".to_owned(), checkpoint()],
        DatabaseBackend::Sqlite => vec![checkpoint()],
        // VACUUM sets the visibility map: without it no statement reads from an index alone.
        _ => tables::company()
            .map(|table| format!("VACUUM (ANALYZE) {table}"))
            .collect(),
    };
    for statement in statements {
        connection.execute_unprepared(&statement).await?;
    }
    Ok(())
}
