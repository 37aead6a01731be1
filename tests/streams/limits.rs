//! Limits of streams: how many there are, clients that do not read, and tokens that expire.

use std::time::Duration;

use reqwest::StatusCode;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use crate::support::{
    app::lesson_with,
    auth::{token, with_auth},
    client::send,
    events::{CHANGES, EVENT_STREAM, EventSource, listening},
    http::percent,
    operations::{CREATE, query},
    program::Program,
    websocket::WebSocket,
};

#[tokio::test]
async fn a_stream_over_the_limit_is_503_until_another_one_ends() {
    let app = lesson_with(|settings| settings.limits.streams = 1).await;
    let first = listening(&app).await;
    let get = || app.get_graphql(&[("query", CHANGES)], EVENT_STREAM);
    let refused = get().await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()["retry-after"], "1");
    // A query is no subscription.
    let mut result = EventSource::get(&app.url, "{ __typename }", None).await;
    result.result().await;
    drop(first);
    for _ in 0..200 {
        if get().await.status() == StatusCode::OK {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the place of a stream that was cut stays taken");
}

#[tokio::test]
async fn a_query_that_finds_no_free_slot_is_503() {
    let app = lesson_with(|settings| settings.limits.operations_at_once = 0).await;
    let refused = app
        .get_graphql(&[("query", "{ __typename }")], EVENT_STREAM)
        .await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()["retry-after"], "1");
}

#[tokio::test]
async fn a_stream_needs_a_token_in_its_header_and_ends_when_the_token_expires() {
    let app = with_auth().await;
    let bearer = |expires| format!("Bearer {}", token("viewer", expires));
    let url = format!("{}/graphql?query={}", app.url, percent(CHANGES));
    let in_the_url = format!("{url}&authorization={}", percent(&bearer(60)));
    for url in [&url, &in_the_url] {
        let request = app.client.get(url).header("accept", EVENT_STREAM);
        let refused = request.send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    }
    // Clocks may differ by 30 s, so 2 s are left.
    let request = app.client.get(&url).header("authorization", bearer(-28));
    let mut events = EventSource::open(request).await;
    events.start().await;
    assert_eq!(events.event().await, None, "it ends without a complete");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_closed_and_takes_bounded_memory() {
    let program = Program::demo(&["--limit", "streams=20,write_timeout=1"]);
    let address = program.url.trim_start_matches("http://").parse().unwrap();
    // One event has about 6 KiB, and 400 of them for 20 streams 47 MiB.
    let aliases: String = (0..40).map(|n| format!("{n:_>127}: __typename ")).collect();
    let events = format!("subscription {{ changes {{ {aliases} }} }}");
    let mut unread = Vec::new();
    for _ in 0..20 {
        unread.push(subscribe_without_reading(address, &events).await);
    }
    let client = reqwest::Client::new();
    let other = format!("{}/graphql?query={}", program.url, percent(CHANGES));
    let is_taken = async || {
        let request = client.get(&other).header("accept", EVENT_STREAM);
        request.send().await.unwrap().status() == StatusCode::SERVICE_UNAVAILABLE
    };
    assert!(is_taken().await);
    let before = program.memory_now();
    for _ in 0..400 {
        let answer = send(&program.url, CREATE).await;
        assert_eq!(answer.get("errors"), None, "{answer}");
    }
    if let (Some(before), Some(after)) = (before, program.memory_now()) {
        let more = after.saturating_sub(before) >> 20;
        eprintln!("20 streams that are not read: {more} MiB");
        assert!(more < 24, "{more} MiB are kept of 47");
    }
    for _ in 0..400 {
        if !is_taken().await {
            return;
        }
        send(&program.url, CREATE).await;
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("the unread streams stay open");
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_no_slot_of_events() {
    let app = lesson_with(|settings| settings.limits.operation.events_at_once = 1).await;
    let address = app.url.trim_start_matches("http://").parse().unwrap();
    let _unread = subscribe_without_reading(address, CHANGES).await;
    let mut stream = listening(&app).await;
    let mut socket = WebSocket::changes(&app.url).await;
    for _ in 0..3 {
        send(&app.url, CREATE).await;
        assert_eq!(stream.change().await["type"], "EMPLOYEE");
        assert_eq!(socket.change().await["type"], "EMPLOYEE");
    }
}

#[tokio::test]
async fn an_idle_stream_receives_comments() {
    let app = lesson_with(|settings| settings.limits.stream_ping = 1).await;
    let url = format!("{}/graphql?query={}", app.url, percent(CHANGES));
    let request = app.client.get(url).header("accept", EVENT_STREAM);
    let mut response = request.send().await.unwrap();
    let mut text = String::new();
    while text.matches("\n:\n").count() < 2 {
        let chunk = tokio::time::timeout(Duration::from_secs(20), response.chunk()).await;
        let chunk = chunk.expect("no comment in time").unwrap().unwrap();
        text += std::str::from_utf8(&chunk).unwrap();
    }
    assert!(!text.contains("event:"), "{text}");
}

/// Subscribes with a small receive buffer, and reads nothing behind the start of the stream.
async fn subscribe_without_reading(address: std::net::SocketAddr, events: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 << 10).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let body = query(events).to_string();
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: localhost\r\naccept: {EVENT_STREAM}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut start = String::new();
    while !start.contains("id: ") {
        let mut bytes = [0; 1_000];
        let read = stream.read(&mut bytes).await.unwrap();
        assert_ne!(read, 0, "{start}");
        start += &String::from_utf8_lossy(&bytes[..read]);
    }
    stream
}
