//! One SELECT for many parents, sent as one statement: the only place that knows how keys travel to
//! the database and how rows travel back.
//!
//! Keys go as ONE array parameter, so the text of a statement, and with it the prepared statement,
//! does not depend on how many there are.
//!
//! * PostgreSQL: `unnest(…) WITH ORDINALITY` joined LATERAL to the SELECT; everything comes back as
//!   one row that has an array for each column, because what SQLx does for a row costs more than
//!   reading its columns. The order within a key is that of the SELECT, because a LATERAL
//!   with a LIMIT can only run as a nested loop, and `array_agg` takes rows as they come; the keys
//!   themselves are told apart by their number.
//! * SQLite: `json_each(…)` with the SELECT as a correlated subquery; everything comes back as one
//!   row of JSON, because every row that SQLx brings over from its thread costs about as much as
//!   ten rows of JSON.

use std::{borrow::Cow, hash::Hash, sync::Arc};

use sea_orm::{
    ColumnTrait, DbBackend, DbErr, QueryResult, RuntimeErr, SqlxError, Statement, Value,
    sea_query::{
        ArrayType, Expr, ExprTrait, Func, PgFunc, PostgresQueryBuilder, Query, SelectStatement,
        SqliteQueryBuilder, Values,
    },
    sqlx::{Decode, Postgres, Row as _, Type, postgres::PgRow},
};
use serde::de::DeserializeOwned;

use crate::{
    allowance::{most_rows, take_rows},
    error::{Error, Result},
    reader::Reader,
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

/// A SELECT of the columns of a [`Row`].
#[derive(Clone, Debug)]
pub struct Rows {
    /// As the database reads it; it names every one of its columns.
    sql: Arc<str>,
    values: Vec<Value>,
    /// How many further columns, named by [`extra_column`], come beside the row.
    extras: usize,
}

impl Rows {
    /// Writes the SELECT.
    pub fn new(db: &Reader, select: &SelectStatement, extras: usize) -> Self {
        let (sql, Values(values)) = match db.backend() {
            DbBackend::Sqlite => select.build(SqliteQueryBuilder),
            _ => select.build(PostgresQueryBuilder),
        };
        Self {
            sql: sql.into(),
            values,
            extras,
        }
    }

    /// The same with another value as its last.
    #[must_use]
    pub fn with_last(mut self, value: Value) -> Self {
        self.values.pop();
        self.values.push(value);
        self
    }

    /// How many columns come beside the row.
    pub fn extras(&self) -> usize {
        self.extras
    }

    /// How many bytes it takes to keep it.
    pub fn size(&self) -> usize {
        self.sql.len()
    }
}

/// What a row is read into, by the position of its columns; `row!` makes it of a struct.
///
/// On SQLite it is an array of JSON, so serde's order of the fields is this one too.
pub trait Row: DeserializeOwned + Send + Sync + 'static {
    /// The names of the columns, in the order of the fields.
    const COLUMNS: &'static [&'static str];
    /// The columns of `t` as an array of JSON.
    const JSON: &'static str;
    /// The columns of all rows of `r`, each as an array.
    const ARRAYS: &'static str;
    /// Reads rows of PostgreSQL, of which each column is an array.
    fn read(columns: &mut Columns<'_>) -> Result<Vec<Self>, SqlxError>;
}

/// The columns of PostgreSQL that are still to be read.
pub struct Columns<'r> {
    row: &'r PgRow,
    next: usize,
}

impl<'r> Columns<'r> {
    fn of(result: &'r QueryResult) -> Result<Self> {
        let row = result.try_as_pg_row().ok_or(Error::Internal)?;
        Ok(Self { row, next: 0 })
    }

    /// The values of the next one, of all rows. The array of no rows is null.
    pub fn take<T>(&mut self) -> Result<Vec<T>, SqlxError>
    where
        Vec<T>: Decode<'r, Postgres> + Type<Postgres>,
    {
        let values: Option<Vec<T>> = self.row.try_get(self.next)?;
        self.next += 1;
        Ok(values.unwrap_or_default())
    }
}

/// Makes a struct a [`Row`] whose columns go by the names of its fields; all are said, in the order
/// of the struct.
macro_rules! row {
    ($Row:ty { $first:ident $(, $column:ident)* $(,)? }) => {
        impl $crate::rows::Row for $Row {
            const COLUMNS: &'static [&'static str] =
                &[stringify!($first) $(, stringify!($column))*];
            const JSON: &'static str = concat!(
                "json_array(t.\"", stringify!($first), "\"",
                $(", t.\"", stringify!($column), "\"",)* ")"
            );
            const ARRAYS: &'static str = concat!(
                "array_agg(r.", stringify!($first), ")",
                $(", array_agg(r.", stringify!($column), ")",)*
            );

            fn read(
                columns: &mut $crate::rows::Columns<'_>,
            ) -> Result<Vec<Self>, sea_orm::SqlxError> {
                let mut $first = columns.take()?.into_iter();
                $(let mut $column = columns.take()?.into_iter();)*
                let row = || Some(Self { $first: $first.next()? $(, $column: $column.next()?)* });
                Ok(std::iter::from_fn(row).collect())
            }
        }
    };
}
pub(crate) use row;

/// The name of the column beside the row with this number.
pub fn extra_column(index: usize) -> String {
    format!("x{index}")
}

/// A row that is a number.
#[derive(Debug, serde::Deserialize)]
pub struct Count {
    /// The number.
    pub count: i64,
}

row!(Count { count });

/// A row with values beside it that are no part of it: what it was sorted by.
#[derive(Debug, serde::Deserialize)]
pub struct WithExtras<R>(pub R, pub Vec<serde_json::Value>);

impl<R: Row> Row for WithExtras<R> {
    const COLUMNS: &'static [&'static str] = R::COLUMNS;
    const JSON: &'static str = R::JSON;
    const ARRAYS: &'static str = R::ARRAYS;

    fn read(columns: &mut Columns<'_>) -> Result<Vec<Self>, SqlxError> {
        let rows = R::read(columns)?;
        let extras: Vec<String> = columns.take()?;
        let with_extras = |(row, extras): (R, String)| {
            let extras = serde_json::from_str(&extras);
            Ok(Self(
                row,
                extras.map_err(|error| SqlxError::Decode(error.into()))?,
            ))
        };
        rows.into_iter().zip(extras).map(with_extras).collect()
    }
}

/// The rows of `rows` for each of the keys, in the order of the keys.
pub async fn rows_per_key<K: Key, R: Row>(
    db: &Reader,
    rows: Rows,
    keys: &[K],
) -> Result<Vec<Vec<R>>> {
    let Rows {
        sql: inner,
        mut values,
        extras,
    } = rows;
    match db.backend() {
        DbBackend::Sqlite => {
            let row = json_row::<R>(extras);
            let parts = if K::PARTS == 1 {
                "value AS a"
            } else {
                "value ->> 0 AS a, value ->> 1 AS b"
            };
            let keys_json = json_keys(keys);
            let possible = keys
                .len()
                .saturating_mul(limit(&inner, &values).unwrap_or(1));
            if let Some(most) = most_rows().filter(|most| possible > *most) {
                // Row by row, so that it can stop; all in one it is half as fast again.
                let sql = format!(
                    "SELECT json_group_array(json_array(n, json(r))) FROM (SELECT k.n, r.value AS r \
                     FROM (SELECT key AS n, {parts} FROM json_each(?)) AS k, \
                     json_each((SELECT json_group_array({row}) FROM ({inner}) AS t)) AS r LIMIT ?)"
                );
                values.insert(0, keys_json.into());
                values.push((most as u64).into());
                let numbered: Vec<(usize, R)> = from_json(db, sql, values).await?;
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
            values.push(keys_json.into());
            let found: Vec<Vec<R>> = from_json(db, sql, values).await?;
            take_rows(found.iter().map(Vec::len).sum())?;
            Ok(found)
        }
        _ => {
            values.extend((0..K::PARTS).map(|part| numbers(keys, part)));
            let last = values.len();
            let unnest = if K::PARTS == 1 {
                format!("unnest(${last}) WITH ORDINALITY AS k(a, n)")
            } else {
                let first = last - 1;
                format!("unnest(${first}, ${last}) WITH ORDINALITY AS k(a, b, n)")
            };
            let arrays = columns_as_arrays::<R>(extras);
            let limit = most_rows().map_or_else(String::new, |most| {
                values.push((most as u64).into());
                format!(" LIMIT ${}", last + 1)
            });
            let sql = format!(
                "SELECT array_agg(r.n), {arrays} FROM \
                 (SELECT k.n, t.* FROM {unnest} CROSS JOIN LATERAL ({inner}) AS t{limit}) AS r"
            );
            let row = one_row(db, sql, values).await?;
            let mut columns = Columns::of(&row)?;
            let numbers: Vec<i64> = columns.take().map_err(wrong_type)?;
            take_rows(numbers.len())?;
            let mut rows = R::read(&mut columns).map_err(wrong_type)?.into_iter();
            let mut found: Vec<Vec<R>> = keys.iter().map(|_| Vec::new()).collect();
            // The rows of a key come together, so that room is made for them at once.
            for of_one in numbers.chunk_by(|one, other| one == other) {
                let index = usize::try_from(of_one[0] - 1).map_err(|_| Error::Internal)?;
                found[index].extend(rows.by_ref().take(of_one.len()));
            }
            Ok(found)
        }
    }
}

/// The rows whose column, which is unique, holds one of the keys; in any order.
pub async fn rows_by_key<R: Row, C: ColumnTrait>(
    db: &Reader,
    unique: C,
    keys: &[i64],
) -> Result<Vec<R>> {
    let table = unique.entity_name();
    let write = || {
        let mut select = Query::select();
        select
            .columns(R::COLUMNS.iter().map(|column| (table.clone(), *column)))
            .from(table.clone());
        let unique = Expr::col(unique.as_column_ref());
        match db.backend() {
            DbBackend::Sqlite => {
                // A join, since what stands behind IN would be written into a table first.
                let list = Func::cust("json_each").arg("");
                let key = Expr::col(("k", "value"));
                select.from_function(list, "k").and_where(unique.eq(key));
            }
            _ => {
                select.and_where(unique.eq(PgFunc::any(Expr::val(numbers(&[0], 0)))));
            }
        }
        Ok(Rows::new(db, &select, 0))
    };
    let select = db.written(&format!("{table} by key"), write)?;
    let keys = match db.backend() {
        DbBackend::Sqlite => json_keys(keys).into(),
        _ => numbers(keys, 0),
    };
    rows(db, select.with_last(keys)).await
}

/// One part of all keys, as one parameter of PostgreSQL.
fn numbers<K: Key>(keys: &[K], part: usize) -> Value {
    let numbers = keys.iter().map(|key| key.part(part).into()).collect();
    Value::Array(ArrayType::BigInt, Some(Box::new(numbers)))
}

/// The rows of `rows`, which mentions no key.
pub async fn rows<R: Row>(db: &Reader, rows: Rows) -> Result<Vec<R>> {
    let Rows {
        sql: inner,
        values,
        extras,
    } = rows;
    match db.backend() {
        DbBackend::Sqlite => {
            let row = json_row::<R>(extras);
            let sql = format!("SELECT json_group_array({row}) FROM ({inner}) AS t");
            let found: Vec<R> = from_json(db, sql, values).await?;
            take_rows(found.len())?;
            Ok(found)
        }
        _ => {
            let arrays = columns_as_arrays::<R>(extras);
            let sql = format!("SELECT {arrays} FROM ({inner}) AS r");
            let row = one_row(db, sql, values).await?;
            let found = R::read(&mut Columns::of(&row)?).map_err(wrong_type)?;
            take_rows(found.len())?;
            Ok(found)
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

/// The value of the one row of JSON that the statement brings.
async fn from_json<T: DeserializeOwned>(db: &Reader, sql: String, values: Vec<Value>) -> Result<T> {
    let statement = Statement::from_sql_and_values(DbBackend::Sqlite, sql, values);
    let row = db.query_one(statement).await?;
    let json = row.try_as_sqlite_row().map(|row| row.try_get(0));
    serde_json::from_str(json.ok_or(Error::Internal)?.map_err(wrong_type)?).map_err(|error| {
        tracing::error!(%error, "a row of the database does not fit its entity");
        Error::Internal
    })
}

/// The one row of arrays that the statement brings.
async fn one_row(db: &Reader, sql: String, values: Vec<Value>) -> Result<QueryResult> {
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
    Ok(db.query_one(statement).await?)
}

fn wrong_type(error: SqlxError) -> Error {
    DbErr::Query(RuntimeErr::SqlxError(error.into())).into()
}

fn json_row<R: Row>(extras: usize) -> Cow<'static, str> {
    if extras == 0 {
        return R::JSON.into();
    }
    let extras: Vec<_> = (0..extras)
        .map(|index| format!("t.{}", extra_column(index)))
        .collect();
    format!("json_array({}, json_array({}))", R::JSON, extras.join(", ")).into()
}

/// The columns of all rows of `r`, each as an array.
fn columns_as_arrays<R: Row>(extras: usize) -> Cow<'static, str> {
    if extras == 0 {
        return R::ARRAYS.into();
    }
    let extras: Vec<_> = (0..extras)
        .map(|index| format!("r.{}", extra_column(index)))
        .collect();
    let extras = extras.join(", ");
    format!("{}, array_agg(json_build_array({extras})::text)", R::ARRAYS).into()
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
