//! Changes as they happen: over WebSocket, from any server, across disconnects, each exactly once.

use std::{collections::HashSet, time::Duration};

use futures_util::future::join_all;
use rand::{Rng, SeedableRng, rngs::StdRng};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::{
    app::{TestApp, apps},
    listener::Listener,
    model::replay,
    mutations::{change, text},
};

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_told_as_it_happens_with_the_thing_as_it_is() {
    for app in apps().await {
        let query = "subscription S($after: String) { ...F }
            fragment F on Subscription { changes(after: $after) { kind ... on Change { type }
                node { id ... on Employee { name assignments { nodes { project { title } } } } }
                employee { name } project { title } meeting { topic } } }";
        let after = app.latest_cursor().await;
        let mut listener = Listener::open(&app.url, query, json!({ "after": after })).await;
        app.new_employee("Ann").await;
        assert_eq!(
            listener.next().await,
            json!({ "kind": "CREATED", "type": "EMPLOYEE", "employee": null, "project": null,
                    "meeting": null, "node": { "id": "emp_1", "name": "Ann",
                                               "assignments": { "nodes": [] } } }),
            "{}",
            app.name()
        );
        let input = json!({ "title": "P", "assignments": [{ "employee": { "id": "emp_1" } }] });
        app.done("createProject", input, "__typename").await;
        assert_eq!(listener.next().await["node"], json!({ "id": "prj_1" }));
        let event = listener.next().await;
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
            listener.next().await["node"],
            json!({ "id": "emp_1", "name": "New",
                    "assignments": { "nodes": [{ "project": { "title": "P" } }] } })
        );
        app.done("deleteProject", json!({ "id": "prj_1" }), "__typename")
            .await;
        let event = listener.next().await;
        assert_eq!(
            (&event["node"], &event["project"]),
            (&Value::Null, &Value::Null)
        );
        assert_eq!(event["employee"], json!({ "name": "New" }));
        assert_eq!(listener.next().await["type"], "PROJECT");
        assert!(listener.is_quiet().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_hears_what_it_asked_for_and_from_now_on_unless_it_says_since_when() {
    for app in apps().await {
        let before = app.latest_cursor().await;
        let ann = app.new_employee("Ann").await;
        let bob = app.new_employee("Bob").await;
        let query = "subscription($filter: ChangeFilter, $after: String) \
                     { changes(where: $filter, after: $after) { type kind touchedIds } }";
        let filter = json!({ "touching": [bob], "kinds": ["UPDATED", "CREATED"] });
        let variables = json!({ "filter": filter, "after": before });
        let mut resumed = Listener::open(&app.url, query, variables).await;
        assert_eq!(change(&resumed.next().await), "EMPLOYEE CREATED emp_2");
        let mut live = Listener::open(&app.url, query, json!({ "filter": filter })).await;
        assert!(live.is_quiet().await);

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
                change(&listener.next().await),
                "EMPLOYEE UPDATED emp_2",
                "{}",
                app.name()
            );
            assert_eq!(
                change(&listener.next().await),
                "ASSIGNMENT CREATED asg_1 emp_2 prj_1"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_that_is_too_old_or_a_second_root_field_ends_a_subscription_with_an_error() {
    for app in apps().await {
        let before = app.latest_cursor().await;
        app.new_employee("Ann").await;
        app.db()
            .execute_unprepared("DELETE FROM changes WHERE seq = 1")
            .await
            .unwrap();
        let mut listener = Listener::to_changes(&app.url, Some(&before)).await;
        let message = listener.message().await;
        let errors = message["payload"]
            .get("errors")
            .unwrap_or(&message["payload"]);
        assert_eq!(
            errors[0]["extensions"]["code"], "CURSOR_EXPIRED",
            "{message}"
        );
        let two = "subscription { a: changes { cursor } b: changes { cursor } }";
        let mut listener = Listener::open(&app.url, two, json!({})).await;
        let message = listener.message().await;
        assert_eq!(message["type"], "error", "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribers_who_hear_nothing_cost_no_statement() {
    for app in apps().await {
        let mut listeners = Vec::new();
        for _ in 0..1_000 {
            listeners.push(Listener::to_changes(&app.url, None).await);
        }
        sleep(Duration::from_secs(1)).await;
        app.database.forget_statements();
        sleep(Duration::from_secs(2)).await;
        assert_eq!(app.database.statements(), 0, "{}", app.name());

        let after = app.database.statements();
        app.new_employee("Ann").await;
        for listener in &mut listeners {
            assert_eq!(change(&listener.next().await), "EMPLOYEE CREATED emp_1");
        }
        // One for the payload; the readers of all share one, or a few when woken more than once.
        let read = app.database.statements() - after;
        assert!(
            read <= 10,
            "{}: {read} statements for 1,000 subscribers",
            app.name()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_who_falls_behind_misses_nothing() {
    for app in apps().await {
        let mut slow = Listener::to_changes(&app.url, None).await;
        assert!(slow.is_quiet().await);
        let ann = app.new_employee("Ann").await;
        let projects: Vec<String> =
            join_all((0..700).map(|number| app.new_project_in_turn(number))).await;
        for _ in 0..2 {
            for listed in [&projects[..], &[]] {
                let input = json!({ "employeeId": ann, "projectIds": listed });
                app.done("setEmployeeProjects", input, "__typename").await;
            }
        }
        let all = app.changes().await;
        assert_eq!(all.len(), 1 + 700 + 4 * 700, "{}", app.name());
        for expected in all {
            assert_eq!(change(&slow.next().await), expected, "{}", app.name());
        }
    }
}

impl TestApp {
    async fn new_project_in_turn(&self, number: usize) -> String {
        // Not all at once: the server refuses more than it can run.
        sleep(Duration::from_millis((number as u64) * 8)).await;
        self.new_project(&number.to_string()).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_server_commits_the_subscribers_of_another_hear_even_after_the_connection_broke() {
    for app in apps().await {
        if app.name() == "sqlite" {
            continue;
        }
        let other = app.another().await;
        let mut listener = Listener::to_changes(&other.url, None).await;
        assert!(listener.is_quiet().await);
        app.new_employee("A").await;
        let first = listener.next().await;
        assert_eq!(change(&first), "EMPLOYEE CREATED emp_1");

        let listeners = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                         WHERE datname = current_database() AND query ~ '^(LISTEN|NOTIFY)'";
        let ended = app.db().execute_unprepared(listeners).await.unwrap();
        assert_eq!(ended.rows_affected(), 1, "of the server with a subscriber");
        app.new_employee("B").await;
        assert_eq!(change(&listener.next().await), "EMPLOYEE CREATED emp_2");
        app.new_employee("C").await;
        assert_eq!(change(&listener.next().await), "EMPLOYEE CREATED emp_3");

        // Whoever fails over takes its cursor along.
        drop(other);
        drop(listener);
        let cursor = text(&first["cursor"]);
        let mut listener = Listener::to_changes(&app.url, Some(&cursor)).await;
        assert_eq!(change(&listener.next().await), "EMPLOYEE CREATED emp_2");
        assert_eq!(change(&listener.next().await), "EMPLOYEE CREATED emp_3");
    }
}

const WRITERS: usize = 16;
const EACH: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_subscriber_of_every_server_sees_every_change_once_and_in_one_order() {
    for app in apps().await {
        // SQLite is for one server.
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
                let mut listener = Listener::to_changes(url(server), Some(&cursor)).await;
                loop {
                    let event = listener.next().await;
                    cursor = text(&event["cursor"]);
                    let line = change(&event);
                    seen.push(line);
                    if event["type"] == "MEETING" && event["kind"] == "DELETED" {
                        return (seen, cursor);
                    }
                    // Two stay; two come and go, and change servers.
                    if number >= 2 && random.random_bool(0.03) {
                        drop(listener);
                        sleep(Duration::from_millis(random.random_range(0..30))).await;
                        server = random.random_range(0..servers.len());
                        listener = Listener::to_changes(url(server), Some(&cursor)).await;
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
