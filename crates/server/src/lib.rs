//! The process: settings, databases, data to begin with, HTTP. The program itself is `main.rs`.
//!
//! | module | what it owns |
//! | --- | --- |
//! | [`config`] | the command line and every setting, as flag and as environment variable |
//! | [`database`] | how a connection to SQLite or PostgreSQL is opened, awaited and locked |
//! | [`migrate`] | bringing the tables to this version, one process at a time |
//! | [`seed`] | the lesson's company and large made-up ones |
//! | [`http`] | the routes and the loop that serves them |
//! | [`health`] | what a supervisor asks: is it alive, may it get requests |
//! | [`playground`] | the page to write queries in and where it comes from |
//! | [`shutdown`] | from the first signal to the last answer |
//! | [`error`] | everything that ends the program, in words for its user |
//!
//! Tests start a server in their own process with [`http::router`] and an [`api::Database`] from
//! [`database::open`]. What a query means is not known here but in `api`.

pub mod config;
pub mod database;
pub mod error;
pub mod health;
pub mod http;
pub mod migrate;
pub mod playground;
pub mod seed;
pub mod shutdown;

pub use error::Error;
