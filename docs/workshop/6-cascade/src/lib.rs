//! Session 6: what is deleted with what, and clients that listen. The last session without the engine.

#![allow(missing_docs, reason = "the page of the session explains each item")]

pub mod database;
pub mod deletion;
pub mod entity;
pub mod migration;
pub mod mutations;
pub mod objects;
pub mod schema;
pub mod seed;
pub mod server;
pub mod subscription;
