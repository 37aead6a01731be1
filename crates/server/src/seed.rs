//! Filling a database with a company, all or nothing: the lesson's, or a large made-up one.
//!
//! | module | what it owns |
//! | --- | --- |
//! | `lesson` | the four employees that the README and the tests talk about |
//! | `made_up` | a company of any size, the same rows for the same numbers on every machine |
//! | `random` | the numbers behind it, which no update of a library changes |
//!
//! Rows travel as one JSON parameter for thousands of them, on both databases: the statement stays
//! the same, and a million rows take seconds.

mod lesson;
mod made_up;
mod random;

use std::{fmt, time::Duration};

use chrono::{DateTime, SecondsFormat, Utc};
use entity::{assignment, employee, employee_meeting, meeting, project};
use indicatif::{ProgressBar, ProgressStyle};
use sea_orm::{
    ConnectionTrait, DatabaseBackend, DatabaseTransaction, DbErr, QueryResult, Statement,
};
use serde_json::{Value, json};

use crate::{config::SeedCounts, database, error::Error};

/// How many rows travel in one statement: enough to forget its price, little enough to hold.
const BATCH: usize = 10_000;

/// From here on the database is told to look at the rows anew, so that it plans for many.
const MANY: u64 = 10_000;

/// The tables with ids of their own. The links have none, and no rows where these have none.
const WITH_IDS: [&str; 4] = ["employees", "meetings", "projects", "assignments"];

/// Which company.
#[derive(Clone, Copy)]
pub enum Company {
    /// The lesson's.
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

/// How many rows of each kind.
#[derive(Clone, Copy, Default)]
pub struct Counts {
    employees: u64,
    projects: u64,
    assignments: u64,
    meetings: u64,
    attendances: u64,
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

/// Fills an empty database, or with `reset` any, and says what was made. Ids begin at 1.
pub async fn fill(
    database: &api::Database,
    company: Company,
    reset: bool,
) -> Result<Counts, Error> {
    let transaction = database::begin_alone(database).await?;
    if let (Company::MadeUp(_), DatabaseBackend::Sqlite) =
        (company, transaction.get_database_backend())
    {
        // 256 MiB for this connection: index pages change in random order, and the default of
        // 2 MiB would write each of them out many times.
        transaction
            .execute_unprepared("PRAGMA cache_size = -262144")
            .await?;
    }
    if reset {
        empty(&transaction).await?;
    } else {
        refuse_used(&transaction).await?;
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
    let (made, rows) = filler.finish();
    continue_ids(&transaction).await?;
    transaction.commit().await?;
    if rows >= MANY {
        settle(database).await?;
    }
    Ok(made)
}

/// Deletes all rows and makes the ids begin at 1. The numbers of the changes go on, since somebody
/// may hold a cursor: the new beginning of the feed is behind it, and tells that it is too old.
async fn empty(transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    let statements: &[&str] = match transaction.get_database_backend() {
        DatabaseBackend::Sqlite => &[
            // Links first, so that no delete has to look for them.
            "DELETE FROM assignments",
            "DELETE FROM employee_meetings",
            "DELETE FROM employees",
            "DELETE FROM meetings",
            "DELETE FROM projects",
            "DELETE FROM sqlite_sequence \
             WHERE name IN ('employees', 'meetings', 'projects', 'assignments')",
            "DELETE FROM changes",
            "INSERT INTO changes (occurred_at, subject, kind) \
             VALUES (strftime('%Y-%m-%dT%H:%M:%S', 'now') || '+00:00', 'FEED', 'CREATED')",
        ],
        _ => &[
            "TRUNCATE employees, meetings, projects, assignments, employee_meetings RESTART IDENTITY",
            "TRUNCATE changes",
            "INSERT INTO changes (occurred_at, subject, kind) VALUES (now(), 'FEED', 'CREATED')",
        ],
    };
    for statement in statements {
        transaction.execute_unprepared(statement).await?;
    }
    Ok(())
}

/// An id is never given out again, so a database that once had rows counts as used.
async fn refuse_used(transaction: &DatabaseTransaction) -> Result<(), Error> {
    for table in WITH_IDS {
        let rows = format!("SELECT EXISTS (SELECT 1 FROM {table})");
        if ask(transaction, &rows).await? {
            return Err(Error::NotEmpty(table));
        }
    }
    for table in WITH_IDS {
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

/// Lets the next row have the next id. SQLite sees to that itself.
async fn continue_ids(transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    if transaction.get_database_backend() == DatabaseBackend::Sqlite {
        return Ok(());
    }
    for table in WITH_IDS {
        transaction
            .execute_unprepared(&format!(
                "SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table} \
                 HAVING max(id) IS NOT NULL"
            ))
            .await?;
    }
    Ok(())
}

/// Leaves a large database as the planner and the next start like it.
async fn settle(database: &api::Database) -> Result<(), DbErr> {
    let statements: &[&str] = match database.writer.get_database_backend() {
        // The log of one large transaction is as long as the database.
        DatabaseBackend::Sqlite => &["ANALYZE", "PRAGMA wal_checkpoint(TRUNCATE)"],
        // VACUUM tells which pages all may see: without it no answer comes from an index alone.
        _ => &[
            "VACUUM (ANALYZE) employees",
            "VACUUM (ANALYZE) meetings",
            "VACUUM (ANALYZE) projects",
            "VACUUM (ANALYZE) assignments",
            "VACUUM (ANALYZE) employee_meetings",
        ],
    };
    for statement in statements {
        database.writer.execute_unprepared(statement).await?;
    }
    Ok(())
}

/// A table as it is filled: its columns, and what PostgreSQL calls their types.
struct Table {
    name: &'static str,
    columns: &'static [(&'static str, &'static str)],
}

impl Table {
    /// One statement for any number of rows, which come as a JSON array of arrays.
    fn insert(&self, backend: DatabaseBackend) -> String {
        let names = self.columns.iter().map(|(name, _)| *name);
        let names = names.collect::<Vec<_>>().join(", ");
        let columns = self.columns.iter().enumerate();
        let (values, rows): (Vec<_>, _) = match backend {
            DatabaseBackend::Sqlite => (
                columns.map(|(at, _)| format!("value ->> {at}")).collect(),
                "json_each(?)",
            ),
            _ => (
                columns
                    .map(|(at, (_, kind))| format!("(value ->> {at})::{kind}"))
                    .collect(),
                "json_array_elements($1::json) AS rows (value)",
            ),
        };
        format!(
            "INSERT INTO {} ({names}) SELECT {} FROM {rows}",
            self.name,
            values.join(", ")
        )
    }
}

/// A row of a company, in the form in which it travels.
trait Row {
    const TABLE: Table;

    /// In the order of the columns.
    fn values(&self) -> Value;

    fn count(counts: &mut Counts) -> &mut u64;
}

impl Row for employee::Model {
    const TABLE: Table = Table {
        name: "employees",
        columns: &[("id", "bigint"), ("name", "text"), ("hire_date", "date")],
    };

    fn values(&self) -> Value {
        json!([self.id, self.name, self.hire_date])
    }

    fn count(counts: &mut Counts) -> &mut u64 {
        &mut counts.employees
    }
}

impl Row for meeting::Model {
    const TABLE: Table = Table {
        name: "meetings",
        columns: &[
            ("id", "bigint"),
            ("topic", "text"),
            ("scheduled_time", "timestamptz"),
            ("location", "text"),
        ],
    };

    fn values(&self) -> Value {
        json!([
            self.id,
            self.topic,
            time(self.scheduled_time),
            self.location
        ])
    }

    fn count(counts: &mut Counts) -> &mut u64 {
        &mut counts.meetings
    }
}

impl Row for project::Model {
    const TABLE: Table = Table {
        name: "projects",
        columns: &[("id", "bigint"), ("title", "text"), ("budget", "bigint")],
    };

    fn values(&self) -> Value {
        json!([self.id, self.title, self.budget])
    }

    fn count(counts: &mut Counts) -> &mut u64 {
        &mut counts.projects
    }
}

impl Row for assignment::Model {
    const TABLE: Table = Table {
        name: "assignments",
        columns: &[
            ("id", "bigint"),
            ("role", "text"),
            ("start_date", "timestamptz"),
            ("end_date", "timestamptz"),
            ("employee_id", "bigint"),
            ("project_id", "bigint"),
        ],
    };

    fn values(&self) -> Value {
        json!([
            self.id,
            self.role,
            self.start_date.map(time),
            self.end_date.map(time),
            self.employee_id,
            self.project_id
        ])
    }

    fn count(counts: &mut Counts) -> &mut u64 {
        &mut counts.assignments
    }
}

impl Row for employee_meeting::Model {
    const TABLE: Table = Table {
        name: "employee_meetings",
        columns: &[("employee_id", "bigint"), ("meeting_id", "bigint")],
    };

    fn values(&self) -> Value {
        json!([self.employee_id, self.meeting_id])
    }

    fn count(counts: &mut Counts) -> &mut u64 {
        &mut counts.attendances
    }
}

/// Exactly what SQLx writes into SQLite, where times are text and compared as text.
fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, false)
}

/// Sends rows and shows how far it is: as a bar to a terminal, as lines to anything else.
struct Filler<'a> {
    transaction: &'a DatabaseTransaction,
    made: Counts,
    bar: ProgressBar,
    /// Whether it takes long enough to say how far it is.
    lines: bool,
}

impl<'a> Filler<'a> {
    fn new(transaction: &'a DatabaseTransaction, company: Company) -> Self {
        let bar = match company {
            // Over before it could be read.
            Company::Lesson => ProgressBar::hidden(),
            Company::MadeUp(counts) => ProgressBar::new(counts.rows()),
        };
        if let Ok(style) =
            ProgressStyle::with_template("{msg:17} {wide_bar} {human_pos}/{human_len} {eta}")
        {
            bar.set_style(style);
        }
        if !bar.is_hidden() {
            bar.enable_steady_tick(Duration::from_millis(100));
        }
        Self {
            transaction,
            made: Counts::default(),
            bar,
            lines: matches!(company, Company::MadeUp(_)),
        }
    }

    async fn insert<R: Row>(&mut self, rows: impl Iterator<Item = R>) -> Result<(), DbErr> {
        let backend = self.transaction.get_database_backend();
        let statement = R::TABLE.insert(backend);
        self.bar.set_message(R::TABLE.name);
        let mut rows = rows.map(|row| row.values());
        loop {
            let batch: Vec<_> = rows.by_ref().take(BATCH).collect();
            if batch.is_empty() {
                break;
            }
            let count = batch.len() as u64;
            let values = [Value::Array(batch).to_string().into()];
            self.transaction
                .execute_raw(Statement::from_sql_and_values(backend, &statement, values))
                .await?;
            *R::count(&mut self.made) += count;
            self.bar.inc(count);
        }
        // The bar hides itself where there is no terminal.
        if self.lines && self.bar.is_hidden() {
            tracing::info!("{} rows in {}", R::count(&mut self.made), R::TABLE.name);
        }
        Ok(())
    }

    fn finish(self) -> (Counts, u64) {
        self.bar.finish_and_clear();
        (self.made, self.made.rows())
    }
}

impl Counts {
    fn rows(&self) -> u64 {
        self.employees + self.projects + self.assignments + self.meetings + self.attendances
    }
}
