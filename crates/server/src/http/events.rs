//! Results as server-sent events: the *distinct connections mode* of the protocol graphql-sse, one
//! operation for each request.
//!
//! The body of a subscription does one thing at a time: no event is resolved before hyper has room for the
//! one before. So a client that does not read delays its own operation, and `write_timeout` ends its
//! connection. axum's `Sse` has no place for the share of an event in the budget of unread answers.
//!
//! See <https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md>.

use std::{convert::Infallible, pin::Pin, sync::Arc, time::Duration};

use async_graphql::parser::types::OperationType;
use axum::body::{Body, Bytes};
use futures_util::{
    FutureExt, StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use sea_level::{delivery::FeedPosition, response::OperationResponse};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, Sleep, sleep},
};

use crate::{
    app::{App, RequestId},
    config::seconds,
    identity::Identity,
    metrics,
    operation::{LabelledOperation, refused, run_stream, too_much_unread},
    unread::Unsent,
};

/// Comment line that clients ignore. It keeps proxies from closing an idle stream, and finds clients that
/// are gone.
const COMMENT: Bytes = Bytes::from_static(b":\n\n");

/// End of a result. Without `data`, an `EventSource` would not report the event.
const COMPLETE: Bytes = Bytes::from_static(b"event: complete\ndata:\n\n");

/// Returns the body of one answer, of an operation of this kind if it ran, with its permit. An answer
/// always ends with `complete`: without it the client would send the operation again.
pub(super) fn answer_body(
    app: &App,
    id: &RequestId,
    wants_cost: bool,
    mut answer: OperationResponse,
    ran: Option<(OperationType, OwnedSemaphorePermit)>,
) -> Body {
    let json = app.client_response(id, &mut answer, wants_cost).to_json();
    let event: Bytes = match app.unread.take(&json) {
        Some(share) => Unsent {
            bytes: next_event(None, &json),
            share,
            permit: ran.map(|(_, permit)| permit),
        }
        .into(),
        None => {
            // A mutation was carried out, which the answer must not deny.
            let mut answer = match ran {
                Some((OperationType::Mutation, _)) => {
                    OperationResponse::failed(too_much_unread(), None)
                }
                _ => refused(too_much_unread()),
            };
            let response = app.client_response(id, &mut answer, false);
            next_event(None, &response.to_json()).into()
        }
    };
    Body::from_stream(stream::iter([event, COMPLETE].map(Ok::<_, Infallible>)))
}

/// Event stream of a subscription.
pub(super) struct EventStream {
    app: App,
    id: RequestId,
    wants_cost: bool,
    answers: BoxStream<'static, OperationResponse>,
    phase: StreamPhase,
    heartbeat: Pin<Box<Sleep>>,
    position: Arc<FeedPosition>,
    shutdown: BoxFuture<'static, ()>,
    expired: BoxFuture<'static, ()>,
    _permit: OwnedSemaphorePermit,
}

/// Progress of an event stream.
#[derive(PartialEq)]
enum StreamPhase {
    /// The cursor after which the subscription begins has not been sent.
    Starting,
    Running,
    /// The last result has been sent.
    Complete,
    /// The body is over. A client that saw no `complete` connects again.
    Ended,
}

impl EventStream {
    /// Creates the stream of a subscription, which resumes behind the cursor `last_event` unless the
    /// operation names another. `permit` is that of the stream.
    pub(super) fn new(
        app: &App,
        id: &RequestId,
        wants_cost: bool,
        mut operation: LabelledOperation,
        last_event: Option<String>,
        identity: Option<&Identity>,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        let position = Arc::new(FeedPosition::new(last_event));
        operation.checked.position = Some(position.clone());
        metrics::live(1.0);
        let shutdown = app.shutdown.clone();
        let left = identity.map_or(Identity::FOREVER, Identity::left);
        Self {
            answers: run_stream(app, id.clone(), operation),
            phase: StreamPhase::Starting,
            heartbeat: Box::pin(sleep(ping(app))),
            position,
            shutdown: async move { shutdown.draining().await }.boxed(),
            expired: sleep(left).boxed(),
            app: app.clone(),
            id: id.clone(),
            wants_cost,
            _permit: permit,
        }
    }

    /// Returns the body of the answer.
    pub(super) fn into_body(self) -> Body {
        let parts = stream::unfold(self, async |mut events| {
            let part = events.next_part().await?;
            Some((Ok::<_, Infallible>(part), events))
        });
        Body::from_stream(parts)
    }

    /// Returns the next event or comment; `None` at the end.
    async fn next_part(&mut self) -> Option<Bytes> {
        match self.phase {
            StreamPhase::Ended => return None,
            StreamPhase::Complete => {
                self.phase = StreamPhase::Ended;
                return Some(COMPLETE);
            }
            StreamPhase::Starting | StreamPhase::Running => {}
        }
        let answer = tokio::select! {
            biased;
            () = &mut self.shutdown => return None,
            () = &mut self.expired => return None,
            // Before the first event, so that a connection that is cut early loses nothing.
            start = self.position.start(), if self.phase == StreamPhase::Starting => {
                self.phase = StreamPhase::Running;
                return Some(format!("id: {start}\n\n").into());
            }
            answer = self.answers.next() => answer,
            () = self.heartbeat.as_mut() => {
                self.reset_heartbeat();
                return Some(COMMENT);
            }
        };
        // The start, if it was not sent, would move the client back.
        self.phase = StreamPhase::Running;
        let Some(answer) = answer else {
            self.phase = StreamPhase::Ended;
            return Some(COMPLETE);
        };
        self.reset_heartbeat();
        Some(self.result(answer))
    }

    fn reset_heartbeat(&mut self) {
        let next = Instant::now() + ping(&self.app);
        self.heartbeat.as_mut().reset(next);
    }

    /// Returns the event of a result.
    fn result(&mut self, mut answer: OperationResponse) -> Bytes {
        let is_executed = answer.executed;
        let is_transient = answer
            .codes()
            .all(|code| matches!(code, "UNAVAILABLE" | "TIMEOUT" | "INTERNAL"));
        let response = self
            .app
            .client_response(&self.id, &mut answer, self.wants_cost);
        let json = response.to_json();
        let Some(share) = self.app.unread.take(&json) else {
            self.phase = StreamPhase::Ended;
            let mut answer = refused(too_much_unread());
            let response = self.app.client_response(&self.id, &mut answer, false);
            return next_event(None, &response.to_json()).into();
        };
        if !is_executed {
            // Without `complete` the client connects again and resumes at its last cursor.
            self.phase = match is_transient {
                true => StreamPhase::Ended,
                false => StreamPhase::Complete,
            };
        }
        // An event that failed has no cursor, so that the client resumes before it.
        let cursor = self.position.last().filter(|_| is_executed);
        let unsent = Unsent {
            bytes: next_event(cursor.as_deref(), &json),
            share,
            permit: None,
        };
        unsent.into()
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        metrics::live(-1.0);
    }
}

/// Time between comments.
fn ping(app: &App) -> Duration {
    seconds(app.limits.stream_ping)
}

/// Formats a result as an event. JSON has no line break outside of its escapes.
fn next_event(cursor: Option<&str>, json: &[u8]) -> Vec<u8> {
    let mut event = Vec::with_capacity(json.len() + 64);
    event.extend_from_slice(b"event: next\n");
    if let Some(cursor) = cursor {
        event.extend_from_slice(b"id: ");
        event.extend_from_slice(cursor.as_bytes());
        event.push(b'\n');
    }
    event.extend_from_slice(b"data: ");
    event.extend_from_slice(json);
    event.extend_from_slice(b"\n\n");
    event
}
