//! Connections: timeouts, sizes, and how many there are.

use reqwest::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{
    app::lesson_with,
    http::{GOOD, code},
};

#[tokio::test]
async fn a_slow_head_a_slow_body_and_an_idle_connection_time_out() {
    let app = lesson_with(|settings| {
        settings.limits.header_timeout = 1;
        settings.limits.body_timeout = 1;
        settings.limits.idle_timeout = 2;
    })
    .await;
    assert_eq!(
        app.raw("POST /graphql HTTP/1.1\r\nhost: localhost\r\nx-slow: ")
            .await,
        ""
    );
    assert_eq!(app.raw("").await, "");
    let slow = "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    let answer = app.raw(slow).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    let answered_then_idle = app
        .raw("GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await;
    assert!(
        answered_then_idle.ends_with("alive\n"),
        "{answered_then_idle}"
    );
}

#[tokio::test]
async fn a_connection_that_was_slow_is_closed_when_idle() {
    let app = lesson_with(|settings| {
        settings.limits.header_timeout = 1;
        settings.limits.idle_timeout = 2;
    })
    .await;
    let mut stream = app.connect().await;
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        GOOD.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    stream.write_all(GOOD.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let closed = stream.read_to_end(&mut answer);
    tokio::time::timeout(std::time::Duration::from_secs(20), closed)
        .await
        .expect("it is closed")
        .unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_second_request_may_come_after_the_header_timeout() {
    let app = lesson_with(|settings| {
        settings.limits.header_timeout = 1;
        settings.limits.idle_timeout = 4;
    })
    .await;
    let mut stream = app.connect().await;
    let request = b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n";
    for _ in 0..2 {
        stream.write_all(request).await.unwrap();
        let mut answer = [0; 1_000];
        let length = stream.read(&mut answer).await.unwrap();
        assert!(answer[..length].ends_with(b"alive\n"));
        tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    }
}

#[tokio::test]
async fn headers_and_bodies_over_the_size_limit_are_refused_with_an_answer() {
    let app = lesson_with(|settings| {
        settings.limits.body_size = 1_000;
        settings.limits.header_size = 8_192;
    })
    .await;
    let body = |length: usize| format!("{GOOD}{}", " ".repeat(length - GOOD.len()));
    assert_eq!(app.post_json(body(1_000)).await.0, StatusCode::OK);
    for length in [1_001, 3_000_000] {
        let (status, answer) = app.post_json(body(length)).await;
        assert_eq!(
            (status, code(&answer)),
            (StatusCode::PAYLOAD_TOO_LARGE, "LIMIT_EXCEEDED")
        );
    }
    let chunked = format!(
        "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n7d0\r\n{}\r\n0\r\n\r\n",
        body(2_000)
    );
    assert!(app.raw(&chunked).await.starts_with("HTTP/1.1 413"));
    let head = |length: usize| {
        format!(
            "GET /health/live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx-long: {}\r\n\r\n",
            "x".repeat(length)
        )
    };
    assert!(app.raw(&head(6_000)).await.starts_with("HTTP/1.1 200"));
    let answer = app.raw(&head(20_000)).await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );
}

#[tokio::test]
async fn connections_over_the_limit_wait() {
    let app = lesson_with(|settings| settings.limits.connections = 2).await;
    let mut first = app.connect().await;
    let _second = app.connect().await;
    let mut waiting = app.connect().await;
    let request = b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n";
    waiting.write_all(request).await.unwrap();
    let mut answer = [0; 1_000];
    // Requests that come later on a connection that was accepted are answered before.
    for _ in 0..20 {
        first.write_all(request).await.unwrap();
        let length = first.read(&mut answer).await.unwrap();
        assert!(answer[..length].ends_with(b"alive\n"));
        let early = waiting.try_read(&mut answer).map_err(|error| error.kind());
        assert_eq!(early, Err(std::io::ErrorKind::WouldBlock));
    }
    drop(first);
    let length = waiting.read(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200 OK"));
    assert!(answer[..length].ends_with(b"alive\n"));
}
