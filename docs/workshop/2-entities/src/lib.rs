//! Session 2: entities, the relations between them, and the lesson's rows.

#![allow(missing_docs, reason = "the page of the session explains each item")]

pub mod database;
pub mod entity;
pub mod migration;
pub mod seed;
