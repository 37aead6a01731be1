//! One SELECT for many parents, sent as one statement: the only place that knows how keys travel to
//! the database and how rows travel back.
//!
//! Keys go as ONE array parameter, so the text of a statement, and with it the prepared statement,
//! does not depend on how many there are.
//!
//! * PostgreSQL: `unnest(…) WITH ORDINALITY` joined LATERAL to the SELECT; ordinary rows come back.
//!   Their order within a key is that of the SELECT, because a LATERAL with a LIMIT can only run as
//!   a nested loop; the keys themselves are told apart by their number.
//! * SQLite: `json_each(…)` with the SELECT as a correlated subquery; everything comes back as one
//!   row of JSON, because every row that SQLx brings over from its thread costs about as much as
//!   ten rows of JSON.

use std::hash::Hash;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, FromQueryResult, Statement, Value,
    sea_query::{ArrayType, Expr, PostgresQueryBuilder, SelectStatement, SqliteQueryBuilder},
};
use serde::de::DeserializeOwned;

use crate::{
    allowance::{most_rows, take_rows},
    error::{Error, Result},
};

/// What rows are asked for: one number, or two.
pub trait Key: Copy + Eq + Hash + Send + Sync + 'static {
    /// How many numbers.
    const PARTS: usize;
    /// The numbers.
    fn part(&self, index: usize) -> i64;
}

impl Key for i64 {
    const PARTS: usize = 1;
    fn part(&self, _: usize) -> i64 {
        *self
    }
}

impl Key for (i64, i64) {
    const PARTS: usize = 2;
    fn part(&self, index: usize) -> i64 {
        if index == 0 { self.0 } else { self.1 }
    }
}

const PART_NAMES: [&str; 2] = ["a", "b"];

/// A part of the key, to be used inside the SELECT that is given to [`rows_per_key`].
pub fn key_part(index: usize) -> Expr {
    Expr::col(("k", PART_NAMES[index]))
}

/// A SELECT and the names of its columns, in the order in which a row is read.
#[derive(Clone, Debug)]
pub struct Rows {
    /// The SELECT; it names every one of its columns.
    pub select: SelectStatement,
    /// The columns that make the row.
    pub columns: Vec<&'static str>,
    /// How many further columns, named by [`extra_column`], come beside the row.
    pub extras: usize,
}

/// The name of the column beside the row with this number.
pub fn extra_column(index: usize) -> String {
    format!("x{index}")
}

/// A row with values beside it that are no part of it: what it was sorted by.
#[derive(Debug, serde::Deserialize)]
pub struct WithExtras<R>(pub R, pub Vec<serde_json::Value>);

impl<R: FromQueryResult> FromQueryResult for WithExtras<R> {
    fn from_query_result(row: &sea_orm::QueryResult, prefix: &str) -> Result<Self, DbErr> {
        let extras: String = row.try_get(prefix, "extras")?;
        let extras = serde_json::from_str(&extras).map_err(|e| DbErr::Json(e.to_string()))?;
        Ok(Self(R::from_query_result(row, prefix)?, extras))
    }
}

/// The rows of `rows` for each of the keys, in the order of the keys.
pub async fn rows_per_key<K: Key, R: FromQueryResult + DeserializeOwned>(
    db: &DatabaseConnection,
    rows: Rows,
    keys: &[K],
) -> Result<Vec<Vec<R>>> {
    match db.get_database_backend() {
        DbBackend::Sqlite => {
            let (inner, mut values) = rows.select.build(SqliteQueryBuilder);
            let row = json_row(&rows);
            let parts = if K::PARTS == 1 {
                "value AS a"
            } else {
                "value ->> 0 AS a, value ->> 1 AS b"
            };
            let keys_json = json_keys(keys);
            let possible = keys
                .len()
                .saturating_mul(limit(&inner, &values.0).unwrap_or(1));
            if let Some(most) = most_rows().filter(|most| possible > *most) {
                // Row by row, so that it can stop; all in one it is half as fast again.
                let sql = format!(
                    "SELECT json_group_array(json_array(n, json(r))) FROM (SELECT k.n, r.value AS r \
                     FROM (SELECT key AS n, {parts} FROM json_each(?)) AS k, \
                     json_each((SELECT json_group_array({row}) FROM ({inner}) AS t)) AS r LIMIT ?)"
                );
                values.0.insert(0, keys_json.into());
                values.0.push((most as u64).into());
                let numbered: Vec<(usize, R)> = from_json(db, sql, values.0).await?;
                take_rows(numbered.len())?;
                let mut found: Vec<Vec<R>> = keys.iter().map(|_| Vec::new()).collect();
                for (index, row) in numbered {
                    found[index].push(row);
                }
                return Ok(found);
            }
            let sql = format!(
                "SELECT json_group_array((SELECT json_group_array({row}) FROM ({inner}) AS t)) \
                 FROM (SELECT {parts} FROM json_each(?)) AS k"
            );
            values.0.push(keys_json.into());
            let found: Vec<Vec<R>> = from_json(db, sql, values.0).await?;
            take_rows(found.iter().map(Vec::len).sum())?;
            Ok(found)
        }
        _ => {
            let (inner, mut values) = rows.select.build(PostgresQueryBuilder);
            let arrays = (0..K::PARTS).map(|part| {
                let numbers = keys.iter().map(|key| key.part(part).into()).collect();
                Value::Array(ArrayType::BigInt, Some(Box::new(numbers)))
            });
            values.0.extend(arrays);
            let last = values.0.len();
            let unnest = if K::PARTS == 1 {
                format!("unnest(${last}) WITH ORDINALITY AS k(a, n)")
            } else {
                let first = last - 1;
                format!("unnest(${first}, ${last}) WITH ORDINALITY AS k(a, b, n)")
            };
            let extras = postgres_extras(&rows);
            let mut sql =
                format!("SELECT k.n, t.*{extras} FROM {unnest} CROSS JOIN LATERAL ({inner}) AS t");
            if let Some(most) = most_rows() {
                sql.push_str(&format!(" LIMIT ${}", last + 1));
                values.0.push((most as u64).into());
            }
            let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, values.0);
            let mut found: Vec<Vec<R>> = keys.iter().map(|_| Vec::new()).collect();
            let rows = db.query_all_raw(statement).await?;
            take_rows(rows.len())?;
            for row in rows {
                let number: i64 = row.try_get("", "n")?;
                let index = usize::try_from(number - 1).map_err(|_| Error::Internal)?;
                found[index].push(R::from_query_result(&row, "")?);
            }
            Ok(found)
        }
    }
}

/// The rows of `rows`, which mentions no key.
pub async fn rows<R: FromQueryResult + DeserializeOwned>(
    db: &DatabaseConnection,
    rows: Rows,
) -> Result<Vec<R>> {
    match db.get_database_backend() {
        DbBackend::Sqlite => {
            let (inner, values) = rows.select.build(SqliteQueryBuilder);
            let row = json_row(&rows);
            let sql = format!("SELECT json_group_array({row}) FROM ({inner}) AS t");
            let found: Vec<R> = from_json(db, sql, values.0).await?;
            take_rows(found.len())?;
            Ok(found)
        }
        _ => {
            let (inner, values) = rows.select.build(PostgresQueryBuilder);
            let sql = if rows.extras == 0 {
                inner
            } else {
                format!("SELECT t.*{} FROM ({inner}) AS t", postgres_extras(&rows))
            };
            let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, values.0);
            let found = db.query_all_raw(statement).await?;
            take_rows(found.len())?;
            found
                .iter()
                .map(|row| Ok(R::from_query_result(row, "")?))
                .collect()
        }
    }
}

/// How many rows the SELECT brings for each key at most, when it says so.
fn limit(sql: &str, values: &[Value]) -> Option<usize> {
    match values.last() {
        Some(Value::BigUnsigned(Some(limit))) if sql.ends_with("LIMIT ?") => {
            usize::try_from(*limit).ok()
        }
        _ => None,
    }
}

async fn from_json<T: DeserializeOwned>(
    db: &DatabaseConnection,
    sql: String,
    values: Vec<Value>,
) -> Result<T> {
    let statement = Statement::from_sql_and_values(DbBackend::Sqlite, sql, values);
    let row = db.query_one_raw(statement).await?.ok_or(Error::Internal)?;
    let json: String = row.try_get_by_index(0)?;
    serde_json::from_str(&json).map_err(|error| {
        tracing::error!(%error, "a row of the database does not fit its entity");
        Error::Internal
    })
}

fn json_row(rows: &Rows) -> String {
    let list = |names: Vec<String>| {
        let columns: Vec<_> = names.iter().map(|name| format!("t.\"{name}\"")).collect();
        format!("json_array({})", columns.join(", "))
    };
    let row = list(rows.columns.iter().map(ToString::to_string).collect());
    if rows.extras == 0 {
        row
    } else {
        format!(
            "json_array({row}, {})",
            list((0..rows.extras).map(extra_column).collect())
        )
    }
}

fn postgres_extras(rows: &Rows) -> String {
    if rows.extras == 0 {
        return String::new();
    }
    let columns: Vec<_> = (0..rows.extras)
        .map(|index| format!("t.{}", extra_column(index)))
        .collect();
    format!(", json_build_array({})::text AS extras", columns.join(", "))
}

fn json_keys<K: Key>(keys: &[K]) -> String {
    let numbers: Vec<[i64; 2]> = keys
        .iter()
        .map(|key| [key.part(0), key.part(K::PARTS - 1)])
        .collect();
    let text: Vec<String> = numbers
        .iter()
        .map(|[a, b]| {
            if K::PARTS == 1 {
                a.to_string()
            } else {
                format!("[{a},{b}]")
            }
        })
        .collect();
    format!("[{}]", text.join(","))
}
