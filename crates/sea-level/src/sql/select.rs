//! Sends [`RowQuery`]s and decodes their rows. Every row is charged to the operation's budget before it
//! is kept.

use std::sync::Arc;

use sea_orm::{
    DbBackend, DbErr, EntityTrait, QueryResult, RuntimeErr, SqlxError, Value,
    sea_query::{Expr, ExprTrait, Func, PgFunc, Query, SelectStatement},
    sqlx::Row as _,
};
use serde::de::DeserializeSeed;

use super::{
    reader::Reader,
    row::{JsonList, JsonNumbered, JsonRow, Row},
    statement::RowQuery,
    value::{Column, malformed},
};
use crate::{
    budget::{charge_rows, row_limit},
    columns::{ColumnSet, primary_key},
    error::{Error, Result},
    key::{Key, key_array, key_columns_of_json, key_json},
    statement_log::SentStatement,
};

/// Returns the rows for each key, in the order of the keys.
pub async fn rows_per_key<K: Key, R: Row>(
    db: &Reader,
    rows: RowQuery,
    keys: &[K],
) -> Result<Vec<Vec<R::Value>>> {
    let mut values = rows.values.clone();
    match db.backend() {
        DbBackend::Sqlite => {
            let possible = keys
                .len()
                .saturating_mul(limit(&rows.inner, &values).unwrap_or(1));
            if possible > row_limit() {
                return stopping_rows_per_key::<K, R>(db, rows, keys).await;
            }
            values.push(key_json(keys).into());
            let json = JsonList(JsonList(JsonRow::<R>::new(rows.columns)));
            let each = rows.each::<R>();
            let (found, sent) = from_json(db, rows.statement, values, json).await?;
            let count = found.iter().map(Vec::len).sum();
            sent.received(count);
            charge_rows(count * each)?;
            Ok(found)
        }
        _ => {
            values.extend((0..K::PARTS).map(|part| key_array(keys, part)));
            values.push(i64::try_from(row_limit()).unwrap_or(i64::MAX).into());
            let (row, sent) = db.send(rows.statement.clone(), values).await?;
            let row = row.as_ref().and_then(QueryResult::try_as_pg_row);
            let row = row.ok_or(Error::Internal)?;
            let mut columns = rows.read_columns::<R>(row, 1).map_err(wrong_type)?;
            let numbers = Column::of(row, 0).and_then(Column::all::<i64>);
            let numbers = numbers.map_err(wrong_type)?;
            sent.received(numbers.len());
            charge_rows(numbers.len() * rows.each::<R>())?;
            let mut found: Vec<Vec<R::Value>> = keys.iter().map(|_| Vec::new()).collect();
            // The rows of a key are adjacent.
            for of_one in numbers.chunk_by(|one, other| one == other) {
                let index = usize::try_from(of_one[0] - 1).map_err(|_| Error::Internal)?;
                found[index] = read::<R>(&mut columns, of_one.len())?;
            }
            Ok(found)
        }
    }
}

/// Returns the rows of a SELECT of all columns for each key.
pub async fn select_per_key<K: Key, R: Row>(
    db: &Reader,
    select: &SelectStatement,
    keys: &[K],
) -> Result<Vec<Vec<R::Value>>> {
    let rows = RowQuery::per_key::<K, R>(db.backend(), select, ColumnSet::own::<R>(), 0);
    rows_per_key::<K, R>(db, rows, keys).await
}

/// Returns the rows for each key from SQLite where they may exceed the budget: row by row, so that
/// LIMIT can stop the statement. The usual form is 1.5 times as fast.
async fn stopping_rows_per_key<K: Key, R: Row>(
    db: &Reader,
    rows: RowQuery,
    keys: &[K],
) -> Result<Vec<Vec<R::Value>>> {
    let inner = rows.joined::<R>(DbBackend::Sqlite);
    let (row, parts) = (rows.as_json::<R>(), key_columns_of_json::<K>());
    let statement = format!(
        "SELECT json_group_array(json_array(n, json(r))) FROM (SELECT k.n, r.value AS r \
         FROM (SELECT key AS n, {parts} FROM json_each(?)) AS k, \
         json_each((SELECT json_group_array({row}) FROM {inner})) AS r LIMIT ?)"
    );
    let each = rows.each::<R>();
    let mut values = rows.values;
    values.insert(0, key_json(keys).into());
    values.push((row_limit() as u64).into());
    let json = JsonList(JsonNumbered(JsonRow::<R>::new(rows.columns)));
    let (numbered, sent) = from_json(db, statement.into(), values, json).await?;
    sent.received(numbered.len());
    charge_rows(numbered.len() * each)?;
    let mut found: Vec<Vec<R::Value>> = keys.iter().map(|_| Vec::new()).collect();
    for (index, row) in numbered {
        found[index].push(row);
    }
    Ok(found)
}

/// Returns the rows of the entity with these primary keys, in any order.
pub async fn rows_by_key<E: EntityTrait, R: Row>(
    db: &Reader,
    keys: &[i64],
    columns: ColumnSet,
) -> Result<Vec<R::Value>> {
    let table = E::default();
    let write = || {
        let mut select = Query::select();
        select
            .columns(columns.of(R::COLUMNS).map(|column| (table, column)))
            .from(table);
        let id = Expr::col((table, primary_key::<E>()));
        match (db.backend(), keys) {
            (DbBackend::Sqlite, _) => {
                // A join: SQLite would materialize the subquery of IN first.
                let list = Func::cust("json_each").arg("");
                let key = Expr::col(("k", "value"));
                select.from_function(list, "k").and_where(id.eq(key));
            }
            (_, [key]) => {
                select.and_where(id.eq(*key));
                return Ok(RowQuery::at_most_one::<R>(db.backend(), &select, columns));
            }
            _ => {
                select.and_where(id.eq(PgFunc::any(Expr::val(key_array(&[0_i64], 0)))));
            }
        }
        Ok(RowQuery::alone::<R>(db.backend(), &select, columns, 0))
    };
    let (form, keys) = match (db.backend(), keys) {
        (DbBackend::Sqlite, _) => (" by key ", key_json(keys).into()),
        (_, [key]) => (" by the key ", (*key).into()),
        _ => (" by key ", key_array(keys, 0)),
    };
    let name = [table.table_name(), form, &columns.signature()].concat();
    let select = db.cached_statement(&name, write)?;
    rows::<R>(db, select.with_last(keys)).await
}

/// Returns the rows of a statement without keys.
pub async fn rows<R: Row>(db: &Reader, rows: RowQuery) -> Result<Vec<R::Value>> {
    match db.backend() {
        DbBackend::Sqlite => {
            let json = JsonList(JsonRow::<R>::new(rows.columns));
            let each = rows.each::<R>();
            let (found, sent) = from_json(db, rows.statement, rows.values, json).await?;
            sent.received(found.len());
            charge_rows(found.len() * each)?;
            Ok(found)
        }
        _ => {
            let (row, sent) = db.send(rows.statement.clone(), rows.values.clone()).await?;
            let Some(row) = row else {
                return Ok(Vec::new());
            };
            let row = row.try_as_pg_row().ok_or(Error::Internal)?;
            let mut columns = rows.read_columns::<R>(row, 0).map_err(wrong_type)?;
            let count = columns.iter().map(Column::count).max().unwrap_or(0);
            sent.received(count);
            charge_rows(count * rows.each::<R>())?;
            read::<R>(&mut columns, count)
        }
    }
}

/// Returns the rows of a SELECT of all columns.
pub async fn select_rows<R: Row>(db: &Reader, select: &SelectStatement) -> Result<Vec<R::Value>> {
    rows::<R>(
        db,
        RowQuery::alone::<R>(db.backend(), select, ColumnSet::own::<R>(), 0),
    )
    .await
}

/// Decodes this many rows from PostgreSQL's columns.
fn read<R: Row>(columns: &mut [Column<'_>], count: usize) -> Result<Vec<R::Value>> {
    let mut rows = Vec::with_capacity(count);
    for _ in 0..count {
        rows.push(R::read(columns).ok_or_else(|| wrong_type(malformed()))?);
    }
    Ok(rows)
}

/// Returns the LIMIT of the SELECT for each key, if it has one. A page of keys may be joined to its
/// rows behind the limit.
fn limit(sql: &str, values: &[Value]) -> Option<usize> {
    match values.last() {
        Some(Value::BigUnsigned(Some(limit))) if sql.contains("LIMIT ?") => {
            usize::try_from(*limit).ok()
        }
        _ => None,
    }
}

/// Decodes the one JSON row of a SQLite statement. The caller logs the number of rows in it.
async fn from_json<S: for<'de> DeserializeSeed<'de, Value = T>, T>(
    db: &Reader,
    statement: Arc<str>,
    values: Vec<Value>,
    seed: S,
) -> Result<(T, SentStatement)> {
    let (row, sent) = db.send(statement, values).await?;
    let row = row.as_ref().and_then(QueryResult::try_as_sqlite_row);
    let json = row.map(|row| row.try_get(0));
    let json: &str = json.ok_or(Error::Internal)?.map_err(wrong_type)?;
    let mut json = serde_json::Deserializer::from_str(json);
    let found = seed.deserialize(&mut json).map_err(|error| {
        tracing::error!(%error, "a row of the database does not fit its entity");
        Error::Internal
    })?;
    Ok((found, sent))
}

fn wrong_type(error: SqlxError) -> Error {
    DbErr::Query(RuntimeErr::SqlxError(error.into())).into()
}
