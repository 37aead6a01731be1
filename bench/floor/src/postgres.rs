//! PostgreSQL through SQLx: parents travel as one array, an own list of each is a LATERAL.

use std::str::FromStr;

use chrono::NaiveDate;
use sqlx::{
    ConnectOptions, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::{
    Failure,
    levels::{AssignmentRow, BudgetRow, ChildRow, Levels, ProjectRow},
};

/// Connections, as many as the server's.
pub(crate) const CONNECTIONS: u32 = 16;

/// Settings of each session, the same as the server's.
pub(crate) const SESSION: [(&str, &str); 10] = [
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

/// A pool like the server's.
#[derive(Clone)]
pub(crate) struct Postgres(PgPool);

impl Postgres {
    pub(crate) fn open(url: &str) -> Result<Self, Failure> {
        let options = PgConnectOptions::from_str(url)?
            .options(SESSION)
            .disable_statement_logging();
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .test_before_acquire(false)
            .connect_lazy_with(options);
        Ok(Self(pool))
    }
}

impl Levels for Postgres {
    async fn employee(&self, key: i64) -> Result<Option<(String, NaiveDate)>, Failure> {
        let sql = "SELECT name, hire_date FROM employees WHERE id = $1";
        let row = sqlx::query_as(sql).bind(key).fetch_optional(&self.0);
        Ok(row.await?)
    }

    async fn first_employees(&self, count: i64) -> Result<Vec<(i64, String, NaiveDate)>, Failure> {
        let sql = "SELECT id, name, hire_date FROM employees ORDER BY id LIMIT $1";
        let rows = sqlx::query_as(sql).bind(count).fetch_all(&self.0);
        Ok(rows.await?)
    }

    async fn first_names(&self, count: i64) -> Result<Vec<(i64, String)>, Failure> {
        let sql = "SELECT id, name FROM employees ORDER BY id LIMIT $1";
        let rows = sqlx::query_as(sql).bind(count).fetch_all(&self.0);
        Ok(rows.await?)
    }

    async fn first_projects(&self, count: i64) -> Result<Vec<(i64, String)>, Failure> {
        let sql = "SELECT id, title FROM projects ORDER BY id LIMIT $1";
        let rows = sqlx::query_as(sql).bind(count).fetch_all(&self.0);
        Ok(rows.await?)
    }

    async fn titles_of(&self, employees: &[i64], limit: i64) -> Result<Vec<ProjectRow>, Failure> {
        let sql = "SELECT k.n - 1, own.id, own.title \
                   FROM unnest($1) WITH ORDINALITY AS k (id, n) \
                   CROSS JOIN LATERAL (SELECT id, title FROM projects \
                   WHERE id IN (SELECT project_id FROM assignments WHERE employee_id = k.id) \
                   ORDER BY title, id LIMIT $2) AS own";
        let rows = sqlx::query_as(sql).bind(employees).bind(limit);
        Ok(rows.fetch_all(&self.0).await?)
    }

    async fn budgets_of(&self, employees: &[i64], limit: i64) -> Result<Vec<BudgetRow>, Failure> {
        let sql = "SELECT k.n - 1, own.id, own.title, own.budget \
                   FROM unnest($1) WITH ORDINALITY AS k (id, n) \
                   CROSS JOIN LATERAL (SELECT id, title, budget FROM projects \
                   WHERE id IN (SELECT project_id FROM assignments WHERE employee_id = k.id) \
                   ORDER BY title, id LIMIT $2) AS own";
        let rows = sqlx::query_as(sql).bind(employees).bind(limit);
        Ok(rows.fetch_all(&self.0).await?)
    }

    async fn team_of(&self, projects: &[i64], limit: i64) -> Result<Vec<ChildRow>, Failure> {
        let sql = "SELECT k.n - 1, own.name FROM unnest($1) WITH ORDINALITY AS k (id, n) \
                   CROSS JOIN LATERAL (SELECT name FROM employees \
                   WHERE id IN (SELECT employee_id FROM assignments WHERE project_id = k.id) \
                   ORDER BY name, id LIMIT $2) AS own";
        let rows = sqlx::query_as(sql).bind(projects).bind(limit);
        Ok(rows.fetch_all(&self.0).await?)
    }

    async fn assignments_of(
        &self,
        projects: &[i64],
        limit: i64,
    ) -> Result<Vec<AssignmentRow>, Failure> {
        let sql = "SELECT k.n - 1, own.role, own.start_date, own.end_date, own.employee_id \
                   FROM unnest($1) WITH ORDINALITY AS k (id, n) \
                   CROSS JOIN LATERAL (SELECT role, start_date, end_date, employee_id \
                   FROM assignments WHERE project_id = k.id \
                   ORDER BY start_date NULLS FIRST, id LIMIT $2) AS own";
        let rows = sqlx::query_as(sql).bind(projects).bind(limit);
        Ok(rows.fetch_all(&self.0).await?)
    }

    async fn names(&self, employees: &[i64]) -> Result<Vec<(i64, String)>, Failure> {
        let sql = "SELECT e.id, e.name FROM unnest($1) AS k (id) JOIN employees AS e USING (id)";
        let rows = sqlx::query_as(sql).bind(employees).fetch_all(&self.0);
        Ok(rows.await?)
    }

    async fn assign(&self, employee: i64, project: i64) -> Result<Option<(i64, String)>, Failure> {
        let mut transaction = self.0.begin().await?;
        let name = sqlx::query_as("SELECT name FROM employees WHERE id = $1 FOR UPDATE")
            .bind(employee)
            .fetch_optional(&mut *transaction);
        let name: Option<(String,)> = name.await?;
        let found = sqlx::query_as("SELECT id FROM projects WHERE id = $1 FOR UPDATE")
            .bind(project)
            .fetch_optional(&mut *transaction);
        let found: Option<(i64,)> = found.await?;
        let (Some((name,)), Some(_)) = (name, found) else {
            return Ok(None);
        };
        let same = sqlx::query_as(
            "SELECT id FROM assignments WHERE employee_id = $1 AND project_id = $2 \
             AND role IS NULL AND start_date IS NULL",
        );
        let same: Option<(i64,)> = same
            .bind(employee)
            .bind(project)
            .fetch_optional(&mut *transaction)
            .await?;
        if let Some((id,)) = same {
            return Ok(Some((id, name)));
        }
        let insert =
            "INSERT INTO assignments (employee_id, project_id) VALUES ($1, $2) RETURNING id";
        let (id,): (i64,) = sqlx::query_as(insert)
            .bind(employee)
            .bind(project)
            .fetch_one(&mut *transaction)
            .await?;
        // The feed's one lock comes last, after those of the rows.
        let insert = "WITH l AS MATERIALIZED \
                    (SELECT pg_advisory_xact_lock(x'666565646c6f636b'::bigint)), \
                    i AS (INSERT INTO changes \
                    (occurred_at, subject, kind, employee_id, project_id, assignment_id) \
                    SELECT clock_timestamp(), 'ASSIGNMENT', 'CREATED', $1, $2, $3 FROM l \
                    RETURNING seq) SELECT pg_notify('roster_changes', '') FROM i";
        sqlx::query(insert)
            .bind(employee)
            .bind(project)
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(Some((id, name)))
    }
}
