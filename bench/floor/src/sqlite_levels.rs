//! SQLite through SQLx: one prepared statement for each level of the answer. Parents travel as one
//! JSON array, and the list of each is cut in a subquery.

use std::{iter::once, str::FromStr, sync::Arc, thread::available_parallelism, time::Duration};

use chrono::{DateTime, NaiveDate, SubsecRound, Utc};
use sqlx::{
    ConnectOptions, FromRow, SqlitePool,
    sqlite::{
        SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
    },
};
use tokio::sync::Notify;

use crate::{
    Failure,
    answer::{
        Assigned, Employee, Employees, FLAT, IdentifiedPerson, Member, Mission, Name, Nodes, PAGE,
        PORTFOLIOS, Person, Project, Projects, ROOTS, Staffed, Stint, Store, TEAM, Title, json,
    },
    sqlite::{BOTH, CHANGE, FIRST_EMPLOYEES, FIRST_NAMES, FIRST_PROJECTS, INSERT, POINT, SAME},
};

/// The number of the parent among those asked for, then the columns of its child.
const PROJECTS: &str = "\
SELECT k.key, p.id, p.title, p.budget FROM json_each(?) AS k,
json_each((SELECT json_group_array(id) FROM (SELECT p.id
    FROM (SELECT DISTINCT project_id FROM assignments WHERE employee_id = k.value) AS a
    CROSS JOIN projects AS p ON p.id = a.project_id ORDER BY p.title, p.id LIMIT ?))) AS own
CROSS JOIN projects AS p ON p.id = own.value";
const PROJECTS_BY_ID: &str = "\
SELECT k.key, p.id, p.title, p.budget FROM json_each(?) AS k,
json_each((SELECT json_group_array(id) FROM (SELECT DISTINCT project_id AS id FROM assignments
    WHERE employee_id = k.value ORDER BY project_id LIMIT ?))) AS own
CROSS JOIN projects AS p ON p.id = own.value";
const TEAMS_BY_NAME: &str = "\
SELECT k.key, own.value FROM json_each(?) AS k,
json_each((SELECT json_group_array(name) FROM (SELECT DISTINCT employee_name AS name, employee_id
    FROM assignments WHERE project_id = k.value
    ORDER BY employee_name, employee_id LIMIT ?))) AS own";
const TEAMS_BY_ID: &str = "\
SELECT k.key, e.name FROM json_each(?) AS k,
json_each((SELECT json_group_array(id) FROM (SELECT DISTINCT employee_id AS id
    FROM assignments WHERE project_id = k.value ORDER BY employee_id LIMIT ?))) AS own
CROSS JOIN employees AS e ON e.id = own.value";
const STINTS: &str = "\
SELECT k.key, a.role, a.start_date, a.end_date, e.name FROM json_each(?) AS k,
json_each((SELECT json_group_array(id) FROM (SELECT id FROM assignments
    WHERE project_id = k.value ORDER BY start_date, id LIMIT ?))) AS own
CROSS JOIN assignments AS a ON a.id = own.value
CROSS JOIN employees AS e ON e.id = a.employee_id";

type ProjectRow = (i64, i64, String, Option<i64>);
type StintRow = (
    i64,
    Option<String>,
    Option<DateTime<Utc>>,
    Option<DateTime<Utc>>,
    String,
);

/// Pools like the server's.
#[derive(Clone)]
pub(crate) struct SqliteLevels {
    readers: SqlitePool,
    writer: SqlitePool,
    /// Where subscribers would wait.
    changed: Arc<Notify>,
}

impl SqliteLevels {
    pub(crate) async fn open(url: &str) -> Result<Self, Failure> {
        let options = SqliteConnectOptions::from_str(url)?
            .foreign_keys(true)
            .synchronous(SqliteSynchronous::Full)
            .journal_mode(SqliteJournalMode::Wal)
            .busy_timeout(Duration::from_secs(5))
            .disable_statement_logging();
        let pool = |connections| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .idle_timeout(None)
                .max_lifetime(None)
                .test_before_acquire(false)
        };
        let readers = available_parallelism().map_or(4, |cores| (cores.get() + 1).clamp(3, 8));
        let reading = options
            .clone()
            .pragma("query_only", "ON")
            .pragma("mmap_size", "1099511627776");
        Ok(Self {
            writer: pool(1).connect_with(options).await?,
            readers: pool(readers as u32).connect_with(reading).await?,
            changed: Arc::default(),
        })
    }

    async fn first<R>(&self, sql: &'static str, count: i64) -> Result<Vec<R>, Failure>
    where
        R: for<'r> FromRow<'r, SqliteRow> + Send + Unpin,
    {
        let rows = sqlx::query_as(sql).bind(count).fetch_all(&self.readers);
        Ok(rows.await?)
    }

    /// The children of these parents, in the order of the parents and of each parent's list.
    async fn children<R>(
        &self,
        sql: &'static str,
        parents: impl Iterator<Item = i64>,
        first: i64,
    ) -> Result<Vec<R>, Failure>
    where
        R: for<'r> FromRow<'r, SqliteRow> + Send + Unpin,
    {
        let parents = serde_json::to_string(&parents.collect::<Vec<_>>())?;
        let rows = sqlx::query_as(sql).bind(parents).bind(first);
        Ok(rows.fetch_all(&self.readers).await?)
    }

    /// The names of the teams of these projects.
    async fn teams(
        &self,
        sql: &'static str,
        projects: &[ProjectRow],
        first: i64,
    ) -> Result<Vec<Nodes<Name<String>>>, Failure> {
        let keys = projects.iter().map(|row| row.1);
        let names: Vec<(i64, String)> = self.children(sql, keys, first).await?;
        let mut teams = vec![Nodes { nodes: Vec::new() }; projects.len()];
        for (parent, name) in names {
            teams[parent as usize].nodes.push(Name { name });
        }
        Ok(teams)
    }

    async fn members(
        &self,
        projects: &'static str,
        of_each: i64,
        teams: &'static str,
    ) -> Result<Vec<u8>, Failure> {
        let employees: Vec<(i64, String)> = self.first(FIRST_NAMES, ROOTS).await?;
        let keys = employees.iter().map(|row| row.0);
        let projects: Vec<ProjectRow> = self.children(projects, keys, of_each).await?;
        let teams = self.teams(teams, &projects, TEAM).await?;
        let projects = projects.into_iter().zip(teams);
        let projects = projects
            .map(|((parent, _, title, _), employees)| (parent, Project { title, employees }));
        json(Employees {
            employees: with_children(employees, projects, |(_, name), projects| Member {
                name,
                projects,
            }),
        })
    }
}

/// Puts children, each behind the number of its parent and in that order, below their parents.
fn with_children<P, C, T>(
    parents: Vec<P>,
    children: impl Iterator<Item = (i64, C)>,
    join: fn(P, Nodes<C>) -> T,
) -> Nodes<T> {
    let mut children = children.peekable();
    let parents = (0..).zip(parents);
    let joined = parents.map(|(nth, parent)| {
        let mut own = Nodes { nodes: Vec::new() };
        while let Some((_, child)) = children.next_if(|(of, _)| *of == nth) {
            own.nodes.push(child);
        }
        join(parent, own)
    });
    joined.collect()
}

impl Store for SqliteLevels {
    async fn point(&self, employee: i64) -> Result<Vec<u8>, Failure> {
        let row = sqlx::query_as(POINT).bind(employee);
        let row: Option<(String, NaiveDate)> = row.fetch_optional(&self.readers).await?;
        json(Employee {
            employee: row.map(|(name, hire_date)| Person { name, hire_date }),
        })
    }

    async fn mission(&self, employee: i64, first: i64) -> Result<Vec<u8>, Failure> {
        let row = sqlx::query_as(POINT).bind(employee);
        let row: Option<(String, NaiveDate)> = row.fetch_optional(&self.readers).await?;
        let Some((name, _)) = row else {
            return json(Employee {
                employee: None::<Name<String>>,
            });
        };
        let projects: Vec<ProjectRow> = self.children(PROJECTS, once(employee), first).await?;
        let teams = self.teams(TEAMS_BY_NAME, &projects, first).await?;
        let projects = projects.into_iter().zip(teams);
        let projects = projects.map(|((_, _, title, budget), employees)| Mission {
            title,
            budget,
            employees,
        });
        json(Employee {
            employee: Some(Member {
                name,
                projects: projects.collect(),
            }),
        })
    }

    async fn nested(&self) -> Result<Vec<u8>, Failure> {
        self.members(PROJECTS, PAGE, TEAMS_BY_NAME).await
    }

    async fn nested_by_id(&self) -> Result<Vec<u8>, Failure> {
        self.members(PROJECTS_BY_ID, TEAM, TEAMS_BY_ID).await
    }

    async fn portfolios(&self) -> Result<Vec<u8>, Failure> {
        let employees: Vec<(i64, String)> = self.first(FIRST_NAMES, PORTFOLIOS).await?;
        let keys = employees.iter().map(|row| row.0);
        let projects: Vec<ProjectRow> = self.children(PROJECTS, keys, -1).await?;
        let projects = projects
            .into_iter()
            .map(|(parent, _, title, _)| (parent, Title { title }));
        json(Employees {
            employees: with_children(employees, projects, |(_, name), projects| Member {
                name,
                projects,
            }),
        })
    }

    async fn flat(&self) -> Result<Vec<u8>, Failure> {
        let rows: Vec<(i64, String, NaiveDate)> = self.first(FIRST_EMPLOYEES, FLAT).await?;
        let employees = rows
            .into_iter()
            .map(|(id, name, hire_date)| IdentifiedPerson {
                id,
                name,
                hire_date,
            });
        json(Employees {
            employees: employees.collect(),
        })
    }

    async fn edges(&self, first: i64) -> Result<Vec<u8>, Failure> {
        let projects: Vec<(i64, String)> = self.first(FIRST_PROJECTS, ROOTS).await?;
        let keys = projects.iter().map(|row| row.0);
        let stints: Vec<StintRow> = self.children(STINTS, keys, first).await?;
        let stints = stints
            .into_iter()
            .map(|(parent, role, start_date, end_date, name)| {
                (
                    parent,
                    Stint {
                        role,
                        start_date,
                        end_date,
                        employee: Name { name },
                    },
                )
            });
        json(Projects {
            projects: with_children(projects, stints, |(_, title), assignments| Staffed {
                title,
                assignments,
            }),
        })
    }

    async fn write(&self, employee: i64, project: i64) -> Result<Vec<u8>, Failure> {
        let assigned = self.assign(employee, project).await?;
        json(Assigned::new(assigned))
    }
}

impl SqliteLevels {
    async fn assign(&self, employee: i64, project: i64) -> Result<Option<(i64, String)>, Failure> {
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let name = sqlx::query_as(BOTH).bind(employee).bind(project);
        let name: Option<(String,)> = name.fetch_optional(&mut *transaction).await?;
        let Some((name,)) = name else {
            return Ok(None);
        };
        let id = sqlx::query_as(INSERT).bind(employee).bind(project);
        let id: Option<(i64,)> = id.fetch_optional(&mut *transaction).await?;
        let Some((id,)) = id else {
            let same = sqlx::query_as(SAME).bind(employee).bind(project);
            let same: Option<(i64,)> = same.fetch_optional(&mut *transaction).await?;
            return Ok(same.map(|(id,)| (id, name)));
        };
        sqlx::query(CHANGE)
            .bind(Utc::now().trunc_subsecs(6))
            .bind(employee)
            .bind(project)
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        self.changed.notify_waiters();
        Ok(Some((id, name)))
    }
}
