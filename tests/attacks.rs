//! What somebody may send who means harm: the program stays, in bounded time and memory.

use std::{
    fmt::Write,
    time::{Duration, Instant},
};

use entity::assignment;
use proptest::prelude::*;
use sea_orm::{ActiveValue::Set, ConnectionTrait};
use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt,
    net::TcpSocket,
    time::{sleep, timeout},
};

use crate::support::{
    app::{TestApp, apps, lesson_with},
    large::{begin_to_read, fill_with_long_names},
    program::Program,
    websocket::WebSocket,
};

/// More than any attack is allowed to take; the program itself has some tens of megabytes.
const MEMORY: u64 = 600 << 20;
/// A debug build answers each within a fraction of it.
const TIME: Duration = Duration::from_secs(15);

/// Everything that is one POST of JSON.
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
        ("brackets that nobody closes", query("{".repeat(1_000_000))),
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
async fn no_request_ends_the_program_hangs_it_or_fills_its_memory() {
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
    // Many of the worst at once, and somebody else meanwhile.
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
async fn whoever_sends_slowly_or_never_reads_does_not_keep_others_out() {
    let mut program = Program::demo(&[
        "--header-timeout",
        "1",
        "--body-timeout",
        "1",
        "--write-timeout",
        "1",
        "--idle-timeout",
        "3",
        "--max-connections",
        "60",
    ]);
    let address = program.url.trim_start_matches("http://").parse().unwrap();
    let mut slow = Vec::new();
    for n in 0..59 {
        let socket = TcpSocket::new_v4().unwrap();
        // Little of an answer is taken for them by the system.
        socket.set_recv_buffer_size(4 << 10).unwrap();
        let mut stream = socket.connect(address).await.unwrap();
        let head = match n % 3 {
            0 => "POST /gra".to_owned(),
            1 => "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{".to_owned(),
            // Asks for much, again and again, and reads nothing.
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
        // Nothing is read: who reads is answered, all the 300 times.
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

#[tokio::test]
async fn a_thousand_idle_sockets_are_cheap() {
    let program = Program::demo(&[]);
    let before = program.memory_now();
    let mut sockets = Vec::new();
    for _ in 0..1_000 {
        sockets.push(WebSocket::ready(&program.url).await);
    }
    if let (Some(before), Some(after)) = (before, program.memory_now()) {
        let each = after.saturating_sub(before) / 1_000;
        eprintln!("an idle socket: {each} bytes");
        assert!(each < 32 << 10, "{each} bytes");
    }
}

/// What all answers that wait to be read may take in the next test.
const UNREAD: u64 = 32 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_nobody_reads_take_bounded_memory() {
    let app = lesson_with(|_| {}).await;
    fill_with_long_names(&app).await;
    let program = serve(&app, &["--max-unread-answers", &UNREAD.to_string()]);
    let names: String = (0..50).map(|n| format!("a{n}: name ")).collect();
    let query = format!("{{ employees(first: 1000) {{ nodes {{ {names} }} }} }}");
    let mut unread = Vec::new();
    // 10 MB each.
    for _ in 0..40 {
        unread.push(begin_to_read(&program.url, &query).await);
    }
    let peak = program.peak_memory().unwrap_or(0);
    eprintln!("memory at most: {} MiB", peak >> 20);
    assert!(peak < UNREAD + (150 << 20), "{} MiB", peak >> 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_that_were_sent_large_answers_are_cheap_again() {
    let app = lesson_with(|_| {}).await;
    fill_with_long_names(&app).await;
    let program = serve(&app, &[]);
    let names: String = (0..50).map(|n| format!("a{n}: name ")).collect();
    let query =
        json!({ "query": format!("{{ employees(first: 1000) {{ nodes {{ {names} }} }} }}") });
    let mut sockets = Vec::new();
    let mut first = 0;
    // 10 MB each.
    for n in 0..25 {
        let mut socket = WebSocket::ready(&program.url).await;
        socket.subscribe("a", &query).await;
        let answer = socket.read().await;
        let nodes = answer["payload"]["data"]["employees"]["nodes"].as_array();
        assert_eq!(nodes.map(Vec::len), Some(1_000));
        assert_eq!(socket.read().await["type"], "complete");
        sockets.push(socket);
        if n == 4 {
            first = program.memory_now().unwrap_or(0);
        }
    }
    let each = program.memory_now().unwrap_or(0).saturating_sub(first) / 20;
    eprintln!("a socket that was sent 10 MB: {each} bytes");
    assert!(each < 2 << 20, "{each} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn assignments_without_dates_are_compared_in_bounded_memory() {
    let app = lesson_with(|_| {}).await;
    let rows = (0..10_000).map(|n| assignment::ActiveModel {
        role: Set(Some(format!("Role {n}"))),
        employee_id: Set(4),
        project_id: Set(2),
        ..Default::default()
    });
    app.insert_many(rows.collect()).await;
    let program = serve(&app, &[]);
    let query = "{ employee(id: \"emp_4\") { assignmentOverlaps { first { id } second { id } } } }";
    let answer = post(&program.url, query).await;
    let overlaps = answer["data"]["employee"]["assignmentOverlaps"].as_array();
    assert_eq!(overlaps.map(Vec::len), Some(100), "{answer}");
    let peak = program.peak_memory().unwrap_or(0);
    eprintln!("memory at most: {} MiB", peak >> 20);
    assert!(peak < 200 << 20, "{} MiB", peak >> 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_of_many_is_deleted_in_bounded_memory() {
    for app in apps().await {
        let project = app.project("P", None).await;
        let employee = app.employee("E").await;
        // Both databases know a series, by other names.
        let numbers = match app.name() {
            "sqlite" => {
                "json_each('[' || substr(replace(hex(zeroblob(90000)), '00', ',0'), 2) || ']')"
            }
            _ => "(SELECT n AS key FROM generate_series(1, 90000) AS n) AS numbers",
        };
        let sql = format!(
            "INSERT INTO assignments (role, employee_id, project_id) \
             SELECT 'Role ' || key, {employee}, {project} FROM {numbers}"
        );
        app.db().execute_unprepared(&sql).await.unwrap();
        let program = serve(&app, &[]);
        let before = program.memory_now().unwrap_or(0);
        let mutation = format!(
            "mutation {{ deleteProject(input: {{id: \"prj_{project}\"}}) {{ deletedAssignmentIds userErrors {{ message }} }} }}"
        );
        let answer = post(&program.url, &mutation).await;
        let ids = answer["data"]["deleteProject"]["deletedAssignmentIds"].as_array();
        assert_eq!(ids.map(Vec::len), Some(90_000), "{}: {answer}", app.name());
        let grown = program.peak_memory().unwrap_or(0).saturating_sub(before);
        eprintln!("{}: {} bytes for each", app.name(), grown / 90_000);
        assert!(grown < 90 << 20, "{}: {} MiB", app.name(), grown >> 20);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn remembered_documents_take_the_memory_that_was_set() {
    const CACHE: u64 = 32 << 20;
    const SHAPES: [&str; 5] = ["fields", "fragments", "conditions", "lists", "objects"];
    // One worker: each keeps memory of its own that is free.
    let program = Program::start(
        &[
            "demo",
            "--port",
            "0",
            "--document-cache",
            &CACHE.to_string(),
        ],
        &[("TOKIO_WORKER_THREADS", "1")],
    );
    let documents = |shape: &str, count: usize| -> Vec<String> {
        let document = |n: usize| match shape {
            "fields" => {
                let page = "{ nodes { id title budget version __typename } totalCount __typename }";
                let fields = (0..45).map(|field| format!("a{field}: projects(first: 0) {page} "));
                format!(
                    "{{ employees(first: {n}) {{ nodes {{ projects(first: 0) {{ nodes {{ employees(first: 0) {{ nodes {{ {} }} }} }} }} }} }} }}",
                    fields.collect::<String>()
                )
            }
            "fragments" => format!(
                "{{ employees(first: {n}) {{ nodes {{ {} }} }} }}",
                "...{id}".repeat(1_200)
            ),
            "conditions" => {
                let declared = |ty: &str, name: char| -> String {
                    (0..49).map(|one| format!("${name}{one}: {ty} ")).collect()
                };
                let includes =
                    (0..49).map(|one| format!("... @include(if: $b{one}) {{ __typename }} "));
                let ids: String = (0..49).map(|one| format!("$i{one} ")).collect();
                format!(
                    "query({}{}) {{ nodes(ids: [{ids}]) {{ id }} {} }}",
                    declared("Boolean = false", 'b'),
                    declared("ID! = \"\"", 'i'),
                    includes.collect::<String>(),
                )
            }
            "lists" => format!(
                "{{ employees(first: {n}, where: {{ids: [{}]}}) {{ totalCount }} }}",
                "\"\" ".repeat(4_900)
            ),
            _ => format!(
                "{{ employees(first: {n}, where: {{and: [{}]}}) {{ __typename }} }}",
                "{not:{}}".repeat(600)
            ),
        };
        (1..=count).map(document).collect()
    };
    // The first of each shape is not measured: what the program needs to run any.
    for shape in SHAPES {
        post(&program.url, &documents(shape, 1)[0]).await;
    }
    let before = program.memory_now().unwrap_or(0);
    for shape in SHAPES {
        for (number, document) in documents(shape, 400).into_iter().enumerate() {
            // The same text with other Booleans is another operation.
            let conditions = (0..9).map(|bit| (format!("b{bit}"), json!(number >> bit & 1 == 1)));
            let variables = Value::Object(conditions.collect());
            let answer = post_with(&program.url, &document, variables).await;
            assert!(answer.get("data").is_some(), "{shape}: {answer}");
        }
        let grown = program.memory_now().unwrap_or(0).saturating_sub(before);
        eprintln!("{shape}: {} MiB", grown >> 20);
        assert!(grown < 2 * CACHE, "{shape}: {} MiB", grown >> 20);
    }
}

/// The program, on the database of this app.
fn serve(app: &TestApp, arguments: &[&str]) -> Program {
    let url = app.database.settings().database_url;
    let arguments = [&["serve", "--port", "0"], arguments].concat();
    Program::start(&arguments, &[("DATABASE_URL", &url)])
}

async fn post(url: &str, query: &str) -> Value {
    post_with(url, query, json!({})).await
}

async fn post_with(url: &str, query: &str, variables: Value) -> Value {
    let request = reqwest::Client::new()
        .post(format!("{url}/graphql"))
        .header("content-type", "application/json")
        .body(json!({ "query": query, "variables": variables }).to_string());
    let response = request.send().await.unwrap();
    serde_json::from_str(&response.text().await.unwrap()).unwrap()
}

/// Text that looks like GraphQL often enough to come far.
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
    // Until the app is gone: its connections go back to their pools.
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
