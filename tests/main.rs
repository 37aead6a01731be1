//! The tests of the whole: one binary, speaking HTTP (or SQL, where tables are the subject).
//!
//! SQLite always; PostgreSQL too when `TEST_DATABASE_URL` is set, and then it must be reachable.

mod access;
mod app;
mod attacks;
mod faults;
mod http;
mod limits;
mod process;
mod program;
mod schema;
mod sockets;
mod walk;
