//! The routes, and what holds for all of them; what a query means is `api`'s.

mod body;
mod graphql;
mod negotiate;

use std::{convert::Infallible, future::ready, io, net::SocketAddr};

use axum::{
    Json, Router,
    body::{Body, HttpBody},
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use tokio::net::TcpListener;
use tower::{Layer, ServiceExt, service_fn};
use tower_http::compression::{
    CompressionLayer, CompressionLevel,
    predicate::{NotForContentType, Predicate, SizeAbove},
};

use crate::{
    app::App, config::Settings, cross_site::Site, error::Error, health, metrics, playground,
};

/// Smaller answers fit into a packet or two as they are.
const WORTH_COMPRESSING: u16 = 4_096;

/// Answers a request, whatever it is for.
///
/// | route | answer |
/// | --- | --- |
/// | `POST /graphql`, `GET /graphql` | GraphQL; no mutations by GET; WebSockets |
/// | `GET /`, `GET /app`, `GET /playground/…` | a page to write queries in, and one that shows the data, see [`playground`] |
/// | `GET /health/live`, `GET /health/ready` | see [`health`]; asked by any name, from any page |
///
/// Nearly all requests are for GraphQL: they do not go through the router of the others.
pub async fn answer(app: App, others: Router, request: Request) -> Response {
    let mut response = if request.uri().path() == "/graphql" {
        answer_graphql(app, request).await
    } else {
        let Ok(response) = others.oneshot(request).await;
        response
    };
    harden(response.headers_mut());
    response
}

/// The routes beside `/graphql`.
pub fn others(app: &App) -> Router {
    let checked = async |State(app): State<App>, request: Request, next: Next| {
        only_from_our_sites(&app, request, |request| next.run(request)).await
    };
    playground::routes()
        .layer(compression())
        .layer(middleware::from_fn_with_state(app.clone(), checked))
        .merge(health::routes(app.database.clone(), app.shutdown.clone()))
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
    CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(SizeAbove::new(WORTH_COMPRESSING).and(NotForContentType::IMAGES))
}

/// The answer to a request, which comes as its body: compressed if it is large and the client
/// takes it so.
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

/// Takes the address of the settings, before anything slow is begun for it.
pub async fn listen(settings: &Settings) -> Result<TcpListener, Error> {
    let Settings { host, port, .. } = settings;
    let listener =
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
            })?;
    let access = &settings.access;
    let is_open =
        access.jwt_secret.is_none() && access.jwks.is_none() && !access.public_without_auth;
    let is_public = listener
        .local_addr()
        .is_ok_and(|address| !address.ip().is_loopback());
    if is_public && is_open {
        return Err(Error::PublicWithoutAuth { host: host.clone() });
    }
    Ok(listener)
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

/// Refuses what other sites' pages send, and answers those that were allowed as CORS wants it.
async fn only_from_our_sites<A: Future<Output = Response>>(
    app: &App,
    request: Request,
    answer: impl FnOnce(Request) -> A,
) -> Response {
    let is_page = request.uri().path() != "/graphql";
    let origin = match app
        .sites
        .check(request.method(), request.headers(), is_page)
    {
        Ok(Site::Own) => None,
        Ok(Site::Allowed(origin)) => Some(origin),
        Err(message) => {
            metrics::rejected("site");
            let error = serde_json::json!({
                "errors": [{ "message": message, "extensions": { "code": "FORBIDDEN" } }]
            });
            return (StatusCode::FORBIDDEN, Json(error)).into_response();
        }
    };
    let is_preflight = origin.is_some() && request.method() == Method::OPTIONS;
    let mut response = if is_preflight {
        StatusCode::NO_CONTENT.into_response()
    } else {
        answer(request).await
    };
    if let Some(origin) = origin {
        allow(response.headers_mut(), origin, is_preflight);
    }
    response
}

fn allow(headers: &mut HeaderMap, origin: HeaderValue, is_preflight: bool) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    if is_preflight {
        set(header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST");
        set(
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "accept, authorization, content-type, x-cost",
        );
        set(header::ACCESS_CONTROL_MAX_AGE, "600");
    } else {
        set(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            "retry-after, x-request-id",
        );
    }
}

/// What browsers shall not do with our answers.
fn harden(headers: &mut HeaderMap) {
    const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
    const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
    const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");
    const NOTHING: HeaderValue =
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    let is_page = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let mut set = |name: header::HeaderName, value| {
        headers.entry(name).or_insert(value);
    };
    set(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    set(header::CACHE_CONTROL, NO_STORE);
    set(header::REFERRER_POLICY, NO_REFERRER);
    if !is_page {
        set(header::CONTENT_SECURITY_POLICY, NOTHING);
    }
}
