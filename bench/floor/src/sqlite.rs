//! SQLite through SQLx: parents travel as one JSON array, an own list of each is cut in a subquery.

use std::{str::FromStr, sync::Arc, time::Duration};

use chrono::{NaiveDate, SubsecRound, Utc};
use sqlx::{
    ConnectOptions, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::Notify;

use crate::{
    Failure,
    levels::{AssignmentRow, BudgetRow, ChildRow, Levels, ProjectRow},
};

/// Pools like the server's.
#[derive(Clone)]
pub(crate) struct Sqlite {
    readers: SqlitePool,
    writer: SqlitePool,
    /// Where subscribers would wait.
    changed: Arc<Notify>,
}

impl Sqlite {
    pub(crate) async fn open(url: &str) -> Result<Self, Failure> {
        let options = SqliteConnectOptions::from_str(url)?
            .foreign_keys(true)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5))
            .disable_statement_logging();
        let pool = |connections| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .idle_timeout(None)
                .max_lifetime(None)
                .test_before_acquire(false)
        };
        let writer = options.clone().journal_mode(SqliteJournalMode::Wal);
        let readers = std::thread::available_parallelism().map_or(4, |cores| cores.get());
        Ok(Self {
            writer: pool(1).connect_with(writer).await?,
            readers: pool(readers.clamp(4, 8) as u32)
                .connect_with(
                    options
                        .pragma("query_only", "ON")
                        .pragma("mmap_size", "2147418112"),
                )
                .await?,
            changed: Arc::new(Notify::new()),
        })
    }
}

impl Levels for Sqlite {
    async fn employee(&self, key: i64) -> Result<Option<(String, NaiveDate)>, Failure> {
        let sql = "SELECT name, hire_date FROM employees WHERE id = ?";
        let row = sqlx::query_as(sql).bind(key).fetch_optional(&self.readers);
        Ok(row.await?)
    }

    async fn first_employees(&self, count: i64) -> Result<Vec<(i64, String, NaiveDate)>, Failure> {
        let sql = "SELECT id, name, hire_date FROM employees ORDER BY id LIMIT ?";
        let rows = sqlx::query_as(sql).bind(count).fetch_all(&self.readers);
        Ok(rows.await?)
    }

    async fn first_names(&self, count: i64) -> Result<Vec<(i64, String)>, Failure> {
        let sql = "SELECT id, name FROM employees ORDER BY id LIMIT ?";
        let rows = sqlx::query_as(sql).bind(count).fetch_all(&self.readers);
        Ok(rows.await?)
    }

    async fn first_projects(&self, count: i64) -> Result<Vec<(i64, String)>, Failure> {
        let sql = "SELECT id, title FROM projects ORDER BY id LIMIT ?";
        let rows = sqlx::query_as(sql).bind(count).fetch_all(&self.readers);
        Ok(rows.await?)
    }

    async fn titles_of(&self, employees: &[i64], limit: i64) -> Result<Vec<ProjectRow>, Failure> {
        let sql = "SELECT k.key, p.id, p.title FROM json_each(?) AS k, \
                   json_each((SELECT json_group_array(id) FROM (SELECT id FROM projects \
                   WHERE id IN (SELECT project_id FROM assignments WHERE employee_id = k.value) \
                   ORDER BY title, id LIMIT ?))) AS own \
                   CROSS JOIN projects AS p ON p.id = own.value";
        let rows = sqlx::query_as(sql).bind(array(employees)).bind(limit);
        Ok(rows.fetch_all(&self.readers).await?)
    }

    async fn budgets_of(&self, employees: &[i64], limit: i64) -> Result<Vec<BudgetRow>, Failure> {
        let sql = "SELECT k.key, p.id, p.title, p.budget FROM json_each(?) AS k, \
                   json_each((SELECT json_group_array(id) FROM (SELECT id FROM projects \
                   WHERE id IN (SELECT project_id FROM assignments WHERE employee_id = k.value) \
                   ORDER BY title, id LIMIT ?))) AS own \
                   CROSS JOIN projects AS p ON p.id = own.value";
        let rows = sqlx::query_as(sql).bind(array(employees)).bind(limit);
        Ok(rows.fetch_all(&self.readers).await?)
    }

    async fn team_of(&self, projects: &[i64], limit: i64) -> Result<Vec<ChildRow>, Failure> {
        let sql = "SELECT k.key, e.name FROM json_each(?) AS k, \
                   json_each((SELECT json_group_array(id) FROM (SELECT id FROM employees \
                   WHERE id IN (SELECT employee_id FROM assignments WHERE project_id = k.value) \
                   ORDER BY name, id LIMIT ?))) AS own \
                   CROSS JOIN employees AS e ON e.id = own.value";
        let rows = sqlx::query_as(sql).bind(array(projects)).bind(limit);
        Ok(rows.fetch_all(&self.readers).await?)
    }

    async fn assignments_of(
        &self,
        projects: &[i64],
        limit: i64,
    ) -> Result<Vec<AssignmentRow>, Failure> {
        let sql = "SELECT k.key, a.role, a.start_date, a.end_date, a.employee_id \
                   FROM json_each(?) AS k, \
                   json_each((SELECT json_group_array(id) FROM (SELECT id FROM assignments \
                   WHERE project_id = k.value ORDER BY start_date, id LIMIT ?))) AS own \
                   CROSS JOIN assignments AS a ON a.id = own.value";
        let rows = sqlx::query_as(sql).bind(array(projects)).bind(limit);
        Ok(rows.fetch_all(&self.readers).await?)
    }

    async fn names(&self, employees: &[i64]) -> Result<Vec<(i64, String)>, Failure> {
        let sql = "SELECT e.id, e.name FROM json_each(?) AS k \
                   CROSS JOIN employees AS e ON e.id = k.value";
        let rows = sqlx::query_as(sql).bind(array(employees));
        Ok(rows.fetch_all(&self.readers).await?)
    }

    async fn assign(&self, employee: i64, project: i64) -> Result<Option<(i64, String)>, Failure> {
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let name = sqlx::query_as("SELECT name FROM employees WHERE id = ?")
            .bind(employee)
            .fetch_optional(&mut *transaction);
        let name: Option<(String,)> = name.await?;
        let found = sqlx::query_as("SELECT id FROM projects WHERE id = ?")
            .bind(project)
            .fetch_optional(&mut *transaction);
        let found: Option<(i64,)> = found.await?;
        let (Some((name,)), Some(_)) = (name, found) else {
            return Ok(None);
        };
        let same = sqlx::query_as(
            "SELECT id FROM assignments WHERE employee_id = ? AND project_id = ? \
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
        let insert = "INSERT INTO assignments (employee_id, project_id) VALUES (?, ?) RETURNING id";
        let (id,): (i64,) = sqlx::query_as(insert)
            .bind(employee)
            .bind(project)
            .fetch_one(&mut *transaction)
            .await?;
        let insert = "INSERT INTO changes \
                    (occurred_at, subject, kind, employee_id, project_id, assignment_id) \
                    VALUES (?, 'ASSIGNMENT', 'CREATED', ?, ?, ?)";
        sqlx::query(insert)
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

/// `[1,2,3]`
fn array(keys: &[i64]) -> String {
    let mut array = String::with_capacity(2 + 7 * keys.len());
    array.push('[');
    for (nth, key) in keys.iter().enumerate() {
        if nth > 0 {
            array.push(',');
        }
        array.push_str(&key.to_string());
    }
    array.push(']');
    array
}
