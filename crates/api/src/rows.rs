//! One SELECT for many parents, sent as one statement: the only place that knows how keys travel to
//! the database and how rows travel back.
//!
//! Keys go as ONE array parameter, so the text of a statement, and with it the prepared statement,
//! does not depend on how many there are.
//!
//! * PostgreSQL: `unnest(…) WITH ORDINALITY` joined LATERAL to the SELECT; everything comes back as
//!   one row that has an array for each column, because what SQLx does for a row costs more than
//!   reading its columns. The order within a key is that of the SELECT, because a LATERAL
//!   with a LIMIT in it can only run as a nested loop, and `array_agg` takes rows as they come; the keys
//!   themselves are told apart by their number.
//! * SQLite: `json_each(…)` with the SELECT as a correlated subquery; everything comes back as one
//!   row of JSON, because every row that SQLx brings over from its thread costs about as much as
//!   ten rows of JSON.

use std::{hash::Hash, iter, sync::Arc};

use sea_orm::{
    DbBackend, DbErr, QueryResult, RuntimeErr, SqlxError, Value,
    sea_query::{
        ArrayType, Expr, ExprTrait, Func, PgFunc, PostgresQueryBuilder, Query, SelectStatement,
        SqliteQueryBuilder, Values,
    },
    sqlx::{Row as _, postgres::PgRow},
};
use serde::de::{self, DeserializeSeed, SeqAccess};

use crate::{
    allowance::{most_rows, take_rows},
    arrays::{Column, malformed},
    columns::{ColumnSet, Reference},
    context::{Loaded, Record},
    error::{Error, Result},
    json_rows::{JsonList, JsonNumbered, JsonRow},
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

/// A SELECT of columns of a [`Row`], as the one statement that brings its rows.
#[derive(Clone, Debug)]
pub struct Rows {
    /// The SELECT alone, which names every one of its columns.
    inner: Arc<str>,
    statement: Arc<str>,
    values: Vec<Value>,
    columns: ColumnSet,
    /// How many further columns, named by [`extra_column`], come beside the row.
    extras: usize,
}

impl Rows {
    /// For [`rows`]: the SELECT brings these columns, the others will have their defaults.
    pub fn alone<R: Row>(
        db: &Reader,
        select: &SelectStatement,
        columns: ColumnSet,
        extras: usize,
    ) -> Self {
        Self::new(db, select, columns, extras, |rows, backend| {
            let inner = rows.joined::<R>(backend);
            match backend {
                DbBackend::Sqlite => {
                    let row = rows.as_json::<R>();
                    format!("SELECT json_group_array({row}) FROM {inner}")
                }
                _ => {
                    let arrays = rows.as_arrays::<R>("array_agg(", ")");
                    let all = rows.all::<R>();
                    format!("SELECT {arrays} FROM (SELECT {all} FROM {inner}) AS r")
                }
            }
        })
    }

    /// For [`rows`], when PostgreSQL brings one row at most: nothing is gathered.
    fn at_most_one<R: Row>(db: &Reader, select: &SelectStatement, columns: ColumnSet) -> Self {
        Self::new(db, select, columns, 0, |rows, _| {
            let arrays = rows.as_arrays::<R>("ARRAY[", "]");
            format!("SELECT {arrays} FROM ({}) AS r", rows.inner)
        })
    }

    /// For [`rows_per_key`]: the same for each key, whose parts it names by [`key_part`].
    pub fn per_key<K: Key, R: Row>(
        db: &Reader,
        select: &SelectStatement,
        columns: ColumnSet,
        extras: usize,
    ) -> Self {
        Self::new(db, select, columns, extras, |rows, backend| {
            let inner = rows.joined::<R>(backend);
            match backend {
                DbBackend::Sqlite => {
                    let (row, parts) = (rows.as_json::<R>(), json_parts::<K>());
                    format!(
                        "SELECT json_group_array((SELECT json_group_array({row}) FROM {inner})) \
                         FROM (SELECT {parts} FROM json_each(?)) AS k"
                    )
                }
                _ => {
                    let arrays = rows.as_arrays::<R>("array_agg(", ")");
                    let all = rows.all::<R>();
                    let next = rows.values.len() + 1;
                    let (keys, limit) = if K::PARTS == 1 {
                        (
                            format!("unnest(${next}) WITH ORDINALITY AS k(a, n)"),
                            next + 1,
                        )
                    } else {
                        let second = next + 1;
                        let keys =
                            format!("unnest(${next}, ${second}) WITH ORDINALITY AS k(a, b, n)");
                        (keys, next + 2)
                    };
                    format!(
                        "SELECT array_agg(r.n), {arrays} FROM (SELECT k.n, {all} FROM {keys} \
                         CROSS JOIN LATERAL {inner} LIMIT ${limit}) AS r"
                    )
                }
            }
        })
    }

    fn new(
        db: &Reader,
        select: &SelectStatement,
        columns: ColumnSet,
        extras: usize,
        write: impl FnOnce(&Self, DbBackend) -> String,
    ) -> Self {
        let backend = db.backend();
        let (inner, Values(values)) = match backend {
            DbBackend::Sqlite => select.build(SqliteQueryBuilder),
            _ => select.build(PostgresQueryBuilder),
        };
        let inner: Arc<str> = inner.into();
        let mut rows = Self {
            statement: inner.clone(),
            inner,
            values,
            columns,
            extras,
        };
        rows.statement = write(&rows, backend).into();
        rows
    }

    /// The same with another value as its last.
    #[must_use]
    pub fn with_last(mut self, value: Value) -> Self {
        self.values.pop();
        self.values.push(value);
        self
    }

    /// How many rows each row counts for: itself, and what it refers to.
    fn each<R: Row>(&self) -> usize {
        1 + self.references::<R>().count()
    }

    /// How many columns come beside the row.
    pub fn extras(&self) -> usize {
        self.extras
    }

    /// How many bytes it takes to keep it.
    pub fn size(&self) -> usize {
        self.inner.len() + self.statement.len()
    }

    /// Which columns come; the others will have their defaults.
    pub fn columns(&self) -> ColumnSet {
        self.columns
    }

    /// The SELECT as `t`, joined row by row, so that the order stays, to the rows that its rows refer
    /// to. A row of which only the key is selected needs no join.
    fn joined<R: Row>(&self, backend: DbBackend) -> String {
        let mut from = format!("({}) AS t", self.inner);
        for (reference, columns) in self.references::<R>() {
            if reference.is_key_only(columns) {
                continue;
            }
            let Reference { field, column, .. } = reference;
            let (table, key) = (reference.table)();
            let columns = columns.of(reference.columns);
            from += &match backend {
                DbBackend::Sqlite => {
                    format!(" CROSS JOIN {table} AS {field} ON {field}.{key} = t.{column}")
                }
                _ => format!(
                    " CROSS JOIN LATERAL (SELECT {} FROM {table} WHERE {key} = t.{column} LIMIT 1) AS {field}",
                    joined(columns.map(str::to_owned))
                ),
            };
        }
        from
    }

    /// The references that bring columns, and these.
    fn references<R: Row>(&self) -> impl Iterator<Item = (&'static Reference, ColumnSet)> {
        let referred = self.columns.referred::<R>();
        referred.filter(|(_, columns)| !columns.is_empty())
    }

    /// The columns of the references: the name of the reference, that of the column, and where it is.
    fn places<R: Row>(&self) -> impl Iterator<Item = (&'static str, &'static str, String)> {
        self.references::<R>().flat_map(|(reference, columns)| {
            let is_key_only = reference.is_key_only(columns);
            columns.of(reference.columns).map(move |column| {
                let field = reference.field;
                let place = if is_key_only {
                    format!("t.{}", reference.column)
                } else {
                    format!("{field}.{column}")
                };
                (field, column, place)
            })
        })
    }

    /// The columns of `t` as an array of JSON, with those of the references behind them.
    fn as_json<R: Row>(&self) -> String {
        let own = self.columns.of(R::COLUMNS);
        let own = own.map(|column| format!("t.\"{column}\""));
        let referred = self.places::<R>().map(|(_, _, place)| place);
        let row = joined(own.chain(referred));
        if self.extras == 0 {
            return format!("json_array({row})");
        }
        let extras = joined((0..self.extras).map(|index| format!("t.{}", extra_column(index))));
        format!("json_array(json_array({row}), json_array({extras}))")
    }

    /// All that `t` and the references have.
    fn all<R: Row>(&self) -> String {
        let referred = self.places::<R>();
        let referred =
            referred.map(|(field, column, place)| format!("{place} AS {column}_of_{field}"));
        joined(iter::once("t.*".to_owned()).chain(referred))
    }

    /// The columns of all rows of `r`, which are [all](Self::all), each as an array.
    fn as_arrays<R: Row>(&self, open: &str, close: &str) -> String {
        let own = self.columns.of(R::COLUMNS).map(str::to_owned);
        let referred = self.places::<R>();
        let referred = referred.map(|(field, column, _)| format!("{column}_of_{field}"));
        let all = own.chain(referred);
        let arrays = joined(all.map(|column| format!("{open}r.{column}{close}")));
        if self.extras == 0 {
            return arrays;
        }
        let extras = joined((0..self.extras).map(|index| format!("r.{}", extra_column(index))));
        format!("{arrays}, array_agg(json_build_array({extras})::text)")
    }

    /// The columns of the one row that PostgreSQL brought, from this number on.
    fn read_columns<'r, R: Row>(
        &self,
        row: &'r PgRow,
        mut number: usize,
    ) -> Result<Vec<Column<'r>>, SqlxError> {
        let mut next = |is_asked: bool| {
            if !is_asked {
                return Ok(Column::default());
            }
            number += 1;
            Column::of(row, number - 1)
        };
        let are_asked = (0..R::width()).map(|number| self.columns.has(number));
        let beside = (self.extras > 0).then_some(true);
        are_asked.chain(beside).map(&mut next).collect()
    }
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

/// What a row is read into, by the position of its columns; `row!` makes it of a struct.
pub trait Row: Sized + Send + Sync + 'static {
    /// The names of the columns, in the order of the fields.
    const COLUMNS: &'static [&'static str];
    /// What some of them refer to, whose columns come behind them.
    const REFERENCES: &'static [Reference] = &[];
    /// Reads the next row out of PostgreSQL's columns, unless they are not like this.
    fn read(columns: &mut [Column<'_>]) -> Option<Self>;
    /// Reads a row out of SQLite's JSON: an array of these columns.
    fn read_json<'de, A: SeqAccess<'de>>(
        array: &mut A,
        columns: ColumnSet,
    ) -> Result<Self, A::Error>;

    /// How many columns there are in all.
    fn width() -> usize {
        let referred = Self::REFERENCES.iter();
        Self::COLUMNS.len()
            + referred
                .map(|reference| reference.columns.len())
                .sum::<usize>()
    }
}

/// Implements [`Row`] for a struct whose columns have the names of its fields. Every field is listed;
/// those behind `without` are never read from the database.
macro_rules! row {
    ($Row:ty { $($column:ident),+ $(,)? } $(without { $($absent:ident),+ $(,)? })?) => {
        impl $crate::rows::Row for $Row {
            const COLUMNS: &'static [&'static str] = &[$(stringify!($column)),+];

            fn read(columns: &mut [$crate::arrays::Column<'_>]) -> Option<Self> {
                let mut columns = columns.iter_mut();
                Some(Self {
                    $($column: columns.next()?.read()?,)+
                    $($($absent: Default::default(),)+)?
                })
            }

            fn read_json<'de, A: serde::de::SeqAccess<'de>>(
                array: &mut A,
                columns: $crate::columns::ColumnSet,
            ) -> Result<Self, A::Error> {
                let mut numbers = 0..;
                let mut is_asked = || numbers.next().is_some_and(|number| columns.has(number));
                Ok(Self {
                    $($column: $crate::json_rows::element(array, is_asked())?,)+
                    $($($absent: Default::default(),)+)?
                })
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
#[derive(Debug)]
pub struct Count {
    /// The number.
    pub count: i64,
}

row!(Count { count });

/// A row with values beside it that are no part of it: what it was sorted by.
#[derive(Debug)]
pub struct WithExtras<R>(pub R, pub Vec<serde_json::Value>);

impl<R: Row> Row for WithExtras<R> {
    const COLUMNS: &'static [&'static str] = R::COLUMNS;
    const REFERENCES: &'static [Reference] = R::REFERENCES;

    fn read(columns: &mut [Column<'_>]) -> Option<Self> {
        let (extras, columns) = columns.split_last_mut()?;
        let extras: String = extras.read()?;
        Some(Self(R::read(columns)?, serde_json::from_str(&extras).ok()?))
    }

    fn read_json<'de, A: SeqAccess<'de>>(
        array: &mut A,
        columns: ColumnSet,
    ) -> Result<Self, A::Error> {
        let missing = || de::Error::custom("a row has nothing beside it");
        let row = array.next_element_seed(JsonRow::new(columns))?;
        let extras = array.next_element()?;
        row.zip(extras)
            .map(|(row, extras)| Self(row, extras))
            .ok_or_else(missing)
    }
}

/// The rows of `rows` for each of the keys, in the order of the keys.
pub async fn rows_per_key<K: Key, R: Row>(
    db: &Reader,
    rows: Rows,
    keys: &[K],
) -> Result<Vec<Vec<R>>> {
    let mut values = rows.values.clone();
    match db.backend() {
        DbBackend::Sqlite => {
            let possible = keys
                .len()
                .saturating_mul(limit(&rows.inner, &values).unwrap_or(1));
            if possible > most_rows() {
                return stopping_rows_per_key(db, rows, keys).await;
            }
            values.push(json_keys(keys).into());
            let json = JsonList(JsonList(JsonRow::<R>::new(rows.columns)));
            let each = rows.each::<R>();
            let found = from_json(db, rows.statement, values, json).await?;
            take_rows(found.iter().map(Vec::len).sum::<usize>() * each)?;
            Ok(found)
        }
        _ => {
            values.extend((0..K::PARTS).map(|part| numbers(keys, part)));
            values.push(i64::try_from(most_rows()).unwrap_or(i64::MAX).into());
            let row = db.query_optional(rows.statement.clone(), values).await?;
            let row = row.as_ref().and_then(QueryResult::try_as_pg_row);
            let row = row.ok_or(Error::Internal)?;
            let mut columns = rows.read_columns::<R>(row, 1).map_err(wrong_type)?;
            let numbers = Column::of(row, 0).and_then(Column::all::<i64>);
            let numbers = numbers.map_err(wrong_type)?;
            take_rows(numbers.len() * rows.each::<R>())?;
            let mut found: Vec<Vec<R>> = keys.iter().map(|_| Vec::new()).collect();
            // The rows of a key come together, so that room is made for them at once.
            for of_one in numbers.chunk_by(|one, other| one == other) {
                let index = usize::try_from(of_one[0] - 1).map_err(|_| Error::Internal)?;
                found[index] = read(&mut columns, of_one.len())?;
            }
            Ok(found)
        }
    }
}

/// The same from a SELECT that is written for it and brings all columns.
pub async fn select_per_key<K: Key, R: Row>(
    db: &Reader,
    select: &SelectStatement,
    keys: &[K],
) -> Result<Vec<Vec<R>>> {
    let rows = Rows::per_key::<K, R>(db, select, ColumnSet::own::<R>(), 0);
    rows_per_key(db, rows, keys).await
}

/// The same, where the rows are those of an entity.
pub async fn load_per_key<K: Key, E: Record>(
    db: &Reader,
    select: &SelectStatement,
    keys: &[K],
) -> Result<Vec<Loaded<E>>> {
    let found: Vec<Vec<E::Model>> = select_per_key(db, select, keys).await?;
    Ok(found.into_iter().map(Loaded::from).collect())
}

/// The same from SQLite where there may be more rows than the operation may still load: row by row,
/// so that it can stop. All in one it is half as fast again.
async fn stopping_rows_per_key<K: Key, R: Row>(
    db: &Reader,
    rows: Rows,
    keys: &[K],
) -> Result<Vec<Vec<R>>> {
    let inner = rows.joined::<R>(DbBackend::Sqlite);
    let (row, parts) = (rows.as_json::<R>(), json_parts::<K>());
    let statement = format!(
        "SELECT json_group_array(json_array(n, json(r))) FROM (SELECT k.n, r.value AS r \
         FROM (SELECT key AS n, {parts} FROM json_each(?)) AS k, \
         json_each((SELECT json_group_array({row}) FROM {inner})) AS r LIMIT ?)"
    );
    let each = rows.each::<R>();
    let mut values = rows.values;
    values.insert(0, json_keys(keys).into());
    values.push((most_rows() as u64).into());
    let json = JsonList(JsonNumbered(JsonRow::<R>::new(rows.columns)));
    let numbered = from_json(db, statement.into(), values, json).await?;
    take_rows(numbered.len() * each)?;
    let mut found: Vec<Vec<R>> = keys.iter().map(|_| Vec::new()).collect();
    for (index, row) in numbered {
        found[index].push(row);
    }
    Ok(found)
}

/// The rows of the entity with these keys, in any order.
pub async fn rows_by_key<E: Record>(
    db: &Reader,
    keys: &[i64],
    columns: ColumnSet,
) -> Result<Vec<E::Model>> {
    let table = E::default();
    let write = || {
        let mut select = Query::select();
        select
            .columns(columns.of(E::Model::COLUMNS).map(|column| (table, column)))
            .from(table);
        let id = Expr::col((table, E::ID));
        match (db.backend(), keys) {
            (DbBackend::Sqlite, _) => {
                // A join, since what stands behind IN would be written into a table first.
                let list = Func::cust("json_each").arg("");
                let key = Expr::col(("k", "value"));
                select.from_function(list, "k").and_where(id.eq(key));
            }
            (_, [key]) => {
                select.and_where(id.eq(*key));
                return Ok(Rows::at_most_one::<E::Model>(db, &select, columns));
            }
            _ => {
                select.and_where(id.eq(PgFunc::any(Expr::val(numbers(&[0], 0)))));
            }
        }
        Ok(Rows::alone::<E::Model>(db, &select, columns, 0))
    };
    let (way, keys) = match (db.backend(), keys) {
        (DbBackend::Sqlite, _) => (" by key ", json_keys(keys).into()),
        (_, [key]) => (" by the key ", (*key).into()),
        _ => (" by key ", numbers(keys, 0)),
    };
    let name = [table.table_name(), way, &columns.signature()].concat();
    let select = db.written(&name, write)?;
    rows(db, select.with_last(keys)).await
}

/// One part of all keys, as one parameter of PostgreSQL.
fn numbers<K: Key>(keys: &[K], part: usize) -> Value {
    let numbers = keys.iter().map(|key| key.part(part).into()).collect();
    Value::Array(ArrayType::BigInt, Some(Box::new(numbers)))
}

/// The rows of `rows`, which mentions no key.
pub async fn rows<R: Row>(db: &Reader, rows: Rows) -> Result<Vec<R>> {
    match db.backend() {
        DbBackend::Sqlite => {
            let json = JsonList(JsonRow::new(rows.columns));
            let each = rows.each::<R>();
            let found = from_json(db, rows.statement, rows.values, json).await?;
            take_rows(found.len() * each)?;
            Ok(found)
        }
        _ => {
            let row = db
                .query_optional(rows.statement.clone(), rows.values.clone())
                .await?;
            let Some(row) = row else {
                return Ok(Vec::new());
            };
            let row = row.try_as_pg_row().ok_or(Error::Internal)?;
            let mut columns = rows.read_columns::<R>(row, 0).map_err(wrong_type)?;
            let count = columns.iter().map(Column::count).max().unwrap_or(0);
            take_rows(count * rows.each::<R>())?;
            read(&mut columns, count)
        }
    }
}

/// The same from a SELECT that is written for it and brings all columns.
pub async fn select_rows<R: Row>(db: &Reader, select: &SelectStatement) -> Result<Vec<R>> {
    rows(db, Rows::alone::<R>(db, select, ColumnSet::own::<R>(), 0)).await
}

/// So many rows out of PostgreSQL's columns.
fn read<R: Row>(columns: &mut [Column<'_>], count: usize) -> Result<Vec<R>> {
    let mut rows = Vec::with_capacity(count);
    for _ in 0..count {
        rows.push(R::read(columns).ok_or_else(|| wrong_type(malformed()))?);
    }
    Ok(rows)
}

/// How many rows the SELECT brings for each key at most, when it says so; a page of keys may be joined
/// to its rows behind the limit.
fn limit(sql: &str, values: &[Value]) -> Option<usize> {
    match values.last() {
        Some(Value::BigUnsigned(Some(limit))) if sql.contains("LIMIT ?") => {
            usize::try_from(*limit).ok()
        }
        _ => None,
    }
}

/// What the seed reads from the one row of JSON that the statement brings.
async fn from_json<S: for<'de> DeserializeSeed<'de, Value = T>, T>(
    db: &Reader,
    statement: Arc<str>,
    values: Vec<Value>,
    seed: S,
) -> Result<T> {
    let row = db.query_optional(statement, values).await?;
    let row = row.as_ref().and_then(QueryResult::try_as_sqlite_row);
    let json = row.map(|row| row.try_get(0));
    let json: &str = json.ok_or(Error::Internal)?.map_err(wrong_type)?;
    let mut json = serde_json::Deserializer::from_str(json);
    seed.deserialize(&mut json).map_err(|error| {
        tracing::error!(%error, "a row of the database does not fit its entity");
        Error::Internal
    })
}

fn wrong_type(error: SqlxError) -> Error {
    DbErr::Query(RuntimeErr::SqlxError(error.into())).into()
}

/// The parts of a key out of what `json_keys` writes.
fn json_parts<K: Key>() -> &'static str {
    if K::PARTS == 1 {
        "value AS a"
    } else {
        "value ->> 0 AS a, value ->> 1 AS b"
    }
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
