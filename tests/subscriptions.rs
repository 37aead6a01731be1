//! Subscriptions to changes: filters, cursors, several servers, delivery exactly once.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, future::join_all, stream};
use rand::{Rng, SeedableRng, rngs::StdRng};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::support::{
    app::{TestApp, apps},
    model::replay,
    mutations::{change_line, text},
    websocket::WebSocket,
};

#[tokio::test(flavor = "multi_thread")]
async fn an_event_arrives_with_the_current_state_of_its_record() {
    for app in apps().await {
        let query = "subscription S($after: String) { ...F }
            fragment F on Subscription { changes(after: $after) { kind ... on Change { type }
                node { id ... on Employee { name assignments { nodes { project { title } } } } }
                employee { name } project { title } meeting { topic } } }";
        let after = app.latest_cursor().await;
        let mut listener = WebSocket::subscribed(&app.url, query, json!({ "after": after })).await;
        app.new_employee("Ann").await;
        assert_eq!(
            listener.change().await,
            json!({ "kind": "CREATED", "type": "EMPLOYEE", "employee": null, "project": null,
                    "meeting": null, "node": { "id": "emp_1", "name": "Ann",
                                               "assignments": { "nodes": [] } } }),
            "{}",
            app.name()
        );
        let input = json!({ "title": "P", "assignments": [{ "employee": { "id": "emp_1" } }] });
        app.done("createProject", input, "__typename").await;
        assert_eq!(listener.change().await["node"], json!({ "id": "prj_1" }));
        let event = listener.change().await;
        assert_eq!(event["node"], json!({ "id": "asg_1" }));
        assert_eq!(event["employee"], json!({ "name": "Ann" }));
        assert_eq!(event["project"], json!({ "title": "P" }));
        app.done(
            "updateEmployee",
            json!({ "id": "emp_1", "name": "New" }),
            "__typename",
        )
        .await;
        assert_eq!(
            listener.change().await["node"],
            json!({ "id": "emp_1", "name": "New",
                    "assignments": { "nodes": [{ "project": { "title": "P" } }] } })
        );
        app.done("deleteProject", json!({ "id": "prj_1" }), "__typename")
            .await;
        let event = listener.change().await;
        assert_eq!(
            (&event["node"], &event["project"]),
            (&Value::Null, &Value::Null)
        );
        assert_eq!(event["employee"], json!({ "name": "New" }));
        assert_eq!(listener.change().await["type"], "PROJECT");
        app.new_meeting("M").await;
        let event = listener.change().await;
        assert_eq!(event["type"], "MEETING", "nothing comes in between");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_filtered_and_begins_now_or_after_its_cursor() {
    for app in apps().await {
        let before = app.latest_cursor().await;
        let ann = app.new_employee("Ann").await;
        let bob = app.new_employee("Bob").await;
        let query = "subscription($filter: ChangeFilter, $after: String) \
                     { changes(where: $filter, after: $after) { cursor type kind touchedIds } }";
        let filter = json!({ "touching": [bob], "kinds": ["UPDATED", "CREATED"] });
        let variables = json!({ "filter": filter, "after": before });
        let mut resumed = WebSocket::subscribed(&app.url, query, variables).await;
        assert_eq!(
            change_line(&resumed.change().await),
            "EMPLOYEE CREATED emp_2"
        );
        let mut live = WebSocket::subscribed(&app.url, query, json!({ "filter": filter })).await;
        // Without `after`, a subscription begins some time after its message was sent: Bob is renamed
        // until the first event arrives. Events from before the subscription do not arrive.
        let mut number = 0;
        let mut event = loop {
            number += 1;
            let input = json!({ "id": bob, "name": format!("Bob {number}") });
            app.done("updateEmployee", input, "__typename").await;
            if let Ok(event) = timeout(Duration::from_millis(100), live.change()).await {
                break event;
            }
        };
        assert_eq!(change_line(&event), "EMPLOYEE UPDATED emp_2");
        let latest = app.latest_cursor().await;
        for listener in [&mut live, &mut resumed] {
            while event["cursor"] != latest {
                event = listener.change().await;
                assert_eq!(change_line(&event), "EMPLOYEE UPDATED emp_2");
            }
            event = Value::Null;
        }

        for id in [&ann, &bob] {
            app.done(
                "updateEmployee",
                json!({ "id": id, "name": "New" }),
                "__typename",
            )
            .await;
        }
        app.done("deleteEmployee", json!({ "id": ann }), "__typename")
            .await;
        let input = json!({ "title": "P", "assignments": [{ "employee": { "id": bob } }] });
        app.done("createProject", input, "__typename").await;
        for listener in [&mut resumed, &mut live] {
            assert_eq!(
                change_line(&listener.change().await),
                "EMPLOYEE UPDATED emp_2",
                "{}",
                app.name()
            );
            assert_eq!(
                change_line(&listener.change().await),
                "ASSIGNMENT CREATED asg_1 emp_2 prj_1"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_cursor_or_a_second_root_field_ends_a_subscription_with_an_error() {
    for app in apps().await {
        let before = app.latest_cursor().await;
        app.new_employee("Ann").await;
        app.db()
            .execute_unprepared("DELETE FROM changes WHERE seq = 1")
            .await
            .unwrap();
        let mut listener = WebSocket::changes_after(&app.url, &before).await;
        let message = listener.read().await;
        let errors = message["payload"]
            .get("errors")
            .unwrap_or(&message["payload"]);
        assert_eq!(
            errors[0]["extensions"]["code"], "CURSOR_EXPIRED",
            "{message}"
        );
        let two = "subscription { a: changes { cursor } b: changes { cursor } }";
        let mut listener = WebSocket::subscribed(&app.url, two, json!({})).await;
        let message = listener.read().await;
        assert_eq!(message["type"], "error", "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_subscriptions_send_no_statements() {
    for app in apps().await {
        let latest = app.latest_cursor().await;
        let mut listeners = Vec::new();
        for _ in 0..1_000 {
            listeners.push(WebSocket::changes_after(&app.url, &latest).await);
        }
        // A subscription has begun when its first event arrives.
        app.new_project("P").await;
        for listener in &mut listeners {
            assert_eq!(
                change_line(&listener.change().await),
                "PROJECT CREATED prj_1"
            );
        }
        // The feed reader may be woken more than once for that event, so a quiet window comes first.
        let mut windows = 0;
        loop {
            let (queries, statements) = query_for(&app, Duration::from_secs(2)).await;
            if statements == queries {
                break;
            }
            windows += 1;
            let name = app.name();
            assert!(
                windows < 5,
                "{name}: {statements} statements, {queries} queries"
            );
        }
        let (queries, statements) = query_for(&app, Duration::from_secs(2)).await;
        assert_eq!(statements, queries, "{}", app.name());

        let after = app.database.statements();
        app.new_employee("Ann").await;
        for listener in &mut listeners {
            assert_eq!(
                change_line(&listener.change().await),
                "EMPLOYEE CREATED emp_1"
            );
        }
        // The subscribers share the statement of the feed reader, which may be woken more than once.
        let read = app.database.statements() - after;
        assert!(
            read <= 10,
            "{}: {read} statements for 1,000 subscribers",
            app.name()
        );
    }
}

/// Sends queries of one statement each for this time. Returns the number of queries and the number of
/// statements that the server sent.
async fn query_for(app: &TestApp, time: Duration) -> (usize, usize) {
    app.database.forget_statements();
    let start = Instant::now();
    let mut queries = 0;
    while start.elapsed() < time {
        app.query("{ employees { nodes { name } } }").await;
        queries += 1;
    }
    (queries, app.database.statements())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_subscriber_receives_every_change() {
    for app in apps().await {
        let mut slow = WebSocket::changes(&app.url).await;
        let ann = app.new_employee("Ann").await;
        let titles: Vec<String> = (0..700).map(|number| number.to_string()).collect();
        // The server turns away more operations than it can run.
        let projects: Vec<String> = stream::iter(&titles)
            .map(|title| app.new_project(title))
            .buffered(16)
            .collect()
            .await;
        for _ in 0..2 {
            for listed in [&projects[..], &[]] {
                let input = json!({ "employeeId": ann, "projectIds": listed });
                app.done("setEmployeeProjects", input, "__typename").await;
            }
        }
        let all = app.changes().await;
        assert_eq!(all.len(), 1 + 700 + 4 * 700, "{}", app.name());
        for expected in all {
            assert_eq!(
                change_line(&slow.change().await),
                expected,
                "{}",
                app.name()
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribers_of_another_server_receive_changes_after_a_broken_connection() {
    for app in apps().await {
        if app.name() == "sqlite" {
            continue;
        }
        let other = app.another().await;
        let mut listener = WebSocket::changes(&other.url).await;
        app.new_employee("A").await;
        let first = listener.change().await;
        assert_eq!(change_line(&first), "EMPLOYEE CREATED emp_1");

        let listeners = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                         WHERE datname = current_database() AND query ~ '^(LISTEN|NOTIFY)'";
        // The event may come before the server listens.
        let ended = loop {
            let ended = app.db().execute_unprepared(listeners).await.unwrap();
            if ended.rows_affected() > 0 {
                break ended.rows_affected();
            }
            sleep(Duration::from_millis(20)).await;
        };
        assert_eq!(ended, 1, "only the server with a subscriber listens");
        app.new_employee("B").await;
        assert_eq!(
            change_line(&listener.change().await),
            "EMPLOYEE CREATED emp_2"
        );
        app.new_employee("C").await;
        assert_eq!(
            change_line(&listener.change().await),
            "EMPLOYEE CREATED emp_3"
        );

        // A client that fails over resumes at its cursor.
        drop(other);
        drop(listener);
        let cursor = text(&first["cursor"]);
        let mut listener = WebSocket::changes_after(&app.url, &cursor).await;
        assert_eq!(
            change_line(&listener.change().await),
            "EMPLOYEE CREATED emp_2"
        );
        assert_eq!(
            change_line(&listener.change().await),
            "EMPLOYEE CREATED emp_3"
        );
    }
}

const WRITERS: usize = 16;
const EACH: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_subscriber_receives_every_change_once_in_commit_order() {
    for app in apps().await {
        // SQLite supports one server.
        let servers = match app.name() {
            "sqlite" => vec![app],
            _ => vec![app.another().await, app],
        };
        let app = servers.last().unwrap();
        let start = app.latest_cursor().await;
        let (employees, projects, meetings) = (
            join_all((0..8).map(|_| app.new_employee("E"))).await,
            join_all((0..8).map(|_| app.new_project("P"))).await,
            join_all((0..4).map(|_| app.new_meeting("M"))).await,
        );
        let url = |number: usize| &servers[number % servers.len()].url;
        let write = (0..WRITERS).map(|writer| {
            let (server, mut random) = (
                &servers[writer % servers.len()],
                StdRng::seed_from_u64(writer as u64),
            );
            let (employees, projects, meetings) = (&employees, &projects, &meetings);
            async move {
                let mut made = 0;
                for step in 0..EACH {
                    let (field, input) =
                        some_mutation(&mut random, writer, step, employees, projects, meetings);
                    let payload = server.mutate(field, input, "__typename").await;
                    made += usize::from(payload["userErrors"] == json!([]));
                }
                made
            }
        });
        let marker = "the end";
        let read = (0..4).map(|number| {
            let (start, servers) = (start.clone(), &servers);
            async move {
                let mut random = StdRng::seed_from_u64(100 + number as u64);
                let (mut seen, mut cursor) = (Vec::new(), start);
                let mut server = number;
                let mut listener = WebSocket::changes_after(url(server), &cursor).await;
                loop {
                    let event = listener.change().await;
                    cursor = text(&event["cursor"]);
                    let line = change_line(&event);
                    seen.push(line);
                    if event["type"] == "MEETING" && event["kind"] == "DELETED" {
                        return (seen, cursor);
                    }
                    // Two subscribers stay connected; two reconnect at random, to any server.
                    if number >= 2 && random.random_bool(0.03) {
                        drop(listener);
                        sleep(Duration::from_millis(random.random_range(0..30))).await;
                        server = random.random_range(0..servers.len());
                        listener = WebSocket::changes_after(url(server), &cursor).await;
                    }
                }
            }
        });
        let write = async {
            let done: usize = join_all(write).await.into_iter().sum();
            let last = app.new_meeting(marker).await;
            app.done("deleteMeeting", json!({ "id": last }), "__typename")
                .await;
            done
        };
        let (done, seen) = tokio::join!(write, join_all(read));
        let all = app.changes().await;
        assert!(
            done > WRITERS * EACH / 2 && all.len() > done / 2,
            "{done} {}",
            all.len()
        );
        for (lines, _) in &seen {
            assert_eq!(lines.len(), all.len(), "{}", app.name());
            assert!(
                lines == &all,
                "{}: another order than the table's",
                app.name()
            );
        }
        let cursors: HashSet<_> = seen.iter().map(|(_, cursor)| cursor).collect();
        assert_eq!(cursors.len(), 1);
        replay(app, &all).await;
    }
}

fn some_mutation(
    random: &mut StdRng,
    writer: usize,
    step: usize,
    employees: &[String],
    projects: &[String],
    meetings: &[String],
) -> (&'static str, Value) {
    let mut one = |of: &[String]| of[random.random_range(0..of.len())].clone();
    let (e, f, p, q, m, n) = (
        one(employees),
        one(employees),
        one(projects),
        one(projects),
        one(meetings),
        one(meetings),
    );
    match random.random_range(0..8) {
        0 => (
            "createEmployee",
            json!({ "name": format!("{writer} {step}"), "meetingIds": [m],
               "assignments": [{ "project": { "id": p } }, { "project": { "create": { "title": "New" } } }] }),
        ),
        1 => ("updateProject", json!({ "id": p, "budget": step })),
        2 => (
            "assignEmployee",
            json!({ "employeeId": e, "projectId": p, "role": format!("{writer} {step}") }),
        ),
        3 => (
            "setAttendees",
            json!({ "meetingId": m, "employeeIds": [e, f] }),
        ),
        4 => (
            "addAttendees",
            json!({ "meetingIds": [m, n], "employeeIds": [e, f] }),
        ),
        5 => (
            "setEmployeeProjects",
            json!({ "employeeId": e, "projectIds": [p, q] }),
        ),
        6 => (
            "setProjectEmployees",
            json!({ "projectId": p, "employeeIds": [e, f] }),
        ),
        _ => (
            "updateEmployee",
            json!({ "id": e, "name": format!("{writer} {step}") }),
        ),
    }
}
