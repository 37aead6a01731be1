//! `GET /graphql/schema.graphql`: the schema for code generation without a checkout.

use std::sync::LazyLock;

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};

use super::{error, viewer::identify};
use crate::app::App;

static SDL: LazyLock<String> = LazyLock::new(api::sdl);

/// Entity tag. Weak, because the answer may be compressed.
static TAG: LazyLock<String> =
    LazyLock::new(|| format!("W/\"{:.32}\"", format!("{:x}", Sha256::digest(&*SDL))));

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
    if is_known(&headers) {
        return (StatusCode::NOT_MODIFIED, cached, tag).into_response();
    }
    (cached, tag, [(header::CONTENT_TYPE, TYPE)], SDL.as_str()).into_response()
}

/// Returns whether the client has the current schema (RFC 9110, section 13.1.2).
fn is_known(headers: &HeaderMap) -> bool {
    let opaque_tag = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let values = headers.get_all(header::IF_NONE_MATCH).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|tag| tag.trim() == "*" || opaque_tag(tag) == opaque_tag(&TAG))
}
