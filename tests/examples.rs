//! The examples the playground opens with: each runs on the lesson's data and its answer is kept.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_tungstenite::{connect_async, tungstenite::client::IntoClientRequest};

use crate::support::{
    app::{TestApp, lessons},
    examples::examples,
};

/// One snapshot for each file, the same on both databases: how many statements it takes and what it
/// answers.
#[tokio::test(flavor = "multi_thread")]
async fn every_example_answers_as_it_did() {
    let examples = examples();
    assert!(examples.len() >= 20);
    let mut failed = Vec::new();
    for (name, operation) in examples {
        assert!(
            operation.starts_with("# "),
            "{name} does not say what it shows"
        );
        // A task of its own, so that all that fail are named.
        if tokio::spawn(answers_as_it_did(name.clone(), operation))
            .await
            .is_err()
        {
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "these examples fail: {failed:#?}");
}

async fn answers_as_it_did(name: String, operation: String) {
    for app in lessons().await {
        eprintln!("{name} on {}", app.name());
        let answer = if operation.contains("\nsubscription ") {
            json!({ "event": first_attendance(&app, &operation).await })
        } else {
            let (data, statements) = app.counted(&operation).await;
            json!({ "statements": statements, "data": data })
        };
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        // What is different at each run.
        settings.add_redaction(".**.occurredAt", "[time]");
        settings.add_redaction(".**.cursor", "[cursor]");
        settings.add_redaction(".**.latestCursor", "[cursor]");
        settings.bind(|| {
            insta::allow_duplicates! { insta::assert_yaml_snapshot!(name.as_str(), answer); }
        });
    }
}

/// What a subscriber to all changes hears when someone joins a meeting.
async fn first_attendance(app: &TestApp, subscription: &str) -> Value {
    let url = format!("{}/graphql", app.url.replacen("http", "ws", 1));
    let mut request = url.into_client_request().unwrap();
    let protocol = "graphql-transport-ws".parse().unwrap();
    request
        .headers_mut()
        .insert("sec-websocket-protocol", protocol);
    let (mut socket, _) = connect_async(request).await.unwrap();
    for message in [
        json!({ "type": "connection_init" }),
        json!({ "type": "subscribe", "id": "1", "payload": { "query": subscription } }),
    ] {
        socket.send(message.to_string().into()).await.unwrap();
    }
    // Nothing tells when the server has begun to listen, so someone comes and goes until it does.
    for _ in 0..20 {
        for change in ["addAttendees", "removeAttendees"] {
            let input = r#"{ meetingIds: ["mtg_1"], employeeIds: ["emp_3"] }"#;
            let mutation =
                format!("mutation {{ {change}(input: {input}) {{ userErrors {{ code }} }} }}");
            app.query(&mutation).await;
        }
        while let Ok(message) = timeout(Duration::from_millis(500), socket.next()).await {
            let message = message.expect("the socket was closed").unwrap();
            let Ok(message) = serde_json::from_str::<Value>(message.to_text().unwrap()) else {
                continue;
            };
            assert_ne!(message["type"], "error", "{message}");
            let event = &message["payload"]["data"]["changes"];
            if event["kind"] == "CREATED" {
                return event.clone();
            }
        }
    }
    panic!("heard of nothing");
}
