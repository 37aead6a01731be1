//! Support for the tests of the sessions: a client of a checkpoint, and the examples of its page.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::{self, Body},
    http::{Request, StatusCode, header},
};
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// Statements in the order in which they were sent. All clones are one.
#[derive(Clone, Default)]
pub struct Statements(Arc<Mutex<Vec<String>>>);

impl Statements {
    /// Adds a statement.
    pub fn push(&self, statement: String) {
        self.0.lock().unwrap().push(statement);
    }

    /// Returns the statements since the last call.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// Client of a checkpoint.
pub struct Client {
    pub router: Router,
    pub statements: Statements,
}

impl Client {
    /// Sends an operation. Returns the response as JSON.
    pub async fn post(&self, query: &str) -> Value {
        let body = Body::from(json!({ "query": query }).to_string());
        let request = Request::post("/graphql").header(header::CONTENT_TYPE, "application/json");
        let request = request.body(body).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let bytes = body::to_bytes(response.into_body(), usize::MAX).await;
        serde_json::from_slice(&bytes.unwrap()).unwrap()
    }

    /// Sends an operation that has no errors. Returns its data.
    pub async fn data(&self, query: &str) -> Value {
        let response = self.post(query).await;
        assert_eq!(response.get("errors"), None, "{query}");
        response["data"].clone()
    }

    /// Returns the number of statements that an operation sends.
    pub async fn count(&self, query: &str) -> usize {
        self.statements.take();
        self.data(query).await;
        self.statements.take().len()
    }

    /// Runs the examples of a page, one after the other: a block of GraphQL, the JSON that it returns if
    /// the page says so, and its SQL if the page says so.
    pub async fn check_page(&self, page: &str) {
        let blocks = blocks(page);
        let mut checked = 0;
        for (index, (language, query)) in blocks.iter().enumerate() {
            if *language != "graphql" {
                continue;
            }
            checked += 1;
            self.statements.take();
            let response = self.post(query).await;
            let statements = self.statements.take();
            assert!(response["data"].is_object(), "{query}: {response}");
            let following = |language: &str| {
                let mut rest = blocks[index + 1..].iter();
                rest.by_ref()
                    .take_while(|(other, _)| matches!(*other, "json" | "sql"))
                    .find(|(other, _)| *other == language)
            };
            if let Some((_, expected)) = following("json") {
                let expected: Value = serde_json::from_str(expected).unwrap();
                let mut response = response;
                // Extensions differ from run to run; a page shows them only where it says so.
                if expected.get("extensions").is_none() {
                    response.as_object_mut().unwrap().remove("extensions");
                }
                assert_eq!(response, expected, "{query}");
            }
            if let Some((_, expected)) = following("sql") {
                let sent: Vec<_> = statements.iter().map(|sql| words(sql)).collect();
                let expected: Vec<_> = expected.split_terminator(';').map(words).collect();
                let expected: Vec<_> = expected.into_iter().filter(|sql| !sql.is_empty()).collect();
                assert_eq!(sent, expected, "{query}");
            }
        }
        assert!(checked > 0);
    }
}

/// Returns the code blocks of a page, each with its language.
fn blocks(page: &str) -> Vec<(&str, &str)> {
    let fences = page.split("\n```").skip(1).step_by(2);
    fences
        .map(|block| block.split_once('\n').unwrap())
        .collect()
}

/// Returns the text with one space between words.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
