//! Inserts thousands of rows as one JSON parameter, on both databases. The statement stays the same,
//! and a million rows take seconds.

use std::{fmt, time::Duration};

use chrono::{DateTime, SecondsFormat, Utc};
use entity::{assignment, employee, employee_meeting, meeting, project};
use indicatif::{ProgressBar, ProgressStyle};
use sea_level::text::companion;
use sea_orm::{ConnectionTrait, DatabaseBackend, DatabaseTransaction, DbErr, Statement};
use serde_json::{Value, json};

use super::{Company, Counts};

/// Rows of one statement: many enough to make its overhead negligible, few enough for the memory.
const BATCH: usize = 10_000;

/// Rows between two lines of the log.
const LOGGED: u64 = 1_000_000;

/// Table and its columns, with their types of PostgreSQL.
pub(super) struct Table {
    name: &'static str,
    columns: &'static [(&'static str, &'static str)],
}

impl Table {
    /// Returns the statement that inserts any number of rows from a JSON array of arrays.
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

/// Row that can be inserted.
pub(super) trait Row {
    const TABLE: Table;

    /// Returns the values in the order of the columns.
    fn values(&self) -> Value;

    fn count(counts: &mut Counts) -> &mut u64;
}

impl Row for employee::Model {
    const TABLE: Table = Table {
        name: "employees",
        columns: &[
            ("id", "bigint"),
            ("name", "text"),
            ("name_folded", "text"),
            ("hire_date", "date"),
        ],
    };

    fn values(&self) -> Value {
        json!([self.id, self.name, companion(&self.name), self.hire_date])
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
            ("topic_folded", "text"),
            ("scheduled_time", "timestamptz"),
            ("location", "text"),
            ("location_folded", "text"),
        ],
    };

    fn values(&self) -> Value {
        json!([
            self.id,
            self.topic,
            companion(&self.topic),
            time(self.scheduled_time),
            self.location,
            self.location.as_deref().and_then(companion)
        ])
    }

    fn count(counts: &mut Counts) -> &mut u64 {
        &mut counts.meetings
    }
}

impl Row for project::Model {
    const TABLE: Table = Table {
        name: "projects",
        columns: &[
            ("id", "bigint"),
            ("title", "text"),
            ("title_folded", "text"),
            ("budget", "bigint"),
        ],
    };

    fn values(&self) -> Value {
        json!([self.id, self.title, companion(&self.title), self.budget])
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
            ("role_folded", "text"),
            ("start_date", "timestamptz"),
            ("end_date", "timestamptz"),
            ("employee_id", "bigint"),
            ("project_id", "bigint"),
            ("employee_name", "text"),
        ],
    };

    fn values(&self) -> Value {
        json!([
            self.id,
            self.role,
            self.role.as_deref().and_then(companion),
            self.start_date.map(time),
            self.end_date.map(time),
            self.employee_id,
            self.project_id,
            self.employee_name
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

/// Formats a time as SQLx does on SQLite, which compares times as text.
fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, false)
}

/// Inserts rows and reports the progress: as a bar on a terminal, as log lines elsewhere.
pub(super) struct Filler<'a> {
    transaction: &'a DatabaseTransaction,
    made: Counts,
    bar: ProgressBar,
    /// True if the inserts take long enough for progress in the log.
    logs_progress: bool,
}

impl<'a> Filler<'a> {
    pub(super) fn new(transaction: &'a DatabaseTransaction, company: Company) -> Self {
        let bar = match company {
            // Takes milliseconds.
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
            logs_progress: matches!(company, Company::MadeUp(_)),
        }
    }

    pub(super) async fn insert<R: Row>(
        &mut self,
        rows: impl Iterator<Item = R>,
    ) -> Result<(), DbErr> {
        let backend = self.transaction.get_database_backend();
        let statement = R::TABLE.insert(backend);
        self.bar.set_message(R::TABLE.name);
        let mut rows = rows.map(|row| row.values());
        loop {
            let batch: Vec<_> = rows.by_ref().take(BATCH).collect();
            let count = batch.len() as u64;
            if count > 0 {
                let values = [Value::Array(batch).to_string().into()];
                self.transaction
                    .execute_raw(Statement::from_sql_and_values(backend, &statement, values))
                    .await?;
            }
            let made = R::count(&mut self.made);
            *made += count;
            let made = *made;
            self.bar.inc(count);
            let is_last = count < BATCH as u64;
            // The last batch may be empty: then its number has been logged.
            if is_last != made.is_multiple_of(LOGGED) {
                self.log(format_args!("{made} rows in {}", R::TABLE.name));
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// Runs statements that take as long as many rows.
    pub(super) async fn run(&self, name: &'static str, statements: &[String]) -> Result<(), DbErr> {
        if statements.is_empty() {
            return Ok(());
        }
        self.log(format_args!("{name}: {}", statements.len()));
        self.bar.set_message(name);
        self.bar.set_position(0);
        self.bar.set_length(statements.len() as u64);
        self.bar.reset_eta();
        for statement in statements {
            self.transaction.execute_unprepared(statement).await?;
            self.bar.inc(1);
        }
        Ok(())
    }

    fn log(&self, line: fmt::Arguments<'_>) {
        // The bar hides itself where there is no terminal.
        if self.logs_progress && self.bar.is_hidden() {
            tracing::info!("{line}");
        }
    }

    pub(super) fn finish(self) -> Counts {
        self.bar.finish_and_clear();
        self.made
    }
}
