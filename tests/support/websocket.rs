//! A WebSocket client that knows nothing of the protocol.

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
        Message,
        client::IntoClientRequest,
        handshake::client::Request,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

use super::app::TestApp;

/// A client that knows nothing of the protocol.
pub struct Socket(pub WebSocketStream<TcpStream>);

impl Socket {
    pub async fn open(app: &TestApp) -> Self {
        Self::open_with(app, Some("graphql-transport-ws"), &[])
            .await
            .unwrap()
    }

    /// The socket of an upgrade request with this `Authorization`, after a `connection_init` with
    /// this payload.
    pub async fn init(app: &TestApp, authorization: &str, payload: Value) -> Self {
        let headers = [("authorization", authorization)];
        let protocol = Some("graphql-transport-ws");
        let mut socket = Self::open_with(app, protocol, &headers).await.unwrap();
        let init = json!({ "type": "connection_init", "payload": payload });
        socket.send(&init.to_string()).await;
        socket
    }

    /// Closes the socket and returns the code of the server's answer.
    pub async fn close(&mut self, code: u16) -> u16 {
        let frame = CloseFrame {
            code: code.into(),
            reason: "".into(),
        };
        self.0.send(Message::Close(Some(frame))).await.unwrap();
        self.close_code().await
    }

    pub async fn open_with(
        app: &TestApp,
        protocol: Option<&str>,
        headers: &[(&'static str, &str)],
    ) -> Option<Self> {
        Self::open_at(&app.url, protocol, headers).await
    }

    async fn open_at(
        url: &str,
        protocol: Option<&str>,
        headers: &[(&'static str, &str)],
    ) -> Option<Self> {
        let mut request = format!("{}/graphql", url.replace("http", "ws"))
            .into_client_request()
            .unwrap();
        if let Some(protocol) = protocol {
            request
                .headers_mut()
                .insert("sec-websocket-protocol", protocol.parse().unwrap());
        }
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let address = url.trim_start_matches("http://");
        let stream = TcpStream::connect(address).await.unwrap();
        Self::open_on(stream, request).await
    }

    async fn open_on(stream: TcpStream, request: Request) -> Option<Self> {
        client_async(request, stream)
            .await
            .ok()
            .map(|(socket, _)| Self(socket))
    }

    /// A socket that was let in.
    pub async fn ready(app: &TestApp) -> Self {
        Self::ready_at(&app.url).await.unwrap()
    }

    /// The same, at the server with this URL; `None` when it takes no more.
    pub async fn ready_at(url: &str) -> Option<Self> {
        let mut socket = Self::open_at(url, Some("graphql-transport-ws"), &[]).await?;
        socket.send(r#"{"type": "connection_init"}"#).await;
        assert_eq!(socket.read().await, json!({ "type": "connection_ack" }));
        Some(socket)
    }

    /// The same, where the system takes little for a client that does not read.
    pub async fn ready_with_small_buffer(app: &TestApp) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4 << 10).unwrap();
        let address = app.url.trim_start_matches("http://").parse().unwrap();
        let stream = socket.connect(address).await.unwrap();
        let mut request = format!("{}/graphql", app.url.replace("http", "ws"))
            .into_client_request()
            .unwrap();
        let protocol = "graphql-transport-ws".parse().unwrap();
        request
            .headers_mut()
            .insert("sec-websocket-protocol", protocol);
        let mut socket = Self::open_on(stream, request).await.unwrap();
        socket.send(r#"{"type": "connection_init"}"#).await;
        socket.read().await;
        socket
    }

    pub async fn send(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    pub async fn subscribe(&mut self, id: &str, payload: &Value) {
        self.send(&json!({ "id": id, "type": "subscribe", "payload": payload }).to_string())
            .await;
    }

    /// The next message; pings are answered on the way.
    pub async fn read(&mut self) -> Value {
        loop {
            match self.frame().await {
                Some(Message::Text(text)) => return serde_json::from_str(&text).unwrap(),
                Some(Message::Ping(_) | Message::Pong(_)) => {}
                other => panic!("no message but {other:?}"),
            }
        }
    }

    pub async fn frame(&mut self) -> Option<Message> {
        let frame = timeout(Duration::from_secs(20), self.0.next())
            .await
            .expect("it hangs");
        frame.and_then(Result::ok)
    }

    /// Why it is closed.
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
