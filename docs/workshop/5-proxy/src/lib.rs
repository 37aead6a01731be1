//! Session 5: the association proxy, read and written.

#![allow(missing_docs, reason = "the page of the session explains each item")]

pub mod database;
pub mod entity;
pub mod migration;
pub mod mutations;
pub mod objects;
pub mod schema;
pub mod seed;
pub mod server;
