//! The client of server-sent events of the tests, which reads what a browser's `EventSource` reads.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response, StatusCode, header};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{app::TestApp, http::percent};

/// The media type of server-sent events.
pub const EVENT_STREAM: &str = "text/event-stream";

/// Longer than any event takes that the server sends.
const PATIENCE: Duration = Duration::from_secs(20);

/// A subscription to all changes.
pub const CHANGES: &str = "subscription { changes { type kind touchedIds } }";

/// A stream of server-sent events.
pub struct EventSource {
    response: Response,
    text: String,
    /// The id of the last event that had one.
    pub last_event_id: Option<String>,
}

/// One event; a comment is none.
#[derive(Debug, PartialEq)]
pub struct Event {
    pub name: String,
    pub id: Option<String>,
    pub data: Option<String>,
}

impl EventSource {
    /// Opens a stream by GET, as a browser does.
    pub async fn get(url: &str, query: &str, last_event_id: Option<&str>) -> Self {
        let url = format!("{url}/graphql?query={}", percent(query));
        let mut request = reqwest::Client::new().get(url);
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        Self::open(request).await
    }

    /// Opens a stream by POST, as the client graphql-sse does.
    pub async fn post(url: &str, body: &Value) -> Self {
        Self::send(url, Method::POST, body).await
    }

    /// Opens a stream with a request that has a body.
    pub async fn send(url: &str, method: Method, body: &Value) -> Self {
        let request = reqwest::Client::new().request(method, format!("{url}/graphql"));
        let request = request.header("content-type", "application/json");
        Self::open(request.body(body.to_string())).await
    }

    /// Sends the request with `Accept: text/event-stream`. The server must answer with a stream.
    pub async fn open(request: RequestBuilder) -> Self {
        let response = request.header("accept", EVENT_STREAM).send().await.unwrap();
        let status = response.status();
        let kind = response.headers()[header::CONTENT_TYPE].clone();
        if status != StatusCode::OK {
            panic!("{status}: {}", response.text().await.unwrap());
        }
        assert_eq!(kind, "text/event-stream; charset=utf-8");
        Self {
            response,
            text: String::new(),
            last_event_id: None,
        }
    }

    /// The next event; `None` at the end of the stream.
    pub async fn event(&mut self) -> Option<Event> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let event = parse(block);
                self.text = rest.to_owned();
                if let Some(event) = event {
                    self.last_event_id = event.id.clone().or(self.last_event_id.take());
                    return Some(event);
                }
            }
            let chunk = timeout(PATIENCE, self.response.chunk()).await;
            let chunk = chunk.expect("no event in time");
            let chunk = chunk.expect("the body broke off")?;
            self.text += std::str::from_utf8(&chunk).unwrap();
        }
    }

    /// The next result. Expects `event: next`; an event without data is only a cursor.
    pub async fn result(&mut self) -> Value {
        loop {
            let event = self.event().await.expect("the stream ended");
            if let Some(data) = &event.data {
                assert_eq!(event.name, "next", "{event:?}");
                return serde_json::from_str(data).unwrap();
            }
        }
    }

    /// Reads the cursor with which the stream of a subscription begins.
    pub async fn start(&mut self) -> String {
        let event = self.event().await.expect("the stream ended");
        assert_eq!((event.name.as_str(), &event.data), ("", &None), "{event:?}");
        event.id.unwrap()
    }

    /// The next change of a subscription.
    pub async fn change(&mut self) -> Value {
        let mut result = self.result().await;
        assert_eq!(result.get("errors"), None, "{result}");
        result["data"]["changes"].take()
    }

    /// Expects `event: complete` and the end of the stream.
    pub async fn completes(&mut self) {
        let complete = Event {
            name: "complete".to_owned(),
            id: None,
            data: Some(String::new()),
        };
        assert_eq!(self.event().await, Some(complete));
        assert_eq!(self.event().await, None);
    }
}

/// Parses the lines of an event. Returns `None` for a comment.
fn parse(block: &str) -> Option<Event> {
    let (mut name, mut id, mut data) = (String::new(), None, None);
    for line in block.split('\n') {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => name = value.to_owned(),
            "id" => id = Some(value.to_owned()),
            "data" => data = Some(value.to_owned()),
            "" => {}
            other => panic!("{other} is no field: {block}"),
        }
    }
    (!name.is_empty() || id.is_some() || data.is_some()).then_some(Event { name, id, data })
}

/// Opens a stream of all changes after the latest one, and reads its start.
pub async fn listening(app: &TestApp) -> EventSource {
    let mut events = EventSource::post(&app.url, &json!({ "query": CHANGES })).await;
    events.start().await;
    events
}
