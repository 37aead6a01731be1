//! A client of the protocol `graphql-transport-ws` with one subscription.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{ClientRequestBuilder, Message},
};

/// Longer than anything takes that comes.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Listener {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Listener {
    /// Subscribes at the server with this URL.
    pub async fn open(url: &str, query: &str, variables: Value) -> Self {
        let url = format!("{}/graphql", url.replace("http://", "ws://"));
        let request = ClientRequestBuilder::new(url.parse().unwrap())
            .with_sub_protocol("graphql-transport-ws");
        let (socket, _) = connect_async(request).await.unwrap();
        let mut listener = Self { socket };
        listener.say(json!({ "type": "connection_init" })).await;
        let ack = listener.message().await;
        assert_eq!(ack["type"], "connection_ack", "{ack}");
        let payload = json!({ "query": query, "variables": variables });
        listener
            .say(json!({ "type": "subscribe", "id": "1", "payload": payload }))
            .await;
        listener
    }

    /// To every change, with what tells one from another.
    pub async fn to_changes(url: &str, after: Option<&str>) -> Self {
        let query = "subscription($after: String) \
                     { changes(after: $after) { cursor type kind touchedIds } }";
        Self::open(url, query, json!({ "after": after })).await
    }

    async fn say(&mut self, message: Value) {
        let message = Message::text(message.to_string());
        self.socket.send(message).await.unwrap();
    }

    /// The next message of the protocol.
    pub async fn message(&mut self) -> Value {
        let next = timeout(PATIENCE, self.read()).await;
        next.unwrap_or_else(|_| panic!("nothing came"))
            .unwrap_or_else(|| panic!("the server has closed the socket"))
    }

    /// The next change.
    pub async fn next(&mut self) -> Value {
        let mut message = self.message().await;
        assert_eq!(message["type"], "next", "{message}");
        assert_eq!(message["payload"].get("errors"), None, "{message}");
        message["payload"]["data"]["changes"].take()
    }

    /// Whether nothing comes for a while.
    pub async fn is_quiet(&mut self) -> bool {
        timeout(Duration::from_millis(300), self.read())
            .await
            .is_err()
    }

    async fn read(&mut self) -> Option<Value> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                _ => return None,
            }
        }
    }
}
