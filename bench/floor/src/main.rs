//! The operations of the benchmark as a careful engineer would write them by hand, without GraphQL:
//! axum, hand-written SQL on the server's tables and indexes, rows put together and serialised with
//! serde. The answers are the server's.
//!
//! [`postgres`] (tokio-postgres) and [`sqlite`] (rusqlite) are the floor that the server is compared
//! with. [`sqlite_levels`] is what SQLx, the server's driver, makes of SQLite.
//!
//! Names of a team come from the copy by which the server lists teams. The server reads each name from
//! `employees` besides, so that a copy that went stale is never an answer.

#![warn(unreachable_pub)]

mod answer;
mod postgres;
mod sqlite;
mod sqlite_levels;

use std::{error::Error, process::ExitCode};

use axum::{
    Router,
    extract::{Query, State},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use clap::Parser;
use serde::Deserialize;
use tokio::net::TcpListener;

use answer::{Assigned, Employee, Store, json};

/// The server's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The operations of the benchmark, by hand
#[derive(Parser)]
struct Settings {
    /// The database: sqlite:FILE or postgres://USER@HOST/NAME, with the tables of `roster migrate`
    #[arg(long, value_name = "URL")]
    database_url: String,
    /// The port to listen on, at 127.0.0.1
    #[arg(long)]
    port: u16,
    /// Use SQLx on SQLite
    #[arg(long)]
    sqlx: bool,
}

/// An error ends the measurement, so a message is enough.
type Failure = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    match run(&Settings::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(settings: &Settings) -> Result<(), Failure> {
    let url = &settings.database_url;
    let routes = match url.strip_prefix("sqlite:") {
        Some(_) if settings.sqlx => routes(sqlite_levels::SqliteLevels::open(url).await?),
        Some(file) => routes(sqlite::Sqlite::open(file)?),
        None => routes(postgres::Postgres::open(url)?),
    };
    let listener = TcpListener::bind(("127.0.0.1", settings.port)).await?;
    Ok(axum::serve(listener, routes).await?)
}

fn routes<S: Store>(store: S) -> Router {
    Router::new()
        .route("/point", get(point::<S>))
        .route("/mission", get(mission::<S>))
        .route("/nested", get(nested::<S>))
        .route("/nested-by-id", get(nested_by_id::<S>))
        .route("/portfolios", get(portfolios::<S>))
        .route("/flat", get(flat::<S>))
        .route("/edges", get(edges::<S>))
        .route("/write", post(write::<S>))
        .with_state(store)
}

#[derive(Deserialize)]
struct ById {
    id: String,
    #[serde(default = "page")]
    first: i64,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default = "page")]
    first: i64,
}

fn page() -> i64 {
    answer::PAGE
}

#[derive(Deserialize)]
struct Pair {
    employee: String,
    project: String,
}

async fn point<S: Store>(State(store): State<S>, Query(query): Query<ById>) -> Response {
    respond(match key_of("emp_", &query.id) {
        Some(key) => store.point(key).await,
        None => unknown(),
    })
}

async fn mission<S: Store>(State(store): State<S>, Query(query): Query<ById>) -> Response {
    respond(match key_of("emp_", &query.id) {
        Some(key) => store.mission(key, query.first).await,
        None => unknown(),
    })
}

async fn nested<S: Store>(State(store): State<S>) -> Response {
    respond(store.nested().await)
}

async fn nested_by_id<S: Store>(State(store): State<S>) -> Response {
    respond(store.nested_by_id().await)
}

async fn portfolios<S: Store>(State(store): State<S>) -> Response {
    respond(store.portfolios().await)
}

async fn flat<S: Store>(State(store): State<S>) -> Response {
    respond(store.flat().await)
}

async fn edges<S: Store>(State(store): State<S>, Query(query): Query<Page>) -> Response {
    respond(store.edges(query.first).await)
}

async fn write<S: Store>(State(store): State<S>, Query(pair): Query<Pair>) -> Response {
    let employee = key_of("emp_", &pair.employee);
    let project = key_of("prj_", &pair.project);
    respond(match (employee, project) {
        (Some(employee), Some(project)) => store.write(employee, project).await,
        _ => json(Assigned::<String>::new(None)),
    })
}

fn key_of(prefix: &str, id: &str) -> Option<i64> {
    id.strip_prefix(prefix)?.parse().ok()
}

/// No employee has the id.
fn unknown() -> Result<Vec<u8>, Failure> {
    json(Employee::<()> { employee: None })
}

fn respond(answer: Result<Vec<u8>, Failure>) -> Response {
    match answer {
        Ok(json) => ([(CONTENT_TYPE, "application/json")], json).into_response(),
        Err(error) => {
            eprintln!("error: {error}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
