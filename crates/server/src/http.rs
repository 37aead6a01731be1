//! The routes, and headers and checks of all of them. `/graphql` itself is in `graphql`.

mod body;
mod events;
mod graphql;
mod negotiate;
mod schema;
mod viewer;

use std::{convert::Infallible, future::ready, io, net::SocketAddr};

use axum::{
    Json, Router,
    body::{Body, HttpBody},
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::net::TcpListener;
use tower::{Layer, ServiceExt, service_fn};
use tower_http::compression::{
    CompressionLayer, CompressionLevel,
    predicate::{NotForContentType, Predicate, SizeAbove},
};

use crate::{app::App, config::Settings, cross_site::Site, error::Error, health, metrics, pages};

/// Smaller answers fit into a packet or two as they are.
const WORTH_COMPRESSING: u16 = 4_096;

/// Answers any request.
///
/// | route | answer |
/// | --- | --- |
/// | `POST`, `GET` or `QUERY /graphql`, also as `/graphql/` | GraphQL; mutations by POST only; WebSockets, server-sent events |
/// | `GET /graphql/schema.graphql` | the schema |
/// | `GET /`, `GET /graphiql`, `GET /app` and their files | the explorer, GraphiQL, a small frontend, see [`pages`] |
/// | `GET /health/live`, `GET /health/ready` | see [`health`]; any host, any origin |
///
/// `/graphql` bypasses axum's router and the layers of the other routes. Through them a point query takes
/// 12,000 instructions more, 15 to 22 % (`bench instructions --operation point`).
pub async fn answer(app: App, others: Router, request: Request) -> Response {
    let mut response = if is_endpoint(&request) {
        answer_graphql(app, request).await
    } else {
        let Ok(response) = others.oneshot(request).await;
        response
    };
    harden(response.headers_mut());
    response
}

fn is_endpoint(request: &Request) -> bool {
    matches!(request.uri().path(), "/graphql" | "/graphql/")
}

/// Returns the routes other than `/graphql`.
pub fn others(app: &App) -> Router {
    let checked = async |State(app): State<App>, request: Request, next: Next| {
        only_from_our_sites(&app, request, |request| next.run(request)).await
    };
    pages::routes()
        .route(
            "/graphql/schema.graphql",
            get(schema::schema).with_state(app.clone()),
        )
        .fallback(async || elsewhere(StatusCode::NOT_FOUND))
        .method_not_allowed_fallback(async || elsewhere(StatusCode::METHOD_NOT_ALLOWED))
        .layer(compression())
        .layer(middleware::from_fn_with_state(app.clone(), checked))
        .merge(health::routes(app.database.clone(), app.shutdown.clone()))
}

/// Names the endpoint to a client that is configured with another path.
fn elsewhere(status: StatusCode) -> Response {
    let message = "GraphQL is at /graphql: send POST, GET, QUERY or a WebSocket there.";
    (status, error(message, "BAD_REQUEST")).into_response()
}

/// Formats an error of a request that is no GraphQL operation.
fn error(message: &str, code: &str) -> Json<serde_json::Value> {
    Json(serde_json::json!({
        "errors": [{ "message": message, "extensions": { "code": code } }]
    }))
}

async fn answer_graphql(app: App, request: Request) -> Response {
    let is_head = request.method() == Method::HEAD;
    let mut response = only_from_our_sites(&app, request, async |request| {
        let (mut parts, body) = request.into_parts();
        let response = graphql::graphql(&app, &mut parts, body).await;
        compress(Request::from_parts(parts, response)).await
    })
    .await;
    if is_head {
        let body = std::mem::take(response.body_mut());
        if let Some(length) = body.size_hint().exact() {
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_LENGTH, length.into());
        }
    }
    response
}

fn compression() -> CompressionLayer<impl Predicate> {
    let worth = SizeAbove::new(WORTH_COMPRESSING)
        .and(NotForContentType::IMAGES)
        // An event would wait in the compressor for the next one.
        .and(NotForContentType::SSE);
    CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(worth)
}

/// Compresses a large answer if the client accepts it. The answer is the body of its request.
async fn compress(answered: Request<Response>) -> Response {
    let length = answered.body().body().size_hint().exact();
    if length.is_some_and(|length| length < u64::from(WORTH_COMPRESSING)) {
        return answered.into_body();
    }
    let answer = |answered: Request<Response>| ready(Ok::<_, Infallible>(answered.into_body()));
    let Ok(response) = compression()
        .layer(service_fn(answer))
        .oneshot(answered)
        .await;
    response.map(Body::new)
}

/// Binds the address of the settings, before anything slow begins.
///
/// `localhost` is both loopbacks, because clients resolve it to either. A machine without IPv6
/// has only the first.
pub async fn listen(settings: &Settings) -> Result<Vec<TcpListener>, Error> {
    let Settings { host, port, .. } = settings;
    let listeners = if host.eq_ignore_ascii_case("localhost") {
        listen_on_loopbacks(*port).await?
    } else {
        vec![bind(host, *port).await?]
    };
    let access = &settings.access;
    let is_open =
        access.jwt_secret.is_none() && access.jwks.is_none() && !access.public_without_auth;
    let is_public = listeners.iter().any(|listener| {
        listener
            .local_addr()
            .is_ok_and(|address| !address.ip().is_loopback())
    });
    if is_public && is_open {
        return Err(Error::PublicWithoutAuth { host: host.clone() });
    }
    Ok(listeners)
}

async fn listen_on_loopbacks(port: u16) -> Result<Vec<TcpListener>, Error> {
    /// Attempts to find a port that is free on both.
    const ATTEMPTS: usize = 20;
    let mut attempt = 1;
    loop {
        let v4 = bind("127.0.0.1", port).await?;
        let same_port = v4.local_addr().map_or(port, |address| address.port());
        match bind("::1", same_port).await {
            Ok(v6) => return Ok(vec![v4, v6]),
            Err(Error::PortTaken { .. }) if port == 0 && attempt < ATTEMPTS => attempt += 1,
            // Another program on `[::1]` would get the requests of half of the clients.
            Err(error @ Error::PortTaken { .. }) => return Err(error),
            Err(_) => return Ok(vec![v4]),
        }
    }
}

async fn bind(host: &str, port: u16) -> Result<TcpListener, Error> {
    let host = host.to_owned();
    TcpListener::bind((host.as_str(), port))
        .await
        .map_err(|reason| match reason.kind() {
            io::ErrorKind::AddrInUse => Error::PortTaken { host, port },
            _ => Error::Listen { host, port, reason },
        })
}

/// Returns the URL of the server for a browser on this machine.
pub fn url(listener: &TcpListener) -> Result<String, Error> {
    let address = listener.local_addr().map_err(|reason| Error::System {
        what: "read the address of the listener",
        reason,
    })?;
    Ok(match address {
        // The unspecified address is no destination.
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => format!("http://127.0.0.1:{}", v4.port()),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => format!("http://[::1]:{}", v6.port()),
        _ => format!("http://{address}"),
    })
}

/// Refuses requests of other origins, and adds the CORS headers to answers for allowed ones.
async fn only_from_our_sites<A: Future<Output = Response>>(
    app: &App,
    request: Request,
    answer: impl FnOnce(Request) -> A,
) -> Response {
    let is_page = !is_endpoint(&request);
    let origin = match app
        .sites
        .check(request.method(), request.headers(), is_page)
    {
        Ok(Site::Own) => None,
        Ok(Site::Allowed(origin)) => Some(origin),
        Err(message) => {
            metrics::rejected("site");
            return (StatusCode::FORBIDDEN, error(&message, "FORBIDDEN")).into_response();
        }
    };
    let is_preflight = origin.is_some() && request.method() == Method::OPTIONS;
    let mut response = if is_preflight {
        preflight(request.headers())
    } else {
        answer(request).await
    };
    if let Some(origin) = origin {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.append(header::VARY, HeaderValue::from_static("origin"));
        if !is_preflight {
            let exposed = HeaderValue::from_static("retry-after, x-request-id");
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        }
    }
    response
}

/// Answers the preflight of an allowed origin, which may send any header that it asks for.
fn preflight(headers: &HeaderMap) -> Response {
    /// Longer lists of headers are not echoed.
    const MAX_LENGTH: usize = 2_048;
    let is_list = |asked: &&HeaderValue| {
        let mut names = asked.as_bytes().split(|byte| *byte == b',');
        asked.len() <= MAX_LENGTH
            && names.all(|name| HeaderName::from_bytes(name.trim_ascii()).is_ok())
    };
    let asked = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS);
    let allowed = asked.filter(is_list).cloned().unwrap_or_else(|| {
        HeaderValue::from_static("accept, authorization, content-type, x-cost, x-explain")
    });
    (
        StatusCode::NO_CONTENT,
        [
            (
                header::ACCESS_CONTROL_ALLOW_METHODS,
                HeaderValue::from_static("GET, POST, QUERY"),
            ),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, allowed),
            (
                header::ACCESS_CONTROL_MAX_AGE,
                HeaderValue::from_static("600"),
            ),
            (
                header::VARY,
                HeaderValue::from_static("access-control-request-headers"),
            ),
        ],
    )
        .into_response()
}

/// Sets the security headers of every answer.
fn harden(headers: &mut HeaderMap) {
    const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
    const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
    const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");
    const NOTHING: HeaderValue =
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    let is_page = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let mut set = |name: HeaderName, value| {
        headers.entry(name).or_insert(value);
    };
    set(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    set(header::CACHE_CONTROL, NO_STORE);
    set(header::REFERRER_POLICY, NO_REFERRER);
    if !is_page {
        set(header::CONTENT_SECURITY_POLICY, NOTHING);
    }
}
