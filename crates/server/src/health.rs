//! Liveness and readiness, for supervisors and load balancers.

use std::time::Duration;

use axum::{Router, http::StatusCode, routing::get};
use futures_util::future::try_join;
use sea_level::Database;
use sea_orm::{DbBackend, DbErr};
use tokio::time::timeout;

use crate::shutdown::Shutdown;

/// Time limit of the check: the answer is promised within 1 s.
const DATABASE: Duration = Duration::from_millis(800);

/// Time to wait for SQLite's write lock.
const WRITER: Duration = Duration::from_millis(300);

/// Returns the routes `/health/live` and `/health/ready`.
pub fn routes(database: Database, shutdown: Shutdown) -> Router {
    let ready = async move || {
        // Without the database: a load balancer takes this server out from the first moment.
        if shutdown.has_begun() {
            return (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n");
        }
        match timeout(DATABASE, is_usable(&database)).await {
            Ok(true) => (StatusCode::OK, "ready\n"),
            _ => (
                StatusCode::SERVICE_UNAVAILABLE,
                "the database does not answer\n",
            ),
        }
    };
    Router::new()
        .route("/health/live", get(async || "alive\n"))
        .route("/health/ready", get(ready))
}

/// Returns true if a statement runs and a transaction that writes can begin.
async fn is_usable(database: &Database) -> bool {
    let read = database
        .reader
        .query_optional("SELECT 1".into(), Vec::new());
    match try_join(read, can_write(database)).await {
        Ok(_) => true,
        Err(error) => {
            tracing::warn!("not ready: {}", crate::error::Reason::from(error));
            false
        }
    }
}

/// Begins and ends a transaction that writes. SQLite has one writer: waiting for another transaction is
/// no fault.
async fn can_write(database: &Database) -> Result<(), DbErr> {
    let transaction = database.transactions.begin();
    let begun = match database.reader.backend() {
        DbBackend::Sqlite => match timeout(WRITER, transaction).await {
            Ok(begun) => begun,
            Err(_) => return Ok(()),
        },
        _ => transaction.await,
    };
    begun?.rollback().await
}
