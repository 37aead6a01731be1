//! The tests of the whole: one binary, speaking HTTP (or SQL, where tables are the subject).
//!
//! SQLite always; PostgreSQL too when `TEST_DATABASE_URL` is set, and then it must be reachable.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod app;
mod cli;
mod contract;
mod examples;
mod filters;
mod oracle;
mod paging;
mod plans;
mod playground;
mod schema;
mod statements;
mod walk;
