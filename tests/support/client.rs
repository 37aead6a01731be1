//! Operations sent to the URL of a server, with time limits for the answers.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use super::{http::code, program::Program};

/// The time within which every answer arrives: more than all deadlines on the way to the database.
pub const ANSWER: Duration = Duration::from_secs(20);

/// The time within which a server recovers.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Returns the answer to an operation. Panics if it takes longer than [`ANSWER`].
pub async fn send(url: &str, operation: &str) -> Value {
    let request = reqwest::Client::new().post(format!("{url}/graphql"));
    let body = json!({ "query": operation }).to_string();
    let answer = request
        .header("content-type", "application/json")
        .timeout(ANSWER)
        .body(body)
        .send()
        .await
        .unwrap();
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

pub async fn is_ready(program: &Program) -> bool {
    let request = reqwest::Client::new().get(format!("{}/health/ready", program.url));
    let start = Instant::now();
    let ready = request.timeout(ANSWER).send().await.unwrap().status() == 200;
    assert!(
        // Readiness is promised within 1 s; the rest allows for tests that run concurrently.
        start.elapsed() < Duration::from_millis(1_500),
        "it takes long to tell: {:?}",
        start.elapsed()
    );
    ready
}

/// Repeats the operation until it succeeds. Returns its data.
pub async fn succeeds(url: &str, operation: &str) -> Value {
    let start = Instant::now();
    loop {
        let mut answer = send(url, operation).await;
        if answer.get("errors").is_none() {
            return answer["data"].take();
        }
        let code = code(&answer).to_owned();
        assert!(matches!(&*code, "UNAVAILABLE" | "TIMEOUT"), "{answer}");
        assert!(start.elapsed() < PATIENCE, "{answer}");
        sleep(Duration::from_millis(50)).await;
    }
}
