//! Servers with limits of their own, and documents on either side of a limit.

use reqwest::StatusCode;
use serde_json::Value;
use server::config::LimitSettings;

use super::{
    app::{TestApp, lesson_with},
    http::code,
    websocket::WebSocket,
};

/// Expects that `under` runs and `over` is refused by this limit, over HTTP and over WebSocket.
pub async fn one_under_and_one_over(app: &TestApp, limit: &str, under: Value, over: Value) {
    let (status, answer) = app.post_json(under.to_string()).await;
    assert_eq!(status, StatusCode::OK, "{limit}: {answer}");
    assert!(answer.get("errors").is_none(), "{limit}: {answer}");
    let (_, answer) = app.post_json(over.to_string()).await;
    assert_eq!(code(&answer), "LIMIT_EXCEEDED", "{limit}: {answer}");
    assert_eq!(
        answer["errors"][0]["extensions"]["limit"], limit,
        "{answer}"
    );
    let message = answer["errors"][0]["message"].as_str().unwrap();
    assert!(message.len() > 20, "{message}");

    let mut socket = WebSocket::ready(&app.url).await;
    socket.subscribe("under", &under).await;
    assert_eq!(socket.read().await["type"], "next", "{limit}");
    assert_eq!(socket.read().await["type"], "complete", "{limit}");
    socket.subscribe("over", &over).await;
    let refused = socket.read().await;
    let errors = match refused["type"].as_str() {
        // Refused while the operation ran.
        Some("next") => &refused["payload"]["errors"],
        _ => &refused["payload"],
    };
    assert_eq!(errors[0]["extensions"]["limit"], limit, "{refused}");
}

pub async fn app_with_limits(change: impl FnOnce(&mut LimitSettings)) -> TestApp {
    lesson_with(|settings| change(&mut settings.limits)).await
}
