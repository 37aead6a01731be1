//! Integration tests over HTTP, WebSocket and SQL, in one binary.
//!
//! They run on SQLite, and on PostgreSQL if `TEST_DATABASE_URL` is set.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access {
    mod keys;
    mod origins;
    mod roles;
    mod tokens;
    mod viewer;
}
mod attacks {
    mod memory;
    mod requests;
}
mod cli;
mod contract;
mod copies;
mod database_url;
mod diagram;
mod documents;
mod examples;
mod explain;
mod faults;
mod feed;
mod filters;
mod http {
    mod answers;
    mod connections;
    mod persisted_queries;
    mod requests;
    mod schema;
}
mod kill;
mod layout;
mod limits {
    mod answers;
    mod documents;
    mod operations;
    mod settings;
}
mod migrating;
mod model;
mod mutations {
    mod assignments;
    mod conflicts;
    mod creation;
    mod deletion;
    mod input;
    mod links;
    mod optimistic;
    mod payloads;
}
mod oracle;
mod outages {
    mod connections;
    mod events;
    mod writes;
}
mod paging;
mod plans;
mod playground;
mod process;
mod readme;
mod schema {
    mod constraints;
    mod deletion;
    mod employee_names;
    mod migrations;
    mod tables;
    mod values;
}
mod seeding;
mod settings;
mod shortcuts;
mod sockets {
    mod access;
    mod frames;
    mod operations;
    mod protocol;
}
mod sql;
mod statements;
mod streams {
    mod limits;
    mod protocol;
    mod resume;
}
mod subscriptions;
mod support;
mod text;
mod together;
mod trusted;
mod values;
mod walk;
mod workshop;
