//! Requests with bad intent: each is answered in bounded time and memory.

use std::{
    fmt::Write,
    time::{Duration, Instant},
};

use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt,
    net::TcpSocket,
    time::{sleep, timeout},
};

use crate::support::{app::lesson_with, program::Program};

/// The limit for any attack. The program itself takes some tens of megabytes.
const MEMORY: u64 = 600 << 20;
/// The time limit of an answer. A debug build takes a fraction of it.
const TIME: Duration = Duration::from_secs(15);

/// Returns attacks that are one POST of JSON, by name.
fn attacks() -> Vec<(&'static str, String)> {
    let query = |text: String| json!({ "query": text }).to_string();
    let nested = |open: &str, close: &str, depth: usize| {
        format!("{}{}", open.repeat(depth), close.repeat(depth))
    };
    let with_variables = |text: &str, variables: String| {
        format!(r#"{{"query": {}, "variables": {variables}}}"#, json!(text))
    };
    let filter = "query ($w: EmployeeFilter) { employees(where: $w) { totalCount } }";
    let mut attacks = vec![
        ("lists in a literal", query(format!("{{ a(b: {}) }}", nested("[", "]", 100_000)))),
        ("objects in a literal", query(format!("{{ a(b: {}1{}) }}", "{a:".repeat(100_000), "}".repeat(100_000)))),
        ("lists in a default", query(format!("query ($a: Int = {}) {{ a }}", nested("[", "]", 50_000)))),
        ("lists in a type", query(format!("query ($a: {}Int{}) {{ a }}", "[".repeat(50_000), "]".repeat(50_000)))),
        ("lists in a directive", query(format!("{{ a @b(c: {}) }}", nested("[", "]", 50_000)))),
        ("selection sets", query(nested("{ a ", "}", 50_000))),
        ("inline fragments", query(format!("{{ {} a {} }}", "... { ".repeat(50_000), "}".repeat(50_000)))),
        ("brackets that are not closed", query("{".repeat(1_000_000))),
        ("a string that hides brackets", query(format!("{{ a(b: \"\"\" \" {} ) }}", "[".repeat(50_000)))),
        ("fields", query(format!("{{ {} }}", "employees { nodes { name } } ".repeat(30_000)))),
        ("aliases", query(format!("{{ {} }}", (0..50_000).fold(String::new(), |mut text, n| { let _ = write!(text, "a{n}: __typename "); text })))),
        ("directives", query(format!("{{ a {} }}", "@a".repeat(300_000)))),
        ("a long name", query(format!("{{ {} }}", "a".repeat(1_000_000)))),
        ("a long number", query(format!("{{ employees(first: {}) {{ totalCount }} }}", "1".repeat(1_000_000)))),
        ("a long string", query(format!(r#"{{ employee(id: "{}") {{ name }} }}"#, "a".repeat(1_000_000)))),
        ("commas", query(format!("{{ __typename {} }}", ",".repeat(1_000_000)))),
        ("comments", query(format!("{{ __typename {} }}", "#\n".repeat(300_000)))),
        ("one long line with a mistake", query(format!("{{ {} ! }}", " ".repeat(1_000_000)))),
        ("variables", query(format!("query ({}) {{ a }}", "$a: Int ".repeat(50_000)))),
        ("operations", query("query A { a } ".repeat(30_000))),
        ("deep JSON", with_variables("{ __typename }", nested("[", "]", 400_000))),
        ("deep filters", with_variables(filter, format!("{{\"w\": {}{{}}{}}}", r#"{"not": "#.repeat(50), "}".repeat(50)))),
        ("wide filters", with_variables(filter, format!(r#"{{"w": {{"or": [{}]}}}}"#, vec![r#"{"name": {"eq": "x"}}"#; 10_000].join(",")))),
        ("many ids", with_variables(filter, json!({ "w": { "ids": vec!["emp_1"; 45_000] } }).to_string())),
        ("too many ids", with_variables(filter, json!({ "w": { "ids": vec!["e"; 200_000] } }).to_string())),
        ("many names", with_variables(filter, json!({ "w": { "name": { "in": vec!["x"; 45_000] } } }).to_string())),
        ("many variables", with_variables("{ __typename }", format!("{{{}}}", (0..60_000).map(|n| format!(r#""v{n}":1"#)).collect::<Vec<_>>().join(",")))),
        ("the schema times itself", query(format!("{{ __schema {{ types {{ {} name {} }} }} }}", "fields { type { ".repeat(6), "} }".repeat(6)))),
        ("everything", query("{ employees(first: 1000) { nodes { projects(first: 1000) { nodes { employees(first: 1000) { nodes { name } } } } } } }".to_owned())),
        ("as much as is allowed", query("{ a: employees(first: 1000) { nodes { assignments(first: 400) { nodes { id employee { name } } } } } }".to_owned())),
    ];
    for (name, spreads) in [("a chain of fragments", 1), ("a bomb of fragments", 10)] {
        let mut text = "{ ...F0 }".to_owned();
        for n in 0..if spreads == 1 { 10_000 } else { 28 } {
            let _ = write!(
                text,
                " fragment F{n} on Query {{ {} }}",
                format!("...F{} ", n + 1).repeat(spreads)
            );
        }
        attacks.push((name, query(text)));
    }
    let mut cycle = "{ ...A }".to_owned();
    cycle.push_str(" fragment A on Query { ...B } fragment B on Query { ...A }");
    attacks.push(("a cycle of fragments", query(cycle)));
    attacks
}

#[tokio::test]
async fn no_request_crashes_or_hangs_the_program_or_exhausts_its_memory() {
    let mut program = Program::demo(&[]);
    let client = reqwest::Client::new();
    let post = |body: String| {
        let request = client.post(format!("{}/graphql", program.url)).body(body);
        request
            .header("content-type", "application/json")
            .timeout(TIME)
            .send()
    };
    for (name, body) in attacks() {
        let start = Instant::now();
        let response = post(body).await;
        let response =
            response.unwrap_or_else(|error| panic!("{name}: {error}: {}", program.log()));
        let text = response.text().await.unwrap();
        assert!(start.elapsed() < TIME, "{name}");
        assert!(text.len() < 3_000_000, "{name}: {} bytes", text.len());
        let answer: Value = serde_json::from_str(&text).unwrap();
        if let Some(errors) = answer["errors"].as_array() {
            assert!(errors.len() <= 20, "{name}");
            for error in errors {
                assert!(
                    error["message"].as_str().unwrap().chars().count() <= 301,
                    "{name}"
                );
                assert_ne!(error["extensions"]["code"], "INTERNAL", "{name}: {error}");
            }
        }
    }
    // Many large attacks run concurrently with a small query.
    let large: Vec<_> = attacks()
        .into_iter()
        .filter(|(_, body)| body.len() > 900_000)
        .collect();
    let all = large
        .iter()
        .cycle()
        .take(60)
        .map(|(_, body)| post(body.clone()));
    let all = futures_util::future::join_all(all);
    let other = async {
        let start = Instant::now();
        post(json!({ "query": "{ __typename }" }).to_string())
            .await
            .unwrap();
        start.elapsed()
    };
    let (_, other) = futures_util::future::join(all, other).await;
    assert!(other < TIME);
    assert_eq!(program.ended(Duration::ZERO), None, "{}", program.log());
    let peak = program.peak_memory().unwrap_or(0);
    eprintln!("memory at most: {} MiB", peak >> 20);
    assert!(peak < MEMORY, "{} MiB", peak >> 20);
}

#[tokio::test]
async fn slow_clients_and_clients_that_never_read_do_not_block_others() {
    let mut program = Program::demo(&[
        "--limit=header_timeout=1,body_timeout=1,write_timeout=1,idle_timeout=3,connections=60",
    ]);
    let address = program.url.trim_start_matches("http://").parse().unwrap();
    let mut slow = Vec::new();
    for n in 0..59 {
        let socket = TcpSocket::new_v4().unwrap();
        // A small receive buffer, so that answers stay in the server.
        socket.set_recv_buffer_size(4 << 10).unwrap();
        let mut stream = socket.connect(address).await.unwrap();
        let head = match n % 3 {
            0 => "POST /gra".to_owned(),
            1 => "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{".to_owned(),
            // Requests a large answer 300 times and reads nothing.
            _ => "GET /graphql?query=%7B__schema%7Btypes%7Bname%20description%20fields%7Bname%20description%7D%7D%7D%7D HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(300),
        };
        stream.write_all(head.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    let ask = || async {
        let answer = reqwest::Client::new()
            .get(format!("{}/health/ready", program.url))
            .timeout(TIME)
            .send();
        answer.await.map(|answer| answer.status().as_u16())
    };
    assert_eq!(ask().await.unwrap(), 200);
    for (n, mut stream) in slow.into_iter().enumerate() {
        // Nothing is read here, because a client that reads would receive all 300 answers.
        let closed = timeout(TIME, async {
            while stream.write_all(b"x").await.is_ok() {
                sleep(Duration::from_millis(20)).await;
            }
        });
        let closed = closed.await;
        assert!(closed.is_ok(), "a connection of kind {} stays open", n % 3);
    }
    assert_eq!(ask().await.unwrap(), 200);
    assert_eq!(program.ended(Duration::ZERO), None);
}

/// Random text that is often close to valid GraphQL.
fn documents() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        ":",
        "!",
        "=",
        "@",
        "$",
        "...",
        "\"",
        "\"\"\"",
        "\\",
        "#",
        "\n",
        ",",
        "&",
        "|",
        "query",
        "mutation",
        "subscription",
        "fragment",
        "on",
        "A",
        "Query",
        "Employee",
        "Node",
        "x",
        "first",
        "last",
        "after",
        "where",
        "orderBy",
        "ids",
        "id",
        "name",
        "employees",
        "employee",
        "projects",
        "nodes",
        "edges",
        "node",
        "pageInfo",
        "totalCount",
        "__typename",
        "__schema",
        "__type",
        "types",
        "fields",
        "skip",
        "include",
        "if",
        "true",
        "false",
        "null",
        "0",
        "1",
        "-1",
        "1e9",
        "\"emp_1\"",
        "and",
        "or",
        "not",
        "some",
        "deprecated",
        "{ employees(first: 2) { nodes {",
        "} } }",
        "...A",
        "fragment A on Employee {",
        "query ($x: Int = 1)",
        "$x",
    ]);
    prop_oneof![
        4 => prop::collection::vec(word, 0..60).prop_map(|words| words.join(" ")),
        1 => any::<String>(),
    ]
}

#[test]
fn arbitrary_text_is_answered() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(8 << 20)
        .build()
        .unwrap();
    // Entered until the app is dropped, because its connections return to their pools.
    let _context = runtime.enter();
    let app = runtime.block_on(lesson_with(|_| {}));
    let until = Instant::now() + Duration::from_secs(10);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 100_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let tried = runner.run(&documents(), |text| {
        if Instant::now() > until {
            return Ok(());
        }
        let body = json!({ "query": text }).to_string();
        let answered = runtime.block_on(async { timeout(TIME, app.post_json(body)).await });
        let (_, answer) = answered.map_err(|_| TestCaseError::fail("it hangs"))?;
        prop_assert!(
            answer["errors"].is_array() || answer["data"].is_object(),
            "{answer}"
        );
        prop_assert!(
            answer["errors"][0]["extensions"]["code"] != "INTERNAL",
            "{answer}"
        );
        Ok(())
    });
    tried.unwrap();
}
