//! The memory of the program: idle sockets, unread answers, large mutations, cached documents.

use entity::assignment;
use sea_orm::{ActiveValue::Set, ConnectionTrait};
use serde_json::{Value, json};

use crate::support::{
    app::{TestApp, apps, lesson_with},
    large_answers::{begin_to_read, fill_with_long_names},
    program::Program,
    websocket::WebSocket,
};

/// The budget for unread answers.
const UNREAD: u64 = 32 << 20;

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

#[tokio::test(flavor = "multi_thread")]
async fn unread_answers_take_bounded_memory() {
    let app = lesson_with(|_| {}).await;
    fill_with_long_names(&app).await;
    let program = serve(&app, &["--limit", &format!("unread_answers={UNREAD}")]);
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
async fn sockets_release_the_memory_of_large_answers() {
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
async fn a_project_with_many_assignments_is_deleted_in_bounded_memory() {
    for app in apps().await {
        let project = app.project("P", None).await;
        let employee = app.employee("E").await;
        // Both databases can generate a series of numbers.
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
async fn cached_documents_take_the_memory_that_was_configured() {
    const CACHE: u64 = 32 << 20;
    const SHAPES: [&str; 5] = ["fields", "fragments", "conditions", "lists", "objects"];
    // One worker, because the allocator keeps free memory for each thread.
    let program = Program::start(
        &[
            "demo",
            "--port",
            "0",
            "--limit",
            &format!("document_cache={CACHE}"),
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
    // The first document of each shape is not measured.
    for shape in SHAPES {
        post(&program.url, &documents(shape, 1)[0]).await;
    }
    let before = program.memory_now().unwrap_or(0);
    for shape in SHAPES {
        for (number, document) in documents(shape, 400).into_iter().enumerate() {
            // The same text with other Booleans is cached as another operation.
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

/// Starts the program on the database of this app.
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
