//! Rows of SQLite, which come as one text of JSON: lists of arrays.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize,
    de::{self, DeserializeSeed, Deserializer, SeqAccess, Visitor},
};

use crate::{columns::ColumnSet, rows::Row};

/// The next value of an array of JSON, or a default when it has none of the kind.
pub fn element<'de, A: SeqAccess<'de>, T: Deserialize<'de> + Default>(
    array: &mut A,
    is_asked: bool,
) -> Result<T, A::Error> {
    if !is_asked {
        return Ok(T::default());
    }
    let missing = || de::Error::custom("a row has too few columns");
    array.next_element()?.ok_or_else(missing)
}

/// A row in JSON that has these columns.
pub struct JsonRow<R> {
    columns: ColumnSet,
    row: PhantomData<fn() -> R>,
}

impl<R> JsonRow<R> {
    /// With these; the others have their defaults.
    pub fn new(columns: ColumnSet) -> Self {
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
    type Value = R;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<R, D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de, R: Row> Visitor<'de> for JsonRow<R> {
    type Value = R;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a row")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<R, A::Error> {
        R::read_json(&mut array, self.columns)
    }
}

/// A list in JSON of what the seed reads.
#[derive(Clone)]
pub struct JsonList<S>(pub S);

impl<'de, S: DeserializeSeed<'de> + Clone> DeserializeSeed<'de> for JsonList<S> {
    type Value = Vec<S::Value>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de, S: DeserializeSeed<'de> + Clone> Visitor<'de> for JsonList<S> {
    type Value = Vec<S::Value>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = array.next_element_seed(self.0.clone())? {
            list.push(item);
        }
        Ok(list)
    }
}

/// A row with the number of its key, in JSON.
pub struct JsonNumbered<R>(pub JsonRow<R>);

impl<R> Clone for JsonNumbered<R> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<'de, R: Row> DeserializeSeed<'de> for JsonNumbered<R> {
    type Value = (usize, R);

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_tuple(2, self)
    }
}

impl<'de, R: Row> Visitor<'de> for JsonNumbered<R> {
    type Value = (usize, R);

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
