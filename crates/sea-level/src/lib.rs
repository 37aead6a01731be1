//! Relay connections over SeaORM entities, with one SQL statement for each level of a query.
//!
//! Resolvers are ordinary async-graphql resolvers. They load rows with [`find()`] and connections with
//! [`Connection`]; the [`Dispatcher`](loader::Dispatcher) sends one statement for each group of equal
//! loaders of a level. Knows SeaORM, SQLx and async-graphql; no entity, no HTTP, no environment.
//!
//! | floor | modules |
//! | --- | --- |
//! | 1 | [`mod@error`], [`mod@json`], [`mod@key`], [`mod@limits`], [`mod@auth`], [`mod@cache`], [`mod@text`], [`mod@columns`] |
//! | 2 | [`mod@budget`], [`mod@scalar`], [`mod@sql`], [`mod@relation`] |
//! | 3 | [`mod@loader`], [`mod@coalescer`], [`mod@compat`], [`mod@filter`], [`mod@sort_key`], [`mod@written`] |
//! | 4 | [`mod@operation`], [`mod@comparison`], [`mod@node`], [`mod@guard`] |
//! | 5 | [`mod@objects`], [`mod@selection`], [`mod@order`], [`mod@delivery`], [`mod@list_filter`], [`mod@response`] |
//! | 6 | [`mod@find`], [`mod@source`], [`mod@cursor`], [`mod@write`] |
//! | 7 | [`mod@page`], [`mod@connection`], [`mod@executor`] |
//! | 8 | [`mod@engine`], [`mod@documents`] |

pub mod auth;
pub mod budget;
pub mod cache;
pub mod coalescer;
pub mod columns;
pub mod comparison;
pub mod compat;
pub mod connection;
pub mod cursor;
pub mod delivery;
pub mod documents;
pub mod engine;
pub mod error;
pub mod executor;
pub mod filter;
pub mod find;
pub mod guard;
pub mod json;
pub mod key;
pub mod limits;
pub mod list_filter;
pub mod loader;
pub mod node;
pub mod objects;
pub mod operation;
pub mod order;
pub mod page;
pub mod relation;
pub mod response;
pub mod scalar;
pub mod selection;
pub mod sort_key;
pub mod source;
pub mod sql;
pub mod text;
pub mod write;
pub mod written;

pub use columns::{ColumnSet, Columns, Reference};
pub use comparison::{Comparison, DateFilter, DateTimeFilter, IntFilter, LongFilter, StringFilter};
pub use connection::{Connection, Edge, LinkFields, NoFields, Plain};
pub use cursor::PageArguments;
pub use delivery::deliver;
pub use documents::Documents;
pub use engine::Engine;
pub use error::{Error, Result};
pub use executor::{Domain, sdl};
pub use filter::{Filter, FilterContext, NoThrough, Provided, Through, link_condition};
pub use find::{find, find_by_id, find_object, find_objects, records_per_key, referenced};
pub use key::{Key, key_part};
pub use limits::Limits;
pub use list_filter::{ListFilter, many, one};
pub use loader::Loader;
pub use node::{Node, Record, RecordBatch};
pub use objects::{ListOutput, ObjectOutput};
pub use operation::{Operation, Shortcuts, operation};
pub use order::Order;
pub use page::{EdgeRow, Page, PageBounds, PageInfo};
pub use relation::{Link, column};
pub use scalar::{Date, DateTime, Long, PublicId, Text};
pub use sort_key::{NullsOrder, OrderDirection, SortExpr, SortKey};
pub use source::{ConnectionScope, Source};
pub use sql::{Database, Reader, Transaction};

/// Names that the macros of this crate refer to.
#[doc(hidden)]
pub mod macros {
    pub use async_graphql;
    pub use sea_orm;
    pub use serde::de::SeqAccess;
}
