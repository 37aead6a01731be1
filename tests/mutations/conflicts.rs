//! Versions that clients expect, and mutations that run at the same time.

use std::time::Duration;

use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, TransactionTrait};
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::support::{app::apps, model::replay, mutations::error_line};

#[tokio::test(flavor = "multi_thread")]
async fn an_unexpected_version_is_a_conflict_that_shows_the_record() {
    for app in apps().await {
        let employee = app.new_employee("E").await;
        let project = app.new_project("P").await;
        let meeting = app.new_meeting("M").await;
        let input = json!({ "employeeId": employee, "projectId": project });
        app.done("assignEmployee", input, "__typename").await;
        for (id, fields) in [
            ("emp_1", &["updateEmployee", "deleteEmployee"][..]),
            ("mtg_1", &["updateMeeting", "deleteMeeting"]),
            ("prj_1", &["updateProject", "deleteProject"]),
            (
                "asg_1",
                &["updateAssignment", "endAssignment", "deleteAssignment"],
            ),
        ] {
            for field in fields {
                let errors = app
                    .refused(field, json!({ "id": id, "expectedVersion": 7 }))
                    .await;
                let expected =
                    format!("VERSION_CONFLICT input.expectedVersion currentVersion=1 {id}");
                assert_eq!(errors, [expected], "{field}");
            }
        }
        let input = json!({ "meetingId": meeting, "employeeIds": [], "expectedVersion": 2 });
        let errors = app.refused("setAttendees", input).await;
        let expected = "VERSION_CONFLICT input.expectedVersion currentVersion=1 mtg_1";
        assert_eq!(errors, [expected]);
        // All applicable errors are reported.
        let input = json!({ "id": employee, "expectedVersion": 7, "assignments": "RESTRICT" });
        assert_eq!(
            app.refused("deleteEmployee", input).await,
            [
                "VERSION_CONFLICT input.expectedVersion currentVersion=1 emp_1",
                "STILL_REFERENCED input.id assignmentCount=1",
            ]
        );
        let input = json!({ "id": employee, "expectedVersion": 1, "name": "New" });
        let payload = app
            .done("updateEmployee", input, "employee { name version }")
            .await;
        assert_eq!(payload["employee"], json!({ "name": "New", "version": 2 }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_concurrent_mutations_take_effect_once() {
    for app in apps().await {
        let (ann, p) = (app.new_employee("Ann").await, app.new_project("P").await);
        let meeting = app.new_meeting("M").await;
        let input = json!({ "employeeId": ann, "projectId": p, "role": "r" });
        let payloads = join_all(
            (0..16).map(|_| app.done("assignEmployee", input.clone(), "created assignment { id }")),
        )
        .await;
        let created = payloads.iter().filter(|payload| payload["created"] == true);
        assert_eq!(created.count(), 1, "{}", app.name());
        assert!(
            payloads
                .iter()
                .all(|payload| payload["assignment"]["id"] == "asg_1")
        );

        let input = json!({ "meetingIds": [meeting], "employeeIds": [ann] });
        let payloads =
            join_all((0..16).map(|_| app.done("addAttendees", input.clone(), "addedCount"))).await;
        let added: i64 = payloads
            .iter()
            .map(|payload| payload["addedCount"].as_i64().unwrap())
            .sum();
        assert_eq!(added, 1, "{}", app.name());
        assert_eq!(app.version(&meeting).await, 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_several_conflicting_concurrent_mutations_succeeds() {
    for app in apps().await {
        let (ann, p) = (app.new_employee("Ann").await, app.new_project("P").await);
        let rejecting = (0..16).map(|number| {
            let input = json!({ "employeeId": ann, "projectId": p, "onOverlap": "REJECT",
                                "role": number.to_string() });
            app.mutate("assignEmployee", input, "created")
        });
        let payloads = join_all(rejecting).await;
        let created = payloads.iter().filter(|payload| payload["created"] == true);
        assert_eq!(created.count(), 1, "{}", app.name());
        let refused = payloads
            .iter()
            .flat_map(|payload| payload["userErrors"].as_array().unwrap());
        assert!(
            refused
                .map(error_line)
                .all(|error| error == "OVERLAP input asg_1")
        );

        let expecting = (0..16).map(|number| {
            let input = json!({ "id": ann, "expectedVersion": 1, "name": number.to_string() });
            app.mutate("updateEmployee", input, "employee { version }")
        });
        let payloads = join_all(expecting).await;
        let done = payloads
            .iter()
            .filter(|payload| payload["userErrors"] == json!([]));
        assert_eq!(done.count(), 1, "{}", app.name());
        assert_eq!(app.version(&ann).await, 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mutation_that_races_with_a_delete_succeeds_or_is_not_found() {
    for app in apps().await {
        for _ in 0..5 {
            let (ann, bob) = (app.new_employee("Ann").await, app.new_employee("Bob").await);
            let (p, m) = (app.new_project("P").await, app.new_meeting("M").await);
            let input = json!({ "meetingIds": [m], "employeeIds": [ann, bob] });
            app.done("addAttendees", input, "__typename").await;
            let (a, b, p, m) = (&*ann, &*bob, &*p, &*m);
            let all = [
                ("deleteEmployee", json!({ "id": a })),
                ("updateEmployee", json!({ "id": a, "name": "New" })),
                ("assignEmployee", json!({ "employeeId": a, "projectId": p })),
                ("assignEmployee", json!({ "employeeId": b, "projectId": p })),
                (
                    "setAttendees",
                    json!({ "meetingId": m, "employeeIds": [b] }),
                ),
                (
                    "removeAttendees",
                    json!({ "meetingIds": [m], "employeeIds": [a, b] }),
                ),
                (
                    "setProjectEmployees",
                    json!({ "projectId": p, "employeeIds": [b, a] }),
                ),
                (
                    "setEmployeeProjects",
                    json!({ "employeeId": a, "projectIds": [p] }),
                ),
                ("deleteProject", json!({ "id": p })),
                ("deleteMeeting", json!({ "id": m })),
            ];
            let payloads = all
                .iter()
                .map(|(field, input)| app.mutate(field, input.clone(), "__typename"));
            for (payload, (field, _)) in join_all(payloads).await.iter().zip(&all) {
                for error in payload["userErrors"].as_array().unwrap() {
                    assert_eq!(error["code"], "NOT_FOUND", "{} {field}", app.name());
                }
            }
            replay(&app, &app.changes().await).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mutation_completes_after_its_client_disconnects() {
    for app in apps().await {
        app.new_employee("Ann").await;
        // Another transaction holds the row until the client has disconnected.
        let other = app.db().begin().await.unwrap();
        let touch = "UPDATE employees SET version = version WHERE id = 1";
        other.execute_unprepared(touch).await.unwrap();
        let rename = app.mutate(
            "updateEmployee",
            json!({ "id": "emp_1", "name": "New" }),
            "__typename",
        );
        let gone = timeout(Duration::from_millis(300), rename).await;
        assert!(gone.is_err(), "{}: it did not wait", app.name());
        other.commit().await.unwrap();
        let done = async {
            while app.changes().await.len() < 2 {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_secs(5), done).await.unwrap();
        assert_eq!(
            app.field("emp_1", "name version").await,
            json!({ "name": "New", "version": 2 })
        );
    }
}
