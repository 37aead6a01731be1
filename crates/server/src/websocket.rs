//! `/graphql` over WebSocket: the protocol `graphql-transport-ws`, one task for each socket.
//!
//! The task does one thing at a time: no operation advances while it sends. So a client that does not
//! read delays its own operations, and no message is buffered for it.
//!
//! See <https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md>.

mod close;
mod handshake;

use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

use async_graphql::parser::types::OperationType;
use axum::{
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::{
    FutureExt, SinkExt, StreamExt,
    stream::{AbortHandle, BoxStream, SelectAll, abortable, once},
};
use hyper_util::rt::TokioIo;
use sea_level::{error::coded, json::ObjectText, response::OperationResponse};
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, Sleep, sleep_until, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        protocol::{
            Role as Side, WebSocketConfig,
            frame::{
                Frame,
                coding::{Data, OpCode},
            },
        },
    },
};

pub use self::handshake::is_upgrade;
use self::{
    close::{
        BAD_MESSAGE, CLOSED, Close, DUPLICATE, FORBIDDEN, GOING_AWAY, GONE, NO_INIT, NO_PROTOCOL,
        SECOND_INIT, Socket, UNAUTHORIZED,
    },
    handshake::Handshake,
};
use crate::{
    app::{App, RequestId},
    config::seconds,
    envelope::{self, Envelope},
    identity::{ANONYMOUS, Identity},
    metrics, operation,
    trace::TraceParent,
};

/// Bytes of the read buffer, which each idle socket holds. A larger message grows it.
const READ_BUFFER: usize = 8 << 10;

/// Bytes of the largest frame; a larger message becomes several (RFC 6455, section 5.4). tungstenite
/// keeps the memory of the largest frame for the life of the socket, and moves the rest of a frame
/// after each write.
const LARGEST_FRAME: usize = 64 << 10;

/// Characters that the id of an operation may have.
const LONGEST_ID: usize = 128;

/// Answers an upgrade request if a socket is free.
pub fn accept(app: &App, parts: &mut Parts) -> Response {
    let handshake = match Handshake::new(parts) {
        Ok(handshake) => handshake,
        Err(response) => return response,
    };
    let Ok(permit) = app.sockets.clone().try_acquire_owned() else {
        metrics::rejected("sockets");
        return (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "1")]).into_response();
    };
    let Handshake {
        upgrade,
        response,
        has_protocol,
    } = handshake;
    let authorization = parts.headers.get(header::AUTHORIZATION).cloned();
    let trace = TraceParent::of(&parts.headers);
    let app = app.clone();
    tokio::spawn(async move {
        let Ok(stream) = upgrade.await else {
            return;
        };
        let most = app.limits.socket_message;
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_message_size(Some(most))
            .max_frame_size(Some(most));
        let stream = TokioIo::new(stream);
        let socket = WebSocketStream::from_raw_socket(stream, Side::Server, Some(config)).await;
        let session = Session::new(app, socket, authorization, trace, permit);
        session.run(has_protocol).await;
    });
    response
}

/// Event of a running operation.
enum Event {
    Answer(Box<OperationResponse>),
    /// The operation ended, by itself or on request of the client.
    End,
}

struct Session {
    app: App,
    socket: Socket,
    /// The header of the upgrade request.
    authorization: Option<HeaderValue>,
    /// Trace of the upgrade request.
    trace: Option<TraceParent>,
    /// Set by `connection_init`; the inner value is `None` if the server requires no tokens.
    identity: Option<Option<Identity>>,
    operations: SelectAll<BoxStream<'static, (u64, Event)>>,
    /// Live operations by number. A client may use an id again, so ids do not identify them.
    live: HashMap<u64, Live>,
    next: u64,
    _permit: OwnedSemaphorePermit,
}

struct Live {
    id: String,
    is_subscription: bool,
    request: RequestId,
    abort: AbortHandle,
}

impl Session {
    fn new(
        app: App,
        socket: Socket,
        authorization: Option<HeaderValue>,
        trace: Option<TraceParent>,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        Self {
            app,
            socket,
            authorization,
            trace,
            identity: None,
            operations: SelectAll::new(),
            live: HashMap::new(),
            next: 0,
            _permit: permit,
        }
    }

    async fn run(mut self, has_protocol: bool) {
        // Both are boxed, so that the future of an idle socket is small.
        let close = Box::pin(self.run_protocol(has_protocol)).await;
        metrics::live(-(self.live.len() as f64));
        // Before the close handshake: a transaction must not wait for it.
        self.operations.clear();
        Box::pin(close::close(self.socket, close)).await;
    }

    async fn run_protocol(&mut self, has_protocol: bool) -> Close {
        if !has_protocol {
            return NO_PROTOCOL;
        }
        let app = self.app.clone();
        let (ping, pong) = (
            seconds(app.limits.socket_ping),
            seconds(app.limits.socket_pong_timeout),
        );
        let mut init = Box::pin(after(seconds(app.limits.socket_init_timeout)));
        let mut expiry = Box::pin(after(Identity::FOREVER));
        let mut heartbeat = Box::pin(after(ping));
        let mut shutdown = app.shutdown.draining().boxed();
        let mut is_draining = false;
        let mut awaits_pong = false;
        loop {
            // Draining: running queries and mutations finish, and no message is read.
            if is_draining && self.live.values().all(|live| live.is_subscription) {
                return GOING_AWAY;
            }
            let outcome = tokio::select! {
                biased;
                () = &mut shutdown, if !is_draining => {
                    is_draining = true;
                    Ok(())
                }
                () = &mut expiry => Err(FORBIDDEN),
                () = &mut init, if self.identity.is_none() => Err(NO_INIT),
                () = &mut heartbeat, if !is_draining => {
                    if awaits_pong {
                        Err(GONE)
                    } else {
                        awaits_pong = true;
                        heartbeat.as_mut().reset(Instant::now() + pong);
                        self.send(Message::Ping(Default::default())).await
                    }
                }
                message = self.socket.next(), if !is_draining => match message {
                    Some(Ok(Message::Text(text))) => self.handle_message(&text).await,
                    Some(Ok(Message::Pong(_))) => {
                        awaits_pong = false;
                        heartbeat.as_mut().reset(Instant::now() + ping);
                        Ok(())
                    }
                    // Answered by the library, which never returns a raw frame.
                    Some(Ok(Message::Ping(_) | Message::Frame(_))) => Ok(()),
                    Some(Ok(Message::Binary(_))) => Err(BAD_MESSAGE),
                    Some(Ok(Message::Close(_))) => Err(CLOSED),
                    None => Err(GONE),
                    Some(Err(error)) => Err(close::of_error(&error)),
                },
                Some((number, event)) = self.operations.next() => self.handle_event(number, event).await,
            };
            if let Err(close) = outcome {
                return close;
            }
            if let Some(Some(identity)) = &self.identity {
                expiry.as_mut().reset(Instant::now() + identity.left());
            }
        }
    }

    /// Handles a message of the client.
    async fn handle_message(&mut self, text: &str) -> Result<(), Close> {
        let depth = self.app.limits.json_depth;
        let Ok(Value::Object(mut message)) = envelope::read(text.as_bytes(), depth) else {
            return Err(BAD_MESSAGE);
        };
        let Some(Value::String(kind)) = message.remove("type") else {
            return Err(BAD_MESSAGE);
        };
        let payload = message.remove("payload");
        match kind.as_str() {
            "connection_init" => self.init(object(payload)?).await,
            "ping" => {
                let payload = object(payload)?;
                let pong = (!payload.is_empty()).then_some(Value::Object(payload));
                self.send_message(None, "pong", pong.as_ref().map(to_json))
                    .await
            }
            "pong" => object(payload).map(|_| ()),
            "subscribe" => {
                let id = id(&mut message)?;
                self.subscribe(id, payload.ok_or(BAD_MESSAGE)?).await
            }
            "complete" => {
                let id = id(&mut message)?;
                self.end(&id);
                Ok(())
            }
            _ => Err(BAD_MESSAGE),
        }
    }

    async fn init(&mut self, payload: Map<String, Value>) -> Result<(), Close> {
        if self.identity.is_some() {
            return Err(SECOND_INIT);
        }
        self.identity = Some(match &self.app.verifier {
            None => None,
            Some(verifier) => {
                let given = payload
                    .iter()
                    .find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
                // The payload wins: the header may be a default of the client or a proxy's.
                let given = match given {
                    Some((_, Value::String(given))) => Some(given.as_str()),
                    Some((_, Value::Null)) | None => {
                        let header = self.authorization.as_ref();
                        header.and_then(|header| header.to_str().ok())
                    }
                    Some(_) => None,
                };
                let identity = given.and_then(|given| verifier.identify_bearer(given));
                Some(identity.ok_or(FORBIDDEN)?)
            }
        });
        self.send_message(None, "connection_ack", None).await
    }

    async fn subscribe(&mut self, id: String, payload: Value) -> Result<(), Close> {
        let viewer = match &self.identity {
            None => return Err(UNAUTHORIZED),
            Some(None) => ANONYMOUS,
            Some(Some(identity)) if identity.expires <= SystemTime::now() => return Err(FORBIDDEN),
            Some(Some(identity)) => identity.viewer.clone(),
        };
        let envelope = Envelope::from_value(payload).map_err(|_| BAD_MESSAGE)?;
        if self.live.values().any(|live| live.id == id) {
            return Err(DUPLICATE);
        }
        let request = RequestId::traced(self.trace);
        let operation = if self.live.len() >= self.app.limits.socket_operations {
            metrics::rejected("socket_operations");
            let message = format!(
                "A socket has at most {} operations at once.",
                self.app.limits.socket_operations
            );
            Err(Box::new(operation::refused(coded(
                "LIMIT_EXCEEDED",
                message,
                None,
            ))))
        } else {
            self.app.check(envelope, viewer)
        };
        let operation = match operation {
            Ok(operation) => operation,
            Err(answer) => return self.answer(&request, &id, *answer).await,
        };
        let number = self.next;
        self.next += 1;
        let is_subscription = operation.checked.kind() == OperationType::Subscription;
        let answers = operation::run_stream(&self.app, request.clone(), operation);
        let (answers, abort) = abortable(answers);
        let events = answers.map(move |answer| (number, Event::Answer(Box::new(answer))));
        let end = once(async move { (number, Event::End) });
        self.operations.push(events.chain(end).boxed());
        metrics::live(1.0);
        let live = Live {
            id,
            is_subscription,
            request,
            abort,
        };
        self.live.insert(number, live);
        Ok(())
    }

    /// Ends an operation. Its further events are dropped.
    fn end(&mut self, id: &str) {
        let number = self
            .live
            .iter()
            .find(|(_, live)| live.id == id)
            .map(|(number, _)| *number);
        if let Some(live) = number.and_then(|number| self.live.remove(&number)) {
            live.abort.abort();
            metrics::live(-1.0);
        }
    }

    /// Sends the message of an event.
    async fn handle_event(&mut self, number: u64, event: Event) -> Result<(), Close> {
        // The operation may have been ended after this event.
        let Some(live) = self.live.get(&number) else {
            return Ok(());
        };
        let (id, request) = (live.id.clone(), live.request.clone());
        match event {
            Event::Answer(answer) => {
                let executed = answer.executed;
                if !executed {
                    self.end(&id);
                }
                self.answer(&request, &id, *answer).await
            }
            Event::End => {
                self.end(&id);
                self.send_message(Some(&id), "complete", None).await
            }
        }
    }

    /// `next`, or the one `error` of an operation that did not run.
    async fn answer(
        &mut self,
        request: &RequestId,
        id: &str,
        mut answer: OperationResponse,
    ) -> Result<(), Close> {
        let executed = answer.executed;
        let app = self.app.clone();
        let response = app.client_response(request, &mut answer, false);
        if !executed {
            let errors = to_json(&response.errors);
            return self.send_message(Some(id), "error", Some(errors)).await;
        }
        let json = response.to_json();
        // Frees the values: only the JSON waits to be read.
        drop(answer);
        match app.unread.take(&json) {
            Some(_share) => self.send_message(Some(id), "next", Some(json)).await,
            // A dropped event would go unnoticed: the client resumes at its last cursor.
            None => {
                self.end(id);
                let errors = to_json(&[operation::too_much_unread()]);
                self.send_message(Some(id), "error", Some(errors)).await
            }
        }
    }

    /// Sends a message, in several frames if it is large. `payload` is JSON.
    async fn send_message(
        &mut self,
        id: Option<&str>,
        kind: &str,
        payload: Option<Vec<u8>>,
    ) -> Result<(), Close> {
        let room = 256 + payload.as_ref().map_or(0, Vec::len);
        let mut message = ObjectText::with_capacity(room);
        if let Some(id) = id {
            message.add("id", &id);
        }
        message.add("type", &kind);
        if let Some(payload) = payload {
            message.add_json("payload", &payload);
        }
        let mut rest = Bytes::from(message.finish());
        let mut code = OpCode::Data(Data::Text);
        loop {
            let part = rest.split_to(rest.len().min(LARGEST_FRAME));
            let frame = Frame::message(part, code, rest.is_empty());
            self.send(Message::Frame(frame)).await?;
            if rest.is_empty() {
                return Ok(());
            }
            code = OpCode::Data(Data::Continue);
        }
    }

    /// Sends a message or a frame. A client that does not take it in time counts as gone.
    async fn send(&mut self, message: Message) -> Result<(), Close> {
        let time = seconds(self.app.limits.socket_pong_timeout);
        match timeout(time, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(GONE),
        }
    }
}

fn to_json(value: &impl Serialize) -> Vec<u8> {
    // Serialization cannot fail: the values are our types, and the keys of maps are text.
    serde_json::to_vec(value).unwrap_or_default()
}

fn after(time: Duration) -> Sleep {
    sleep_until(Instant::now() + time)
}

fn object(payload: Option<Value>) -> Result<Map<String, Value>, Close> {
    match payload {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(payload)) => Ok(payload),
        Some(_) => Err(BAD_MESSAGE),
    }
}

fn id(message: &mut Map<String, Value>) -> Result<String, Close> {
    match message.remove("id") {
        Some(Value::String(id)) if !id.is_empty() && id.chars().count() <= LONGEST_ID => Ok(id),
        _ => Err(BAD_MESSAGE),
    }
}
