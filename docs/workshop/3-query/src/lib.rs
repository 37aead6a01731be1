//! Session 3: the first GraphQL query, over HTTP.

#![allow(missing_docs, reason = "the page of the session explains each item")]

pub mod database;
pub mod entity;
pub mod migration;
pub mod schema;
pub mod seed;
pub mod server;
