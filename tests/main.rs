//! The tests of the whole: one binary, speaking HTTP (or SQL, where tables are the subject).
//!
//! SQLite always; PostgreSQL too when `TEST_DATABASE_URL` is set, and then it must be reachable.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod attacks;
mod cli;
mod contract;
mod copies;
mod database_url;
mod documents;
mod examples;
mod faults;
mod feed;
mod filters;
mod http;
mod kill;
mod limits;
mod model;
mod mutations;
mod oracle;
mod outages;
mod paging;
mod plans;
mod playground;
mod process;
mod readme;
mod schema;
mod settings;
mod shortcuts;
mod sockets;
mod sql;
mod statements;
mod subscriptions;
mod support;
mod text;
mod together;
mod trusted;
mod values;
mod walk;
