//! `/graphql` over HTTP, by the specification «GraphQL over HTTP»: reading of requests, execution, status codes.

use std::{panic::AssertUnwindSafe, pin::pin};

use async_graphql::{ServerError, parser::types::OperationType};
use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    response::Response,
};
use sea_level::{
    auth::{Role, Viewer},
    error::coded,
    response::OperationResponse,
};

use futures_util::FutureExt;
use tokio::sync::OwnedSemaphorePermit;

use super::{
    body::{self, BodyError},
    negotiate::{self, Media},
};
use crate::{
    app::{App, RequestId, Server},
    config::seconds,
    envelope::Envelope,
    metrics,
    operation::{Overloaded, overloaded, refused, too_much_unread},
    playground,
    unread::Unsent,
    websocket,
};

/// Viewer of requests without a token, if the server requires none.
const ANONYMOUS: Viewer = Viewer::anonymous(Role::Editor);

static X_COST: HeaderName = HeaderName::from_static("x-cost");
static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Answers GET and POST; a GET may also become a WebSocket.
pub(super) async fn graphql(app: &App, parts: &mut Parts, body: Body) -> Response {
    if websocket::is_upgrade(parts) {
        return websocket::accept(app, parts);
    }
    if parts.method == Method::GET && negotiate::wants_page(&parts.headers) {
        return playground::page_at(&parts.uri).await;
    }
    let id = RequestId::next();
    let accepted = Media::accepted(&parts.headers);
    let exchange = Exchange {
        // Errors of an unacceptable request have the type that every client reads.
        media: accepted.unwrap_or(Media::Json),
        is_acceptable: accepted.is_some(),
        wants_cost: parts
            .headers
            .get(&X_COST)
            .is_some_and(|cost| cost == "true"),
        id: &id,
        app,
    };
    let answer = pin!(exchange.answer(parts, body));
    let mut response = match AssertUnwindSafe(answer).catch_unwind().await {
        Ok(Ok(response)) => response,
        Ok(Err(failure)) => exchange.fail(failure),
        Err(_) => {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            exchange.fail(Failure::new(status, "INTERNAL", "a handler panicked"))
        }
    };
    if let Ok(id) = HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert(&X_REQUEST_ID, id);
    }
    response
}

/// Error of a request that runs no operation.
struct Failure {
    status: StatusCode,
    error: Box<ServerError>,
    header: Option<(HeaderName, &'static str)>,
}

impl Failure {
    fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            error: Box::new(coded(code, message, None)),
            header: None,
        }
    }

    fn with(self, name: HeaderName, value: &'static str) -> Self {
        Self {
            header: Some((name, value)),
            ..self
        }
    }

    fn unavailable(error: ServerError) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            error: Box::new(error),
            header: Some((header::RETRY_AFTER, "1")),
        }
    }
}

struct Exchange<'a> {
    media: Media,
    is_acceptable: bool,
    wants_cost: bool,
    id: &'a RequestId,
    app: &'a Server,
}

impl Exchange<'_> {
    async fn answer(&self, parts: &Parts, body: Body) -> Result<Response, Failure> {
        let Parts {
            method, headers, ..
        } = parts;
        if method != Method::GET && method != Method::POST && method != Method::HEAD {
            let message = "Send queries by GET or POST, mutations by POST.";
            let failure = Failure::new(StatusCode::METHOD_NOT_ALLOWED, "BAD_REQUEST", message);
            return Err(failure.with(header::ALLOW, "GET, POST"));
        }
        let viewer = self.viewer(headers)?;
        if !self.is_acceptable {
            return Err(Failure::new(
                StatusCode::NOT_ACCEPTABLE,
                "BAD_REQUEST",
                "Answers are application/graphql-response+json or application/json.",
            ));
        }
        let envelope = if method == Method::POST {
            self.read(headers, body).await?
        } else {
            let query = parts.uri.query().unwrap_or_default();
            Envelope::from_url(query, self.app.limits.json_depth).map_err(bad_request)?
        };
        let checked = match self.app.check(envelope, viewer) {
            Ok(checked) => checked,
            Err(answer) => return Ok(self.respond(*answer).map(Body::from)),
        };
        // A link, an image or a crawler can GET: nothing may change by it.
        if method != Method::POST && checked.kind() != OperationType::Query {
            let message = "GET is for queries; send mutations by POST.";
            let failure = Failure::new(StatusCode::METHOD_NOT_ALLOWED, "BAD_REQUEST", message);
            return Err(failure.with(header::ALLOW, "POST"));
        }
        if checked.kind() == OperationType::Subscription {
            let message = "Subscriptions are sent by WebSocket, with graphql-transport-ws.";
            let error = coded("BAD_REQUEST", message, None);
            return Ok(self.respond(refused(error)).map(Body::from));
        }
        match self.app.run(self.id, &checked).await {
            Ok((answer, permit)) => self.send(checked.kind(), answer, permit),
            Err(Overloaded) => Err(Failure::unavailable(overloaded())),
        }
    }

    fn viewer(&self, headers: &HeaderMap) -> Result<Viewer, Failure> {
        let Some(verifier) = &self.app.verifier else {
            return Ok(ANONYMOUS);
        };
        let bearer = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let identity = bearer.and_then(|bearer| verifier.identify_bearer(bearer));
        identity.map(|identity| identity.viewer).ok_or_else(|| {
            let message = "Send a valid token as `Authorization: Bearer …`.";
            let failure = Failure::new(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", message);
            failure.with(header::WWW_AUTHENTICATE, "Bearer")
        })
    }

    async fn read(&self, headers: &HeaderMap, body: Body) -> Result<Envelope, Failure> {
        if negotiate::is_encoded(headers) {
            let failure = Failure::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "BAD_REQUEST",
                "Bodies are not compressed here: send it as it is, without `Content-Encoding`.",
            );
            return Err(failure.with(header::ACCEPT_ENCODING, "identity"));
        }
        if !negotiate::is_json(headers) {
            return Err(Failure::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "BAD_REQUEST",
                "Send application/json in UTF-8.",
            ));
        }
        let limits = &self.app.limits;
        let time = seconds(limits.body_timeout);
        let bytes = match body::read(headers, body, limits.body_size, time).await {
            Ok(bytes) => bytes,
            Err(BodyError::TooLarge) => {
                metrics::rejected("body_size");
                let message = format!("A request has at most {} bytes.", limits.body_size);
                let failure =
                    Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "LIMIT_EXCEEDED", message);
                return Err(failure.with(header::CONNECTION, "close"));
            }
            Err(BodyError::TooSlow) => {
                metrics::rejected("body_timeout");
                let message = format!("A request is sent within {} s.", limits.body_timeout);
                let failure = Failure::new(StatusCode::REQUEST_TIMEOUT, "BAD_REQUEST", message);
                return Err(failure.with(header::CONNECTION, "close"));
            }
            Err(BodyError::Broken) => return Err(bad_request("The request broke off.".to_owned())),
        };
        Envelope::read(&bytes, limits.json_depth).map_err(bad_request)
    }

    /// Responds with an answer that holds its permit until it has been sent. A query whose answer has
    /// no room is refused; a mutation has been carried out, which the status must not deny.
    fn send(
        &self,
        kind: OperationType,
        answer: OperationResponse,
        permit: OwnedSemaphorePermit,
    ) -> Result<Response, Failure> {
        let mut response = self.respond(answer);
        let json = std::mem::take(response.body_mut());
        match self.app.unread.take(&json) {
            Some(share) => Ok(response.map(|_| {
                let unsent = Unsent {
                    json,
                    share,
                    permit,
                };
                Bytes::from(unsent).into()
            })),
            None if kind == OperationType::Mutation => Ok(self
                .respond(OperationResponse::failed(too_much_unread(), None))
                .map(Body::from)),
            None => Err(Failure::unavailable(too_much_unread())),
        }
    }

    fn respond(&self, mut answer: OperationResponse) -> axum::http::Response<Vec<u8>> {
        let status = if answer.executed || self.media == Media::Json {
            StatusCode::OK
        } else {
            StatusCode::BAD_REQUEST
        };
        // A request that is no GraphQL request is 400 in every media type.
        let is_unreadable = answer.codes().any(|code| code == "BAD_REQUEST");
        let status = if is_unreadable {
            StatusCode::BAD_REQUEST
        } else {
            status
        };
        let json = self
            .app
            .client_response(self.id, &mut answer, self.wants_cost)
            .to_json();
        let mut response = axum::http::Response::new(json);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, self.media.content_type());
        response
    }

    fn fail(&self, failure: Failure) -> Response {
        let mut response = self.respond(refused(*failure.error)).map(Body::from);
        *response.status_mut() = failure.status;
        if let Some((name, value)) = failure.header {
            response
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

fn bad_request(message: String) -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
}
