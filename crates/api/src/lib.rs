//! The GraphQL schema of Roster: what clients can ask, and how it becomes few SQL statements.
//!
//! | module | what it owns |
//! | --- | --- |
//! | [`schema`] | the root, and [`Roster`], through which every operation runs |
//! | [`employee`], [`meeting`], [`project`], [`assignment`] | all that GraphQL says about one entity: type, connection and edge, filter, order; `mutations` beside each has inputs, payloads and mutations |
//! | [`mutation`] | how a mutation runs: one transaction, locks, retries, the words for what is wrong |
//! | [`user_error`] | what the user can put right, as data |
//! | [`changes`], [`feed`] | the change feed: as a table and in GraphQL; as it happens |
//! | [`wakeup`] | commits of other processes, which wake the feed |
//! | [`colleague`], [`overlap`] | what two hops away is shared; what coincides in one person's time |
//! | [`guard`], [`limits`] | from text and variables to a checked operation within the limits |
//! | [`compat`], [`executor`] | how a checked operation becomes async-graphql's, and runs |
//! | [`documents`] | checks of texts without a database |
//! | [`allowance`] | what an operation may still load, counted while it runs |
//! | [`auth`], [`answer`] | clients and their roles; the response and its cost |
//! | [`kept`] | a bounded memory, by text |
//! | [`batch`] | many lookups become one statement: the driver and its lots |
//! | [`together`] | single rows that many operations look up at once |
//! | [`known`] | rows that a mutation need not read for its payload |
//! | [`pool`] | connections to the database, and the limit of every wait on it |
//! | [`reader`], [`transaction`] | what is read with them, and how they write |
//! | [`arrays`], [`json_rows`] | PostgreSQL's arrays, value by value; SQLite's rows, out of JSON |
//! | [`rows`] | how keys and rows travel, on both databases |
//! | [`columns`] | which columns a selection reads |
//! | [`page`] | Relay paging: arguments become a keyset SELECT for each parent |
//! | [`connection`] | the macros that say a connection, an edge and their arguments once |
//! | [`filter`], [`order`] | input objects become SQL conditions and orderings |
//! | [`link`] | how entities are linked, read from SeaORM's `Related` |
//! | [`nodes`], [`json`] | lists and objects whose scalar fields are read on the spot, written as JSON at once |
//! | [`context`] | what a resolver can reach, what all entities have in common |
//! | [`scalar`], [`error`] | scalars and public ids; what a client may see of a failure |
//!
//! A query runs like this: resolvers are ordinary async-graphql resolvers and ask the [`batch`] for
//! what they need; when the whole operation waits, the batch sends one statement for each distinct
//! question, and the operation goes on. Nothing here knows HTTP or the environment.

pub mod allowance;
pub mod answer;
pub mod arrays;
pub mod assignment;
pub mod auth;
pub mod batch;
pub mod changes;
pub mod colleague;
pub mod columns;
pub mod compat;
pub mod connection;
pub mod context;
pub mod documents;
pub mod employee;
pub mod error;
pub mod executor;
pub mod feed;
pub mod filter;
pub mod guard;
pub mod json;
pub mod json_rows;
pub mod kept;
pub mod known;
pub mod limits;
pub mod link;
pub mod meeting;
pub mod mutation;
pub mod nodes;
pub mod order;
pub mod overlap;
pub mod page;
pub mod pool;
pub mod project;
pub mod reader;
pub mod rows;
pub mod scalar;
pub mod schema;
pub mod together;
pub mod transaction;
pub mod user_error;
pub mod wakeup;

pub use context::Database;
pub use documents::Documents;
pub use feed::Feed;
pub use limits::Limits;
pub use reader::Reader;
pub use schema::{Roster, sdl};
pub use transaction::Transactions;
pub use wakeup::CommitSource;
