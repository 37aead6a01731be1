//! The client as the API shows it: `Query.viewer`, and the actor of a change.

use reqwest::StatusCode;
use serde_json::{Value, json};
use server::config::Settings;

use crate::support::{
    app::{TestApp, apps, apps_with},
    auth::{SECRET, now, signed, token, with_auth},
    http::status_and_json,
    operations::query,
    websocket::WebSocket,
};

const VIEWER: &str = "{ viewer { subject role expiresAt } }";
const CREATE: &str =
    r#"mutation { createProject(input: { title: "P" }) { userErrors { message } } }"#;
const ACTORS: &str = "{ changes { nodes { actor } } }";

async fn apps_with_auth() -> Vec<TestApp> {
    let mut settings = Settings::default();
    settings.access.jwt_secret = Some(SECRET.to_owned());
    apps_with(&settings).await
}

/// Returns a token of an editor with this identifier.
fn token_of(subject: &Value) -> String {
    let claims = json!({ "role": "editor", "sub": subject, "exp": now() + 60 });
    signed(claims, SECRET)
}

async fn send(app: &TestApp, token: &str, text: &str) -> (StatusCode, Value) {
    let authorization = format!("Bearer {token}");
    let headers = [
        ("content-type", "application/json"),
        ("authorization", &authorization),
    ];
    status_and_json(app.post(&headers, query(text).to_string()).await).await
}

#[tokio::test]
async fn a_viewer_without_a_token_is_an_editor_without_a_name() {
    for app in apps().await {
        let viewer = json!({ "subject": null, "role": "EDITOR", "expiresAt": null });
        assert_eq!(app.query(VIEWER).await["viewer"], viewer);
        app.query(CREATE).await;
        let actors = json!([{ "actor": null }]);
        assert_eq!(app.query(ACTORS).await["changes"]["nodes"], actors);
    }
}

#[tokio::test]
async fn a_viewer_has_the_subject_the_role_and_the_end_of_the_token() {
    let app = with_auth().await;
    let claims = json!({ "role": "viewer", "sub": "ann@example.com", "exp": 4_102_444_800_u64 });
    let (_, answer) = send(&app, &signed(claims, SECRET), VIEWER).await;
    let viewer = json!({
        "subject": "ann@example.com", "role": "VIEWER", "expiresAt": "2100-01-01T00:00:00Z",
    });
    assert_eq!(answer["data"]["viewer"], viewer);
    // The end is beyond what `DateTime` can express.
    for exp in [1_000_000_000_000_u64, 1_000_000_000_000_000] {
        let claims = json!({ "role": "viewer", "exp": exp });
        let (status, answer) = send(&app, &signed(claims, SECRET), VIEWER).await;
        assert_eq!(status, StatusCode::OK, "{exp}: {answer}");
        assert_eq!(answer["data"]["viewer"]["expiresAt"], Value::Null);
    }
    let endless = json!({ "role": "viewer", "exp": u64::MAX });
    let (status, _) = send(&app, &signed(endless, SECRET), VIEWER).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let (_, answer) = send(&app, &token("viewer", 60), VIEWER).await;
    assert_eq!(answer["data"]["viewer"]["subject"], Value::Null);
}

#[tokio::test]
async fn a_change_has_the_subject_of_the_token_over_http_and_sockets() {
    for app in apps_with_auth().await {
        send(&app, &token_of(&json!("ann")), CREATE).await;
        send(&app, &token("editor", 60), CREATE).await;
        let mut socket = WebSocket::open(&app.url).await;
        let bearer = format!("Bearer {}", token_of(&json!("Zoë 's")));
        socket.init(Some(json!({ "authorization": bearer }))).await;
        assert_eq!(socket.read().await["type"], "connection_ack");
        socket.subscribe("1", &query(CREATE)).await;
        assert_eq!(socket.read().await["type"], "next");
        let (_, answer) = send(&app, &token_of(&json!("ann")), ACTORS).await;
        let actors = json!([{ "actor": "ann" }, { "actor": null }, { "actor": "Zoë 's" }]);
        assert_eq!(answer["data"]["changes"]["nodes"], actors, "{}", app.name());
    }
}

#[tokio::test]
async fn a_subscriber_sees_the_actor() {
    for app in apps_with_auth().await {
        let (_, answer) = send(
            &app,
            &token_of(&json!("ann")),
            "{ changes { latestCursor } }",
        )
        .await;
        let after = &answer["data"]["changes"]["latestCursor"];
        let mut socket = WebSocket::open(&app.url).await;
        let bearer = format!("Bearer {}", token("viewer", 60));
        socket.init(Some(json!({ "authorization": bearer }))).await;
        assert_eq!(socket.read().await["type"], "connection_ack");
        let subscription = format!("subscription {{ changes(after: {after}) {{ actor }} }}");
        socket.subscribe("1", &query(&subscription)).await;
        send(&app, &token_of(&json!("ann")), CREATE).await;
        let event = socket.read().await;
        assert_eq!(
            event["payload"]["data"]["changes"],
            json!({ "actor": "ann" })
        );
    }
}

#[tokio::test]
async fn a_token_whose_subject_cannot_be_stored_is_refused() {
    let app = with_auth().await;
    for bad in [json!(""), json!("x".repeat(256)), json!("a\0b"), json!(7)] {
        let (status, _) = send(&app, &token_of(&bad), VIEWER).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{bad}");
    }
    let longest = json!("é".repeat(255));
    assert_eq!(
        send(&app, &token_of(&longest), VIEWER).await.0,
        StatusCode::OK
    );
}
