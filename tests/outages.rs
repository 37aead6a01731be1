//! Databases that disappear without a word, come back changed, or stand behind a pooler: what a client
//! sees of it, and how soon everything works again.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, TransactionTrait};
use serde_json::json;
use server::config::DeadlineSettings;
use tokio::time::sleep;

use crate::support::{
    app::{TestApp, apps},
    client::{PATIENCE, is_ready, send, succeeds},
    home::migrated_homes,
    http::code,
    mutations::text,
    pgbouncer::PgBouncer,
    postgres::Postgres,
    program::{Program, command},
    proxy::{Mode, Proxy},
    websocket::WebSocket,
};

const NAMES: &str = "{ employees { nodes { name } } }";

const CREATE: &str = r#"mutation { createEmployee(input: {name: "E", hireDate: "2024-01-01"}) { employee { id } } }"#;

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
            "--statement-timeout",
            "2",
            "--lock-timeout",
            "1",
        ],
        &[("DATABASE_URL", &proxy.url())],
    );
    let url = program.url.clone();
    let mut listener = WebSocket::changes(&url).await;
    let mut made = vec![text(
        &succeeds(&url, CREATE).await["createEmployee"]["employee"]["id"],
    )];
    assert_eq!(listener.change().await["touchedIds"], json!([made[0]]));

    // Reads and writes are on their way when the connections die.
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
    // What readiness promises.
    for operation in [NAMES, CREATE] {
        let answer = send(&url, operation).await;
        assert_eq!(answer.get("errors"), None, "{answer}");
    }
    let last = succeeds(&url, CREATE).await;
    made.push(text(&last["createEmployee"]["employee"]["id"]));

    // Every employee in the order of the feed, up to the last one.
    let names = "{ changes(first: 100) { nodes { touchedIds } pageInfo { hasNextPage } } }";
    let feed = succeeds(&url, names).await["changes"].take();
    assert_eq!(feed["pageInfo"]["hasNextPage"], false);
    let mut fresh = WebSocket::changes(&url).await;
    for change in &feed["nodes"].as_array().unwrap()[1..] {
        assert_eq!(listener.change().await["touchedIds"], change["touchedIds"]);
    }
    // A subscription that began after the freeze hears, too.
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
        // As many connections as there can be.
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
            // Statements for it are prepared on every connection, whether they can read it or not.
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
async fn writers_meet_where_the_database_defaults_to_a_stricter_isolation() {
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
async fn where_listen_hears_nothing_the_feed_is_polled() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let start = |url: String| {
        Program::start(
            &["serve", "--migrate", "--port", "0"],
            &[("DATABASE_URL", &url)],
        )
    };
    let writing = start(postgres.url());
    let deaf = Proxy::to(postgres.port, Mode::Deafen).await;
    let listening = start(deaf.url());
    let mut listener = WebSocket::changes(&listening.url).await;
    for _ in 0..3 {
        let made = succeeds(&writing.url, CREATE).await;
        let made = json!([made["createEmployee"]["employee"]["id"]]);
        assert_eq!(listener.change().await["touchedIds"], made);
    }
    let start = Instant::now();
    while !listening.log().contains("LISTEN hears nothing") {
        assert!(start.elapsed() < PATIENCE, "{}", listening.log());
        sleep(Duration::from_millis(50)).await;
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

/// A server whose SQLite database is in a file system of 3 MB, which only its process sees.
fn on_a_small_disk(directory: &Path) -> Option<(Program, PathBuf)> {
    let mount = r#"mount -t tmpfs -o size=3m tmpfs "$0" && exec "$@""#;
    let place = directory.display().to_string();
    let unshare = |command: &[&str]| {
        let mut unshare = Command::new("unshare");
        unshare
            .args(["--mount", "--map-root-user", "sh", "-c", mount, &place])
            .args(command);
        unshare
    };
    // Not every system lets a process do so.
    unshare(&["true"])
        .stderr(Stdio::null())
        .status()
        .ok()?
        .success()
        .then_some(())?;
    let url = format!("sqlite:{place}/roster.db");
    let program = Program::spawn(unshare(&[
        env!("CARGO_BIN_EXE_roster"),
        "serve",
        "--port",
        "0",
        "--database-url",
        &url,
    ]));
    let inside = PathBuf::from(format!("/proc/{}/root{place}", program.child.id()));
    Some((program, inside))
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_work_again_when_a_full_disk_has_room_again() {
    let directory = tempfile::tempdir().unwrap();
    let Some((program, disk)) = on_a_small_disk(directory.path()) else {
        return;
    };
    succeeds(&program.url, CREATE).await;
    let filler = disk.join("filler");
    let _ = fs::write(&filler, vec![0; 4 << 20]);
    let failed = send(&program.url, CREATE).await;
    assert_eq!(code(&failed), "UNAVAILABLE", "{failed}");
    assert_eq!(send(&program.url, NAMES).await.get("errors"), None);
    fs::remove_file(&filler).unwrap();
    let answer = send(&program.url, CREATE).await;
    assert_eq!(answer.get("errors"), None, "{answer}");
    assert!(is_ready(&program).await);
    let count = succeeds(&program.url, "{ employees { totalCount } }").await;
    assert_eq!(count["employees"]["totalCount"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_work_again_after_one_was_stopped_at_its_deadline() {
    for app in apps().await {
        let impatient = app
            .another_with(DeadlineSettings {
                statement_timeout: 1,
                ..DeadlineSettings::DEFAULT
            })
            .await;
        let slow = if app.name() == "sqlite" {
            "CREATE TRIGGER slow AFTER INSERT ON projects BEGIN SELECT count(*) FROM \
             (WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c); END"
        } else {
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$; \
             CREATE TRIGGER slow AFTER INSERT ON projects FOR EACH ROW EXECUTE FUNCTION slow()"
        };
        app.db().execute_unprepared(slow).await.unwrap();
        for _ in 0..3 {
            let create = r#"mutation { createProject(input: {title: "P"}) { project { id } } }"#;
            let stopped = impatient.answer(create, json!({})).await;
            assert_eq!(code(&stopped), "TIMEOUT", "{}: {stopped}", app.name());
            assert_eq!(
                impatient.answer(CREATE, json!({})).await.get("errors"),
                None
            );
            assert_eq!(impatient.get("/health/ready").await.status(), 200);
        }
        assert_eq!(
            impatient.query("{ projects { totalCount } }").await["projects"]["totalCount"],
            0
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribers_hear_of_commits_of_another_process() {
    for home in migrated_homes().await {
        let [writing, listening] = [(); 2].map(|()| home.serve(&["serve", "--port", "0"]));
        let mut listener = WebSocket::changes(&listening.url).await;
        for _ in 0..3 {
            let made = succeeds(&writing.url, CREATE).await;
            let made = json!([made["createEmployee"]["employee"]["id"]]);
            assert_eq!(listener.change().await["touchedIds"], made);
        }
    }
}

/// Events with something that is read from `employee_meetings`.
const LISTEN: &str = "subscription($after: String) { changes(after: $after) { \
                      cursor node { ... on Employee { name meetings { totalCount } } } } }";

/// Makes `employee_meetings` unreadable within any deadline, until it is made [`readable`] again.
async fn unreadable(app: &TestApp) -> Option<sea_orm::DatabaseTransaction> {
    if app.name() == "sqlite" {
        let endless = "ALTER TABLE employee_meetings RENAME TO attendances; \
            CREATE VIEW employee_meetings AS \
            WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) \
            SELECT x AS employee_id, x AS meeting_id FROM c WHERE x < 0";
        app.db().execute_unprepared(endless).await.unwrap();
        return None;
    }
    let transaction = app.db().begin().await.unwrap();
    let lock = "LOCK TABLE employee_meetings IN ACCESS EXCLUSIVE MODE";
    transaction.execute_unprepared(lock).await.unwrap();
    Some(transaction)
}

async fn readable(app: &TestApp, held: Option<sea_orm::DatabaseTransaction>) {
    match held {
        Some(held) => held.rollback().await.unwrap(),
        None => {
            let back =
                "DROP VIEW employee_meetings; ALTER TABLE attendances RENAME TO employee_meetings";
            app.db().execute_unprepared(back).await.unwrap();
        }
    }
}

const SHORT: DeadlineSettings = DeadlineSettings {
    statement_timeout: 1,
    lock_timeout: 1,
    ..DeadlineSettings::DEFAULT
};

/// How often a server has tried to read the attendances of an event.
fn attempts(server: &TestApp) -> usize {
    let statements = server.database.recorded();
    let of_attendances =
        |statement: &&sea_orm::Statement| statement.sql.contains("employee_meetings");
    statements.iter().filter(of_attendances).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_whose_node_cannot_be_read_is_read_again() {
    for app in apps().await {
        let server = app.another_with(SHORT).await;
        let mut listener = WebSocket::subscribed(&server.url, LISTEN, json!({})).await;
        server.database.forget_statements();
        let held = unreadable(&app).await;
        // The subscription may begin later than this.
        while attempts(&server) < 2 {
            succeeds(&server.url, CREATE).await;
            sleep(Duration::from_millis(100)).await;
        }
        readable(&app, held).await;
        let event = listener.change().await;
        assert_eq!(
            event["node"],
            json!({ "name": "E", "meetings": { "totalCount": 0 } })
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_stays_unreadable_ends_its_subscription_and_the_client_resumes() {
    for app in apps().await {
        let server = app.another_with(SHORT).await;
        succeeds(&server.url, CREATE).await;
        let latest = "{ changes { latestCursor } }";
        let latest = succeeds(&server.url, latest).await["changes"]["latestCursor"].take();
        let after = json!({ "after": latest });
        let held = unreadable(&app).await;
        let made = succeeds(&server.url, CREATE).await;
        assert!(made.is_object());
        let mut listener = WebSocket::subscribed(&server.url, LISTEN, after.clone()).await;
        let end = listener.read().await;
        assert_eq!(end["type"], "error", "{}: {end}", app.name());
        let code = &end["payload"][0]["extensions"]["code"];
        assert!(code == "TIMEOUT" || code == "UNAVAILABLE", "{end}");
        readable(&app, held).await;
        let mut listener = WebSocket::subscribed(&server.url, LISTEN, after).await;
        assert_eq!(listener.change().await["node"]["meetings"]["totalCount"], 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_reaches_hundreds_of_subscriptions_with_its_node() {
    const SOCKETS: usize = 10;
    const EACH: usize = 50;
    for app in apps().await {
        let server = app
            .another_with(DeadlineSettings {
                acquire_timeout: 1,
                ..DeadlineSettings::DEFAULT
            })
            .await;
        let latest = "{ changes { latestCursor } }";
        let latest = succeeds(&server.url, latest).await["changes"]["latestCursor"].take();
        let mut sockets = Vec::new();
        for _ in 0..SOCKETS {
            let mut socket = WebSocket::ready(&server.url).await;
            for id in 0..EACH {
                let payload = json!({ "query": LISTEN, "variables": { "after": latest } });
                socket.subscribe(&id.to_string(), &payload).await;
            }
            sockets.push(socket);
        }
        succeeds(&server.url, CREATE).await;
        for mut socket in sockets {
            for _ in 0..EACH {
                let message = socket.read().await;
                let node = &message["payload"]["data"]["changes"]["node"];
                assert_eq!(node["name"], "E", "{}: {message}", app.name());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_is_not_read_holds_no_connection_of_the_database() {
    for app in apps().await {
        let server = app
            .another_with(DeadlineSettings {
                acquire_timeout: 1,
                ..DeadlineSettings::DEFAULT
            })
            .await;
        // Large events, so that the buffers on the way are soon full.
        let names: String = (0..45)
            .map(|number| format!("{}{number}: name ", "a".repeat(100)))
            .collect();
        let query = format!(
            "subscription {{ changes {{ node {{ ... on Employee {{ {names} \
             meetings {{ totalCount }} }} }} }} }}"
        );
        let mut unread = WebSocket::ready(&server.url).await;
        for id in 0..50 {
            let payload = json!({ "query": query });
            unread.subscribe(&id.to_string(), &payload).await;
        }
        let mut listener = WebSocket::changes(&server.url).await;
        let is_over = Arc::new(AtomicBool::new(false));
        let readers = (0..4).map(|_| {
            let (url, is_over) = (server.url.clone(), is_over.clone());
            tokio::spawn(async move {
                while !is_over.load(Ordering::Relaxed) {
                    let answer = send(&url, NAMES).await;
                    assert_eq!(answer.get("errors"), None);
                }
            })
        });
        let readers: Vec<_> = readers.collect();
        for _ in 0..60 {
            let made = send(&server.url, CREATE).await;
            assert_eq!(made.get("errors"), None, "{}: {made}", app.name());
            let made = json!([made["data"]["createEmployee"]["employee"]["id"]]);
            assert_eq!(listener.change().await["touchedIds"], made);
        }
        is_over.store(true, Ordering::Relaxed);
        for reader in readers {
            reader.await.unwrap();
        }
    }
}
