//! Trusted documents: execution by id, refusal of text, and checks of the manifest.

use std::{fs, path::PathBuf};

use reqwest::StatusCode;
use serde_json::{Value, json};
use server::config::Settings;
use tempfile::TempDir;

use crate::support::{
    app::{TestApp, lesson_with},
    program::{Program, command},
    websocket::WebSocket,
};

const TITLES: &str =
    "query Titles($first: Int! = 1) { projects(first: $first) { nodes { title } } }";
const RENAME: &str = r#"mutation Rename { updateProject(input: { id: "prj_1", title: "New" }) { project { title } } }"#;
const LISTEN: &str = "subscription Listen { changes { kind } }";

/// A manifest on disk, deleted with the test.
struct Manifest {
    directory: TempDir,
}

impl Manifest {
    fn new(content: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("documents.json"), content).unwrap();
        Self { directory }
    }

    fn ours() -> Self {
        // Ids are opaque: a hash, a hash in capitals, a word.
        let documents = json!({ "Titles 1": TITLES, "ABCDEF": RENAME, "l": LISTEN });
        Self::new(&documents.to_string())
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("documents.json")
    }

    async fn app(&self) -> TestApp {
        lesson_with(|settings: &mut Settings| settings.trusted_documents = Some(self.path())).await
    }

    /// Runs the program with the manifest as its last argument. Returns its exit code and output.
    fn given_to(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let path = self.path();
        let arguments = [arguments, &[path.to_str().unwrap()]].concat();
        let output = command(&arguments, &[]).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    }
}

async fn post(app: &TestApp, accept: &str, body: Value) -> (StatusCode, Value) {
    let request = app.client.post(format!("{}/graphql", app.url));
    let request = request
        .header("content-type", "application/json")
        .header("accept", accept);
    let response = request.body(body.to_string()).send().await.unwrap();
    let status = response.status();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap())
}

async fn json_of(response: reqwest::Response) -> Value {
    serde_json::from_str(&response.text().await.unwrap()).unwrap()
}

const MODERN: &str = "application/graphql-response+json";

#[tokio::test]
async fn a_trusted_document_runs_by_its_id() {
    let app = Manifest::ours().app().await;
    let title =
        json!({ "data": { "projects": { "nodes": [{ "title": "XYZ Project Flask server" }] } } });
    for body in [
        json!({ "documentId": "Titles 1" }),
        json!({ "documentId": "Titles 1", "query": "", "operationName": "Titles" }),
        json!({ "extensions": { "persistedQuery": { "version": 1, "sha256Hash": "Titles 1" } } }),
    ] {
        let (status, answer) = post(&app, MODERN, body).await;
        assert_eq!((status, &answer), (StatusCode::OK, &title));
    }
    let by_get = app.get("/graphql?documentId=Titles%201").await;
    assert_eq!(json_of(by_get).await, title);
    let by_get = app
        .get("/graphql?extensions=%7B%22persistedQuery%22:%7B%22sha256Hash%22:%22Titles%201%22%7D%7D")
        .await;
    assert_eq!(json_of(by_get).await, title);
    let two = json!({ "documentId": "Titles 1", "variables": { "first": 2 } });
    let (_, answer) = post(&app, MODERN, two).await;
    assert_eq!(
        answer["data"]["projects"]["nodes"][1]["title"],
        "XYZ Project React UI"
    );

    let refused = app.get("/graphql?documentId=ABCDEF").await;
    assert_eq!(
        refused.status(),
        StatusCode::METHOD_NOT_ALLOWED,
        "a mutation by GET"
    );
    let (_, answer) = post(&app, MODERN, json!({ "documentId": "ABCDEF" })).await;
    assert_eq!(answer["data"]["updateProject"]["project"]["title"], "New");
}

#[tokio::test]
async fn a_manifest_may_describe_its_documents() {
    let titles = json!({ "text": TITLES, "description": "The first projects" });
    let gone = json!({ "text": "{ gone }", "description": "From an old build" });
    let manifest = Manifest::new(&json!({ "t": titles, "g": gone }).to_string());
    let (_, answer) = post(&manifest.app().await, MODERN, json!({ "documentId": "t" })).await;
    assert!(answer["data"]["projects"].is_object(), "{answer}");
    let (code, said) = manifest.given_to(&["check-documents"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("g (From an old build): "), "{said}");
}

#[tokio::test]
async fn the_schema_is_refused_as_introspection_is() {
    let app = Manifest::ours().app().await;
    let refused = app.get("/graphql/schema.graphql").await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn text_and_unknown_ids_are_refused() {
    let app = Manifest::ours().app().await;
    let hash = "0".repeat(64);
    let introspection = "{ __schema { queryType { name } } }";
    for (body, code) in [
        (json!({ "query": "{ __typename }" }), "FORBIDDEN"),
        (json!({ "query": introspection }), "FORBIDDEN"),
        // The text of a trusted document is not an id, and an id does not admit other text.
        (json!({ "query": TITLES }), "FORBIDDEN"),
        (
            json!({ "query": "{ __typename }", "documentId": "Titles 1" }),
            "FORBIDDEN",
        ),
        (
            json!({ "documentId": "abcdef" }),
            "PERSISTED_QUERY_NOT_FOUND",
        ),
        (
            json!({ "extensions": { "persistedQuery": { "version": 1, "sha256Hash": hash } } }),
            "PERSISTED_QUERY_NOT_FOUND",
        ),
    ] {
        let expected = match code {
            "FORBIDDEN" => StatusCode::FORBIDDEN,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        for accept in [MODERN, "application/json"] {
            let (status, answer) = post(&app, accept, body.clone()).await;
            assert_eq!(status, expected, "{body}");
            assert_eq!(answer["errors"][0]["extensions"]["code"], code, "{body}");
            assert_eq!(answer.get("data"), None, "{body}");
        }
    }
    let by_get = json_of(app.get("/graphql?query=%7B__typename%7D").await).await;
    assert_eq!(by_get["errors"][0]["extensions"]["code"], "FORBIDDEN");
    let message = by_get["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("documentId"), "{message}");
}

#[tokio::test]
async fn a_client_cannot_register_a_document() {
    let app = Manifest::ours().app().await;
    let text = "{ __typename }";
    let hash = "7f56e67dd21ab3f30d1ff8b7bed08893f0a0db86449836189b361dd1e56ddb4b";
    let extensions = json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } });
    let both = json!({ "query": text, "extensions": extensions });
    let (_, answer) = post(&app, MODERN, both).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "FORBIDDEN");
    let (_, answer) = post(&app, MODERN, json!({ "extensions": extensions })).await;
    assert_eq!(answer["errors"][0]["message"], "PersistedQueryNotFound");
}

#[tokio::test]
async fn a_socket_accepts_ids_and_refuses_text() {
    let app = Manifest::ours().app().await;
    let mut socket = WebSocket::ready(&app.url).await;
    socket
        .subscribe(
            "text",
            &json!({ "query": "subscription { changes { kind } }" }),
        )
        .await;
    let error = socket.read().await;
    assert_eq!(
        (&error["type"], &error["id"]),
        (&json!("error"), &json!("text"))
    );
    assert_eq!(error["payload"][0]["extensions"]["code"], "FORBIDDEN");
    socket
        .subscribe("unknown", &json!({ "documentId": "x" }))
        .await;
    let error = socket.read().await;
    assert_eq!(
        error["payload"][0]["extensions"]["code"],
        "PERSISTED_QUERY_NOT_FOUND"
    );

    // As the library graphql-ws does, which always sends a `query`.
    let listen = json!({ "query": "", "extensions": { "persistedQuery": { "version": 1, "sha256Hash": "l" } } });
    socket.subscribe("listen", &listen).await;
    socket
        .subscribe("titles", &json!({ "documentId": "Titles 1" }))
        .await;
    let next = socket.read().await;
    assert_eq!(
        (&next["type"], &next["id"]),
        (&json!("next"), &json!("titles"))
    );
    assert_eq!(socket.read().await["type"], "complete");
    post(&app, MODERN, json!({ "documentId": "ABCDEF" })).await;
    let next = socket.read().await;
    assert_eq!(next["id"], "listen");
    assert_eq!(next["payload"]["data"]["changes"]["kind"], "UPDATED");
}

#[test]
fn an_unusable_manifest_ends_the_program_with_the_reason() {
    for (content, reason) in [
        ("{", "not JSON"),
        ("[]", "it is no object"),
        ("{}", "it is empty"),
        (
            r#"{"a": 1}"#,
            r#"the value of "a" is neither a text nor an object"#,
        ),
        (
            r#"{"a": {"description": "x"}}"#,
            r#"the value of "a" is neither a text nor an object"#,
        ),
        (r#"{"a": "{ a }", "a": "{ b }"}"#, "comes twice"),
    ] {
        let manifest = Manifest::new(content);
        for arguments in [
            &["demo", "--port", "0", "--trusted-documents"][..],
            &["check-documents"],
        ] {
            let (code, said) = manifest.given_to(arguments);
            assert_eq!(code, Some(1), "{said}");
            assert!(said.contains("cannot use the documents in"), "{said}");
            assert!(said.contains(reason), "{said}");
        }
    }
    let missing = command(&["check-documents", "/nowhere.json"], &[]).output();
    let said = String::from_utf8(missing.unwrap().stderr).unwrap();
    assert!(
        said.contains("cannot use the documents in /nowhere.json"),
        "{said}"
    );
}

#[test]
fn the_log_counts_the_trusted_documents_and_those_that_will_fail() {
    let manifest = Manifest::new(&json!({ "a": TITLES, "b": "{ gone }" }).to_string());
    let path = manifest.path();
    let variable = [("TRUSTED_DOCUMENTS", path.to_str().unwrap())];
    let log = Program::start(&["demo", "--port", "0"], &variable).log();
    assert!(log.contains("only the 2 documents of"), "{log}");
    assert!(log.contains("1 of these documents will fail"), "{log}");
}

#[test]
fn the_check_names_documents_that_no_longer_run() {
    let (code, said) = Manifest::ours().given_to(&["check-documents"]);
    assert_eq!((code, said.as_str()), (Some(0), "All 3 documents run.\n"));

    let deep = format!(
        "{{ node(id: \"emp_1\") {{ ... on Employee {}",
        "{ projects { nodes { employees { nodes ".repeat(8)
    );
    let deep = format!("{deep} {{ id }} {}}} }}", "} } } }".repeat(8));
    let documents = json!({
        "fine": TITLES,
        "required": "query Q($id: ID!) { employee(id: $id) { name } }",
        "gone": "query A { employees { nodes { name } } } query B { employees { nodes { salary } } }",
        "argument": "{ employee(name: \"x\") { name } }",
        "variable": "query Q($id: Gone!) { employee(id: $id) { name } }",
        "broken": "query {",
        "two": "subscription { a: changes { kind } b: changes { kind } }",
        "deep": deep,
        "costly": "{ employees(first: 1000) { nodes { projects(first: 1000) { nodes { title } } } } }",
    });
    let (code, said) = Manifest::new(&documents.to_string()).given_to(&["check-documents"]);
    assert_eq!(code, Some(1), "{said}");
    for (id, _) in documents.as_object().unwrap() {
        let is_named = said
            .lines()
            .any(|line| line.starts_with(&format!("{id}: ")));
        assert_eq!(
            is_named,
            !matches!(id.as_str(), "fine" | "required"),
            "{id}: {said}"
        );
    }
    assert!(said.contains("7 of the 9 documents"), "{said}");
    assert!(said.contains("salary"), "{said}");
    assert!(said.contains("(line 1, column "), "{said}");
    let (code, said) = Manifest::new(&json!({ "costly": documents["costly"] }).to_string())
        .given_to(&["check-documents", "--limit", "cost=2000000"]);
    assert_eq!(code, Some(0), "{said}");
}
