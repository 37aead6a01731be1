//! Relay connections over SeaORM entities, with one SQL statement for each level of a query.
//!
//! Resolvers are ordinary async-graphql resolvers. They load rows with [`find()`] and connections with
//! [`Connection`]; the `Dispatcher` sends one statement for each group of equal loaders of a level. Knows
//! SeaORM, SQLx and async-graphql; no entity, no HTTP, no environment.
//!
//! | floor | modules |
//! | --- | --- |
//! | 1 | `auth`, `cache`, `columns`, `error`, `json`, `key`, `limits`, `mutex`, `text`, `written` |
//! | 2 | `budget`, `delivery`, `fields`, `relation`, `scalar`, `statement_log` |
//! | 3 | `coalescer`, `compat`, `filter`, `sort_key`, `sql` |
//! | 4 | `comparison`, `guard`, `loader`, `node` |
//! | 5 | `list_filter`, `operation`, `order`, `response` |
//! | 6 | `cursor`, `objects`, `selection`, `source`, `write` |
//! | 7 | `executor`, `find`, `page` |
//! | 8 | `connection`, `documents`, `engine` |
//!
//! A module uses modules of lower floors only; `tests/layout.rs` holds it.

#![warn(unreachable_pub)]

// The derives name this crate.
extern crate self as sea_level;

pub mod auth;
mod budget;
pub mod cache;
mod coalescer;
mod columns;
mod comparison;
mod compat;
mod connection;
mod cursor;
pub mod delivery;
mod documents;
mod engine;
pub mod error;
mod executor;
mod fields;
pub mod filter;
mod find;
pub mod guard;
pub mod json;
mod key;
mod limits;
mod list_filter;
mod loader;
mod mutex;
pub mod node;
mod objects;
mod operation;
mod order;
mod page;
mod relation;
pub mod response;
pub mod scalar;
mod selection;
mod sort_key;
mod source;
pub mod sql;
mod statement_log;
pub mod text;
pub mod write;
mod written;

pub use columns::{ColumnSet, Columns, Reference};
pub use comparison::{Comparison, DateFilter, DateTimeFilter, IntFilter, LongFilter, StringFilter};
pub use connection::{Connection, Edge, LinkFields, NoFields, Plain};
pub use cursor::PageArguments;
pub use documents::Documents;
pub use engine::Engine;
pub use error::{Error, Result};
pub use executor::{Domain, sdl};
pub use fields::{FieldWriter, ObjectFields};
pub use filter::{Filter, FilterContext, NoThrough, Provided, Through, link_condition};
pub use find::{find, find_by_id, find_object, find_objects, records_per_key, referenced};
pub use key::{Key, key_part};
pub use limits::Limits;
pub use list_filter::ListFilter;
pub use loader::Loader;
pub use node::{Node, Record, RecordBatch};
pub use objects::{ListOutput, ObjectOutput};
pub use operation::{Operation, Shortcuts, deliver, operation};
pub use order::Order;
pub use page::{EdgeRow, Page, PageInfo};
pub use relation::{Link, column};
pub use scalar::{Date, DateTime, Long, PublicId, Text};
pub use sea_level_macros::{Node, Row, filter, object, order};
pub use sort_key::{NullsOrder, OrderDirection, SortExpr, SortKey};
pub use source::{ConnectionScope, Source};
pub use sql::{Database, Reader, Transaction};

/// Names that the derives and attributes refer to.
#[doc(hidden)]
pub mod macros {
    pub use crate::{
        columns::{FieldColumns, Reads},
        comparison::ColumnFilter,
        filter::combined,
        list_filter::{many, one},
    };
    pub use async_graphql;
    pub use sea_orm;
    pub use serde::de::SeqAccess;
}
