//! `extensions.explain`: the statements of an operation, at servers and for requests that ask for them.

use api::Roster;
use futures_util::future::join_all;
use sea_level::{guard::Request, response::OperationResponse};
use serde_json::{Value, json};
use server::{
    config::Settings,
    seed::{self, Company},
};

use crate::support::{
    app::{TestApp, apps_with},
    auth::{SECRET, token},
    events::EventSource,
    home::Home,
    http::status_and_json,
};

const JSON: (&str, &str) = ("content-type", "application/json");
const EXPLAIN: (&str, &str) = ("x-explain", "true");
const COST: (&str, &str) = ("x-cost", "true");

const COLLEAGUES: &str = r#"{ employee(id: "emp_2") { name projects { nodes { title
    employees(where: { name: { startsWith: "Uri" } }) { nodes { name } } } } } }"#;

/// Starts a server with `--explain` on the lesson's data, on a database of each kind.
async fn explaining() -> Vec<TestApp> {
    let settings = Settings {
        explain: true,
        ..Settings::default()
    };
    lessons_with(&settings).await
}

async fn lessons_with(settings: &Settings) -> Vec<TestApp> {
    let apps = apps_with(settings).await;
    for app in &apps {
        seed::fill(app.db(), Company::Lesson, false).await.unwrap();
    }
    apps
}

/// Returns `extensions` of the answer to an operation without errors; null if there are none.
async fn extensions(app: &TestApp, headers: &[(&str, &str)], query: &str) -> Value {
    let body = json!({ "query": query }).to_string();
    let response = app.post(&[&[JSON], headers].concat(), body).await;
    let (_, mut answer) = status_and_json(response).await;
    assert_eq!(answer.get("errors"), None, "{}: {query}", app.name());
    answer["extensions"].take()
}

/// Returns the statements of each level.
fn levels(explain: &Value) -> Vec<Vec<Value>> {
    let levels = explain["levels"].as_array().unwrap();
    let statements = levels
        .iter()
        .map(|level| level["statements"].as_array().unwrap().clone());
    statements.collect()
}

fn rows(level: &[Value]) -> Vec<u64> {
    let rows = level.iter().map(|statement| &statement["rows"]);
    rows.map(|rows| rows.as_u64().unwrap()).collect()
}

fn sql(level: &[Value]) -> Vec<&str> {
    let sql = level.iter().map(|statement| &statement["sql"]);
    sql.map(|sql| sql.as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_levels_of_a_query_list_the_statements_that_were_sent() {
    for app in explaining().await {
        app.database.forget_statements();
        let extensions = extensions(&app, &[EXPLAIN, COST], COLLEAGUES).await;
        let (explain, cost) = (&extensions["explain"], &extensions["cost"]);
        let levels = levels(explain);
        let sent: Vec<_> = levels.iter().flat_map(|level| sql(level)).collect();
        let recorded = app.database.recorded();
        let recorded: Vec<_> = recorded.iter().map(|one| one.sql.as_str()).collect();
        assert_eq!(sent, recorded, "{}", app.name());
        assert_eq!(json!(sent.len()), cost["statements"], "{}", app.name());

        // Tristan, both projects, and Uri in one of them.
        let rows: Vec<_> = levels.iter().map(|level| rows(level)).collect();
        assert_eq!(rows, [[1], [2], [1]], "{}", app.name());
        assert_eq!(cost["loaded"], 4, "{}", app.name());
    }
}

#[tokio::test]
async fn a_level_lists_its_statements_together() {
    let query = "{ employees { totalCount nodes { projects { nodes { id } } meetings { nodes { id } } } } }";
    for app in explaining().await {
        let extensions = extensions(&app, &[EXPLAIN], query).await;
        let levels = levels(&extensions["explain"]);
        let counts: Vec<_> = levels.iter().map(Vec::len).collect();
        assert_eq!(counts, [2, 2], "{}", app.name());
    }
}

#[tokio::test]
async fn a_statement_shows_placeholders_and_a_rounded_time() {
    for app in explaining().await {
        let extensions = extensions(&app, &[EXPLAIN], COLLEAGUES).await;
        let explain = extensions["explain"].to_string();
        for value in ["Uri", "uri", "emp_2"] {
            assert!(!explain.contains(value), "{}: {explain}", app.name());
        }
        for statement in levels(&extensions["explain"]).concat() {
            let sql = statement["sql"].as_str().unwrap();
            assert!(sql.contains(['?', '$']), "{}: {sql}", app.name());
            let hundredths = statement["milliseconds"].as_f64().unwrap() * 100.0;
            assert!(hundredths > 0.0, "{}: {statement}", app.name());
            let rounded = (hundredths - hundredths.round()).abs() < 1e-6;
            assert!(rounded, "{}: {statement}", app.name());
        }
    }
}

#[tokio::test]
async fn the_first_level_of_a_mutation_is_its_transaction() {
    // It writes two rows: one alone is written without a transaction on PostgreSQL.
    let query = r#"mutation { createEmployee(input: { name: "Zora", assignments: [{ project: { id: "prj_1" } }] }) {
        employee { name projects { nodes { title } } } } }"#;
    for app in explaining().await {
        app.database.forget_statements();
        let extensions = extensions(&app, &[EXPLAIN, COST], query).await;
        let levels = levels(&extensions["explain"]);
        let [transaction, selection @ ..] = &*levels else {
            panic!("{}: {extensions}", app.name())
        };
        let sent = sql(transaction);
        let [begin, written @ .., commit] = &*sent else {
            panic!("{}: {extensions}", app.name())
        };
        assert!(begin.starts_with("BEGIN"), "{}: {begin}", app.name());
        assert_eq!(*commit, "COMMIT", "{}", app.name());
        // The server may prune the feed while the test runs.
        let mut recorded = app.database.written();
        recorded.retain(|sql| !sql.starts_with("WITH oldest"));
        assert_eq!(written, recorded, "{}", app.name());
        let selected = selection.concat();
        assert_eq!(rows(&selected), [1], "{}", app.name());
        assert_eq!(extensions["cost"]["statements"], 1, "{}", app.name());
        assert!(!extensions.to_string().contains("Zora"), "{extensions}");
    }
}

#[tokio::test]
async fn each_event_of_a_stream_has_its_own_statements() {
    let query =
        "subscription { changes { node { ... on Employee { projects { nodes { title } } } } } }";
    for app in explaining().await {
        let request = app.client.post(format!("{}/graphql", app.url));
        let body = json!({ "query": query }).to_string();
        let request = request.header(JSON.0, JSON.1).header(EXPLAIN.0, EXPLAIN.1);
        let mut events = EventSource::open(request.body(body)).await;
        events.start().await;
        for _ in 0..2 {
            app.new_employee("Ann").await;
            let result = events.result().await;
            let levels = levels(&result["extensions"]["explain"]);
            let rows: Vec<_> = levels.iter().map(|level| rows(level)).collect();
            assert_eq!(rows, [[1], [0]], "{}: {result}", app.name());
        }
    }
}

#[tokio::test]
async fn a_shared_statement_is_listed_for_each_operation_that_asked() {
    for app in explaining().await {
        let roster = Roster::new(app.database.connections().clone());
        let run = |(employee, is_explained): (i64, bool)| {
            let request = Request {
                text: format!("{{ employee(id: \"emp_{employee}\") {{ name }} }}"),
                ..Request::default()
            };
            let mut checked = roster.check(request).unwrap();
            checked.is_explained = is_explained;
            let roster = roster.clone();
            async move { roster.run(&checked).await }
        };
        // The first two are sent at once; the others wait and share a statement.
        let all = [(1, true), (2, true), (3, false), (4, true), (3, true)].map(run);
        let rows = |response: OperationResponse| {
            let explain = response.response.extensions.get("explain").cloned()?;
            let levels = levels(&explain.into_json().unwrap());
            Some(levels.iter().map(|level| rows(level)).collect::<Vec<_>>())
        };
        let rows: Vec<_> = join_all(all).await.into_iter().map(rows).collect();
        let only = |rows| Some(vec![vec![rows]]);
        assert_eq!(rows, [only(1), only(1), None, only(2), only(2)]);
    }
}

#[tokio::test]
async fn a_request_without_the_header_gets_no_statements() {
    for app in explaining().await {
        for headers in [&[][..], &[("x-explain", "false")], &[COST]] {
            let extensions = extensions(&app, headers, COLLEAGUES).await;
            assert_eq!(extensions.get("explain"), None, "{}", app.name());
        }
    }
}

#[tokio::test]
async fn a_server_without_the_option_shows_no_statements() {
    for app in lessons_with(&Settings::default()).await {
        let extensions = extensions(&app, &[EXPLAIN, COST], COLLEAGUES).await;
        assert_eq!(extensions.get("explain"), None, "{}", app.name());
    }
}

#[tokio::test]
async fn any_client_with_a_token_may_see_the_statements() {
    let mut settings = Settings {
        explain: true,
        ..Settings::default()
    };
    settings.access.jwt_secret = Some(SECRET.to_owned());
    for app in lessons_with(&settings).await {
        let bearer = format!("Bearer {}", token("viewer", 60));
        let headers = [EXPLAIN, ("authorization", &bearer)];
        let extensions = extensions(&app, &headers, COLLEAGUES).await;
        assert_eq!(levels(&extensions["explain"]).len(), 3, "{}", app.name());
    }
}

#[tokio::test]
async fn a_server_of_trusted_documents_shows_no_statements() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("documents.json");
    std::fs::write(&file, json!({ "colleagues": COLLEAGUES }).to_string()).unwrap();
    let settings = Settings {
        explain: true,
        trusted_documents: Some(file),
        ..Settings::default()
    };
    for app in lessons_with(&settings).await {
        let body = json!({ "documentId": "colleagues" }).to_string();
        let (_, answer) = status_and_json(app.post(&[JSON, EXPLAIN], body).await).await;
        assert!(answer["data"].is_object(), "{answer}");
        assert_eq!(answer.get("extensions"), None, "{}", app.name());
    }
}

#[tokio::test]
async fn demo_shows_statements_and_serve_needs_the_option() {
    let explains = async |home: &Home, arguments: &[&str]| {
        let server = home.serve(arguments);
        let request = reqwest::Client::new().post(format!("{}/graphql", server.url));
        let request = request.header(JSON.0, JSON.1).header(EXPLAIN.0, EXPLAIN.1);
        let body = json!({ "query": "{ employees { totalCount } }" }).to_string();
        let (_, answer) = status_and_json(request.body(body).send().await.unwrap()).await;
        answer["extensions"]["explain"].is_object()
    };
    let home = Home::sqlite();
    assert!(explains(&home, &["demo", "--port", "0"]).await);
    assert!(explains(&home, &["serve", "--port", "0", "--explain"]).await);
    assert!(!explains(&home, &["serve", "--port", "0"]).await);
}
