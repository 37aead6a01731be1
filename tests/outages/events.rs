//! Subscriptions while the database fails: delivery, polling, and the connections that they hold.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use sea_orm::{ConnectionTrait, TransactionTrait};
use serde_json::json;
use server::config::DeadlineSettings;
use tokio::time::sleep;

use crate::support::{
    app::{TestApp, apps},
    client::{PATIENCE, send, succeeds},
    events::EventSource,
    home::migrated_homes,
    operations::{CREATE, NAMES},
    postgres::Postgres,
    program::Program,
    proxy::{Mode, Proxy},
    websocket::WebSocket,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_is_polled_when_listen_receives_nothing() {
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
async fn subscribers_receive_commits_of_another_process() {
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

/// A subscription that reads `employee_meetings` for each event.
const LISTEN: &str = "subscription($after: String) { changes(after: $after) { \
                      cursor node { ... on Employee { name meetings { totalCount } } } } }";

const SHORT: DeadlineSettings = DeadlineSettings {
    statement_timeout: 1,
    lock_timeout: 1,
    ..DeadlineSettings::DEFAULT
};

#[tokio::test(flavor = "multi_thread")]
async fn an_event_whose_node_cannot_be_read_is_retried() {
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
        let body = json!({ "query": LISTEN, "variables": after });
        let mut stream = EventSource::post(&server.url, &body).await;
        let failed = stream.result().await;
        let code = &failed["errors"][0]["extensions"]["code"];
        assert!(code == "TIMEOUT" || code == "UNAVAILABLE", "{failed}");
        // After a `complete` the client would not connect again.
        assert_eq!(stream.event().await, None);
        readable(&app, held).await;
        let last = stream.last_event_id.as_deref();
        let mut stream = EventSource::get(&server.url, LISTEN, last).await;
        assert_eq!(stream.change().await["node"]["meetings"]["totalCount"], 0);
        let mut listener = WebSocket::subscribed(&server.url, LISTEN, after).await;
        assert_eq!(listener.change().await["node"]["meetings"]["totalCount"], 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_subscriptions_receive_a_change_with_its_node() {
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
async fn an_unread_socket_holds_no_database_connection() {
    for app in apps().await {
        let server = app
            .another_with(DeadlineSettings {
                acquire_timeout: 1,
                ..DeadlineSettings::DEFAULT
            })
            .await;
        // Large events, so that the socket buffers fill soon.
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

/// Makes reads of `employee_meetings` exceed any deadline until [`readable`] is called.
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

/// Returns how often a server has tried to read the attendances of an event.
fn attempts(server: &TestApp) -> usize {
    let statements = server.database.recorded();
    let of_attendances =
        |statement: &&sea_orm::Statement| statement.sql.contains("employee_meetings");
    statements.iter().filter(of_attendances).count()
}
