//! The process: settings, databases, data to begin with, HTTP. The program itself is `main.rs`.
//!
//! | module | what it owns |
//! | --- | --- |
//! | [`config`] | the command line and every setting, as option and as environment variable |
//! | [`database`] | connections to SQLite and PostgreSQL: opened, awaited, locked |
//! | [`migrate`] | bringing the tables to this version, one process at a time |
//! | [`seed`] | the lesson's company and large made-up ones |
//! | [`app`] | the state that requests share: the API, limits, permits, access |
//! | [`accept`] | the accept loop, timeouts of connections, fairness between them |
//! | [`background`] | tasks beside the requests: the change feed |
//! | [`http`], [`websocket`] | `/graphql`: answers, server-sent events, WebSockets |
//! | [`pages`] | the explorer, GraphiQL and `/app` |
//! | `etag` | entity tags of what changes only with the program |
//! | [`envelope`], [`operation`] | common to all: strict JSON in, one operation, an answer out |
//! | [`trusted`] | trusted documents: the manifest of those that may run |
//! | [`unread`] | the byte budget of unread answers |
//! | [`cross_site`], [`identity`] | allowed hosts and origins, tokens |
//! | [`trace`], [`document_labels`] | traces of requests, and names of documents in the log and in metrics |
//! | [`log`] | form and filter of the log, request ids in its lines |
//! | [`metrics`] | counters, gauges, histograms, and `/metrics` |
//! | [`health`] | liveness and readiness |
//! | `tables` | the tables, parents first |
//! | `privileges` | rights of PostgreSQL that a command needs |
//! | [`shutdown`] | from the first signal to the last answer |
//! | [`error`] | errors that end the program |
//!
//! Tests start a server in their own process with [`accept::serve`] and an [`sea_level::Database`] from
//! [`database::open`]. The crate `api` owns the meaning of queries.

#![warn(unreachable_pub)]

pub mod accept;
pub mod app;
pub mod background;
pub mod config;
pub mod cross_site;
pub mod database;
pub mod document_labels;
pub mod envelope;
pub mod error;
mod etag;
pub mod health;
pub mod http;
pub mod identity;
pub mod log;
pub mod metrics;
pub mod migrate;
pub mod operation;
pub mod pages;
mod privileges;
pub mod seed;
pub mod shutdown;
mod tables;
pub mod trace;
pub mod trusted;
pub mod unread;
pub mod websocket;

pub use error::Error;
