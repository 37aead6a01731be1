//! The arguments of a page, and its cursors.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::Value as Json;

use super::Source;
use crate::{
    context::Record,
    error::{Error, Result},
    limits::{DEFAULT_PAGE, LARGEST_PAGE},
    order::Order,
};

/// The paging arguments of a field, as given.
pub struct PageArguments {
    /// From the start.
    pub first: Option<i32>,
    /// Behind this cursor.
    pub after: Option<String>,
    /// From the end.
    pub last: Option<i32>,
    /// Before this cursor.
    pub before: Option<String>,
}

/// Values of the sort keys, the id last.
pub type Position = Vec<Json>;

/// The paging arguments, understood.
#[derive(Clone, PartialEq)]
pub struct Window {
    /// How many items.
    pub limit: u64,
    /// From the end.
    pub backward: bool,
    /// Behind this one.
    pub after: Option<Position>,
    /// Before this one.
    pub before: Option<Position>,
}

/// What a cursor belongs to: one field and one order.
fn list_name<E: Record>(source: Source<E>, order: &Order<E>) -> String {
    format!("{}:{}", source.field, order.signature())
}

/// The cursor of this position in the list.
pub fn cursor<E: Record>(
    source: Source<E>,
    order: &Order<E>,
    position: impl IntoIterator<Item = Json>,
) -> String {
    let mut parts = vec![list_name(source, order).into()];
    parts.extend(position);
    BASE64_URL_SAFE_NO_PAD.encode(Json::Array(parts).to_string())
}

impl Window {
    /// From the arguments, unless they are wrong.
    pub fn new<E: Record>(
        source: Source<E>,
        order: &Order<E>,
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
                .map(|cursor| position(source, order, argument, &cursor))
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

fn position<E: Record>(
    source: Source<E>,
    order: &Order<E>,
    argument: &str,
    cursor: &str,
) -> Result<Position> {
    let read = || -> Option<(String, Position)> {
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
    if list != list_name(source, order) || !order.is_position(&values) {
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
