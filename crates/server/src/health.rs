//! What a supervisor asks: is the process alive, may it get requests.

use std::time::Duration;

use api::Database;
use axum::{Router, http::StatusCode, routing::get};
use futures_util::future::try_join;
use sea_orm::DbErr;
use tokio::time::timeout;

use crate::shutdown::Shutdown;

/// A database that takes longer for nothing is as good as absent; the answer is promised within 1 s.
const DATABASE: Duration = Duration::from_millis(800);

/// `/health/live` and `/health/ready`.
pub fn routes(database: Database, shutdown: Shutdown) -> Router {
    let ready = async move || {
        // Before the database: a load balancer looks elsewhere from the first moment on.
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

/// Whether a statement runs, and a transaction that writes can begin.
async fn is_usable(database: &Database) -> bool {
    let read = database
        .reader
        .query_optional("SELECT 1".into(), Vec::new());
    let write = async { database.transactions.begin().await?.rollback().await };
    match try_join(read, write).await {
        Ok(_) => true,
        Err(error) => {
            let error: DbErr = error;
            tracing::warn!("not ready: {}", crate::error::Reason::from(error));
            false
        }
    }
}
