//! Counters, gauges and histograms, and `/metrics` in the text format of Prometheus.
//!
//! Labels come from fixed lists, so that no client can create a series at will. [`document_labels`]
//! bounds those of documents.
//!
//! [`document_labels`]: crate::document_labels

use std::{future::IntoFuture, net::SocketAddr, time::Duration};

use async_graphql::{Value, parser::types::OperationType};
use axum::{Router, http::header, routing::get};
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use sea_level::{
    guard::Checked,
    response::{OperationResponse, error_code},
};
use tokio::net::TcpListener;

use crate::{app::App, error::Error};

/// Buckets in seconds, up to the default time limit of an operation.
const SECONDS: [f64; 13] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

/// Installs the recorder and returns the route of `/metrics`.
fn routes(app: App) -> Result<Router, Error> {
    let failed = |reason: String| Error::System {
        what: "count for /metrics",
        reason: std::io::Error::other(reason),
    };
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .map_err(|error| failed(error.to_string()))?
        .install_recorder()
        .map_err(|error| failed(error.to_string()))?;
    describe_counter!("roster_operations_total", "Operations by kind and outcome");
    describe_histogram!("roster_operation_seconds", "How long operations took");
    describe_histogram!(
        "roster_document_seconds",
        "How long queries and mutations took, by document and operation name"
    );
    describe_counter!(
        "roster_document_errors_total",
        "Queries and mutations with errors, by document and operation name"
    );
    describe_counter!("roster_statements_total", "Statements sent by queries");
    describe_counter!("roster_rows_total", "Rows loaded by queries");
    describe_counter!(
        "roster_rejected_total",
        "Requests rejected, by the limit that did"
    );
    describe_counter!("roster_subscriptions_total", "Subscriptions begun");
    describe_gauge!(
        "roster_subscriptions",
        "Operations that are live on WebSockets and as server-sent events"
    );
    describe_gauge!("roster_sockets", "WebSockets that are open");
    describe_gauge!(
        "roster_streams",
        "Streams of server-sent events that are open"
    );
    describe_gauge!("roster_connections", "Connections that are open");
    describe_gauge!("roster_operations_running", "Operations that are running");
    describe_gauge!(
        "roster_pool_connections",
        "Database connections by pool and state"
    );
    Ok(Router::new().route(
        "/metrics",
        get(async move || {
            record_gauges(&app);
            // Drains the histograms, which keep every sample otherwise.
            recorder.run_upkeep();
            (
                [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
                recorder.render(),
            )
        }),
    ))
}

/// Installs the recorder and serves `/metrics` at a separate address.
pub async fn serve(address: SocketAddr, app: App) -> Result<(), Error> {
    let listener = TcpListener::bind(address)
        .await
        .map_err(|reason| Error::Listen {
            host: address.ip().to_string(),
            port: address.port(),
            reason,
        })?;
    let routes = routes(app)?;
    // The address is internal, so no answer has to finish at the shutdown.
    tokio::spawn(axum::serve(listener, routes).into_future());
    Ok(())
}

/// Records the gauges that are computed on request.
fn record_gauges(app: &App) {
    let limits = &app.limits;
    let used = |most: u32, free: usize| f64::from(most) - free as f64;
    gauge!("roster_connections").set(used(
        limits.connections,
        app.connections.available_permits(),
    ));
    gauge!("roster_sockets").set(used(limits.sockets, app.sockets.available_permits()));
    gauge!("roster_streams").set(used(limits.streams, app.streams.available_permits()));
    gauge!("roster_operations_running").set(used(
        limits.operations_at_once,
        app.operations.available_permits(),
    ));
    let database = &app.database;
    let pools = [
        ("reader", database.reader.size()),
        ("writer", database.transactions.size()),
    ];
    for (name, (size, idle)) in pools {
        gauge!("roster_pool_connections", "pool" => name, "state" => "idle").set(idle as f64);
        gauge!("roster_pool_connections", "pool" => name, "state" => "used")
            .set((size - idle) as f64);
    }
}

/// Counts an operation that ran.
pub fn answered(kind: OperationType, answer: &OperationResponse, took: Duration) {
    let kind = kind_name(kind);
    counter!("roster_operations_total", "kind" => kind, "outcome" => outcome(answer)).increment(1);
    histogram!("roster_operation_seconds", "kind" => kind).record(took);
    if let Some(cost) = answer.cost {
        counter!("roster_statements_total").increment(cost.statements as u64);
        counter!("roster_rows_total").increment(cost.loaded as u64);
    }
    count_limits(answer);
}

/// Counts an operation that did not run.
pub fn refused(answer: &OperationResponse) {
    counter!("roster_operations_total", "kind" => "none", "outcome" => outcome(answer))
        .increment(1);
    count_limits(answer);
}

/// Counts a request that a limit rejected.
pub fn rejected(limit: &'static str) {
    counter!("roster_rejected_total", "limit" => limit).increment(1);
}

/// Counts a subscription that began.
pub fn subscribed(_: &Checked) {
    counter!("roster_subscriptions_total").increment(1);
}

/// Changes the gauge of live operations on WebSockets and as server-sent events.
pub fn live(change: f64) {
    gauge!("roster_subscriptions").increment(change);
}

fn count_limits(answer: &OperationResponse) {
    for error in &answer.response.errors {
        let limit = error
            .extensions
            .as_ref()
            .and_then(|extensions| extensions.get("limit"));
        if let (Some("LIMIT_EXCEEDED"), Some(Value::String(limit))) = (error_code(error), limit) {
            counter!("roster_rejected_total", "limit" => limit.clone()).increment(1);
            break;
        }
    }
}

/// Returns `ok`, or the code of the first error.
pub fn outcome(answer: &OperationResponse) -> &'static str {
    const CODES: [&str; 13] = [
        "BAD_REQUEST",
        "BAD_USER_INPUT",
        "CURSOR_EXPIRED",
        "FORBIDDEN",
        "GRAPHQL_PARSE_FAILED",
        "GRAPHQL_VALIDATION_FAILED",
        "INTERNAL",
        "LIMIT_EXCEEDED",
        "NOT_FOUND",
        "PERSISTED_QUERY_NOT_FOUND",
        "TIMEOUT",
        "UNAUTHENTICATED",
        "UNAVAILABLE",
    ];
    if answer.response.errors.is_empty() {
        return "ok";
    }
    let first = answer.codes().next();
    CODES
        .into_iter()
        .find(|code| first == Some(code))
        .unwrap_or("other")
}

fn kind_name(kind: OperationType) -> &'static str {
    match kind {
        OperationType::Query => "query",
        OperationType::Mutation => "mutation",
        OperationType::Subscription => "subscription",
    }
}
