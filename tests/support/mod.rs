//! Helpers of the tests. A test file uses these modules and no other test file.

pub mod app;
pub mod auth;
pub mod client;
pub mod database;
pub mod events;
pub mod examples;
pub mod home;
pub mod http;
pub mod large_answers;
pub mod limits;
pub mod model;
pub mod mutations;
pub mod operations;
pub mod oracle;
pub mod pgbouncer;
pub mod postgres;
pub mod program;
pub mod proxy;
pub mod repository;
pub mod rows;
pub mod sql;
pub mod tables;
pub mod unusual;
pub mod websocket;
