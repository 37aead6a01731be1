//! Tokens that a shared secret signs.

use reqwest::StatusCode;
use serde_json::json;

use crate::support::{
    app::{TestApp, lesson_with},
    auth::{SECRET, now, signed, signed_with, token, with_auth},
    http::{GOOD, code, status, status_and_json},
};

#[tokio::test]
async fn a_valid_token_of_either_role_is_accepted() {
    let app = with_auth().await;
    assert_eq!(bearer(&app, token("viewer", 60)).await, StatusCode::OK);
    assert_eq!(bearer(&app, token("editor", 60)).await, StatusCode::OK);
    // Clocks may differ by up to 30 s.
    assert_eq!(bearer(&app, token("viewer", -20)).await, StatusCode::OK);
}

/// Returns the status of a request with this token.
async fn bearer(app: &TestApp, token: String) -> StatusCode {
    status(app, &[("authorization", &format!("Bearer {token}"))]).await
}

#[tokio::test]
async fn an_invalid_token_is_refused() {
    let app = with_auth().await;
    let good = token("editor", 60);
    let (head, _) = good.rsplit_once('.').unwrap();
    for (bad, why) in [
        (token("viewer", -60), "expired"),
        (token("admin", 60), "another role"),
        (signed(json!({ "exp": now() + 60 }), SECRET), "no role"),
        (signed(json!({ "role": "editor" }), SECRET), "no expiry"),
        (
            signed(
                json!({ "role": "editor", "exp": now() + 60, "nbf": now() + 60 }),
                SECRET,
            ),
            "not yet",
        ),
        (
            signed(
                json!({ "role": "editor", "exp": now() + 60 }),
                &SECRET.replace('0', "1"),
            ),
            "another secret",
        ),
        (format!("{head}."), "no signature"),
        (
            "eyJhbGciOiJub25lIn0.eyJyb2xlIjoiZWRpdG9yIiwiZXhwIjo5OTk5OTk5OTk5fQ.".to_owned(),
            "algorithm none",
        ),
        ("x".to_owned(), "no token at all"),
    ] {
        assert_eq!(bearer(&app, bad).await, StatusCode::UNAUTHORIZED, "{why}");
    }
}

#[tokio::test]
async fn a_request_without_a_token_is_refused_with_a_challenge() {
    let app = with_auth().await;
    let refused = app
        .post(&[("content-type", "application/json")], GOOD)
        .await;
    assert_eq!(refused.headers()["www-authenticate"], "Bearer");
    assert_eq!(code(&status_and_json(refused).await.1), "UNAUTHENTICATED");
}

#[tokio::test]
async fn the_page_and_the_probes_need_no_token() {
    let app = with_auth().await;
    assert_eq!(app.get("/").await.status(), StatusCode::OK);
    assert_eq!(app.get("/health/live").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn the_times_of_a_token_may_have_a_fraction() {
    let app = with_auth().await;
    let until = f64::from(u32::try_from(now()).unwrap()) + 60.5;
    let claims = json!({ "role": "viewer", "exp": until, "nbf": until - 90.25 });
    let bearer = format!("Bearer {}", signed(claims, SECRET));
    assert_eq!(
        status(&app, &[("authorization", &bearer)]).await,
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_token_that_depends_on_an_extension_is_refused() {
    let app = with_auth().await;
    let header = json!({ "alg": "HS256", "crit": ["exp"] });
    let claims = json!({ "role": "viewer", "exp": now() + 60 });
    let bearer = format!("Bearer {}", signed_with(header, claims, SECRET));
    assert_eq!(
        status(&app, &[("authorization", &bearer)]).await,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn the_body_of_an_unauthenticated_request_is_not_read() {
    let app = with_auth().await;
    let head = "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\nexpect: 100-continue\r\n\r\n";
    let answer = app.raw(head).await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
}

#[tokio::test]
async fn issuer_and_audience_are_checked_when_configured() {
    let app = lesson_with(|settings| {
        settings.access.jwt_secret = Some(SECRET.to_owned());
        settings.access.jwt_issuer = Some("us".to_owned());
        settings.access.jwt_audience = Some("roster".to_owned());
    })
    .await;
    for (iss, aud, expected) in [
        ("us", json!("roster"), StatusCode::OK),
        ("us", json!(["other", "roster"]), StatusCode::OK),
        ("them", json!("roster"), StatusCode::UNAUTHORIZED),
        ("us", json!("other"), StatusCode::UNAUTHORIZED),
    ] {
        let claims = json!({ "role": "viewer", "exp": now() + 60, "iss": iss, "aud": aud });
        let bearer = format!("Bearer {}", signed(claims, SECRET));
        assert_eq!(
            status(&app, &[("authorization", &bearer)]).await,
            expected,
            "{iss} {aud}"
        );
    }
    let without = format!("Bearer {}", token("viewer", 60));
    assert_eq!(
        status(&app, &[("authorization", &without)]).await,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn a_server_with_tokens_accepts_any_host_name() {
    let app = with_auth().await;
    let bearer = format!("Bearer {}", token("viewer", 60));
    let headers = [
        ("host", "roster.example"),
        ("authorization", bearer.as_str()),
    ];
    assert_eq!(status(&app, &headers).await, StatusCode::OK);
}
