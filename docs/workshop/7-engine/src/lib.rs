//! Session 7: the reads again, on the engine: pages, filters, data on the edge, and live changes.

#![allow(missing_docs, reason = "the page of the session explains each item")]

pub mod assignment;
pub mod changes;
pub mod database;
pub mod employee;
pub mod entity;
pub mod meeting;
pub mod migration;
pub mod mutations;
pub mod project;
pub mod schema;
pub mod seed;
pub mod server;
pub mod staffing;
