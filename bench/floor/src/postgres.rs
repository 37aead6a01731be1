//! PostgreSQL through tokio-postgres: one prepared statement and one round trip for each operation.

use chrono::{DateTime, NaiveDate, Utc};
use deadpool_postgres::{Manager, ManagerConfig, Pool, QueueMode, RecyclingMethod};
use tokio_postgres::{Config, NoTls, Row, types::ToSql};

use crate::{
    Failure,
    answer::{
        Assigned, Employee, Employees, FLAT, IdentifiedPerson, Member, Mission, Name, Nodes, PAGE,
        PORTFOLIOS, Person, Project, Projects, ROOTS, Staffed, Stint, Store, TEAM, Title, json,
    },
};

/// Connections, as many as the server's.
const CONNECTIONS: usize = 16;

/// Settings of each session, the same as the server's.
const SESSION: [(&str, &str); 10] = [
    ("statement_timeout", "8s"),
    ("lock_timeout", "4s"),
    ("idle_in_transaction_session_timeout", "15s"),
    ("TimeZone", "UTC"),
    ("random_page_cost", "1.1"),
    ("work_mem", "4MB"),
    ("hash_mem_multiplier", "32"),
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_memoize", "off"),
    ("jit", "off"),
];

const POINT: &str = "SELECT name, hire_date FROM employees WHERE id = $1";

/// A row for each project; one without a project for an employee without projects.
const MISSION: &str = "\
SELECT e.name, p.title, p.budget, p.team
FROM employees AS e LEFT JOIN LATERAL (
    SELECT p.title, p.budget, ARRAY(
        SELECT t.employee_name FROM (
            SELECT DISTINCT employee_name, employee_id FROM assignments WHERE project_id = p.id
            ORDER BY employee_name, employee_id LIMIT $2
        ) AS t
    ) AS team
    FROM (
        SELECT id, title, budget FROM projects
        WHERE id IN (SELECT project_id FROM assignments WHERE employee_id = e.id)
        ORDER BY title, id LIMIT $2
    ) AS p
) AS p ON true
WHERE e.id = $1";

const NESTED: &str = "\
SELECT e.id, e.name, p.title, p.team
FROM (SELECT id, name FROM employees ORDER BY id LIMIT $1) AS e LEFT JOIN LATERAL (
    SELECT p.title, ARRAY(
        SELECT t.employee_name FROM (
            SELECT DISTINCT employee_name, employee_id FROM assignments WHERE project_id = p.id
            ORDER BY employee_name, employee_id LIMIT $3
        ) AS t
    ) AS team
    FROM (
        SELECT id, title FROM projects
        WHERE id IN (SELECT project_id FROM assignments WHERE employee_id = e.id)
        ORDER BY title, id LIMIT $2
    ) AS p
) AS p ON true";

/// The first by id come in the order of an index, so reading stops at the limit.
const NESTED_BY_ID: &str = "\
SELECT e.id, e.name, p.title, p.team
FROM (SELECT id, name FROM employees ORDER BY id LIMIT $1) AS e LEFT JOIN LATERAL (
    SELECT (SELECT title FROM projects WHERE id = p.project_id) AS title, ARRAY(
        SELECT (SELECT name FROM employees WHERE id = t.employee_id) FROM (
            SELECT DISTINCT employee_id FROM assignments WHERE project_id = p.project_id
            ORDER BY employee_id LIMIT $2
        ) AS t
    ) AS team
    FROM (
        SELECT DISTINCT project_id FROM assignments WHERE employee_id = e.id
        ORDER BY project_id LIMIT $2
    ) AS p
) AS p ON true";

/// One join and one sort for all lists.
const PORTFOLIO_LIST: &str = "\
SELECT e.id, e.name, p.title
FROM (SELECT id, name FROM employees ORDER BY id LIMIT $1) AS e
LEFT JOIN LATERAL (
    SELECT DISTINCT project_id FROM assignments WHERE employee_id = e.id
) AS a ON true
LEFT JOIN projects AS p ON p.id = a.project_id
ORDER BY e.id, p.title, p.id";

const FLAT_LIST: &str = "SELECT id, name, hire_date FROM employees ORDER BY id LIMIT $1";

const EDGES: &str = "\
SELECT p.id, p.title, a.role, a.start_date, a.end_date, a.name
FROM (SELECT id, title FROM projects ORDER BY id LIMIT $1) AS p LEFT JOIN LATERAL (
    SELECT a.role, a.start_date, a.end_date, e.name FROM (
        SELECT id, role, start_date, end_date, employee_id FROM assignments
        WHERE project_id = p.id ORDER BY start_date NULLS FIRST, id LIMIT $2
    ) AS a JOIN employees AS e ON e.id = a.employee_id
    ORDER BY a.start_date NULLS FIRST, a.id
) AS a ON true";

/// The locks in the server's order: employee, project, and the feed's, if there is a
/// change to write.
const WRITE: &str = "\
WITH e AS MATERIALIZED (SELECT id, name FROM employees WHERE id = $1 FOR UPDATE),
p AS MATERIALIZED (
    SELECT id FROM projects WHERE id = $2 AND EXISTS (SELECT FROM e) FOR UPDATE
),
a AS (
    INSERT INTO assignments (employee_id, project_id) SELECT e.id, p.id FROM e, p
    ON CONFLICT DO NOTHING RETURNING id
),
l AS MATERIALIZED (SELECT a.id, pg_advisory_xact_lock(x'666565646c6f636b'::bigint) FROM a),
c AS (
    INSERT INTO changes (occurred_at, subject, kind, employee_id, project_id, assignment_id)
    SELECT clock_timestamp(), 'ASSIGNMENT', 'CREATED', $1, $2, l.id FROM l
    RETURNING assignment_id
),
n AS MATERIALIZED (SELECT c.assignment_id AS id, pg_notify('roster_changes', '') FROM c)
SELECT n.id, e.name FROM n, e";

const SAME: &str = "\
SELECT a.id, e.name FROM assignments AS a JOIN employees AS e ON e.id = a.employee_id
WHERE a.employee_id = $1 AND a.project_id = $2 AND a.role IS NULL AND a.start_date IS NULL";

/// A pool like the server's.
#[derive(Clone)]
pub(crate) struct Postgres(Pool);

impl Postgres {
    pub(crate) fn open(url: &str) -> Result<Self, Failure> {
        let mut config: Config = url.parse()?;
        let session: Vec<_> = SESSION
            .iter()
            .map(|(name, value)| format!("-c {name}={value}"))
            .collect();
        config.options(session.join(" "));
        let recycling = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = Manager::from_config(config, NoTls, recycling);
        let pool = Pool::builder(manager)
            .max_size(CONNECTIONS)
            .queue_mode(QueueMode::Lifo)
            .build()?;
        Ok(Self(pool))
    }

    async fn query(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Failure> {
        let connection = self.0.get().await?;
        let statement = connection.prepare_cached(sql).await?;
        Ok(connection.query(&statement, parameters).await?)
    }
}

impl Store for Postgres {
    async fn point(&self, employee: i64) -> Result<Vec<u8>, Failure> {
        let rows = self.query(POINT, &[&employee]).await?;
        json(Employee {
            employee: rows.first().map(|row| Person {
                name: row.get::<_, &str>(0),
                hire_date: row.get::<_, NaiveDate>(1),
            }),
        })
    }

    async fn mission(&self, employee: i64, first: i64) -> Result<Vec<u8>, Failure> {
        let rows = self.query(MISSION, &[&employee, &first]).await?;
        let mission = |row| {
            Some(Mission {
                title: title(row, 1)?,
                budget: row.get(2),
                employees: team(row, 3),
            })
        };
        json(Employee {
            employee: rows.first().map(|first| Member {
                name: first.get::<_, &str>(0),
                projects: rows.iter().filter_map(mission).collect(),
            }),
        })
    }

    async fn nested(&self) -> Result<Vec<u8>, Failure> {
        let rows = self.query(NESTED, &[&ROOTS, &PAGE, &TEAM]).await?;
        members(&rows, project)
    }

    async fn nested_by_id(&self) -> Result<Vec<u8>, Failure> {
        let rows = self.query(NESTED_BY_ID, &[&ROOTS, &TEAM]).await?;
        members(&rows, project)
    }

    async fn portfolios(&self) -> Result<Vec<u8>, Failure> {
        let rows = self.query(PORTFOLIO_LIST, &[&PORTFOLIOS]).await?;
        members(&rows, |row| {
            let title = title(row, 2)?;
            Some(Title { title })
        })
    }

    async fn flat(&self) -> Result<Vec<u8>, Failure> {
        let rows = self.query(FLAT_LIST, &[&FLAT]).await?;
        let employees = rows.iter().map(|row| IdentifiedPerson {
            id: row.get(0),
            name: row.get::<_, &str>(1),
            hire_date: row.get::<_, NaiveDate>(2),
        });
        json(Employees {
            employees: employees.collect(),
        })
    }

    async fn edges(&self, first: i64) -> Result<Vec<u8>, Failure> {
        let rows = self.query(EDGES, &[&ROOTS, &first]).await?;
        let projects = by_parent(&rows).map(|rows| Staffed {
            title: rows[0].get::<_, &str>(1),
            assignments: rows.iter().filter_map(stint).collect(),
        });
        json(Projects {
            projects: projects.collect(),
        })
    }

    async fn write(&self, employee: i64, project: i64) -> Result<Vec<u8>, Failure> {
        let mut rows = self.query(WRITE, &[&employee, &project]).await?;
        if rows.is_empty() {
            rows = self.query(SAME, &[&employee, &project]).await?;
        }
        let assigned = rows.first().map(|row| (row.get(0), row.get::<_, &str>(1)));
        json(Assigned::new(assigned))
    }
}

/// The rows of each parent, whose key stands in front.
fn by_parent(rows: &[Row]) -> impl Iterator<Item = &[Row]> {
    rows.chunk_by(|a, b| a.get::<_, i64>(0) == b.get::<_, i64>(0))
}

/// Employees whose names stand behind their keys, with a project in each row that has one.
fn members<'r, P: serde::Serialize>(
    rows: &'r [Row],
    project: fn(&'r Row) -> Option<P>,
) -> Result<Vec<u8>, Failure> {
    let employees = by_parent(rows).map(|rows| Member {
        name: rows[0].get::<_, &str>(1),
        projects: rows.iter().filter_map(project).collect(),
    });
    json(Employees {
        employees: employees.collect(),
    })
}

fn project(row: &Row) -> Option<Project<&str>> {
    Some(Project {
        title: title(row, 2)?,
        employees: team(row, 3),
    })
}

fn stint(row: &Row) -> Option<Stint<&str, DateTime<Utc>>> {
    Some(Stint {
        role: row.get(2),
        start_date: row.get(3),
        end_date: row.get(4),
        employee: Name {
            name: row.get::<_, Option<&str>>(5)?,
        },
    })
}

/// `None` in the row of a parent without children.
fn title(row: &Row, column: usize) -> Option<&str> {
    row.get(column)
}

fn team(row: &Row, column: usize) -> Nodes<Name<&str>> {
    let names: Vec<&str> = row.get(column);
    names.into_iter().map(|name| Name { name }).collect()
}
