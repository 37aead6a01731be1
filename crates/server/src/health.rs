//! What a supervisor asks: is the process alive, may it get requests.

use std::time::Duration;

use api::Reader;
use axum::{Router, http::StatusCode, routing::get};
use tokio::time::timeout;

use crate::shutdown::Shutdown;

/// A database that takes longer for nothing is as good as absent; within 1 s it shall be told.
const DATABASE: Duration = Duration::from_millis(800);

/// `/health/live` and `/health/ready`.
pub fn routes(reader: Reader, shutdown: Shutdown) -> Router {
    let ready = async move || {
        // Before the database: a load balancer shall look elsewhere from the first moment on.
        if shutdown.has_begun() {
            return (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n");
        }
        match timeout(DATABASE, select_1(&reader)).await {
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

async fn select_1(reader: &Reader) -> bool {
    match reader.query_optional("SELECT 1".into(), Vec::new()).await {
        Ok(_) => true,
        Err(error) => {
            tracing::warn!("not ready: {}", crate::error::Reason::from(error));
            false
        }
    }
}
