//! Databases that fail: masked errors, readiness, recovery, panics.

use std::{
    thread,
    time::{Duration, Instant},
};

use futures_util::future::{join, join_all};
use sea_orm::{ConnectionTrait, TransactionTrait};
use serde_json::{Value, json};
use server::{
    config::{DatabaseSettings, DeadlineSettings},
    database,
};

use crate::support::{
    app::{TestApp, apps},
    client::{ANSWER, is_ready, send},
    http::code,
    mutations::{change_line, text},
    postgres::Postgres,
    program::{Program, signal},
    websocket::WebSocket,
};

async fn ask(program: &Program) -> Value {
    send(&program.url, NAMES).await
}

/// Waits until the server is ready and answers again.
async fn recovers(program: &Program) {
    let start = Instant::now();
    while !is_ready(program).await {
        assert!(
            start.elapsed() < ANSWER,
            "it does not recover: {}",
            program.log()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for _ in 0..20 {
        if ask(program).await.get("errors").is_none() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("it is ready and fails: {}", program.log());
}

async fn fails_masked(program: &Program) {
    let answer = ask(program).await;
    let code = answer["errors"][0]["extensions"]["code"]
        .as_str()
        .unwrap_or_else(|| panic!("{answer}"));
    assert!(matches!(code, "UNAVAILABLE" | "TIMEOUT"), "{answer}");
    let text = answer.to_string();
    for internal in [
        "127.0.0.1",
        "hidden",
        "connection",
        "SELECT",
        "sqlx",
        "postgres",
    ] {
        assert!(!text.contains(internal), "{text}");
    }
}

#[tokio::test]
async fn the_server_recovers_when_postgres_is_restarted_killed_or_frozen() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let url = postgres.url();
    let mut program = Program::start(
        &["serve", "--migrate", "--port", "0"],
        &[("DATABASE_URL", &url)],
    );
    assert!(ask(&program).await.get("errors").is_none());
    assert!(is_ready(&program).await);

    postgres.down("fast");
    assert!(!is_ready(&program).await);
    fails_masked(&program).await;
    postgres.up();
    recovers(&program).await;

    for process in postgres.processes() {
        signal(process, "KILL");
    }
    while std::net::TcpStream::connect(("127.0.0.1", postgres.port)).is_ok() {
        thread::sleep(Duration::from_millis(10));
    }
    assert!(!is_ready(&program).await);
    fails_masked(&program).await;
    postgres.up();
    recovers(&program).await;

    let frozen = postgres.processes();
    for process in &frozen {
        signal(*process, "STOP");
    }
    assert!(!is_ready(&program).await);
    let all = join_all((0..30).map(|_| fails_masked(&program)));
    tokio::time::timeout(ANSWER, all)
        .await
        .expect("requests hang");
    for process in &frozen {
        signal(*process, "CONT");
    }
    recovers(&program).await;

    assert_eq!(program.ended(Duration::ZERO), None);
    assert!(
        !program.log().contains("hidden-password"),
        "{}",
        program.log()
    );
    program.signal("TERM");
    assert_eq!(
        program.ended(Duration::from_secs(10)).unwrap().code(),
        Some(0)
    );
}

#[tokio::test]
async fn servers_that_start_together_migrate_once() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let url = postgres.url();
    let start = || {
        Program::start(
            &["serve", "--migrate", "--port", "0"],
            &[("DATABASE_URL", &url)],
        )
    };
    let programs: Vec<_> = thread::scope(|scope| {
        let starting: Vec<_> = (0..4).map(|_| scope.spawn(start)).collect();
        starting
            .into_iter()
            .map(|program| program.join().unwrap())
            .collect()
    });
    for program in &programs {
        assert!(ask(program).await.get("errors").is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sqlite_statement_ends_at_its_deadline_and_frees_its_thread() {
    let directory = tempfile::tempdir().unwrap();
    let settings = DatabaseSettings::sqlite(&directory.path().join("roster.db"));
    let database = database::open(&settings).unwrap();
    let run = |sql: &str| {
        let reader = database.reader.clone();
        let statement = sql.into();
        async move { reader.query_optional(statement, Vec::new()).await }
    };
    const ENDLESS: &str =
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c";
    let start = Instant::now();
    // As many as there are reader threads, so that all of them are occupied.
    let all = join_all((0..8).map(|_| tokio::spawn(run(ENDLESS)))).await;
    assert!(start.elapsed() < Duration::from_secs(30));
    assert!(all.into_iter().all(|outcome| outcome.unwrap().is_err()));
    let start = Instant::now();
    assert!(run("SELECT 1").await.is_ok());
    assert!(start.elapsed() < Duration::from_secs(3));
}

const NAMES: &str = "{ employees { nodes { name } } }";

async fn answer(app: &TestApp) -> (Value, Duration) {
    let start = Instant::now();
    (app.answer(NAMES, json!({})).await, start.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_statement_has_another_code_than_an_unavailable_database() {
    for app in apps().await {
        let slow_statement = app
            .another_with(DeadlineSettings {
                statement_timeout: 1,
                ..DeadlineSettings::DEFAULT
            })
            .await;
        // Longer than any test.
        let held = if app.name() == "sqlite" {
            let endless = "ALTER TABLE employees RENAME TO people; CREATE VIEW employees AS \
                WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) \
                SELECT x AS id, 'E' AS name, '2024-01-01' AS hire_date, 1 AS version FROM c WHERE x < 0";
            app.db().execute_unprepared(endless).await.unwrap();
            None
        } else {
            let transaction = app.db().begin().await.unwrap();
            let lock = "LOCK TABLE employees IN ACCESS EXCLUSIVE MODE";
            transaction.execute_unprepared(lock).await.unwrap();
            Some(transaction)
        };
        let (stopped, took) = answer(&slow_statement).await;
        assert_eq!(code(&stopped), "TIMEOUT", "{}: {stopped}", app.name());
        let message = stopped["errors"][0]["message"].as_str().unwrap();
        assert!(
            message.starts_with("The query took too long"),
            "{}: {message}",
            app.name()
        );
        assert!(took < Duration::from_secs(5), "{took:?}");
        let Some(held) = held else { continue };
        // A statement that waits for a lock fails as unavailable, not as too slow.
        let impatient = app
            .another_with(DeadlineSettings {
                lock_timeout: 1,
                ..DeadlineSettings::DEFAULT
            })
            .await;
        let (away, took) = answer(&impatient).await;
        assert_eq!(code(&away), "UNAVAILABLE", "{away}");
        assert!(took < Duration::from_secs(5), "{took:?}");
        held.rollback().await.unwrap();
        assert!(answer(&impatient).await.0.get("errors").is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_without_a_free_connection_fails_in_time_and_the_next_one_succeeds() {
    for app in apps().await {
        if app.name() == "sqlite" {
            continue;
        }
        let deadlines = DeadlineSettings {
            acquire_timeout: 1,
            lock_timeout: 1,
            // One connection listens for changes, one reads, one writes.
            database_connections: 3,
            ..DeadlineSettings::DEFAULT
        };
        let small = app.another_with(deadlines).await;
        assert!(answer(&small).await.0.get("errors").is_none());
        let taken = app.db().begin().await.unwrap();
        let lock = "LOCK TABLE employees IN ACCESS EXCLUSIVE MODE";
        taken.execute_unprepared(lock).await.unwrap();
        // The first operation waits for the table, the others for its connection.
        let all = join_all((0..6).map(|_| answer(&small)));
        // The readers have taken the connection when the server is not ready.
        let not_ready = async {
            let start = Instant::now();
            while small.get("/health/ready").await.status() != 503 {
                assert!(start.elapsed() < ANSWER, "the server stays ready");
            }
        };
        let (all, ()) = join(all, not_ready).await;
        for (answered, took) in all {
            assert_eq!(code(&answered), "UNAVAILABLE", "{answered}");
            assert!(!answered.to_string().contains("pool"), "{answered}");
            assert!(took < Duration::from_millis(2_500), "{took:?}");
        }
        taken.rollback().await.unwrap();
        assert!(answer(&small).await.0.get("errors").is_none());
        assert_eq!(small.get("/health/ready").await.status(), 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_a_resolver_fails_its_operation_only_with_a_request_id() {
    for app in apps().await {
        for over_socket in [false, true] {
            app.database.panic_once();
            let answer = if over_socket {
                let mut socket = WebSocket::ready(&app.url).await;
                socket.subscribe("a", &json!({ "query": NAMES })).await;
                let next = socket.read().await["payload"].take();
                assert_eq!(socket.read().await["type"], "complete");
                socket.subscribe("a", &json!({ "query": NAMES })).await;
                assert!(socket.read().await["payload"]["data"].is_object());
                next
            } else {
                app.answer(NAMES, json!({})).await
            };
            assert_eq!(code(&answer), "INTERNAL", "{}: {answer}", app.name());
            assert_eq!(answer["data"], Value::Null);
            let id = &answer["errors"][0]["extensions"]["requestId"];
            assert!(id.is_string(), "{answer}");
            assert!(!answer.to_string().contains("hidden"), "{answer}");
        }
        // A subscription continues after a panic: each event is its own operation.
        let names = "subscription($after: String) \
                     { changes(after: $after) { node { ... on Employee { name } } } }";
        let after = json!({ "after": app.latest_cursor().await });
        let mut listener = WebSocket::subscribed(&app.url, names, after).await;
        app.new_employee("Ann").await;
        assert_eq!(listener.change().await["node"]["name"], "Ann");
        assert!(answer(&app).await.0.get("errors").is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_the_feed_reader_delays_events_and_loses_none() {
    for app in apps().await {
        let mut listener = WebSocket::changes(&app.url).await;
        // The subscription has begun when its first event arrives.
        app.new_meeting("M").await;
        assert_eq!(
            change_line(&listener.change().await),
            "MEETING CREATED mtg_1"
        );
        app.database.panic_once();
        // `__typename` is answered without a statement, so the reader of the feed panics.
        for name in ["Ann", "Bob"] {
            let input = json!({ "name": name, "hireDate": "2024-01-01" });
            app.done("createEmployee", input, "__typename").await;
        }
        for id in ["emp_1", "emp_2"] {
            let event = listener.change().await;
            assert_eq!(
                change_line(&event),
                format!("EMPLOYEE CREATED {id}"),
                "{}",
                app.name()
            );
        }
        app.new_meeting("N").await;
        assert_eq!(
            change_line(&listener.change().await),
            "MEETING CREATED mtg_2"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribers_miss_no_event_when_postgres_restarts() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let url = postgres.url();
    let start = || {
        Program::start(
            &["serve", "--migrate", "--port", "0"],
            &[("DATABASE_URL", &url)],
        )
    };
    let (writing, listening) = (start(), start());
    let mut listener = WebSocket::changes(&listening.url).await;
    let mut made = Vec::new();
    for mode in ["fast", "immediate"] {
        made.push(create(&writing).await);
        postgres.down(mode);
        postgres.up();
        // Written at once, when the other server may not listen yet.
        for _ in 0..5 {
            made.push(create(&writing).await);
        }
    }
    // A marker behind all changes, so that a duplicate event is noticed.
    made.push(create(&writing).await);
    for id in made {
        let event = listener.change().await;
        assert_eq!(change_line(&event), format!("EMPLOYEE CREATED {id}"));
    }
}

/// Creates an employee as soon as the database is available.
async fn create(program: &Program) -> String {
    let create = r#"mutation { createEmployee(input: {name: "E", hireDate: "2024-01-01"}) { employee { id } } }"#;
    let start = Instant::now();
    loop {
        let request = reqwest::Client::new().post(format!("{}/graphql", program.url));
        let request = request
            .header("content-type", "application/json")
            .timeout(ANSWER)
            .body(json!({ "query": create }).to_string());
        let answered = request.send().await.unwrap().text().await.unwrap();
        let answer: Value = serde_json::from_str(&answered).unwrap();
        if answer.get("errors").is_none() {
            return text(&answer["data"]["createEmployee"]["employee"]["id"]);
        }
        assert_eq!(code(&answer), "UNAVAILABLE", "{answer}");
        assert!(start.elapsed() < ANSWER, "{answer}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
