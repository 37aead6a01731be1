//! The WebSocket client of the tests: frames, messages of `graphql-transport-ws`, and changes.
//!
//! It sends what it is given, so that a test can break the protocol.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{
        Error, Message,
        client::IntoClientRequest,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

use super::client::succeeds;

pub const PROTOCOL: &str = "graphql-transport-ws";

/// Longer than any message takes that the server sends.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct WebSocket(WebSocketStream<TcpStream>);

/// Opening a socket at the server with this URL.
impl WebSocket {
    /// Upgrades a connection. Returns `None` if the server refuses.
    pub async fn upgrade(
        url: &str,
        protocol: Option<&str>,
        headers: &[(&'static str, &str)],
    ) -> Option<Self> {
        let stream = TcpStream::connect(address(url)).await.unwrap();
        Self::upgrade_on(stream, url, protocol, headers).await
    }

    async fn upgrade_on(
        stream: TcpStream,
        url: &str,
        protocol: Option<&str>,
        headers: &[(&'static str, &str)],
    ) -> Option<Self> {
        let url = format!("ws://{}/graphql", address(url));
        let mut request = url.into_client_request().unwrap();
        let protocol = protocol.map(|protocol| ("sec-websocket-protocol", protocol));
        for (name, value) in protocol.iter().chain(headers) {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let (socket, _) = client_async(request, stream).await.ok()?;
        Some(Self(socket))
    }

    /// Opens a socket that has not sent `connection_init`.
    pub async fn open(url: &str) -> Self {
        Self::upgrade(url, Some(PROTOCOL), &[]).await.unwrap()
    }

    /// Opens a socket whose `connection_init` was acknowledged.
    pub async fn ready(url: &str) -> Self {
        Self::try_ready(url).await.unwrap()
    }

    /// As [`WebSocket::ready`]; `None` if the server refuses the upgrade.
    pub async fn try_ready(url: &str) -> Option<Self> {
        let mut socket = Self::upgrade(url, Some(PROTOCOL), &[]).await?;
        socket.acknowledged().await;
        Some(socket)
    }

    /// As [`WebSocket::ready`], with a small receive buffer, so that a server whose client does not
    /// read cannot send much.
    pub async fn ready_with_small_buffer(url: &str) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4 << 10).unwrap();
        let stream = socket.connect(address(url).parse().unwrap()).await.unwrap();
        let socket = Self::upgrade_on(stream, url, Some(PROTOCOL), &[]).await;
        let mut socket = socket.unwrap();
        socket.acknowledged().await;
        socket
    }

    async fn acknowledged(&mut self) {
        self.init(None).await;
        assert_eq!(self.read().await, json!({ "type": "connection_ack" }));
    }

    /// Opens a socket with one subscription. Its id is `1`.
    pub async fn subscribed(url: &str, query: &str, variables: Value) -> Self {
        let mut socket = Self::ready(url).await;
        let payload = json!({ "query": query, "variables": variables });
        socket.subscribe("1", &payload).await;
        socket
    }

    /// Opens a socket with a subscription to all changes after this cursor.
    pub async fn changes_after(url: &str, cursor: &str) -> Self {
        let query = "subscription($after: String) \
                     { changes(after: $after) { cursor type kind touchedIds } }";
        Self::subscribed(url, query, json!({ "after": cursor })).await
    }

    /// Opens a socket with a subscription to all changes after the latest one. It receives every
    /// change that is committed after this call, also if the subscription begins later.
    pub async fn changes(url: &str) -> Self {
        let data = succeeds(url, "{ changes { latestCursor } }").await;
        Self::changes_after(url, data["changes"]["latestCursor"].as_str().unwrap()).await
    }
}

fn address(url: &str) -> &str {
    url.trim_start_matches("http://")
}

/// Sending.
impl WebSocket {
    pub async fn send(&mut self, text: &str) {
        self.send_frame(Message::text(text)).await.unwrap();
    }

    pub async fn send_frame(&mut self, frame: Message) -> Result<(), Error> {
        self.0.send(frame).await
    }

    pub async fn init(&mut self, payload: Option<Value>) {
        let mut init = json!({ "type": "connection_init" });
        if let Some(payload) = payload {
            init["payload"] = payload;
        }
        self.send(&init.to_string()).await;
    }

    pub async fn subscribe(&mut self, id: &str, payload: &Value) {
        self.send(&json!({ "id": id, "type": "subscribe", "payload": payload }).to_string())
            .await;
    }

    /// Closes the socket and returns the code of the server's answer.
    pub async fn close(&mut self, code: u16) -> u16 {
        let frame = CloseFrame {
            code: code.into(),
            reason: "".into(),
        };
        let close = Message::Close(Some(frame));
        self.send_frame(close).await.unwrap();
        self.close_code().await
    }

    /// The TCP connection, for bytes that are not a frame.
    pub fn stream(&mut self) -> &mut TcpStream {
        self.0.get_mut()
    }
}

/// Receiving. Pings are answered on the way.
impl WebSocket {
    /// The next frame of any kind; `None` if the connection ended.
    pub async fn frame(&mut self) -> Option<Message> {
        let frame = timeout(PATIENCE, self.0.next()).await;
        frame.expect("no frame in time").and_then(Result::ok)
    }

    /// The next message of the protocol.
    pub async fn read(&mut self) -> Value {
        loop {
            match self.frame().await {
                Some(Message::Text(text)) => return serde_json::from_str(&text).unwrap(),
                Some(Message::Ping(_) | Message::Pong(_)) => {}
                other => panic!("no message but {other:?}"),
            }
        }
    }

    /// The next change of a subscription.
    pub async fn change(&mut self) -> Value {
        let mut message = self.read().await;
        assert_eq!(message["type"], "next", "{message}");
        assert_eq!(message["payload"].get("errors"), None, "{message}");
        message["payload"]["data"]["changes"].take()
    }

    /// The code with which the server closes the socket; 1006 if it ends without one.
    pub async fn close_code(&mut self) -> u16 {
        loop {
            match self.frame().await {
                Some(Message::Close(Some(CloseFrame { code, .. }))) => return code.into(),
                Some(_) => {}
                None => return CloseCode::Abnormal.into(),
            }
        }
    }
}
