//! The client of a request, from its `Authorization` header.

use axum::{
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::error;
use crate::{app::Server, identity::Identity};

/// A request without a valid token, at a server that requires one.
#[derive(Debug)]
pub(super) struct Unauthenticated;

impl Unauthenticated {
    pub(super) const MESSAGE: &str = "Send a valid token as `Authorization: Bearer …`.";
}

impl IntoResponse for Unauthenticated {
    fn into_response(self) -> Response {
        let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
        let body = error(Self::MESSAGE, "UNAUTHENTICATED");
        (StatusCode::UNAUTHORIZED, challenge, body).into_response()
    }
}

/// Returns the bearer of the request's token; `None` if the server requires none.
pub(super) fn identify(
    server: &Server,
    headers: &HeaderMap,
) -> Result<Option<Identity>, Unauthenticated> {
    let Some(verifier) = &server.verifier else {
        return Ok(None);
    };
    let bearer = headers.get(header::AUTHORIZATION);
    let bearer = bearer.and_then(|value| value.to_str().ok());
    let identity = bearer.and_then(|bearer| verifier.identify_bearer(bearer));
    identity.map(Some).ok_or(Unauthenticated)
}
