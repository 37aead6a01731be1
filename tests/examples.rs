//! The examples of the explorer: each runs on the lesson's data and matches its snapshot.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::{
    app::{TestApp, lessons},
    examples::examples,
    websocket::WebSocket,
};

/// There is one snapshot a file, equal on both databases: the number of statements and the answer.
#[tokio::test(flavor = "multi_thread")]
async fn every_example_has_its_recorded_answer() {
    let examples = examples();
    assert!(examples.len() >= 20);
    let mut failed = Vec::new();
    for (name, operation) in examples {
        assert!(
            operation.starts_with("# "),
            "{name} does not say what it shows"
        );
        // Each example runs in its own task, so that all failures are reported.
        if tokio::spawn(has_its_recorded_answer(name.clone(), operation))
            .await
            .is_err()
        {
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "these examples fail: {failed:#?}");
}

async fn has_its_recorded_answer(name: String, operation: String) {
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
        // Values that differ in each run.
        settings.add_redaction(".**.occurredAt", "[time]");
        settings.add_redaction(".**.cursor", "[cursor]");
        settings.add_redaction(".**.latestCursor", "[cursor]");
        settings.bind(|| {
            insta::allow_duplicates! { insta::assert_yaml_snapshot!(name.as_str(), answer); }
        });
    }
}

/// Returns the event of a subscription to all changes when an attendance is added.
async fn first_attendance(app: &TestApp, subscription: &str) -> Value {
    let mut socket = WebSocket::subscribed(&app.url, subscription, json!({})).await;
    // The subscription begins some time after its message was sent, so the attendance is added and
    // removed until an event arrives.
    for _ in 0..20 {
        for change in ["addAttendees", "removeAttendees"] {
            let input = r#"{ meetingIds: ["mtg_1"], employeeIds: ["emp_3"] }"#;
            let mutation =
                format!("mutation {{ {change}(input: {input}) {{ userErrors {{ code }} }} }}");
            app.query(&mutation).await;
        }
        while let Ok(event) = timeout(Duration::from_millis(500), socket.change()).await {
            if event["kind"] == "CREATED" {
                return event;
            }
        }
    }
    panic!("no event arrives");
}
