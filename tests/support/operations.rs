//! Operations that several tests send.

use serde_json::{Value, json};

pub const NAMES: &str = "{ employees { nodes { name } } }";

pub const CREATE: &str = r#"mutation { createEmployee(input: {name: "E", hireDate: "2024-01-01"}) { employee { id } } }"#;

pub const EVENTS: &str = "subscription { changes { __typename } }";

/// The body of a request with this document.
pub fn query(text: impl Into<String>) -> Value {
    json!({ "query": text.into() })
}
