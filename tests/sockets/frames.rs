//! WebSocket frames: handshake, size, pings and closes.

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{
    app::lesson_with,
    operations::{EVENTS, query},
    websocket::WebSocket,
};

#[tokio::test]
async fn the_handshake_has_the_header_names_of_the_rfc() {
    let app = lesson_with(|_| {}).await;
    for path in ["/graphql", "/graphql/"] {
        let mut stream = app.connect().await;
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: keep-alive, Upgrade\r\nupgrade: WebSocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: graphql-ws, graphql-transport-ws\r\n\r\n"
        );
        tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes())
            .await
            .unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(tokio::io::AsyncReadExt::read_u8(&mut stream).await.unwrap());
        }
        let answer = String::from_utf8(answer).unwrap();
        for line in [
            "HTTP/1.1 101 Switching Protocols",
            "Connection: upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
            "Sec-WebSocket-Protocol: graphql-transport-ws",
        ] {
            assert!(answer.lines().any(|sent| sent == line), "{line}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_message_over_the_size_limit_closes_with_1009() {
    let app = lesson_with(|settings| settings.limits.socket_message = 1_000).await;
    let mut socket = WebSocket::ready(&app.url).await;
    let message = |length: usize| {
        let text =
            json!({ "id": "1", "type": "subscribe", "payload": { "query": "{ __typename }" } })
                .to_string();
        format!("{text}{}", " ".repeat(length - text.len()))
    };
    socket.send(&message(1_000)).await;
    assert_eq!(socket.read().await["type"], "next");
    socket.read().await;
    socket.send(&message(1_001)).await;
    assert_eq!(socket.close_code().await, 1009);
}

#[tokio::test]
async fn a_violation_of_the_websocket_protocol_closes_with_1002() {
    let app = lesson_with(|_| {}).await;
    let mut socket = WebSocket::ready(&app.url).await;
    // A text frame without a mask.
    tokio::io::AsyncWriteExt::write_all(socket.stream(), &[0x81, 1, b'x'])
        .await
        .unwrap();
    assert_eq!(socket.close_code().await, 1002);
}

#[tokio::test]
async fn a_client_that_does_not_answer_pings_is_closed() {
    let app = lesson_with(|settings| {
        settings.limits.socket_ping = 1;
        settings.limits.socket_pong_timeout = 1;
    })
    .await;
    let mut alive = WebSocket::ready(&app.url).await;
    // This socket is not read, so its pings are not answered.
    let mut dead = WebSocket::ready(&app.url).await;
    // The server pings once a second. It pings again only if the last pong was in time.
    for _ in 0..4 {
        let frame = alive.frame().await;
        assert!(matches!(frame, Some(Message::Ping(_))), "{frame:?}");
    }
    alive.subscribe("1", &query("{ __typename }")).await;
    assert_eq!(alive.read().await["type"], "next");
    assert_eq!(dead.close_code().await, 1006);
}

#[tokio::test]
async fn a_close_before_connection_init_is_answered_with_its_code() {
    let app = lesson_with(|_| {}).await;
    let mut socket = WebSocket::open(&app.url).await;
    assert_eq!(socket.close(1000).await, 1000);
}

#[tokio::test]
async fn a_close_of_an_idle_socket_is_answered_with_its_code() {
    let app = lesson_with(|_| {}).await;
    let mut socket = WebSocket::ready(&app.url).await;
    assert_eq!(socket.close(1000).await, 1000);
}

#[tokio::test]
async fn a_close_of_a_socket_with_a_subscription_is_answered_and_ends_the_connection() {
    let app = lesson_with(|_| {}).await;
    let mut socket = WebSocket::ready(&app.url).await;
    socket.subscribe("1", &query(EVENTS)).await;
    assert_eq!(socket.close(4499).await, 4499);
    // The server ends the TCP connection after the handshake.
    assert!(socket.frame().await.is_none());
}

#[tokio::test]
async fn a_close_behind_a_query_is_answered_after_the_answer() {
    let app = lesson_with(|_| {}).await;
    let mut socket = WebSocket::ready(&app.url).await;
    socket.subscribe("1", &query("{ __typename }")).await;
    assert_eq!(socket.close(1001).await, 1001);
}

#[tokio::test]
async fn a_closed_socket_frees_its_place() {
    let app = lesson_with(|settings| settings.limits.sockets = 2).await;
    for _ in 0..40 {
        let mut socket = WebSocket::ready(&app.url).await;
        assert_eq!(socket.close(1000).await, 1000);
        assert!(socket.frame().await.is_none());
    }
}

#[tokio::test]
async fn a_client_that_is_still_sending_receives_the_close_of_the_server() {
    let app = lesson_with(|settings| settings.limits.socket_message = 1_000).await;
    let wrong_type = format!(r#"{{"type": "{}"}}"#, "x".repeat(900));
    for (first, code) in [("x".repeat(4_000_000), 1009), (wrong_type, 4400)] {
        let mut socket = WebSocket::ready(&app.url).await;
        socket.send(&first).await;
        // The server ignores these frames but must read them: unread bytes would reset the connection.
        for _ in 0..2_000 {
            let frame = Message::text("y".repeat(900));
            if socket.send_frame(frame).await.is_err() {
                break;
            }
        }
        assert_eq!(socket.close_code().await, code);
    }
}
