//! Mutations and the change feed: payloads, and user errors and changes as lines of text.

use serde_json::{Value, json};

use super::app::TestApp;

/// The fields that distinguish user errors.
const ERRORS: &str = "userErrors { __typename code message path \
    ... on NotFoundError { missingId } \
    ... on VersionConflictError { currentVersion current { id } } \
    ... on OverlapError { conflicting { id } } \
    ... on StillReferencedError { assignmentCount } \
    ... on DuplicateAssignmentError { existing { id } } }";

impl TestApp {
    /// Returns the payload of a mutation.
    pub async fn mutate(&self, field: &str, input: Value, selection: &str) -> Value {
        let type_name = format!("{}{}Input", field[..1].to_uppercase(), &field[1..]);
        let query = format!(
            "mutation($input: {type_name}!) {{ {field}(input: $input) {{ {selection} {ERRORS} }} }}"
        );
        self.query_with(&query, json!({ "input": input })).await[field].take()
    }

    /// Returns the payload of a mutation that must succeed.
    pub async fn done(&self, field: &str, input: Value, selection: &str) -> Value {
        let payload = self.mutate(field, input, selection).await;
        assert_eq!(payload["userErrors"], json!([]), "{} {field}", self.name());
        payload
    }

    /// Returns the errors of a mutation that must be refused, one line each: code, path, details.
    pub async fn refused(&self, field: &str, input: Value) -> Vec<String> {
        let before = self.changes().await.len();
        let payload = self.mutate(field, input, "__typename").await;
        assert_eq!(
            self.changes().await.len(),
            before,
            "{field} was refused and wrote"
        );
        let errors = payload["userErrors"].as_array().unwrap();
        assert!(!errors.is_empty(), "{} {field} was done", self.name());
        errors.iter().map(error_line).collect()
    }

    /// Returns the whole feed, one line a change.
    pub async fn changes(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut after = Value::Null;
        loop {
            let query = "query($after: String) { changes(first: 100, after: $after) \
                         { nodes { type kind touchedIds } pageInfo { hasNextPage endCursor } } }";
            let page = self.query_with(query, json!({ "after": after })).await["changes"].take();
            lines.extend(page["nodes"].as_array().unwrap().iter().map(change_line));
            if page["pageInfo"]["hasNextPage"] == false {
                return lines;
            }
            after = page["pageInfo"]["endCursor"].clone();
        }
    }

    /// Returns the changes behind the first `count` of the feed.
    pub async fn changes_since(&self, count: usize) -> Vec<String> {
        self.changes().await.split_off(count)
    }

    pub async fn latest_cursor(&self) -> String {
        let page = self.query("{ changes(first: 0) { latestCursor } }").await;
        page["changes"]["latestCursor"].as_str().unwrap().to_owned()
    }

    pub async fn new_employee(&self, name: &str) -> String {
        let payload = self.done("createEmployee", json!({ "name": name }), "employee { id }");
        text(&payload.await["employee"]["id"])
    }

    pub async fn new_project(&self, title: &str) -> String {
        let payload = self.done("createProject", json!({ "title": title }), "project { id }");
        text(&payload.await["project"]["id"])
    }

    pub async fn new_meeting(&self, topic: &str) -> String {
        let input = json!({ "topic": topic, "scheduledTime": "2023-10-31T09:30:00Z" });
        let payload = self.done("createMeeting", input, "meeting { id }").await;
        text(&payload["meeting"]["id"])
    }

    /// Returns a selection of one record.
    pub async fn field(&self, id: &str, selection: &str) -> Value {
        let root = match &id[..4] {
            "emp_" => "employee",
            "mtg_" => "meeting",
            "prj_" => "project",
            _ => "assignment",
        };
        let query = format!("query($id: ID!) {{ {root}(id: $id) {{ {selection} }} }}");
        self.query_with(&query, json!({ "id": id })).await[root].take()
    }

    pub async fn version(&self, id: &str) -> Value {
        self.field(id, "version").await["version"].take()
    }
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn joined(list: &Value, with: &str) -> String {
    let list = list.as_array().unwrap().iter();
    let list: Vec<&str> = list.map(|item| item.as_str().unwrap()).collect();
    list.join(with)
}

pub fn change_line(change: &Value) -> String {
    let (kind, subject) = (&change["kind"], &change["type"]);
    format!(
        "{} {} {}",
        subject.as_str().unwrap(),
        kind.as_str().unwrap(),
        joined(&change["touchedIds"], " ")
    )
}

pub fn error_line(error: &Value) -> String {
    let mut line = format!(
        "{} {}",
        error["code"].as_str().unwrap(),
        joined(&error["path"], ".")
    );
    for key in ["missingId", "currentVersion", "assignmentCount"] {
        if let Some(value) = error.get(key) {
            line += &format!(" {key}={}", value.to_string().trim_matches('"'));
        }
    }
    if let Some(current) = error.get("current") {
        line += &format!(" {}", current["id"].as_str().unwrap());
    }
    if let Some(conflicting) = error.get("conflicting") {
        for other in conflicting.as_array().unwrap() {
            line += &format!(" {}", other["id"].as_str().unwrap());
        }
    }
    if let Some(existing) = error.get("existing") {
        line += &format!(" {}", existing["id"].as_str().unwrap_or("here"));
    }
    assert!(error["message"].as_str().unwrap().len() > 10, "{error}");
    line
}
