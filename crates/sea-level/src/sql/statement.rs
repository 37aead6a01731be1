//! SQL of a SELECT for many keys, sent as one statement: how keys travel to the database and rows
//! travel back.
//!
//! Keys travel as one array parameter, so that the text of the statement, and with it the prepared
//! statement, does not depend on their number.
//!
//! * PostgreSQL: `unnest(…) WITH ORDINALITY` joined LATERAL to the SELECT. All rows come back as one
//!   row with an array for each column, because SQLx spends more on a row than on its columns. As rows
//!   (measured by `bench`, server and database together) `mission` and `portfolios` took 5 % more CPU,
//!   `flat` 8 %, `edges` 12 %, `nested` 18 %.
//!   The rows of a key keep the order of the SELECT: a LATERAL join with a LIMIT runs as a nested
//!   loop only, and `array_agg` keeps the order of its input.
//! * SQLite: `json_each(…)` with the SELECT as a correlated subquery. All rows come back as one row
//!   of JSON, because a row that SQLx brings from its thread costs about as much as ten rows of JSON.

use std::{iter, sync::Arc};

use sea_orm::{
    DbBackend, SqlxError, Value,
    sea_query::{PostgresQueryBuilder, SelectStatement, SqliteQueryBuilder, Values},
    sqlx::postgres::PgRow,
};

use super::{
    row::{Row, extra_column},
    value::Column,
};
use crate::{
    columns::{ColumnSet, Reference},
    key::{Key, key_columns_of_json},
};

/// Statement that brings the rows of a SELECT of [`Row`] columns.
#[derive(Clone, Debug)]
pub struct RowQuery {
    /// The SELECT itself, with all its columns named.
    pub(super) inner: Arc<str>,
    pub(super) statement: Arc<str>,
    pub(super) values: Vec<Value>,
    pub(super) columns: ColumnSet,
    /// Number of columns beside the row, named by [`extra_column`].
    extras: usize,
}

impl RowQuery {
    /// Statement without keys. Columns of the row that are not among `columns` get defaults.
    pub fn alone<R: Row>(
        backend: DbBackend,
        select: &SelectStatement,
        columns: ColumnSet,
        extras: usize,
    ) -> Self {
        Self::new(backend, select, columns, extras, |rows, backend| {
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

    /// Statement of PostgreSQL that brings one row at most, without aggregation.
    pub(super) fn at_most_one<R: Row>(
        backend: DbBackend,
        select: &SelectStatement,
        columns: ColumnSet,
    ) -> Self {
        Self::new(backend, select, columns, 0, |rows, _| {
            let arrays = rows.as_arrays::<R>("ARRAY[", "]");
            format!("SELECT {arrays} FROM ({}) AS r", rows.inner)
        })
    }

    /// Statement that runs the SELECT for each key, whose parts it names by
    /// [`key_part`](crate::key::key_part).
    pub fn per_key<K: Key, R: Row>(
        backend: DbBackend,
        select: &SelectStatement,
        columns: ColumnSet,
        extras: usize,
    ) -> Self {
        Self::new(backend, select, columns, extras, |rows, backend| {
            let inner = rows.joined::<R>(backend);
            match backend {
                DbBackend::Sqlite => {
                    let (row, parts) = (rows.as_json::<R>(), key_columns_of_json::<K>());
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
        backend: DbBackend,
        select: &SelectStatement,
        columns: ColumnSet,
        extras: usize,
        write: impl FnOnce(&Self, DbBackend) -> String,
    ) -> Self {
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

    /// Replaces the last parameter.
    #[must_use]
    pub fn with_last(mut self, value: Value) -> Self {
        self.values.pop();
        self.values.push(value);
        self
    }

    /// Rows that each row counts for: itself and the rows joined to it.
    pub(super) fn each<R: Row>(&self) -> usize {
        1 + self.references::<R>().count()
    }

    /// Number of columns beside the row.
    pub fn extras(&self) -> usize {
        self.extras
    }

    /// Bytes of memory in a cache, estimated.
    pub fn size(&self) -> usize {
        self.inner.len() + self.statement.len()
    }

    /// Columns that the statement brings.
    pub fn columns(&self) -> ColumnSet {
        self.columns
    }

    /// The SELECT as `t`, joined row by row to the rows that it refers to, so that the order stays. A
    /// reference of which only the key is requested needs no join.
    pub(super) fn joined<R: Row>(&self, backend: DbBackend) -> String {
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
                    format!(" CROSS JOIN {table} AS \"{field}\" ON \"{field}\".{key} = t.{column}")
                }
                _ => format!(
                    " CROSS JOIN LATERAL (SELECT {} FROM {table} WHERE {key} = t.{column} LIMIT 1) AS \"{field}\"",
                    joined(columns.map(str::to_owned))
                ),
            };
        }
        from
    }

    /// References of which columns are requested, with these columns.
    fn references<R: Row>(&self) -> impl Iterator<Item = (&'static Reference, ColumnSet)> {
        let referred = self.columns.referred::<R>();
        referred.filter(|(_, columns)| !columns.is_empty())
    }

    /// Columns of the references: name of the reference, name of the column, and its expression.
    fn places<R: Row>(&self) -> impl Iterator<Item = (&'static str, &'static str, String)> {
        self.references::<R>().flat_map(|(reference, columns)| {
            let is_key_only = reference.is_key_only(columns);
            columns.of(reference.columns).map(move |column| {
                let field = reference.field;
                let place = if is_key_only {
                    format!("t.{}", reference.column)
                } else {
                    format!("\"{field}\".{column}")
                };
                (field, column, place)
            })
        })
    }

    /// Columns of `t` and of the references as a JSON array.
    pub(super) fn as_json<R: Row>(&self) -> String {
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

    /// All columns of `t` and of the references.
    fn all<R: Row>(&self) -> String {
        let referred = self.places::<R>();
        let referred =
            referred.map(|(field, column, place)| format!("{place} AS {column}_of_{field}"));
        joined(iter::once("t.*".to_owned()).chain(referred))
    }

    /// Columns of all rows of `r`, each as an array.
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

    /// Columns of PostgreSQL's one row, from this number on.
    pub(super) fn read_columns<'r, R: Row>(
        &self,
        row: &'r PgRow,
        mut number: usize,
    ) -> Result<Vec<Column<'r>>, SqlxError> {
        let mut next = |is_requested: bool| {
            if !is_requested {
                return Ok(Column::default());
            }
            number += 1;
            Column::of(row, number - 1)
        };
        let are_requested = (0..R::WIDTH).map(|number| self.columns.has(number));
        let beside = (self.extras > 0).then_some(true);
        are_requested.chain(beside).map(&mut next).collect()
    }
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}
