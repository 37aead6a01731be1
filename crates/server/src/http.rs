//! The routes and the loop that serves them; what a query means is `api`'s.

use std::{collections::HashMap, future::IntoFuture, io, net::SocketAddr, time::Duration};

use async_graphql::{Executor, Request, http::GraphiQLSource, parser::types::OperationType};
use async_graphql_axum::{GraphQLRequest, GraphQLResponse};
use axum::{
    Router,
    extract::{Query, State},
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use tokio::{net::TcpListener, time::sleep};

use crate::{config::Settings, error::Error, health, shutdown::Shutdown};

/// How long a drain waits for requests, so that the process ends within ten seconds.
const DRAIN: Duration = Duration::from_secs(9);

/// All that the server answers.
///
/// | route | answer |
/// | --- | --- |
/// | `POST /graphql`, `GET /graphql` | GraphQL; no mutations by GET |
/// | `GET /` | a page to write queries in |
/// | `GET /health/live`, `GET /health/ready` | see [`health`] |
pub fn router(roster: api::Roster, database: &api::Database, shutdown: &Shutdown) -> Router {
    Router::new()
        .route("/graphql", get(answer_get).post(answer_post))
        .with_state(roster)
        .route("/", get(playground))
        .merge(health::routes(database.reader.clone(), shutdown.clone()))
}

/// Takes the address of the settings, before anything slow is begun for it.
pub async fn listen(settings: &Settings) -> Result<TcpListener, Error> {
    let Settings { host, port } = settings;
    TcpListener::bind((host.as_str(), *port))
        .await
        .map_err(|reason| match reason.kind() {
            io::ErrorKind::AddrInUse => Error::PortTaken {
                host: host.clone(),
                port: *port,
            },
            _ => Error::Listen {
                host: host.clone(),
                port: *port,
                reason,
            },
        })
}

/// Where a browser on this machine finds the server.
pub fn url(listener: &TcpListener) -> Result<String, Error> {
    let address = listener.local_addr().map_err(|reason| Error::System {
        what: "tell the address",
        reason,
    })?;
    Ok(match address {
        // "Every address" is none to go to.
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => format!("http://127.0.0.1:{}", v4.port()),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => format!("http://[::1]:{}", v6.port()),
        _ => format!("http://{address}"),
    })
}

/// Answers until the shutdown begins, then finishes what runs, for some seconds at most.
pub async fn serve(listener: TcpListener, router: Router, shutdown: Shutdown) -> Result<(), Error> {
    let drained = {
        let shutdown = shutdown.clone();
        async move { shutdown.begun().await }
    };
    let server = axum::serve(listener, router).with_graceful_shutdown(drained);
    tokio::select! {
        served = server.into_future() => served.map_err(|reason| Error::System {
            what: "accept connections",
            reason,
        }),
        () = async { shutdown.begun().await; sleep(DRAIN).await } => {
            tracing::warn!("ended with requests still running");
            Ok(())
        }
        () = shutdown.forced() => Err(Error::Forced),
    }
}

async fn answer_post(State(roster): State<api::Roster>, request: GraphQLRequest) -> Response {
    answer(&roster, request.into_inner()).await
}

/// A link, an image or a crawler can GET: nothing may change by it.
async fn answer_get(
    State(roster): State<api::Roster>,
    Query(mut parameters): Query<HashMap<String, String>>,
    request: GraphQLRequest,
) -> Response {
    let mut request = request.into_inner();
    // The extractor reads `operation_name` from a URL, which no client writes.
    request.operation_name = parameters.remove("operationName");
    if is_query(&mut request) {
        answer(&roster, request).await
    } else {
        (
            StatusCode::METHOD_NOT_ALLOWED,
            [(header::ALLOW, "POST")],
            "GET is for queries; send mutations by POST\n",
        )
            .into_response()
    }
}

async fn answer(roster: &api::Roster, request: Request) -> Response {
    GraphQLResponse::from(roster.execute(request).await).into_response()
}

/// Whether the operation that would run is a query. A document that does not parse runs nothing and
/// is refused in the usual words.
fn is_query(request: &mut Request) -> bool {
    let name = request.operation_name.clone();
    let Ok(document) = request.parsed_query() else {
        return true;
    };
    document
        .operations
        .iter()
        .filter(|(operation, _)| name.is_none() || operation.map(|n| n.as_str()) == name.as_deref())
        .all(|(_, operation)| operation.node.ty == OperationType::Query)
}

async fn playground() -> Html<String> {
    Html(
        GraphiQLSource::build()
            .endpoint("/graphql")
            .title("Roster")
            .finish(),
    )
}
