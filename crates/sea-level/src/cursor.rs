//! Paging arguments and cursors.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::Value as Json;

use crate::{
    error::{Error, Result},
    json,
    limits::{DEFAULT_PAGE, LARGEST_PAGE},
    node::Node,
    order::Order,
};

/// Paging arguments of a field, as given.
pub struct PageArguments {
    /// Number of rows from the start of the list.
    pub first: Option<i32>,
    /// Cursor that the page follows.
    pub after: Option<String>,
    /// Number of rows from the end of the list.
    pub last: Option<i32>,
    /// Cursor that the page precedes.
    pub before: Option<String>,
}

/// Values of the sort keys, the primary key last.
pub(crate) type CursorKey = Vec<Json>;

/// Validated paging arguments.
#[derive(Clone, PartialEq)]
pub(crate) struct PageRange {
    /// Number of rows.
    pub limit: u64,
    /// True if the page is at the end.
    pub backward: bool,
    /// Position that the page follows.
    pub after: Option<CursorKey>,
    /// Position that the page precedes.
    pub before: Option<CursorKey>,
}

/// Text that a cursor carries: one field and one order.
fn list_name<N: Node>(field: &str, order: &Order<N>) -> String {
    format!("{field}:{}", order.signature())
}

/// Writer of the cursors of one list.
pub(crate) struct CursorWriter {
    /// Start of the JSON of each cursor.
    start: Vec<u8>,
}

impl CursorWriter {
    /// Creates the writer for this field and order.
    pub(crate) fn new<N: Node>(field: &str, order: &Order<N>) -> Self {
        let mut start = vec![b'['];
        json::write_string(&list_name(field, order), &mut start);
        Self { start }
    }

    /// Appends the cursor of the row with these values of the sort keys and this primary key.
    pub(crate) fn write(&self, keys: &[Json], key: i64, text: &mut Vec<u8>) {
        let mut position = Vec::with_capacity(self.start.len() + 64);
        position.extend_from_slice(&self.start);
        for key in keys {
            position.push(b',');
            json::serialize(key, &mut position);
        }
        position.push(b',');
        position.extend_from_slice(itoa::Buffer::new().format(key).as_bytes());
        position.push(b']');
        let start = text.len();
        text.resize(start + position.len().div_ceil(3) * 4, 0);
        let written = BASE64_URL_SAFE_NO_PAD.encode_slice(&position, &mut text[start..]);
        text.truncate(start + written.unwrap_or_default());
    }
}

impl PageRange {
    /// Validates the arguments.
    pub(crate) fn new<N: Node>(
        field: &str,
        order: &Order<N>,
        arguments: PageArguments,
    ) -> Result<Self> {
        let PageArguments {
            first,
            after,
            last,
            before,
        } = arguments;
        let (argument, size) = match (first, last) {
            (Some(_), Some(_)) => {
                return Err(Error::bad_input(
                    "last",
                    "Give `first` or `last`, not both.",
                ));
            }
            (_, Some(last)) => ("last", Some(last)),
            (first, None) => ("first", first),
        };
        if size.is_some_and(|size| !(0..=LARGEST_PAGE).contains(&size)) {
            return Err(Error::bad_input(
                argument,
                format!(
                    "`{argument}` must be 0 to {LARGEST_PAGE}. Ask for the rest with a cursor."
                ),
            ));
        }
        let position = |argument: &str, cursor: Option<String>| {
            cursor
                .map(|cursor| position(field, order, argument, &cursor))
                .transpose()
        };
        Ok(Self {
            limit: size.map_or(DEFAULT_PAGE, |size| u64::from(size.unsigned_abs())),
            backward: last.is_some(),
            after: position("after", after)?,
            before: position("before", before)?,
        })
    }
}

fn position<N: Node>(
    field: &str,
    order: &Order<N>,
    argument: &str,
    cursor: &str,
) -> Result<CursorKey> {
    let read = || -> Option<(String, CursorKey)> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let mut parts: Vec<Json> = serde_json::from_slice(&bytes).ok()?;
        let values = parts.split_off(1.min(parts.len()));
        Some((parts.pop()?.as_str()?.to_owned(), values))
    };
    let Some((list, values)) = read() else {
        return Err(Error::bad_input(
            argument,
            format!(
                "`{argument}` is not a cursor of this API. Pass one back unchanged, or leave it out."
            ),
        ));
    };
    if list != list_name(field, order) || !order.is_position(&values) {
        return Err(Error::bad_input(
            argument,
            format!(
                "`{argument}` is a cursor of another list or another order. \
                 Use it with the field and the `orderBy` it came from."
            ),
        ));
    }
    Ok(values)
}
