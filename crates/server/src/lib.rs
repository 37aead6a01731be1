//! The process: settings, databases, data to begin with, HTTP. The program itself is `main.rs`.
//!
//! | module | what it owns |
//! | --- | --- |
//! | [`config`] | the command line and every setting, as flag and as environment variable |
//! | [`database`] | how a connection to SQLite or PostgreSQL is opened, awaited and locked |
//! | [`migrate`] | bringing the tables to this version, one process at a time |
//! | [`seed`] | the lesson's company and large made-up ones |
//! | [`app`] | what every request finds: the API, limits, who may ask |
//! | [`accept`] | the loop that accepts connections, the clocks and the turns of each |
//! | [`beside`] | what goes on beside the requests: the change feed |
//! | [`http`], [`websocket`] | `/graphql` both ways |
//! | [`playground`] | the page to write queries in and where it comes from |
//! | [`envelope`], [`operation`] | what both have in common: strict JSON in, one operation, an answer out |
//! | [`trusted`] | the documents that alone may run, when a manifest says so |
//! | [`unread`] | how many bytes the answers that wait to be read may take |
//! | [`cross_site`], [`identity`] | by which names and pages, and with which tokens, one may ask |
//! | [`log`] | what is logged, in which form, of which request |
//! | [`metrics`] | what is counted, and `/metrics` |
//! | [`health`] | what a supervisor asks: is it alive, may it get requests |
//! | `privileges` | which rights of PostgreSQL a command needs |
//! | [`shutdown`] | from the first signal to the last answer |
//! | [`error`] | everything that ends the program, in words for its user |
//!
//! Tests start a server in their own process with [`accept::serve`] and an [`api::Database`] from
//! [`database::open`]. What a query means is not known here but in `api`.

#![warn(unreachable_pub)]

pub mod accept;
pub mod app;
pub mod beside;
pub mod config;
pub mod cross_site;
pub mod database;
pub mod envelope;
pub mod error;
pub mod health;
pub mod http;
pub mod identity;
pub mod log;
pub mod metrics;
pub mod migrate;
pub mod operation;
pub mod playground;
mod privileges;
pub mod seed;
pub mod shutdown;
pub mod trusted;
pub mod unread;
pub mod websocket;

pub use error::Error;
