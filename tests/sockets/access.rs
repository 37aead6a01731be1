//! Tokens on sockets.

use serde_json::json;

use crate::support::{
    auth::{SECRET, token, with_auth},
    operations::{EVENTS, query},
    websocket::{PROTOCOL, WebSocket},
};

#[tokio::test]
async fn a_token_is_needed_and_its_end_is_the_end_of_the_socket() {
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
    // 30 s are for clocks that differ: two are left.
    let payload = json!({ "authorization": format!("Bearer {}", token("viewer", -28)) });
    socket.init(Some(payload)).await;
    assert_eq!(socket.read().await["type"], "connection_ack");
    socket.subscribe("1", &query("{ __typename }")).await;
    assert_eq!(socket.read().await["type"], "next");
    assert_eq!(socket.close_code().await, 4403);
}

#[tokio::test]
async fn a_token_of_the_upgrade_request_counts_unless_the_init_has_its_own() {
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
async fn a_viewer_listens_and_does_not_write() {
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
