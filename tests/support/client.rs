//! Operations sent to the URL of a server, within the time in which there must be an answer.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use super::{http::code, program::Program};

/// Longer than every deadline on the way to the database together.
pub const ANSWER: Duration = Duration::from_secs(20);

/// Longer than every limit on the way to the database together.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The answer to an operation, within the time in which there must be one.
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
        // It is promised within 1 s; the rest is for a machine that has other tests to run.
        start.elapsed() < Duration::from_millis(1_500),
        "it takes long to tell: {:?}",
        start.elapsed()
    );
    ready
}

/// Sends the operation until it succeeds, and returns its data.
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
