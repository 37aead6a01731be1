//! Tokens on sockets.

use serde_json::json;

use crate::support::{
    auth::{SECRET, token, with_auth},
    operations::{EVENTS, query},
    websocket::{PROTOCOL, WebSocket},
};

#[tokio::test]
async fn a_socket_needs_a_valid_token_and_closes_when_the_token_expires() {
    let app = with_auth().await;
    for payload in [
        json!({}),
        json!({ "authorization": "Bearer x" }),
        json!({ "authorization": format!("Bearer {}", token("viewer", -60)) }),
        json!({ "authorization": SECRET }),
    ] {
        let mut socket = WebSocket::open(&app.url).await;
        socket.init(Some(payload.clone())).await;
        assert_eq!(socket.close_code().await, 4403, "{payload}");
    }
    let mut socket = WebSocket::open(&app.url).await;
    // Clocks may differ by 30 s, so 2 s are left.
    let payload = json!({ "authorization": format!("Bearer {}", token("viewer", -28)) });
    socket.init(Some(payload)).await;
    assert_eq!(socket.read().await["type"], "connection_ack");
    socket.subscribe("1", &query("{ __typename }")).await;
    assert_eq!(socket.read().await["type"], "next");
    assert_eq!(socket.close_code().await, 4403);
}

#[tokio::test]
async fn the_token_of_connection_init_overrides_the_token_of_the_upgrade() {
    let app = with_auth().await;
    let bearer = |expires| format!("Bearer {}", token("viewer", expires));
    for (header, payload) in [
        (bearer(60), json!({})),
        (bearer(60), json!({ "authorization": null })),
        (bearer(-60), json!({ "Authorization": bearer(60) })),
        (
            "Basic eDp5".to_owned(),
            json!({ "authorization": bearer(60) }),
        ),
    ] {
        let headers = [("authorization", header.as_str())];
        let socket = WebSocket::upgrade(&app.url, Some(PROTOCOL), &headers);
        let mut socket = socket.await.unwrap();
        socket.init(Some(payload.clone())).await;
        assert_eq!(socket.read().await["type"], "connection_ack", "{payload}");
    }
    for (header, payload) in [
        (bearer(-60), json!({})),
        ("Bearer x".to_owned(), json!({})),
        ("Basic eDp5".to_owned(), json!({})),
        (bearer(60), json!({ "authorization": "Bearer x" })),
        (bearer(60), json!({ "authorization": 1 })),
    ] {
        let headers = [("authorization", header.as_str())];
        let socket = WebSocket::upgrade(&app.url, Some(PROTOCOL), &headers);
        let mut socket = socket.await.unwrap();
        socket.init(Some(payload.clone())).await;
        assert_eq!(socket.close_code().await, 4403, "{header} {payload}");
    }
    let good = bearer(60);
    let evil = [
        ("origin", "https://evil.example"),
        ("authorization", good.as_str()),
    ];
    let socket = WebSocket::upgrade(&app.url, Some(PROTOCOL), &evil).await;
    assert!(socket.is_none(), "another site is let in");
}

#[tokio::test]
async fn a_viewer_may_subscribe_and_may_not_mutate() {
    let app = with_auth().await;
    let mut socket = WebSocket::open(&app.url).await;
    let payload = json!({ "authorization": format!("Bearer {}", token("viewer", 60)) });
    socket.init(Some(payload)).await;
    assert_eq!(socket.read().await["type"], "connection_ack");
    socket.subscribe("s", &query(EVENTS)).await;
    let create = r#"mutation { createEmployee(input: {name: "E", hireDate: "2024-01-01"}) { employee { id } } }"#;
    socket.subscribe("m", &query(create)).await;
    let refused = socket.read().await;
    assert_eq!(refused["id"], "m", "{refused}");
    assert_eq!(
        refused["payload"]["errors"][0]["extensions"]["code"], "FORBIDDEN",
        "{refused}"
    );
}
