//! PostgreSQL through tokio-postgres: one prepared statement for each operation, whose rows are the
//! parents with their children as arrays.

use chrono::{DateTime, Utc};
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use tokio_postgres::{Config, NoTls, Row, types::ToSql};

use crate::{
    Failure,
    answer::{
        Assignment, Employee, Employees, FLAT, IdentifiedPerson, Member, Mission, Name, Nodes,
        PAGE, Person, Project, Projects, ROOTS, Staffed, Stint, Store, TEAM,
    },
    postgres::{CONNECTIONS, SESSION},
};

const POINT: &str = "SELECT name, hire_date FROM employees WHERE id = $1";

/// A row for each project; one without a project for an employee without projects.
const MISSION: &str = "\
SELECT e.name, p.title, p.budget, p.team
FROM employees AS e LEFT JOIN LATERAL (
    SELECT p.title, p.budget, ARRAY(
        SELECT t.name FROM employees AS t
        WHERE t.id IN (SELECT employee_id FROM assignments WHERE project_id = p.id)
        ORDER BY t.name, t.id LIMIT $2
    ) AS team
    FROM (
        SELECT id, title, budget FROM projects
        WHERE id IN (SELECT project_id FROM assignments WHERE employee_id = e.id)
        ORDER BY title, id LIMIT $2
    ) AS p
) AS p ON true
WHERE e.id = $1";

/// The same for many, and each project's team once, however many of them have it.
const NESTED: &str = "\
WITH e AS MATERIALIZED (SELECT id, name FROM employees ORDER BY id LIMIT $1),
p AS MATERIALIZED (
    SELECT e.id AS employee, p.id, p.title FROM e CROSS JOIN LATERAL (
        SELECT id, title FROM projects
        WHERE id IN (SELECT project_id FROM assignments WHERE employee_id = e.id)
        ORDER BY title, id LIMIT $2
    ) AS p
),
t AS MATERIALIZED (
    SELECT d.id, ARRAY(
        SELECT t.name FROM employees AS t
        WHERE t.id IN (SELECT employee_id FROM assignments WHERE project_id = d.id)
        ORDER BY t.name, t.id LIMIT $3
    ) AS team
    FROM (SELECT DISTINCT id FROM p) AS d
)
SELECT e.id, e.name, p.title, t.team
FROM e LEFT JOIN p ON p.employee = e.id LEFT JOIN t ON t.id = p.id
ORDER BY e.id, p.title, p.id";

const FLAT_LIST: &str = "SELECT id, name, hire_date FROM employees ORDER BY id LIMIT $1";

const EDGES: &str = "\
SELECT p.title, a.roles, a.starts, a.ends, a.names
FROM (SELECT id, title FROM projects ORDER BY id LIMIT $1) AS p CROSS JOIN LATERAL (
    SELECT array_agg(a.role) AS roles, array_agg(a.start_date) AS starts,
        array_agg(a.end_date) AS ends, array_agg(a.name) AS names
    FROM (
        SELECT a.role, a.start_date, a.end_date, e.name
        FROM assignments AS a JOIN employees AS e ON e.id = a.employee_id
        WHERE a.project_id = p.id
        ORDER BY a.start_date NULLS FIRST, a.id LIMIT $2
    ) AS a
) AS a";

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
pub(crate) struct OneStatement(Pool);

impl OneStatement {
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
            .max_size(CONNECTIONS as usize)
            .build()?;
        Ok(Self(pool))
    }

    async fn ask(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Failure> {
        let connection = self.0.get().await?;
        let statement = connection.prepare_cached(sql).await?;
        Ok(connection.query(&statement, parameters).await?)
    }
}

impl Store for OneStatement {
    async fn point(&self, employee: i64) -> Result<Employee<Person>, Failure> {
        let rows = self.ask(POINT, &[&employee]).await?;
        Ok(Employee {
            employee: rows.first().map(|row| Person {
                name: row.get(0),
                hire_date: row.get(1),
            }),
        })
    }

    async fn mission(&self, employee: i64) -> Result<Employee<Member<Mission>>, Failure> {
        let rows = self.ask(MISSION, &[&employee, &PAGE]).await?;
        let Some(first) = rows.first() else {
            return Ok(Employee { employee: None });
        };
        let mission = |row: &Row| {
            Some(Mission {
                title: row.get::<_, Option<String>>(1)?,
                budget: row.get(2),
                employees: team(row, 3),
            })
        };
        Ok(Employee {
            employee: Some(Member {
                name: first.get(0),
                projects: rows.iter().filter_map(mission).collect(),
            }),
        })
    }

    async fn nested(&self) -> Result<Employees<Member<Project>>, Failure> {
        let rows = self.ask(NESTED, &[&ROOTS, &PAGE, &TEAM]).await?;
        let members = rows.chunk_by(|a, b| a.get::<_, i64>(0) == b.get::<_, i64>(0));
        let project = |row: &Row| {
            Some(Project {
                title: row.get::<_, Option<String>>(2)?,
                employees: team(row, 3).into(),
            })
        };
        let members = members.map(|rows| Member {
            name: rows[0].get(1),
            projects: rows.iter().filter_map(project).collect(),
        });
        Ok(Employees {
            employees: members.collect(),
        })
    }

    async fn flat(&self) -> Result<Employees<IdentifiedPerson>, Failure> {
        let rows = self.ask(FLAT_LIST, &[&FLAT]).await?;
        let employees = rows.iter().map(|row| IdentifiedPerson {
            id: row.get(0),
            name: row.get(1),
            hire_date: row.get(2),
        });
        Ok(Employees {
            employees: employees.collect(),
        })
    }

    async fn edges(&self) -> Result<Projects, Failure> {
        let rows = self.ask(EDGES, &[&ROOTS, &PAGE]).await?;
        let projects = rows.iter().map(|row| {
            let roles: Option<Vec<Option<String>>> = row.get(1);
            let starts: Option<Vec<Option<DateTime<Utc>>>> = row.get(2);
            let ends: Option<Vec<Option<DateTime<Utc>>>> = row.get(3);
            let names: Option<Vec<String>> = row.get(4);
            let stints = roles.into_iter().flatten();
            let stints = stints
                .zip(starts.into_iter().flatten())
                .zip(ends.into_iter().flatten())
                .zip(names.into_iter().flatten());
            Staffed {
                title: row.get(0),
                assignments: stints
                    .map(|(((role, start_date), end_date), name)| Stint {
                        role,
                        start_date,
                        end_date,
                        employee: Name { name },
                    })
                    .collect(),
            }
        });
        Ok(Projects {
            projects: projects.collect(),
        })
    }

    async fn write(&self, employee: i64, project: i64) -> Result<Option<Assignment>, Failure> {
        let mut rows = self.ask(WRITE, &[&employee, &project]).await?;
        if rows.is_empty() {
            rows = self.ask(SAME, &[&employee, &project]).await?;
        }
        Ok(rows.first().map(|row| Assignment {
            id: row.get(0),
            employee: Name { name: row.get(1) },
        }))
    }
}

fn team(row: &Row, column: usize) -> Nodes<Name> {
    let names: Vec<String> = row.get(column);
    names.into_iter().map(|name| Name { name }).collect()
}
