//! Rows: the trait that decodes them from both databases.

use std::{fmt, marker::PhantomData};

use serde::de::{self, DeserializeSeed, Deserializer, SeqAccess, Visitor};

use super::value::Column;
use crate::columns::{ColumnSet, Columns, Reference};

/// Row of a result, decoded by the position of its columns. Derived with [`Row`](derive@crate::Row).
pub trait Row: Columns + Send + Sync + 'static {
    /// Value that a row is decoded into.
    type Value: Send + Sync + 'static;

    /// Decodes the next row from PostgreSQL's columns; `None` if a type differs.
    fn read(columns: &mut [Column<'_>]) -> Option<Self::Value>;
    /// Decodes a row from SQLite's JSON: an array of these columns.
    fn read_json<'de, A: SeqAccess<'de>>(
        array: &mut A,
        columns: ColumnSet,
    ) -> Result<Self::Value, A::Error>;
}

/// Name of a column beside the row.
pub fn extra_column(index: usize) -> String {
    format!("x{index}")
}

/// Row of a single number.
#[derive(Debug, sea_level::Row)]
pub struct Count {
    /// The number.
    pub count: i64,
}

/// Decoder of a row with the values of the sort keys that are not among its columns.
pub struct WithExtras<R>(PhantomData<fn() -> R>);

impl<R: Columns> Columns for WithExtras<R> {
    const COLUMNS: &'static [&'static str] = R::COLUMNS;
    const REFERENCES: &'static [Reference] = R::REFERENCES;
}

impl<R: Row> Row for WithExtras<R> {
    type Value = (R::Value, Vec<serde_json::Value>);

    fn read(columns: &mut [Column<'_>]) -> Option<Self::Value> {
        let (extras, columns) = columns.split_last_mut()?;
        let extras: String = extras.read()?;
        Some((R::read(columns)?, serde_json::from_str(&extras).ok()?))
    }

    fn read_json<'de, A: SeqAccess<'de>>(
        array: &mut A,
        columns: ColumnSet,
    ) -> Result<Self::Value, A::Error> {
        let missing = || de::Error::custom("a row has no columns beside it");
        let row = array.next_element_seed(JsonRow::<R>::new(columns))?;
        let extras = array.next_element()?;
        row.zip(extras).ok_or_else(missing)
    }
}

/// Decoder of a JSON row of these columns.
pub(super) struct JsonRow<R> {
    columns: ColumnSet,
    row: PhantomData<fn() -> R>,
}

impl<R> JsonRow<R> {
    /// Other columns get defaults.
    pub(super) fn new(columns: ColumnSet) -> Self {
        Self {
            columns,
            row: PhantomData,
        }
    }
}

impl<R> Clone for JsonRow<R> {
    fn clone(&self) -> Self {
        Self::new(self.columns)
    }
}

impl<'de, R: Row> DeserializeSeed<'de> for JsonRow<R> {
    type Value = R::Value;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<R::Value, D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de, R: Row> Visitor<'de> for JsonRow<R> {
    type Value = R::Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a row")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<R::Value, A::Error> {
        R::read_json(&mut array, self.columns)
    }
}

/// Decoder of a JSON array, by the decoder of its elements.
#[derive(Clone)]
pub(super) struct JsonList<S>(pub S);

impl<'de, S: DeserializeSeed<'de> + Clone> DeserializeSeed<'de> for JsonList<S> {
    type Value = Vec<S::Value>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de, S: DeserializeSeed<'de> + Clone> Visitor<'de> for JsonList<S> {
    type Value = Vec<S::Value>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = array.next_element_seed(self.0.clone())? {
            list.push(item);
        }
        Ok(list)
    }
}

/// Decoder of a JSON row behind the index of its key.
pub(super) struct JsonNumbered<R>(pub JsonRow<R>);

impl<R> Clone for JsonNumbered<R> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<'de, R: Row> DeserializeSeed<'de> for JsonNumbered<R> {
    type Value = (usize, R::Value);

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_tuple(2, self)
    }
}

impl<'de, R: Row> Visitor<'de> for JsonNumbered<R> {
    type Value = (usize, R::Value);

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a number and a row")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
        let number = array.next_element()?;
        let row = array.next_element_seed(self.0)?;
        number
            .zip(row)
            .ok_or_else(|| de::Error::invalid_length(0, &"a number and a row"))
    }
}
