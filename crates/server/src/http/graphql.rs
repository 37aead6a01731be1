//! `/graphql` over HTTP, by the first release of «GraphQL over HTTP» (September 2026): reading of
//! requests, execution, status codes.

use std::{panic::AssertUnwindSafe, pin::pin};

use async_graphql::{ServerError, parser::types::OperationType};
use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    response::Response,
};
use futures_util::FutureExt;
use hyper::ext::ReasonPhrase;
use sea_level::{error::coded, response::OperationResponse};
use tokio::sync::OwnedSemaphorePermit;

use super::{
    body::{self, BodyError},
    events::{EventStream, answer_body},
    negotiate::{self, Media},
    viewer::{Unauthenticated, identify},
};
use crate::{
    app::{App, RequestId},
    config::seconds,
    envelope::{Envelope, EnvelopeError},
    identity::{self, Identity},
    metrics,
    operation::{LabelledOperation, Overloaded, overloaded, refused, too_much_unread},
    pages,
    trace::TraceParent,
    unread::Unsent,
    websocket,
};

static ACCEPT_QUERY: HeaderName = HeaderName::from_static("accept-query");
static LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
static X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
static X_COST: HeaderName = HeaderName::from_static("x-cost");
static X_EXPLAIN: HeaderName = HeaderName::from_static("x-explain");
static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Status of data with errors.
const PARTIAL: u16 = 294;

/// Reason phrase of that status, which HTTP does not define.
const PARTIAL_SUCCESS: ReasonPhrase = ReasonPhrase::from_static(b"Partial Success");

/// Answers GET, POST and QUERY; a GET may also become a WebSocket.
pub(super) async fn graphql(app: &App, parts: &mut Parts, body: Body) -> Response {
    if websocket::is_upgrade(parts) {
        return websocket::accept(app, parts);
    }
    if parts.method == Method::GET && negotiate::wants_page(&parts.headers) {
        return pages::page_at(&parts.uri).await;
    }
    let id = RequestId::traced(TraceParent::of(&parts.headers));
    let accepted = Media::accepted(&parts.headers);
    let exchange = Exchange {
        media: accepted.unwrap_or(Media::Response),
        is_acceptable: accepted.is_some(),
        wants_cost: is_true(&parts.headers, &X_COST),
        wants_explain: app.has_explain && is_true(&parts.headers, &X_EXPLAIN),
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

fn is_true(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.get(name).is_some_and(|value| value == "true")
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
    wants_explain: bool,
    id: &'a RequestId,
    app: &'a App,
}

impl Exchange<'_> {
    async fn answer(&self, parts: &Parts, body: Body) -> Result<Response, Failure> {
        let Parts {
            method, headers, ..
        } = parts;
        let has_body = match method.as_str() {
            "POST" | "QUERY" => true,
            "GET" | "HEAD" => false,
            _ => {
                let message = "Send queries by GET, POST or QUERY, mutations by POST.";
                let failure = Failure::new(StatusCode::METHOD_NOT_ALLOWED, "BAD_REQUEST", message);
                return Err(failure.with(header::ALLOW, "GET, HEAD, POST, QUERY"));
            }
        };
        let identity = identify(self.app, headers)?;
        let viewer = identity
            .as_ref()
            .map_or(identity::ANONYMOUS, |identity| identity.viewer.clone());
        if !self.is_acceptable {
            return Err(Failure::new(
                StatusCode::NOT_ACCEPTABLE,
                "BAD_REQUEST",
                "Answers are application/graphql-response+json, application/json or text/event-stream.",
            ));
        }
        let envelope = if has_body {
            self.read(headers, body).await?
        } else {
            let query = parts.uri.query().unwrap_or_default();
            Envelope::from_url(query, self.app.limits.json_depth)?
        };
        let mut operation = match self.app.check(envelope, viewer) {
            Ok(operation) => operation,
            Err(answer) if self.media == Media::Events => {
                return Ok(self.stream(*answer, None));
            }
            Err(answer) => return Ok(self.respond(*answer).map(Body::from)),
        };
        operation.checked.is_explained = self.wants_explain;
        let kind = operation.checked.kind();
        // GET and QUERY are safe methods (RFC 9110, RFC 10008): a link, a crawler or a retry of a
        // proxy may send them, so nothing may change by them.
        if method != Method::POST && kind == OperationType::Mutation {
            let message = format!("{method} is for queries; send mutations by POST.");
            let failure = Failure::new(StatusCode::METHOD_NOT_ALLOWED, "BAD_REQUEST", message);
            return Err(failure.with(header::ALLOW, "POST"));
        }
        if kind == OperationType::Subscription {
            if self.media == Media::Events || Media::accepts_events(headers) {
                return self.subscribe(operation, headers, identity.as_ref());
            }
            let message = "A subscription needs `Accept: text/event-stream`, or a WebSocket with the \
                           protocol graphql-transport-ws.";
            let status = StatusCode::NOT_ACCEPTABLE;
            return Err(Failure::new(status, "BAD_REQUEST", message));
        }
        match self.app.run(self.id, &operation).await {
            Ok((answer, permit)) if self.media == Media::Events => {
                Ok(self.stream(answer, Some((kind, permit))))
            }
            Ok((answer, permit)) => self.send(kind, answer, permit),
            Err(Overloaded) => Err(Failure::unavailable(overloaded())),
        }
    }

    /// Streams a subscription, if a stream is free.
    fn subscribe(
        &self,
        operation: LabelledOperation,
        headers: &HeaderMap,
        identity: Option<&Identity>,
    ) -> Result<Response, Failure> {
        let Ok(permit) = self.app.streams.clone().try_acquire_owned() else {
            metrics::rejected("streams");
            return Err(Failure::unavailable(overloaded()));
        };
        let last_event = headers.get(&LAST_EVENT_ID).filter(|id| !id.is_empty());
        let last_event = last_event.map(|id| String::from_utf8_lossy(id.as_bytes()).into_owned());
        let events = EventStream::new(
            self.app,
            self.id,
            self.wants_cost,
            operation,
            last_event,
            identity,
            permit,
        );
        Ok(event_stream(events.into_body()))
    }

    /// Streams one answer.
    fn stream(
        &self,
        answer: OperationResponse,
        ran: Option<(OperationType, OwnedSemaphorePermit)>,
    ) -> Response {
        event_stream(answer_body(self.app, self.id, self.wants_cost, answer, ran))
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
            let failure = Failure::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "BAD_REQUEST",
                "Send application/json in UTF-8.",
            );
            // RFC 10008, section 3; RFC 9110 leaves other methods to ignore it.
            return Err(failure.with(ACCEPT_QUERY.clone(), "application/json"));
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
            Err(BodyError::Broken) => {
                let message = "The request broke off.";
                return Err(Failure::new(
                    StatusCode::BAD_REQUEST,
                    "BAD_REQUEST",
                    message,
                ));
            }
        };
        Ok(Envelope::read(&bytes, limits.json_depth)?)
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
                    bytes: json,
                    share,
                    permit: Some(permit),
                };
                Bytes::from(unsent).into()
            })),
            None if kind == OperationType::Mutation => Ok(self
                .respond(OperationResponse::failed(too_much_unread(), None))
                .map(Body::from)),
            None => Err(Failure::unavailable(too_much_unread())),
        }
    }

    fn respond(&self, answer: OperationResponse) -> axum::http::Response<Vec<u8>> {
        let status = status(&answer);
        self.respond_with(status, answer)
    }

    fn respond_with(
        &self,
        status: StatusCode,
        mut answer: OperationResponse,
    ) -> axum::http::Response<Vec<u8>> {
        let json = self
            .app
            .client_response(self.id, &mut answer, self.wants_cost)
            .to_json();
        let mut response = axum::http::Response::new(json);
        // A client that accepts `application/json` only gets the same statuses, except that 2xx is 200:
        // such a client reads a 2xx by its label, all else by its status.
        let (status, media) = match self.media {
            Media::Json if status.is_success() => (StatusCode::OK, Media::Json),
            _ => (status, Media::Response),
        };
        *response.status_mut() = status;
        if status.as_u16() == PARTIAL {
            response.extensions_mut().insert(PARTIAL_SUCCESS);
        }
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, media.content_type());
        response
    }

    fn fail(&self, failure: Failure) -> Response {
        let answer = refused(*failure.error);
        let mut response = self.respond_with(failure.status, answer).map(Body::from);
        if let Some((name, value)) = failure.header {
            response
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

fn event_stream(body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, Media::Events.content_type());
    // nginx would hold events back until its buffer is full.
    headers.insert(&X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    response
}

impl From<Unauthenticated> for Failure {
    fn from(_: Unauthenticated) -> Self {
        let message = Unauthenticated::MESSAGE;
        let failure = Self::new(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", message);
        failure.with(header::WWW_AUTHENTICATE, "Bearer")
    }
}

impl From<EnvelopeError> for Failure {
    fn from(error: EnvelopeError) -> Self {
        let (status, message) = match error {
            EnvelopeError::Unreadable(message) => (StatusCode::BAD_REQUEST, message),
            EnvelopeError::Malformed(message) => (StatusCode::UNPROCESSABLE_ENTITY, message),
        };
        Self::new(status, "BAD_REQUEST", message)
    }
}

/// Returns the status of an answer (specification, section «Status Codes»).
fn status(answer: &OperationResponse) -> StatusCode {
    if answer.executed {
        return match answer.response.errors.is_empty() {
            true => StatusCode::OK,
            false => StatusCode::from_u16(PARTIAL).unwrap_or(StatusCode::OK),
        };
    }
    match answer.codes().next() {
        Some("GRAPHQL_PARSE_FAILED") => StatusCode::BAD_REQUEST,
        Some("FORBIDDEN") => StatusCode::FORBIDDEN,
        Some("UNAVAILABLE") => StatusCode::SERVICE_UNAVAILABLE,
        Some("INTERNAL") => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}
