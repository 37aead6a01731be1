//! The operations of the benchmark as a careful engineer would write them by hand, without GraphQL:
//! axum, hand-written SQL, rows put together and serialised with serde. The answers are the server's.
//!
//! [`levels`] is the one to be compared with: SQLx, one prepared statement for each level of the
//! answer, on [`sqlite`] and [`postgres`]. [`one_statement`] is as fast as it gets on PostgreSQL:
//! tokio-postgres, one prepared statement for each operation.

#![warn(unreachable_pub)]

mod answer;
mod levels;
mod one_statement;
mod postgres;
mod sqlite;

use std::{error::Error, process::ExitCode};

use axum::{
    Router,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use clap::{Parser, ValueEnum};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use answer::Store;

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
    /// The driver of the database
    #[arg(long, default_value = "sqlx")]
    driver: Driver,
}

#[derive(Clone, Copy, ValueEnum)]
enum Driver {
    /// One statement for each level.
    Sqlx,
    /// One statement for each operation; PostgreSQL only.
    TokioPostgres,
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
    let routes = match (settings.driver, url.starts_with("sqlite:")) {
        (Driver::Sqlx, true) => routes(sqlite::Sqlite::open(url).await?),
        (Driver::Sqlx, false) => routes(postgres::Postgres::open(url)?),
        (Driver::TokioPostgres, false) => routes(one_statement::OneStatement::open(url)?),
        (Driver::TokioPostgres, true) => return Err("tokio-postgres speaks to PostgreSQL".into()),
    };
    let listener = TcpListener::bind(("127.0.0.1", settings.port)).await?;
    Ok(axum::serve(listener, routes).await?)
}

fn routes<S: Store>(store: S) -> Router {
    Router::new()
        .route("/point", get(point::<S>))
        .route("/mission", get(mission::<S>))
        .route("/nested", get(nested::<S>))
        .route("/flat", get(flat::<S>))
        .route("/edges", get(edges::<S>))
        .route("/write", post(write::<S>))
        .with_state(store)
}

#[derive(Deserialize)]
struct ById {
    id: String,
}

#[derive(Deserialize)]
struct Pair {
    employee: String,
    project: String,
}

async fn point<S: Store>(State(store): State<S>, Query(ById { id }): Query<ById>) -> Response {
    respond(match key_of("emp_", &id) {
        Some(key) => store.point(key).await,
        None => Ok(answer::Employee { employee: None }),
    })
}

async fn mission<S: Store>(State(store): State<S>, Query(ById { id }): Query<ById>) -> Response {
    respond(match key_of("emp_", &id) {
        Some(key) => store.mission(key).await,
        None => Ok(answer::Employee { employee: None }),
    })
}

async fn nested<S: Store>(State(store): State<S>) -> Response {
    respond(store.nested().await)
}

async fn flat<S: Store>(State(store): State<S>) -> Response {
    respond(store.flat().await)
}

async fn edges<S: Store>(State(store): State<S>) -> Response {
    respond(store.edges().await)
}

async fn write<S: Store>(State(store): State<S>, Query(pair): Query<Pair>) -> Response {
    let employee = key_of("emp_", &pair.employee);
    let project = key_of("prj_", &pair.project);
    let assigned = match (employee, project) {
        (Some(employee), Some(project)) => store.write(employee, project).await,
        _ => Ok(None),
    };
    respond(assigned.map(answer::Assigned::from))
}

fn key_of(prefix: &str, id: &str) -> Option<i64> {
    id.strip_prefix(prefix)?.parse().ok()
}

#[derive(Serialize)]
struct Data<T> {
    data: T,
}

fn respond<T: Serialize>(answer: Result<T, Failure>) -> Response {
    match answer {
        Ok(data) => axum::Json(Data { data }).into_response(),
        Err(error) => {
            eprintln!("error: {error}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
