//! `GET /graphql/schema.graphql`: the schema for code generation without a checkout.

use std::sync::LazyLock;

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{error, viewer::identify};
use crate::{app::App, etag};

static SDL: LazyLock<String> = LazyLock::new(api::sdl);

static TAG: LazyLock<String> = LazyLock::new(|| etag::tag([SDL.as_bytes()]));

/// Answers with the schema, to the clients that may introspect.
pub(super) async fn schema(State(app): State<App>, headers: HeaderMap) -> Response {
    if let Err(refused) = identify(&app, &headers) {
        return refused.into_response();
    }
    if app.trusted.is_some() {
        let message = "This server runs trusted documents only, so it has no introspection.";
        return (StatusCode::FORBIDDEN, error(message, "FORBIDDEN")).into_response();
    }
    const TYPE: HeaderValue = HeaderValue::from_static("application/graphql; charset=utf-8");
    // May be stored, but is compared before each use.
    const CACHE: HeaderValue = HeaderValue::from_static("private, no-cache");
    let cached = [(header::CACHE_CONTROL, CACHE)];
    let tag = [(header::ETAG, TAG.as_str())];
    if etag::is_current(&headers, &TAG) {
        return (StatusCode::NOT_MODIFIED, cached, tag).into_response();
    }
    (cached, tag, [(header::CONTENT_TYPE, TYPE)], SDL.as_str()).into_response()
}
