//! The change feed by polling: order, filters, pages and expired cursors.

use std::time::Duration;

use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use server::seed::{self, Company};

use crate::support::{
    app::{TestApp, apps, lessons},
    mutations::change_line,
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl TestApp {
    async fn page(&self, arguments: &str) -> Value {
        let query = format!(
            "{{ changes({arguments}) {{ nodes {{ type kind touchedIds }} edges {{ cursor node {{ cursor }} }} \
             pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} latestCursor }} }}"
        );
        self.query(&query).await["changes"].take()
    }

    /// Returns the error code of a query for the changes after this cursor.
    async fn code_after(&self, cursor: &str) -> Value {
        let query = format!("{{ changes(after: {cursor:?}) {{ nodes {{ cursor }} }} }}");
        let mut errors = self.errors(&query).await;
        assert_eq!(errors[0]["path"], json!(["changes"]));
        errors[0]["extensions"]["code"].take()
    }

    async fn forget_changes_older_than(&self, age: Duration) -> u64 {
        let database = self.database.connections().clone();
        api::Roster::new(database).feed().prune(age).await.unwrap()
    }

    /// Backdates the oldest changes.
    async fn age(&self, count: usize) {
        let sql = format!(
            "UPDATE changes SET occurred_at = '2001-01-01T00:00:00+00:00' \
             WHERE seq IN (SELECT seq FROM changes ORDER BY seq LIMIT {count})"
        );
        self.db().execute_unprepared(&sql).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_feed_has_a_latest_cursor() {
    for app in lessons().await {
        let page = app.page("first: 100").await;
        assert_eq!(page["nodes"], json!([]), "{}", app.name());
        assert_eq!(
            page["pageInfo"],
            json!({ "hasNextPage": false, "hasPreviousPage": false, "startCursor": null,
                    "endCursor": null })
        );
        let latest = app.latest_cursor().await;
        app.new_employee("Ann").await;
        let page = app.page(&format!("after: {latest:?}")).await;
        assert_eq!(page["nodes"].as_array().unwrap().len(), 1);
        assert_eq!(page["pageInfo"]["hasPreviousPage"], false);
        assert_eq!(page["pageInfo"]["endCursor"], page["latestCursor"]);
        assert_eq!(
            page["edges"][0]["cursor"],
            page["edges"][0]["node"]["cursor"]
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_paged_and_filtered_by_kind_type_and_touched_id() {
    for app in apps().await {
        let (ann, p, m) = (
            app.new_employee("Ann").await,
            app.new_project("P").await,
            app.new_meeting("M").await,
        );
        let input = json!({ "employeeId": ann, "projectId": p });
        app.done("assignEmployee", input, "__typename").await;
        let input = json!({ "meetingIds": [m], "employeeIds": [ann] });
        app.done("addAttendees", input, "__typename").await;
        app.done("deleteEmployee", json!({ "id": ann }), "__typename")
            .await;

        let first = app.page("first: 3").await;
        let info = &first["pageInfo"];
        assert_eq!(
            (&info["hasNextPage"], &info["hasPreviousPage"]),
            (&json!(true), &json!(false))
        );
        let after = info["endCursor"].as_str().unwrap();
        let second = app.page(&format!("first: 5, after: {after:?}")).await;
        let info = &second["pageInfo"];
        assert_eq!(
            (&info["hasNextPage"], &info["hasPreviousPage"]),
            (&json!(false), &json!(true))
        );
        let none = app.page(&format!("first: 0, after: {after:?}")).await;
        assert_eq!(none["pageInfo"]["hasNextPage"], true);

        for (filter, expected) in [
            (
                "types: [ASSIGNMENT, MEETING]",
                "MEETING CREATED mtg_1, ASSIGNMENT CREATED asg_1 emp_1 prj_1, ASSIGNMENT DELETED asg_1 emp_1 prj_1",
            ),
            (
                "kinds: [DELETED], types: [EMPLOYEE]",
                "EMPLOYEE DELETED emp_1",
            ),
            (
                "touching: [\"prj_1\", \"mtg_1\", \"x\", \"emp_01\"], kinds: [CREATED]",
                "PROJECT CREATED prj_1, MEETING CREATED mtg_1, ASSIGNMENT CREATED asg_1 emp_1 prj_1, ATTENDANCE CREATED mtg_1 emp_1",
            ),
            (
                "touching: [\"asg_1\"]",
                "ASSIGNMENT CREATED asg_1 emp_1 prj_1, ASSIGNMENT DELETED asg_1 emp_1 prj_1",
            ),
            ("kinds: []", ""),
            ("types: []", ""),
            ("touching: []", ""),
        ] {
            let page = app.page(&format!("where: {{{filter}}}")).await;
            let changes = page["nodes"].as_array().unwrap().iter().map(change_line);
            let changes: Vec<String> = changes.collect();
            assert_eq!(changes.join(", "), expected, "{} {filter}", app.name());
        }
        let gone = "{ changes(where: {types: [ASSIGNMENT, ATTENDANCE, EMPLOYEE]}) { nodes { \
                    node { id } employee { id } project { title } meeting { topic } occurredAt } } }";
        let mut gone = app.query(gone).await["changes"]["nodes"].take();
        for change in gone.as_array_mut().unwrap() {
            assert!(change["occurredAt"].take().as_str().unwrap().ends_with('Z'));
            assert_eq!(
                (&change["node"], &change["employee"]),
                (&Value::Null, &Value::Null)
            );
        }
        assert_eq!(gone[1]["project"]["title"], "P");
        assert_eq!(gone[2]["meeting"]["topic"], "M");
        for wrong in [
            "first: 101",
            "first: -1",
            "where: {kinds: null}",
            "after: \"x\"",
            "after: \"\"",
        ] {
            assert!(
                !app.errors(&format!("{{ changes({wrong}) {{ latestCursor }} }}"))
                    .await
                    .is_empty()
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pruning_deletes_old_changes_keeps_the_newest_and_expires_older_cursors() {
    for app in apps().await {
        let before = app.latest_cursor().await;
        let mut cursors = vec![];
        for name in ["A", "B", "C", "D"] {
            app.new_employee(name).await;
            cursors.push(app.latest_cursor().await);
        }
        assert_eq!(app.forget_changes_older_than(DAY).await, 0);
        app.age(3).await;
        assert_eq!(
            app.forget_changes_older_than(DAY).await,
            2,
            "{}",
            app.name()
        );
        assert_eq!(app.code_after(&before).await, "CURSOR_EXPIRED");
        assert_eq!(app.code_after(&cursors[0]).await, "CURSOR_EXPIRED");
        // No change after this cursor is deleted, so it has not expired.
        let page = app.page(&format!("after: {:?}", cursors[1])).await;
        assert_eq!(page["nodes"].as_array().unwrap().len(), 2);

        app.age(100).await;
        assert_eq!(app.forget_changes_older_than(DAY).await, 2);
        assert_eq!(app.latest_cursor().await, cursors[3]);
        let page = app.page("first: 9").await;
        assert_eq!(page["nodes"].as_array().unwrap().len(), 1);
        assert_eq!(app.code_after(&cursors[2]).await, "CURSOR_EXPIRED");
        let page = app.page(&format!("after: {:?}", cursors[3])).await;
        assert_eq!(page["nodes"], json!([]));

        // Pruning deletes a prefix of the feed, also when timestamps are out of order.
        for name in ["E", "F", "G"] {
            app.new_employee(name).await;
        }
        let clocks = "UPDATE changes SET occurred_at = '2001-01-01T00:00:00+00:00' WHERE seq NOT IN \
                      (SELECT seq FROM changes ORDER BY seq DESC LIMIT 2 OFFSET 1)";
        app.db().execute_unprepared(clocks).await.unwrap();
        assert_eq!(app.forget_changes_older_than(DAY).await, 0);
        for _ in 0..10 {
            let double = "INSERT INTO changes (occurred_at, subject, kind, employee_id) \
                          SELECT occurred_at, subject, kind, employee_id FROM changes";
            app.db().execute_unprepared(double).await.unwrap();
        }
        app.age(10_000).await;
        let deleted = app.forget_changes_older_than(DAY).await;
        assert_eq!(deleted, 4 * 1024 - 1, "{}", app.name());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_from_before_a_reset_or_beyond_the_feed_has_expired() {
    for app in lessons().await {
        let before = app.latest_cursor().await;
        app.new_employee("Ann").await;
        let last = app.latest_cursor().await;
        seed::fill(app.db(), Company::Lesson, true).await.unwrap();
        assert_eq!(app.code_after(&before).await, "CURSOR_EXPIRED");
        assert_eq!(app.code_after(&last).await, "CURSOR_EXPIRED");
        let now = app.latest_cursor().await;
        assert_eq!(
            app.page(&format!("after: {now:?}")).await["nodes"],
            json!([])
        );
        app.new_employee("Bob").await;
        assert_eq!(
            app.changes().await,
            ["EMPLOYEE CREATED emp_5"],
            "{}",
            app.name()
        );
        let beyond = app.latest_cursor().await;
        seed::fill(app.db(), Company::Lesson, true).await.unwrap();
        assert_eq!(app.code_after(&beyond).await, "CURSOR_EXPIRED");
        let future =
            base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, "changes:999");
        assert_eq!(app.code_after(&future).await, "CURSOR_EXPIRED");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_latest_cursor_is_not_newer_than_the_rows_of_the_same_query() {
    for app in apps().await {
        let writer = async {
            for number in 0..60 {
                app.new_employee(&number.to_string()).await;
            }
        };
        let reader = async {
            for _ in 0..60 {
                let query = "{ employees { totalCount } changes(first: 100) { nodes { cursor } latestCursor } }";
                let data = app.query(query).await;
                let seen = data["employees"]["totalCount"].as_u64().unwrap();
                let in_feed = data["changes"]["nodes"].as_array().unwrap().len() as u64;
                assert!(
                    in_feed <= seen,
                    "{}: {in_feed} in the feed, {seen} seen",
                    app.name()
                );
            }
        };
        tokio::join!(writer, reader);
    }
}
