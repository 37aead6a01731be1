//! Upgrade of a request to a WebSocket (RFC 6455, section 4.2).
//!
//! The extractors of axum and async-graphql-axum are not used. axum's socket hides raw frames and the
//! connection, which the session needs for large messages and for the close. `GraphQLProtocol` takes the first
//! protocol it knows, so a client that also offers the older `graphql-ws` would get that.

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use hyper::upgrade::OnUpgrade;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// Name of the subprotocol.
const PROTOCOL: &str = "graphql-transport-ws";

/// Upgrade request that is a valid handshake.
pub(super) struct Handshake {
    /// Connection, once the response has been sent.
    pub(super) upgrade: OnUpgrade,
    /// Response that switches the protocol.
    pub(super) response: Response,
    /// True if the client offers the subprotocol.
    pub(super) has_protocol: bool,
}

/// Returns whether the request asks for a WebSocket. Any other upgrade is ignored (RFC 9110,
/// section 7.8).
pub fn is_upgrade(parts: &Parts) -> bool {
    parts.method == Method::GET && has_token(&parts.headers, &header::UPGRADE, "websocket")
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|value| value.trim().eq_ignore_ascii_case(token))
}

impl Handshake {
    /// Checks an upgrade request. The error is the response to a faulty one.
    pub(super) fn new(parts: &mut Parts) -> Result<Self, Response> {
        let headers = &parts.headers;
        let bad = |message: &'static str| {
            let version = [("sec-websocket-version", "13")];
            (StatusCode::BAD_REQUEST, version, message).into_response()
        };
        if !has_token(headers, &header::CONNECTION, "upgrade") {
            let message =
                "A WebSocket needs the header `Connection: Upgrade`. Does a proxy drop it?";
            return Err(bad(message));
        }
        if !has_token(headers, &header::SEC_WEBSOCKET_VERSION, "13") {
            return Err(bad(
                "A WebSocket needs the header `Sec-WebSocket-Version: 13`.",
            ));
        }
        let Some(key) = headers.get(header::SEC_WEBSOCKET_KEY) else {
            return Err(bad("A WebSocket needs the header `Sec-WebSocket-Key`."));
        };
        let Some(upgrade) = parts.extensions.remove::<OnUpgrade>() else {
            return Err(bad("A WebSocket needs HTTP/1.1."));
        };
        let mut response = (
            StatusCode::SWITCHING_PROTOCOLS,
            [
                (header::CONNECTION, "upgrade".to_owned()),
                (header::UPGRADE, "websocket".to_owned()),
                (
                    header::SEC_WEBSOCKET_ACCEPT,
                    derive_accept_key(key.as_bytes()),
                ),
            ],
        )
            .into_response();
        let has_protocol = has_token(headers, &header::SEC_WEBSOCKET_PROTOCOL, PROTOCOL);
        if has_protocol {
            let protocol = HeaderValue::from_static(PROTOCOL);
            let headers = response.headers_mut();
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
        }
        Ok(Self {
            upgrade,
            response,
            has_protocol,
        })
    }
}
