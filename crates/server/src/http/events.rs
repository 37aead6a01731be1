//! Results as server-sent events: the *distinct connections mode* of the protocol graphql-sse, one
//! operation for each request.
//!
//! The body does one thing at a time: no event is resolved before hyper has room for the one before. So
//! a client that does not read delays its own operation, and `write_timeout` ends its connection. axum's
//! `Sse` has no place for the share of an event in the budget of unread answers.
//!
//! See <https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md>.

use std::{
    pin::Pin,
    sync::Arc,
    time::{Duration, SystemTime},
};

use axum::body::{Body, Bytes};
use futures_util::{
    FutureExt, StreamExt,
    future::{BoxFuture, ready},
    stream::{self, BoxStream},
};
use sea_level::{delivery::FeedPosition, response::OperationResponse};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, Sleep, sleep, sleep_until},
};

use crate::{
    app::{App, RequestId},
    identity::Identity,
    metrics,
    operation::{LabelledOperation, refused, run_stream, too_much_unread},
    unread::Unsent,
};

/// Time between comments. They keep proxies from closing an idle stream, and find clients that are gone.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Comment line that clients ignore.
const COMMENT: Bytes = Bytes::from_static(b":\n\n");

/// End of a result. Without `data`, an `EventSource` would not report the event.
const COMPLETE: Bytes = Bytes::from_static(b"event: complete\ndata:\n\n");

/// Event stream of one operation.
pub(super) struct EventStream {
    app: App,
    id: RequestId,
    wants_cost: bool,
    answers: BoxStream<'static, OperationResponse>,
    /// Permit of a query or a mutation, held until its answer is sent.
    permit: Option<OwnedSemaphorePermit>,
    stage: Stage,
    heartbeat: Pin<Box<Sleep>>,
    /// Set for a subscription.
    subscription: Option<Subscription>,
}

/// Progress of an event stream.
#[derive(PartialEq)]
enum Stage {
    /// The cursor after which a subscription begins has not been sent.
    Starting,
    Running,
    /// The last result has been sent.
    Complete,
    /// The body is over. A client that saw no `complete` connects again.
    Ended,
}

struct Subscription {
    position: Arc<FeedPosition>,
    shutdown: BoxFuture<'static, ()>,
    /// End of the validity of the token; pending if the server requires none.
    expiry: BoxFuture<'static, ()>,
    _permit: OwnedSemaphorePermit,
}

impl EventStream {
    /// Creates the stream of one answer, with the permit of its operation.
    pub(super) fn of_answer(
        app: &App,
        id: &RequestId,
        wants_cost: bool,
        answer: OperationResponse,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Self {
        Self {
            app: app.clone(),
            id: id.clone(),
            wants_cost,
            answers: stream::once(ready(answer)).boxed(),
            permit,
            stage: Stage::Running,
            heartbeat: Box::pin(sleep(HEARTBEAT)),
            subscription: None,
        }
    }

    /// Creates the stream of a subscription, which resumes behind the cursor `last_event` unless the
    /// operation names another. `permit` is that of the stream.
    pub(super) fn of_subscription(
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
        Self {
            answers: run_stream(app, id.clone(), operation),
            stage: Stage::Starting,
            subscription: Some(Subscription {
                position,
                shutdown: draining(app),
                expiry: expired(identity),
                _permit: permit,
            }),
            app: app.clone(),
            id: id.clone(),
            wants_cost,
            permit: None,
            heartbeat: Box::pin(sleep(HEARTBEAT)),
        }
    }

    /// Returns the body of the answer.
    pub(super) fn into_body(self) -> Body {
        let parts = stream::unfold(self, async |mut events| {
            let part = events.next_part().await?;
            Some((Ok::<_, std::convert::Infallible>(part), events))
        });
        Body::from_stream(parts)
    }

    /// Returns the next event or comment; `None` at the end.
    async fn next_part(&mut self) -> Option<Bytes> {
        match self.stage {
            Stage::Ended => return None,
            Stage::Complete => {
                self.stage = Stage::Ended;
                return Some(COMPLETE);
            }
            Stage::Starting | Stage::Running => {}
        }
        let Self {
            answers,
            stage,
            heartbeat,
            subscription,
            ..
        } = self;
        let answer = match subscription {
            None => answers.next().await,
            Some(subscription) => tokio::select! {
                biased;
                () = &mut subscription.shutdown => return None,
                () = &mut subscription.expiry => return None,
                // Before the first event, so that a connection that is cut early loses nothing.
                start = subscription.position.start(), if *stage == Stage::Starting => {
                    *stage = Stage::Running;
                    return Some(format!("id: {start}\n\n").into());
                }
                answer = answers.next() => answer,
                () = heartbeat.as_mut() => {
                    heartbeat.as_mut().reset(Instant::now() + HEARTBEAT);
                    return Some(COMMENT);
                }
            },
        };
        match answer {
            Some(answer) => Some(self.result(answer)),
            None => {
                self.stage = Stage::Ended;
                Some(COMPLETE)
            }
        }
    }

    /// Returns the event of a result.
    fn result(&mut self, mut answer: OperationResponse) -> Bytes {
        self.heartbeat.as_mut().reset(Instant::now() + HEARTBEAT);
        let is_executed = answer.executed;
        let response = self
            .app
            .client_response(&self.id, &mut answer, self.wants_cost);
        let json = response.to_json();
        let Some(share) = self.app.unread.take(&json) else {
            // Ends without `complete`: the client connects again and resumes at its last cursor.
            self.stage = Stage::Ended;
            let mut answer = refused(too_much_unread());
            let response = self.app.client_response(&self.id, &mut answer, false);
            return next_event(None, &response.to_json()).into();
        };
        if !is_executed {
            self.stage = Stage::Complete;
        }
        // An event that failed has no cursor, so that the client resumes before it.
        let subscription = self.subscription.as_ref().filter(|_| is_executed);
        let cursor = subscription.and_then(|subscription| subscription.position.last());
        let unsent = Unsent {
            json: next_event(cursor.as_deref(), &json),
            share,
            permit: self.permit.take(),
        };
        unsent.into()
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        if self.subscription.is_some() {
            metrics::live(-1.0);
        }
    }
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

fn draining(app: &App) -> BoxFuture<'static, ()> {
    let shutdown = app.shutdown.clone();
    async move { shutdown.draining().await }.boxed()
}

fn expired(identity: Option<&Identity>) -> BoxFuture<'static, ()> {
    /// Later than any process lives.
    const NEVER: Duration = Duration::from_secs(30 * 365 * 24 * 3600);
    let left = identity.map(|identity| identity.expires.duration_since(SystemTime::now()));
    let left = left.map_or(NEVER, |left| left.unwrap_or_default().min(NEVER));
    sleep_until(Instant::now() + left).boxed()
}
