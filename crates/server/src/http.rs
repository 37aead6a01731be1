//! The routes, and what holds for all of them; what a query means is `api`'s.

mod body;
mod graphql;
mod negotiate;

use std::{io, net::SocketAddr};

use axum::{
    Json, Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::any,
};
use tokio::net::TcpListener;
use tower_http::compression::{
    CompressionLayer, CompressionLevel,
    predicate::{NotForContentType, Predicate, SizeAbove},
};

use crate::{
    app::App, config::Settings, cross_site::Site, error::Error, health, metrics, playground,
};

/// Smaller answers fit into a packet or two as they are.
const WORTH_COMPRESSING: u16 = 4_096;

/// All that the server answers.
///
/// | route | answer |
/// | --- | --- |
/// | `POST /graphql`, `GET /graphql` | GraphQL; no mutations by GET; WebSockets |
/// | `GET /`, `GET /app`, `GET /playground/…` | a page to write queries in, and one that shows the data, see [`playground`] |
/// | `GET /health/live`, `GET /health/ready` | see [`health`]; asked by any name, from any page |
pub fn router(app: &App) -> Router {
    let compression = CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(SizeAbove::new(WORTH_COMPRESSING).and(NotForContentType::IMAGES));
    Router::new()
        .route("/graphql", any(graphql::graphql))
        .with_state(app.clone())
        .merge(playground::routes())
        .layer(compression)
        .layer(middleware::from_fn_with_state(
            app.clone(),
            only_from_our_sites,
        ))
        .merge(health::routes(
            app.database.reader.clone(),
            app.shutdown.clone(),
        ))
        .layer(middleware::map_response(harden))
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
async fn only_from_our_sites(State(app): State<App>, request: Request, next: Next) -> Response {
    let is_page = request.uri().path() != "/graphql";
    let site = app
        .sites
        .check(request.method(), request.headers(), is_page);
    match site {
        Err(message) => {
            metrics::rejected("site");
            let error = serde_json::json!({
                "errors": [{ "message": message, "extensions": { "code": "FORBIDDEN" } }]
            });
            (StatusCode::FORBIDDEN, Json(error)).into_response()
        }
        Ok(Site::Own) => next.run(request).await,
        Ok(Site::Allowed(origin)) => {
            let is_preflight = request.method() == Method::OPTIONS;
            let mut response = if is_preflight {
                StatusCode::NO_CONTENT.into_response()
            } else {
                next.run(request).await
            };
            allow(response.headers_mut(), origin, is_preflight);
            response
        }
    }
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
async fn harden(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let is_page = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let mut set = |name: header::HeaderName, value| {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    };
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::CACHE_CONTROL, "no-store");
    set(header::REFERRER_POLICY, "no-referrer");
    if !is_page {
        set(
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        );
    }
    response
}
