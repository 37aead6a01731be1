//! Keys of loaders: one or two 64-bit integers.

use std::hash::Hash;

use sea_orm::{
    Value,
    sea_query::{ArrayType, Expr},
};

/// Key of a loader, mostly the primary key of a parent.
pub trait Key: Copy + Eq + Hash + Send + Sync + 'static {
    /// Number of integers.
    const PARTS: usize;
    /// Returns one of the integers.
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

/// Refers to a part of the key inside a SELECT that runs for each key.
pub fn key_part(index: usize) -> Expr {
    Expr::col(("k", PART_NAMES[index]))
}

/// One part of all keys, as one array parameter of PostgreSQL.
pub(crate) fn key_array<K: Key>(keys: &[K], part: usize) -> Value {
    let numbers = keys.iter().map(|key| key.part(part).into()).collect();
    Value::Array(ArrayType::BigInt, Some(Box::new(numbers)))
}

/// All keys as one JSON parameter of SQLite.
pub(crate) fn key_json<K: Key>(keys: &[K]) -> String {
    let parts = |key: &K| (0..K::PARTS).map(|part| key.part(part)).collect::<Vec<_>>();
    let json = if K::PARTS == 1 {
        serde_json::to_string(&keys.iter().map(|key| key.part(0)).collect::<Vec<_>>())
    } else {
        serde_json::to_string(&keys.iter().map(parts).collect::<Vec<_>>())
    };
    json.unwrap_or_default()
}

/// Columns of the parts of a key, out of an element of [`key_json`].
pub(crate) fn key_columns_of_json<K: Key>() -> &'static str {
    if K::PARTS == 1 {
        "value AS a"
    } else {
        "value ->> 0 AS a, value ->> 1 AS b"
    }
}
