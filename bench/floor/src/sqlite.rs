//! SQLite through rusqlite, in the process and without a thread between: each list is a statement of
//! its own, which costs no round trip.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{SecondsFormat, SubsecRound, Utc};
use rusqlite::{Connection, OptionalExtension, Params, Row, TransactionBehavior};
use tokio::{
    sync::{self, Notify},
    task::spawn_blocking,
};

use crate::{
    Failure,
    answer::{
        Assigned, Employee, Employees, FLAT, IdentifiedPerson, Member, Mission, Name, Nodes, PAGE,
        PORTFOLIOS, Person, Project, Projects, ROOTS, Staffed, Stint, Store, TEAM, Title, json,
    },
};

/// Settings of each connection, the same as the server's.
const SESSION: &str = "\
PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000;
PRAGMA journal_mode = WAL;";
const READER: &str = "PRAGMA query_only = ON; PRAGMA mmap_size = 1099511627776;";

pub(crate) const POINT: &str = "SELECT name, hire_date FROM employees WHERE id = ?";
pub(crate) const FIRST_EMPLOYEES: &str =
    "SELECT id, name, hire_date FROM employees ORDER BY id LIMIT ?";
pub(crate) const FIRST_NAMES: &str = "SELECT id, name FROM employees ORDER BY id LIMIT ?";
pub(crate) const FIRST_PROJECTS: &str = "SELECT id, title FROM projects ORDER BY id LIMIT ?";
const PROJECTS: &str = "\
SELECT p.id, p.title, p.budget
FROM (SELECT DISTINCT project_id FROM assignments WHERE employee_id = ?) AS a
CROSS JOIN projects AS p ON p.id = a.project_id ORDER BY p.title, p.id LIMIT ?";
const PROJECTS_BY_ID: &str = "\
SELECT p.id, p.title FROM (
    SELECT DISTINCT project_id FROM assignments WHERE employee_id = ? ORDER BY project_id LIMIT ?
) AS a CROSS JOIN projects AS p ON p.id = a.project_id";
const TEAM_BY_NAME: &str = "\
SELECT DISTINCT employee_name, employee_id FROM assignments WHERE project_id = ?
ORDER BY employee_name, employee_id LIMIT ?";
const TEAM_BY_ID: &str = "\
SELECT e.name FROM (
    SELECT DISTINCT employee_id FROM assignments WHERE project_id = ? ORDER BY employee_id LIMIT ?
) AS a CROSS JOIN employees AS e ON e.id = a.employee_id";
const STINTS: &str = "\
SELECT a.role, a.start_date, a.end_date, e.name FROM (
    SELECT role, start_date, end_date, employee_id FROM assignments WHERE project_id = ?
    ORDER BY start_date, id LIMIT ?
) AS a CROSS JOIN employees AS e ON e.id = a.employee_id";
pub(crate) const BOTH: &str =
    "SELECT e.name FROM employees AS e, projects AS p WHERE e.id = ? AND p.id = ?";
pub(crate) const INSERT: &str = "\
INSERT INTO assignments (employee_id, project_id) VALUES (?, ?)
ON CONFLICT DO NOTHING RETURNING id";
pub(crate) const SAME: &str = "\
SELECT id FROM assignments
WHERE employee_id = ? AND project_id = ? AND role IS NULL AND start_date IS NULL";
pub(crate) const CHANGE: &str = "\
INSERT INTO changes (occurred_at, subject, kind, employee_id, project_id, assignment_id)
VALUES (?, 'ASSIGNMENT', 'CREATED', ?, ?, ?)";

/// Readers, and one writer, like the server's.
#[derive(Clone)]
pub(crate) struct Sqlite {
    file: Arc<str>,
    /// Idle readers. There are never more than threads that run requests.
    readers: Arc<Mutex<Vec<Connection>>>,
    writer: Arc<sync::Mutex<Connection>>,
    /// Where subscribers would wait.
    changed: Arc<Notify>,
}

impl Sqlite {
    pub(crate) fn open(file: &str) -> Result<Self, Failure> {
        Ok(Self {
            file: file.into(),
            readers: Arc::default(),
            writer: Arc::new(sync::Mutex::new(connect(file)?)),
            changed: Arc::default(),
        })
    }

    /// Reads on this thread, as embedded databases are read: handing a small statement to another
    /// thread costs more than the statement.
    fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let idle = || self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        let reader = idle().pop();
        let reader = match reader {
            Some(reader) => reader,
            None => {
                let reader = connect(&self.file)?;
                reader.execute_batch(READER)?;
                reader
            }
        };
        let answer = read(&reader);
        idle().push(reader);
        answer
    }
}

fn connect(file: &str) -> rusqlite::Result<Connection> {
    let connection = Connection::open(file)?;
    connection.execute_batch(SESSION)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

impl Store for Sqlite {
    async fn point(&self, employee: i64) -> Result<Vec<u8>, Failure> {
        let person = self.read(|connection| {
            one(connection, POINT, [employee], |row| {
                Ok(Person {
                    name: text(row, 0)?,
                    hire_date: text(row, 1)?,
                })
            })
        });
        json(Employee { employee: person? })
    }

    async fn mission(&self, employee: i64, first: i64) -> Result<Vec<u8>, Failure> {
        let member = self.read(|connection| {
            one(connection, POINT, [employee], |row| {
                let mission = |row: &Row<'_>| {
                    Ok(Mission {
                        title: text(row, 1)?,
                        budget: row.get(2)?,
                        employees: team(connection, TEAM_BY_NAME, row.get(0)?, first)?,
                    })
                };
                Ok(Member {
                    name: text(row, 0)?,
                    projects: list(connection, PROJECTS, [employee, first], mission)?,
                })
            })
        });
        json(Employee { employee: member? })
    }

    async fn nested(&self) -> Result<Vec<u8>, Failure> {
        self.members(ROOTS, PROJECTS, PAGE, |connection, row| {
            Ok(Project {
                title: text(row, 1)?,
                employees: team(connection, TEAM_BY_NAME, row.get(0)?, TEAM)?,
            })
        })
    }

    async fn nested_by_id(&self) -> Result<Vec<u8>, Failure> {
        self.members(ROOTS, PROJECTS_BY_ID, TEAM, |connection, row| {
            Ok(Project {
                title: text(row, 1)?,
                employees: team(connection, TEAM_BY_ID, row.get(0)?, TEAM)?,
            })
        })
    }

    async fn portfolios(&self) -> Result<Vec<u8>, Failure> {
        self.members(PORTFOLIOS, PROJECTS, -1, |_, row| {
            Ok(Title {
                title: text(row, 1)?,
            })
        })
    }

    async fn flat(&self) -> Result<Vec<u8>, Failure> {
        let employees = self.read(|connection| {
            list(connection, FIRST_EMPLOYEES, [FLAT], |row| {
                Ok(IdentifiedPerson {
                    id: row.get(0)?,
                    name: text(row, 1)?,
                    hire_date: text(row, 2)?,
                })
            })
        });
        json(Employees {
            employees: employees?,
        })
    }

    async fn edges(&self, first: i64) -> Result<Vec<u8>, Failure> {
        let projects = self.read(|connection| {
            list(connection, FIRST_PROJECTS, [ROOTS], |row| {
                Ok(Staffed {
                    title: text(row, 1)?,
                    assignments: list(connection, STINTS, [row.get(0)?, first], stint)?,
                })
            })
        });
        json(Projects {
            projects: projects?,
        })
    }

    async fn write(&self, employee: i64, project: i64) -> Result<Vec<u8>, Failure> {
        let mut writer = self.writer.clone().lock_owned().await;
        let assigned = spawn_blocking(move || assign(&mut writer, employee, project)).await??;
        self.changed.notify_waiters();
        json(Assigned::new(assigned))
    }
}

impl Sqlite {
    /// The first employees with a list of projects each.
    fn members<P: serde::Serialize>(
        &self,
        employees: i64,
        projects: &str,
        first: i64,
        project: fn(&Connection, &Row<'_>) -> rusqlite::Result<P>,
    ) -> Result<Vec<u8>, Failure> {
        let employees = self.read(|connection| {
            list(connection, FIRST_NAMES, [employees], |row| {
                let project = |row: &Row<'_>| project(connection, row);
                Ok(Member {
                    name: text(row, 1)?,
                    projects: list(connection, projects, [row.get(0)?, first], project)?,
                })
            })
        });
        json(Employees {
            employees: employees?,
        })
    }
}

/// In few statements: both rows at once, and the unique index finds a duplicate.
fn assign(
    connection: &mut Connection,
    employee: i64,
    project: i64,
) -> rusqlite::Result<Option<(i64, String)>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let pair = [employee, project];
    let Some(name) = one(&transaction, BOTH, pair, |row| text(row, 0))? else {
        return Ok(None);
    };
    let Some(id) = one(&transaction, INSERT, pair, |row| row.get(0))? else {
        let same = one(&transaction, SAME, pair, |row| row.get(0))?;
        return Ok(same.map(|id| (id, name)));
    };
    let now = Utc::now().trunc_subsecs(6);
    let now = now.to_rfc3339_opts(SecondsFormat::AutoSi, false);
    let change = (now, employee, project, id);
    transaction.prepare_cached(CHANGE)?.execute(change)?;
    transaction.commit()?;
    Ok(Some((id, name)))
}

fn one<T>(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Option<T>> {
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_row(parameters, read).optional()
}

fn list<T>(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Nodes<T>> {
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_map(parameters, read)?.collect()
}

fn team(
    connection: &Connection,
    sql: &str,
    project: i64,
    first: i64,
) -> rusqlite::Result<Nodes<Name<String>>> {
    list(connection, sql, [project, first], |row| {
        Ok(Name {
            name: text(row, 0)?,
        })
    })
}

fn stint(row: &Row<'_>) -> rusqlite::Result<Stint<String, String>> {
    Ok(Stint {
        role: row.get(0)?,
        start_date: time(row, 1)?,
        end_date: time(row, 2)?,
        employee: Name {
            name: text(row, 3)?,
        },
    })
}

fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    row.get(column)
}

/// Times are stored as text with the offset `+00:00`.
fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<String>> {
    let time: Option<String> = row.get(column)?;
    Ok(time.map(|mut time| {
        time.truncate(time.len().saturating_sub("+00:00".len()));
        time.push('Z');
        time
    }))
}
