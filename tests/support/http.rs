//! Requests to `/graphql` over HTTP, from whole operations down to raw bytes.

use reqwest::{Response, StatusCode};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::app::TestApp;

/// A body that every server answers.
pub const GOOD: &str = r#"{"query": "{ __typename }"}"#;

/// The media type of GraphQL answers.
pub const RESPONSE: &str = "application/graphql-response+json";

/// Status of an answer with data and errors: «Partial Success».
pub const PARTIAL: u16 = 294;

impl TestApp {
    /// Sends a POST with these headers.
    pub async fn post(&self, headers: &[(&str, &str)], body: impl Into<reqwest::Body>) -> Response {
        let mut request = self.client.post(format!("{}/graphql", self.url)).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    /// Sends a POST of JSON that accepts [`RESPONSE`].
    pub async fn post_json(&self, body: impl Into<reqwest::Body>) -> (StatusCode, Value) {
        let headers = [("content-type", "application/json"), ("accept", RESPONSE)];
        status_and_json(self.post(&headers, body).await).await
    }

    /// Sends a GET with these parameters.
    pub async fn get_graphql(&self, parameters: &[(&str, &str)], accept: &str) -> Response {
        let query: Vec<_> = parameters
            .iter()
            .map(|(name, value)| format!("{name}={}", percent(value)))
            .collect();
        let url = format!("{}/graphql?{}", self.url, query.join("&"));
        let request = self.client.get(url).header("accept", accept);
        request.send().await.unwrap()
    }

    /// Writes these bytes and reads until the server closes the connection.
    pub async fn raw(&self, bytes: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok();
        String::from_utf8_lossy(&answer).into_owned()
    }

    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.url.trim_start_matches("http://"))
            .await
            .unwrap()
    }
}

pub fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

pub async fn status_and_json(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    let text = response.text().await.unwrap();
    let json = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status}: {text}"));
    (status, json)
}

pub fn code(answer: &Value) -> &str {
    answer["errors"][0]["extensions"]["code"]
        .as_str()
        .unwrap_or_else(|| panic!("{answer}"))
}

/// Returns the status of a POST of [`GOOD`] with these headers.
pub async fn status(app: &TestApp, headers: &[(&str, &str)]) -> StatusCode {
    let mut all = vec![("content-type", "application/json")];
    all.extend_from_slice(headers);
    app.post(&all, GOOD).await.status()
}
