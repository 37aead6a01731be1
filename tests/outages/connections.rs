//! Connections that die, restarts, and a pooler between the server and PostgreSQL.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sea_orm::ConnectionTrait;
use serde_json::json;
use tokio::time::sleep;

use crate::support::{
    app::apps,
    client::{PATIENCE, is_ready, send, succeeds},
    mutations::text,
    operations::{CREATE, NAMES},
    pgbouncer::PgBouncer,
    postgres::Postgres,
    program::{Program, command},
    proxy::{Mode, Proxy},
    websocket::WebSocket,
};

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_die_silently_are_replaced_and_no_event_is_lost() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let proxy = Proxy::to(postgres.port, Mode::Forward).await;
    let program = Program::start(
        &[
            "serve",
            "--migrate",
            "--port",
            "0",
            "--limit",
            "statement_timeout=2,lock_timeout=1",
        ],
        &[("DATABASE_URL", &proxy.url())],
    );
    let url = program.url.clone();
    let mut listener = WebSocket::changes(&url).await;
    let mut made = vec![text(
        &succeeds(&url, CREATE).await["createEmployee"]["employee"]["id"],
    )];
    assert_eq!(listener.change().await["touchedIds"], json!([made[0]]));

    // Reads and writes are in flight when the connections freeze.
    let load = (0..40).map(|number| {
        let url = url.clone();
        tokio::spawn(async move {
            let operation = if number % 4 == 0 { CREATE } else { NAMES };
            for _ in 0..8 {
                send(&url, operation).await;
            }
        })
    });
    let load: Vec<_> = load.collect();
    sleep(Duration::from_millis(50)).await;
    proxy.freeze();
    let start = Instant::now();
    join_all(load).await;
    while !is_ready(&program).await {
        assert!(start.elapsed() < PATIENCE, "{}", program.log());
        sleep(Duration::from_millis(50)).await;
    }
    // A ready server answers reads and writes.
    for operation in [NAMES, CREATE] {
        let answer = send(&url, operation).await;
        assert_eq!(answer.get("errors"), None, "{answer}");
    }
    let last = succeeds(&url, CREATE).await;
    made.push(text(&last["createEmployee"]["employee"]["id"]));

    // The subscription has every change of the feed, in order.
    let names = "{ changes(first: 100) { nodes { touchedIds } pageInfo { hasNextPage } } }";
    let feed = succeeds(&url, names).await["changes"].take();
    assert_eq!(feed["pageInfo"]["hasNextPage"], false);
    let mut fresh = WebSocket::changes(&url).await;
    for change in &feed["nodes"].as_array().unwrap()[1..] {
        assert_eq!(listener.change().await["touchedIds"], change["touchedIds"]);
    }
    // A subscription that began after the freeze receives events as well.
    let marker = succeeds(&url, CREATE).await;
    let marker = json!([marker["createEmployee"]["employee"]["id"]]);
    assert_eq!(fresh.change().await["touchedIds"], marker);
    assert_eq!(listener.change().await["touchedIds"], marker);
    let employees = succeeds(&url, "{ employees { totalCount } }").await;
    let events = feed["nodes"].as_array().unwrap().len() + 1;
    assert_eq!(employees["employees"]["totalCount"], events);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_closed_by_a_restart_are_replaced_without_an_error() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let program = Program::start(
        &["serve", "--migrate", "--port", "0"],
        &[("DATABASE_URL", &postgres.url())],
    );
    for mode in ["fast", "immediate"] {
        // Enough operations to open all connections.
        let all = join_all((0..60).map(|_| send(&program.url, NAMES))).await;
        assert!(all.iter().all(|answer| answer.get("errors").is_none()));
        let writes = join_all((0..10).map(|_| send(&program.url, CREATE))).await;
        assert!(writes.iter().all(|answer| answer.get("errors").is_none()));
        postgres.down(mode);
        postgres.up();
        for operation in [NAMES, CREATE].repeat(15) {
            let answer = send(&program.url, operation).await;
            assert_eq!(answer.get("errors"), None, "{mode}: {answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_may_change_its_type_while_the_server_runs() {
    for app in apps().await {
        if app.name() == "sqlite" {
            continue;
        }
        let create = r#"mutation { createMeeting(input: {topic: "A", scheduledTime: "2026-01-01T00:00:00Z"}) { meeting { id } } }"#;
        let update = r#"mutation { updateMeeting(input: {id: "mtg_1", topic: "B"}) { meeting { location } userErrors { message } } }"#;
        let meetings = "{ meetings { nodes { location } } meeting(id: \"mtg_1\") { location } }";
        app.query(create).await;
        let ask = async |operation, times| {
            join_all((0..times).map(|_| app.answer(operation, json!({})))).await
        };
        for kind in ["varchar(200)", "text"] {
            let alter = format!("ALTER TABLE meetings ALTER location TYPE {kind}");
            app.db().execute_unprepared(&alter).await.unwrap();
            // Every connection prepares statements for the column, also those that fail.
            let (read, written) = (ask(meetings, 40).await, ask(update, 10).await);
            if kind == "text" {
                let failed = read
                    .iter()
                    .chain(&written)
                    .find(|answer| answer.get("errors").is_some());
                assert_eq!(failed, None);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_writers_succeed_under_a_stricter_default_isolation() {
    for app in apps().await {
        if app.name() == "sqlite" {
            continue;
        }
        let strict = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET \
                      default_transaction_isolation = ''repeatable read''', current_database()); END $$";
        app.db().execute_unprepared(strict).await.unwrap();
        let (employee, project) = (app.employee("E").await, app.project("P", None).await);
        let strict = app.another().await;
        let writers = (0..8).map(async |writer| {
            for round in 0..10 {
                let (mutation, input) = if writer == 0 {
                    let input =
                        json!({ "id": format!("emp_{employee}"), "name": format!("E {round}") });
                    (
                        "updateEmployee(input: $input) { userErrors { message } }",
                        input,
                    )
                } else {
                    let input = json!({
                        "employeeId": format!("emp_{employee}"),
                        "projectId": format!("prj_{project}"),
                        "role": format!("R {writer} {round}"),
                    });
                    (
                        "assignEmployee(input: $input) { userErrors { message } }",
                        input,
                    )
                };
                let kind = if writer == 0 {
                    "UpdateEmployeeInput"
                } else {
                    "AssignEmployeeInput"
                };
                let mutation = format!("mutation($input: {kind}!) {{ {mutation} }}");
                let data = strict
                    .query_with(&mutation, json!({ "input": input }))
                    .await;
                assert!(data.to_string().contains(r#""userErrors":[]"#), "{data}");
            }
        });
        join_all(writers).await;
        let names = "{ assignments(first: 100) { totalCount nodes { employee { name } } } }";
        let all = strict.query(names).await["assignments"].take();
        assert_eq!(all["totalCount"], 70);
        for assignment in all["nodes"].as_array().unwrap() {
            assert_eq!(assignment["employee"]["name"], "E 9");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_works_in_session_mode_and_is_refused_in_transaction_mode() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let Some(pooler) = PgBouncer::start(&postgres, "session") else {
        return;
    };
    let program = Program::start(
        &["serve", "--migrate", "--port", "0"],
        &[("DATABASE_URL", &pooler.url())],
    );
    let mut listener = WebSocket::changes(&program.url).await;
    let all = join_all((0..60).map(|_| send(&program.url, NAMES))).await;
    assert!(all.iter().all(|answer| answer.get("errors").is_none()));
    let made = succeeds(&program.url, CREATE).await;
    let made = json!([made["createEmployee"]["employee"]["id"]]);
    assert_eq!(listener.change().await["touchedIds"], made);

    let pooler = PgBouncer::start(&postgres, "transaction").unwrap();
    let output = command(
        &["serve", "--port", "0"],
        &[("DATABASE_URL", &pooler.url())],
    )
    .output()
    .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("pool_mode=session"), "{error}");
}
