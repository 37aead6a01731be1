//! `/graphql` over WebSocket: the protocol `graphql-transport-ws`, one task for each socket.
//!
//! The task does one thing at a time: while it sends, no operation goes on, so a client that does
//! not read holds up its own operations, and nothing is buffered for it.
//!
//! See <https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md>.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

use api::{
    answer::Answer,
    auth::{Role, Viewer},
    guard::coded,
};
use async_graphql::{Value, indexmap::IndexMap};
use axum::{
    extract::{
        WebSocketUpgrade,
        ws::{CloseFrame, Message, Utf8Bytes, WebSocket},
    },
    http::StatusCode,
    response::{IntoResponse, Response},
};
use futures_util::{
    FutureExt, StreamExt,
    stream::{AbortHandle, BoxStream, SelectAll, abortable, once},
};
use serde::Serialize;
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, Sleep, sleep_until, timeout},
};

use crate::{
    app::{App, RequestId},
    config::seconds,
    envelope::{self, Envelope},
    identity::Identity,
    metrics, operation,
};

/// The subprotocol.
const PROTOCOL: &str = "graphql-transport-ws";

/// Read at once; a larger message grows it. Each idle socket costs so much.
const READ_BUFFER: usize = 8 << 10;

/// How many characters the id of an operation may have.
const LONGEST_ID: usize = 128;

/// Later than any process lives.
const NEVER: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// Answers an upgrade, if there is room for one more socket.
pub fn accept(app: App, upgrade: WebSocketUpgrade) -> Response {
    let Ok(permit) = app.sockets.clone().try_acquire_owned() else {
        metrics::rejected("sockets");
        return (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "1")]).into_response();
    };
    let most = app.limits.max_socket_message;
    upgrade
        .protocols([PROTOCOL])
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_message_size(most)
        .max_frame_size(most)
        .on_upgrade(move |socket| Session::new(app, socket, permit).run())
}

/// Why a socket is closed, by the numbers of the protocol.
struct Close(u16, &'static str);

const BAD_MESSAGE: Close = Close(4400, "Bad message");
const UNAUTHORIZED: Close = Close(4401, "Unauthorized");
const FORBIDDEN: Close = Close(4403, "Forbidden");
const NO_PROTOCOL: Close = Close(4406, "Subprotocol not acceptable");
const NO_INIT: Close = Close(4408, "Connection initialisation timeout");
const DUPLICATE: Close = Close(4409, "Subscriber already exists");
const SECOND_INIT: Close = Close(4429, "Too many initialisation requests");
const GOING_AWAY: Close = Close(1001, "Going away");
const TOO_LARGE: Close = Close(1009, "Message too large");
/// Nobody is there to be told.
const GONE: Close = Close(1006, "");

/// What an operation has to say.
enum Event {
    Answer(Box<Answer>),
    /// It has ended by itself; or, when it is no longer live, because the client asked.
    End,
}

struct Session {
    app: App,
    socket: WebSocket,
    /// Since `connection_init`; `None` inside when there is no auth.
    identity: Option<Option<Identity>>,
    operations: SelectAll<BoxStream<'static, (u64, Event)>>,
    /// The live ones, by the number that tells them from others that had the same id before.
    live: HashMap<u64, Live>,
    next: u64,
    _permit: OwnedSemaphorePermit,
}

struct Live {
    id: String,
    request: RequestId,
    abort: AbortHandle,
}

impl Session {
    fn new(app: App, socket: WebSocket, permit: OwnedSemaphorePermit) -> Self {
        Self {
            app,
            socket,
            identity: None,
            operations: SelectAll::new(),
            live: HashMap::new(),
            next: 0,
            _permit: permit,
        }
    }

    async fn run(mut self) {
        // To a name, so that the future of an idle socket is small.
        let close = Box::pin(self.talk()).await;
        metrics::live(-(self.live.len() as f64));
        if close.0 != GONE.0 {
            let frame = CloseFrame {
                code: close.0,
                reason: close.1.into(),
            };
            let goodbye = async {
                if self.socket.send(Message::Close(Some(frame))).await.is_ok() {
                    // Its answer, or the connection would be reset under the client's eyes.
                    while let Some(Ok(_)) = self.socket.recv().await {}
                }
            };
            let _ = timeout(Duration::from_secs(1), goodbye).await;
        }
    }

    async fn talk(&mut self) -> Close {
        if self
            .socket
            .protocol()
            .is_none_or(|protocol| protocol != PROTOCOL)
        {
            return NO_PROTOCOL;
        }
        let app = self.app.clone();
        let (ping, pong) = (
            seconds(app.limits.socket_ping),
            seconds(app.limits.socket_pong_timeout),
        );
        let mut init = Box::pin(after(seconds(app.limits.socket_init_timeout)));
        let mut expiry = Box::pin(after(NEVER));
        let mut heart = Box::pin(after(ping));
        let mut shutdown = app.shutdown.begun().boxed();
        let mut awaits_pong = false;
        loop {
            let outcome = tokio::select! {
                biased;
                () = &mut shutdown => Err(GOING_AWAY),
                () = &mut expiry => Err(FORBIDDEN),
                () = &mut init, if self.identity.is_none() => Err(NO_INIT),
                () = &mut heart => {
                    if awaits_pong {
                        Err(GONE)
                    } else {
                        awaits_pong = true;
                        heart.as_mut().reset(Instant::now() + pong);
                        self.send(Message::Ping(Default::default())).await
                    }
                }
                message = self.socket.recv() => match message {
                    Some(Ok(Message::Text(text))) => self.read(&text).await,
                    Some(Ok(Message::Pong(_))) => {
                        awaits_pong = false;
                        heart.as_mut().reset(Instant::now() + ping);
                        Ok(())
                    }
                    // Answered by the library.
                    Some(Ok(Message::Ping(_))) => Ok(()),
                    Some(Ok(Message::Binary(_))) => Err(BAD_MESSAGE),
                    Some(Ok(Message::Close(_))) | None => Err(GONE),
                    Some(Err(error)) => Err(broken(&error)),
                },
                Some((number, event)) = self.operations.next() => self.tell(number, event).await,
            };
            if let Err(close) = outcome {
                return close;
            }
            if let Some(Some(identity)) = &self.identity {
                let left = identity.expires.duration_since(SystemTime::now());
                expiry
                    .as_mut()
                    .reset(Instant::now() + left.unwrap_or_default().min(NEVER));
            }
        }
    }

    /// Understands a message of the client.
    async fn read(&mut self, text: &str) -> Result<(), Close> {
        let depth = self.app.limits.max_json_depth;
        let Ok(Value::Object(mut message)) = envelope::read(text.as_bytes(), depth) else {
            return Err(BAD_MESSAGE);
        };
        let Some(Value::String(kind)) = message.swap_remove("type") else {
            return Err(BAD_MESSAGE);
        };
        let payload = message.swap_remove("payload");
        match kind.as_str() {
            "connection_init" => self.init(object(payload)?).await,
            "ping" => {
                let payload = object(payload)?;
                let pong = (!payload.is_empty()).then_some(Value::Object(payload));
                self.say(None, "pong", pong.as_ref().map(to_json)).await
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

    async fn init(&mut self, payload: IndexMap<async_graphql::Name, Value>) -> Result<(), Close> {
        if self.identity.is_some() {
            return Err(SECOND_INIT);
        }
        self.identity = Some(match &self.app.verifier {
            None => None,
            Some(verifier) => {
                let given = payload
                    .iter()
                    .find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
                let Some((_, Value::String(given))) = given else {
                    return Err(FORBIDDEN);
                };
                Some(verifier.identify_bearer(given).ok_or(FORBIDDEN)?)
            }
        });
        self.say(None, "connection_ack", None).await
    }

    async fn subscribe(&mut self, id: String, payload: Value) -> Result<(), Close> {
        let viewer = match &self.identity {
            None => return Err(UNAUTHORIZED),
            Some(None) => Viewer { role: Role::Editor },
            Some(Some(identity)) if identity.expires <= SystemTime::now() => return Err(FORBIDDEN),
            Some(Some(identity)) => identity.viewer,
        };
        let envelope = Envelope::from_value(payload).map_err(|_| BAD_MESSAGE)?;
        if self.live.values().any(|live| live.id == id) {
            return Err(DUPLICATE);
        }
        let request = RequestId::next();
        let checked = if self.live.len() >= self.app.limits.max_socket_operations {
            metrics::rejected("socket_operations");
            let message = format!(
                "A socket has at most {} operations at once.",
                self.app.limits.max_socket_operations
            );
            Err(Box::new(operation::refused(coded(
                "LIMIT_EXCEEDED",
                message,
                None,
            ))))
        } else {
            self.app.check(envelope, viewer)
        };
        let checked = match checked {
            Ok(checked) => checked,
            Err(answer) => return self.answer(&request, &id, *answer).await,
        };
        let number = self.next;
        self.next += 1;
        let answers = operation::run_stream(&self.app, request.clone(), checked);
        let (answers, abort) = abortable(answers);
        let events = answers.map(move |answer| (number, Event::Answer(Box::new(answer))));
        let end = once(async move { (number, Event::End) });
        self.operations.push(events.chain(end).boxed());
        metrics::live(1.0);
        self.live.insert(number, Live { id, request, abort });
        Ok(())
    }

    /// The client does not want to hear more.
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

    async fn tell(&mut self, number: u64, event: Event) -> Result<(), Close> {
        // It may have been ended while it spoke.
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
                self.say(Some(&id), "complete", None).await
            }
        }
    }

    /// `next`, or the one `error` of an operation that did not run.
    async fn answer(
        &mut self,
        request: &RequestId,
        id: &str,
        mut answer: Answer,
    ) -> Result<(), Close> {
        let executed = answer.executed;
        let app = self.app.clone();
        let told = app.tell_client(request, &mut answer, false);
        if executed {
            self.say(Some(id), "next", Some(told.to_json())).await
        } else {
            self.say(Some(id), "error", Some(to_json(&told.errors)))
                .await
        }
    }

    async fn say(
        &mut self,
        id: Option<&str>,
        kind: &str,
        payload: Option<Vec<u8>>,
    ) -> Result<(), Close> {
        #[derive(Serialize)]
        struct Said<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            id: Option<&'a str>,
            r#type: &'a str,
        }
        let mut json = to_json(&Said { id, r#type: kind });
        if let Some(payload) = payload {
            json.pop();
            json.extend_from_slice(b",\"payload\":");
            json.extend_from_slice(&payload);
            json.push(b'}');
        }
        let text = Utf8Bytes::try_from(json).unwrap_or_default();
        self.send(Message::Text(text)).await
    }

    /// A client that does not take a message in time is gone.
    async fn send(&mut self, message: Message) -> Result<(), Close> {
        let time = seconds(self.app.limits.socket_pong_timeout);
        match timeout(time, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(GONE),
        }
    }
}

fn to_json(value: &impl Serialize) -> Vec<u8> {
    // Values come from our own types, and a map with text keys can always be written.
    serde_json::to_vec(value).unwrap_or_default()
}

fn after(time: Duration) -> Sleep {
    sleep_until(Instant::now() + time)
}

fn object(payload: Option<Value>) -> Result<IndexMap<async_graphql::Name, Value>, Close> {
    match payload {
        None | Some(Value::Null) => Ok(IndexMap::new()),
        Some(Value::Object(payload)) => Ok(payload),
        Some(_) => Err(BAD_MESSAGE),
    }
}

fn id(message: &mut IndexMap<async_graphql::Name, Value>) -> Result<String, Close> {
    match message.swap_remove("id") {
        Some(Value::String(id)) if !id.is_empty() && id.chars().count() <= LONGEST_ID => Ok(id),
        _ => Err(BAD_MESSAGE),
    }
}

fn broken(error: &axum::Error) -> Close {
    // The library's own type is not ours to name.
    let text = error.to_string();
    if text.contains("too long") || text.contains("too big") {
        metrics::rejected("socket_message");
        TOO_LARGE
    } else if text.to_ascii_lowercase().contains("utf") {
        BAD_MESSAGE
    } else {
        GONE
    }
}
