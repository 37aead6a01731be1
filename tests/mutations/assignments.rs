//! Assignments: creation, overlaps, changes, ends, deletion.

use serde_json::{Value, json};

use crate::support::app::apps;

#[tokio::test(flavor = "multi_thread")]
async fn an_assignment_is_created_once_and_overlaps_by_its_policy_only() {
    for app in apps().await {
        let (ann, p, q) = (
            app.new_employee("Ann").await,
            app.new_project("P").await,
            app.new_project("Q").await,
        );
        let stint = |project: &str, start: &str, end: Value, policy: &str| {
            json!({ "employeeId": ann, "projectId": project, "role": "r", "onOverlap": policy,
                    "startDate": format!("2023-{start}T00:00:00Z"), "endDate": end })
        };
        let march = json!("2023-03-01T00:00:00Z");
        let first = stint(&p, "01-01", march.clone(), "REJECT");
        let selection = "assignment { id } created";
        let payload = app.done("assignEmployee", first.clone(), selection).await;
        assert_eq!(payload["created"], true);
        let before = app.changes().await.len();
        // An equal assignment exists; this is checked before overlaps.
        let payload = app.done("assignEmployee", first, selection).await;
        assert_eq!(
            payload,
            json!({ "assignment": { "id": "asg_1" }, "created": false, "userErrors": [] })
        );
        assert_eq!(app.changes_since(before).await, [""; 0]);
        assert_eq!(
            app.refused("assignEmployee", stint(&p, "01-01", Value::Null, "REJECT"))
                .await,
            ["DUPLICATE input asg_1", "OVERLAP input asg_1"]
        );
        assert_eq!(
            app.refused(
                "assignEmployee",
                stint(&p, "02-01", Value::Null, "REJECT_SAME_PROJECT")
            )
            .await,
            ["OVERLAP input asg_1"]
        );
        assert_eq!(
            app.refused("assignEmployee", stint(&q, "02-01", Value::Null, "REJECT"))
                .await,
            ["OVERLAP input asg_1"]
        );
        let on_another = stint(&q, "02-01", march.clone(), "REJECT_SAME_PROJECT");
        app.done("assignEmployee", on_another, selection).await;
        // Periods that touch do not overlap.
        let after = stint(&p, "03-01", Value::Null, "REJECT");
        app.done("assignEmployee", after, selection).await;
        let everywhere = json!({ "employeeId": ann, "projectId": q, "onOverlap": "REJECT" });
        assert_eq!(
            app.refused("assignEmployee", everywhere).await,
            ["OVERLAP input asg_1 asg_2 asg_3"]
        );
        let wrong = json!({ "employeeId": ann, "projectId": "prj_9", "role": "",
                            "startDate": march, "endDate": "2023-02-01T00:00:00Z" });
        assert_eq!(
            app.refused("assignEmployee", wrong).await,
            [
                "INVALID input.role",
                "INVALID input.endDate",
                "NOT_FOUND input.projectId missingId=prj_9",
            ]
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assignment_is_updated_ended_and_deleted() {
    for app in apps().await {
        let (ann, p) = (app.new_employee("Ann").await, app.new_project("P").await);
        for (role, start) in [("a", "2023-01-01T00:00:00Z"), ("b", "2023-06-01T00:00:00Z")] {
            let input = json!({ "employeeId": ann, "projectId": p, "role": role,
                                "startDate": start, "endDate": null });
            app.done("assignEmployee", input, "__typename").await;
        }
        let before = app.changes().await.len();
        let end = json!({ "id": "asg_1", "endDate": "2023-05-01T00:00:00Z" });
        let selection = "assignment { endDate version }";
        for _ in 0..2 {
            let payload = app.done("endAssignment", end.clone(), selection).await;
            assert_eq!(
                payload["assignment"],
                json!({ "endDate": "2023-05-01T00:00:00Z", "version": 2 })
            );
        }
        let early = json!({ "id": "asg_1", "endDate": "2023-01-01T00:00:00Z" });
        assert_eq!(
            app.refused("endAssignment", early).await,
            ["INVALID input.endDate"]
        );
        let late = json!({ "id": "asg_1", "startDate": "2023-05-01T00:00:00Z" });
        assert_eq!(
            app.refused("updateAssignment", late).await,
            ["INVALID input.startDate"]
        );
        let same = json!({ "id": "asg_1", "role": "b", "startDate": "2023-06-01T00:00:00Z",
                           "endDate": null, "onOverlap": "REJECT" });
        assert_eq!(
            app.refused("updateAssignment", same).await,
            ["DUPLICATE input asg_2", "OVERLAP input asg_2"]
        );
        let longer = json!({ "id": "asg_1", "endDate": "2023-06-02T00:00:00Z",
                             "onOverlap": "REJECT_SAME_PROJECT" });
        assert_eq!(
            app.refused("updateAssignment", longer).await,
            ["OVERLAP input asg_2"]
        );
        let longer = json!({ "id": "asg_1", "endDate": "2023-06-01T00:00:00Z", "role": "A",
                             "onOverlap": "REJECT" });
        let payload = app
            .done("updateAssignment", longer, "assignment { role version }")
            .await;
        assert_eq!(payload["assignment"], json!({ "role": "A", "version": 3 }));
        let payload = app.done(
            "endAssignment",
            json!({ "id": "asg_2" }),
            "assignment { isActive }",
        );
        assert_eq!(payload.await["assignment"]["isActive"], false);

        let selection = "deletedId employee { name assignments { totalCount } } project { title }";
        let payload = app
            .done("deleteAssignment", json!({ "id": "asg_1" }), selection)
            .await;
        assert_eq!(
            payload,
            json!({ "deletedId": "asg_1", "project": { "title": "P" }, "userErrors": [],
                    "employee": { "name": "Ann", "assignments": { "totalCount": 1 } } })
        );
        assert_eq!(
            app.changes_since(before).await,
            [
                "ASSIGNMENT UPDATED asg_1 emp_1 prj_1",
                "ASSIGNMENT UPDATED asg_1 emp_1 prj_1",
                "ASSIGNMENT UPDATED asg_2 emp_1 prj_1",
                "ASSIGNMENT DELETED asg_1 emp_1 prj_1",
            ]
        );
    }
}
