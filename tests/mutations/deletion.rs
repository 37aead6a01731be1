//! Deletion: the rows that a delete removes, in the payload, in the feed and against the limit.

use serde_json::json;

use crate::support::{
    app::{apps, apps_with},
    mutations::text,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_reports_every_row_that_it_removes() {
    for app in apps().await {
        let (ann, bob) = (app.new_employee("Ann").await, app.new_employee("Bob").await);
        let (p, q) = (app.new_project("P").await, app.new_project("Q").await);
        let (m, n) = (app.new_meeting("M").await, app.new_meeting("N").await);
        for (employee, project) in [(&ann, &p), (&ann, &q), (&bob, &p)] {
            let input = json!({ "employeeId": employee, "projectId": project });
            app.done("assignEmployee", input, "__typename").await;
        }
        let input = json!({ "meetingIds": [n, m], "employeeIds": [bob, ann] });
        app.done("addAttendees", input, "__typename").await;
        let before = app.changes().await.len();

        let input = json!({ "id": ann, "assignments": "RESTRICT" });
        assert_eq!(
            app.refused("deleteEmployee", input).await,
            ["STILL_REFERENCED input.id assignmentCount=2"]
        );
        let payload = app
            .done(
                "deleteEmployee",
                json!({ "id": ann }),
                "deletedId deletedAssignmentIds",
            )
            .await;
        assert_eq!(payload["deletedId"], "emp_1");
        assert_eq!(payload["deletedAssignmentIds"], json!(["asg_1", "asg_2"]));
        let errors = app.refused("deleteEmployee", json!({ "id": ann })).await;
        assert_eq!(errors, ["NOT_FOUND input.id missingId=emp_1"]);
        assert_eq!(
            app.version(&m).await,
            3,
            "made, joined by both, left by one"
        );

        let input = json!({ "id": p, "assignments": "RESTRICT" });
        assert_eq!(
            app.refused("deleteProject", input).await,
            ["STILL_REFERENCED input.id assignmentCount=1"]
        );
        let payload = app
            .done(
                "deleteProject",
                json!({ "id": p }),
                "deletedId deletedAssignmentIds",
            )
            .await;
        assert_eq!(payload["deletedAssignmentIds"], json!(["asg_3"]));
        let input = json!({ "id": q, "assignments": "RESTRICT" });
        app.done("deleteProject", input, "__typename").await;
        app.done("deleteMeeting", json!({ "id": m }), "deletedId")
            .await;
        assert_eq!(
            app.changes_since(before).await,
            [
                "ASSIGNMENT DELETED asg_1 emp_1 prj_1",
                "ASSIGNMENT DELETED asg_2 emp_1 prj_2",
                "ATTENDANCE DELETED mtg_1 emp_1",
                "ATTENDANCE DELETED mtg_2 emp_1",
                "EMPLOYEE DELETED emp_1",
                "ASSIGNMENT DELETED asg_3 emp_2 prj_1",
                "PROJECT DELETED prj_1",
                "PROJECT DELETED prj_2",
                "ATTENDANCE DELETED mtg_1 emp_2",
                "MEETING DELETED mtg_1",
            ],
            "{}",
            app.name()
        );
    }
}

#[tokio::test]
async fn a_mutation_that_would_load_too_many_rows_is_refused_before_it_writes() {
    let mut settings = server::config::Settings::default();
    settings.limits.operation.loaded = 10;
    for app in apps_with(&settings).await {
        let (project, employee) = (app.project("P", None).await, app.employee("E").await);
        let (small, other) = (app.project("S", None).await, app.employee("O").await);
        let meeting = app.meeting("M", "2024-01-01T00:00:00Z").await;
        for n in 0..11 {
            let role = format!("Role {n}");
            app.stint(employee, project, Some(&role), None, None).await;
            if n < 10 {
                app.stint(other, small, Some(&role), None, None).await;
            }
            let attendee = app.employee(&role).await;
            app.attends(attendee, meeting).await;
            let attended = app.meeting(&role, "2024-01-01T00:00:00Z").await;
            app.attends(employee, attended).await;
        }
        let (employee_id, project_id, meeting_id) = (
            format!("emp_{employee}"),
            format!("prj_{project}"),
            format!("mtg_{meeting}"),
        );
        for (field, input, expected) in [
            (
                "deleteProject",
                json!({ "id": project_id }),
                "INVALID input.id",
            ),
            (
                "deleteEmployee",
                json!({ "id": employee_id }),
                "INVALID input.id",
            ),
            (
                "deleteMeeting",
                json!({ "id": meeting_id }),
                "INVALID input.id",
            ),
            (
                "setProjectEmployees",
                json!({ "projectId": project_id, "employeeIds": [] }),
                "INVALID input.projectId",
            ),
            (
                "setEmployeeProjects",
                json!({ "employeeId": employee_id, "projectIds": [] }),
                "INVALID input.employeeId",
            ),
            (
                "setAttendees",
                json!({ "meetingId": meeting_id, "employeeIds": [] }),
                "INVALID input.meetingId",
            ),
            // `RESTRICT` counts rows without loading them, so the limit does not apply.
            (
                "deleteProject",
                json!({ "id": project_id, "assignments": "RESTRICT" }),
                "STILL_REFERENCED input.id assignmentCount=11",
            ),
        ] {
            let refused = app.refused(field, input).await;
            assert_eq!(refused, [expected], "{}: {field}", app.name());
        }
        let payload = app
            .mutate(
                "deleteProject",
                json!({ "id": project_id }),
                "userErrors { message }",
            )
            .await;
        let message = payload["userErrors"][0]["message"].as_str().unwrap();
        assert!(message.contains("more than 10 assignments"), "{message}");

        let delete = |project: i64| {
            format!("{{id: \"prj_{project}\"}}) {{ deletedAssignmentIds userErrors {{ code }} }}")
        };
        // The rows of all fields of an operation count towards the limit.
        let text = format!(
            "mutation {{ a: deleteProject(input: {} b: deleteProject(input: {} }}",
            delete(small),
            delete(project)
        );
        let data = app.query(&text).await;
        assert_eq!(
            data["a"]["deletedAssignmentIds"].as_array().unwrap().len(),
            10
        );
        assert_eq!(data["b"]["userErrors"][0]["code"], "INVALID");
    }
}

#[tokio::test]
async fn the_changes_of_a_large_mutation_are_in_the_feed_in_order() {
    for app in apps().await {
        let (project, employee) = (app.project("P", None).await, app.employee("E").await);
        // More rows than fit into one statement.
        let rows = (0..6_000).map(|n| entity::assignment::ActiveModel {
            role: sea_orm::ActiveValue::Set(Some(format!("Role {n}"))),
            employee_id: sea_orm::ActiveValue::Set(employee),
            project_id: sea_orm::ActiveValue::Set(project),
            ..Default::default()
        });
        app.insert_many(rows.collect()).await;
        let before = app.changes().await.len();
        let deleted = app
            .done(
                "deleteProject",
                json!({ "id": format!("prj_{project}") }),
                "deletedAssignmentIds",
            )
            .await;
        let mut expected: Vec<_> = deleted["deletedAssignmentIds"]
            .as_array()
            .unwrap()
            .iter()
            .map(|id| {
                format!(
                    "ASSIGNMENT DELETED {} emp_{employee} prj_{project}",
                    text(id)
                )
            })
            .collect();
        expected.push(format!("PROJECT DELETED prj_{project}"));
        assert_eq!(expected.len(), 6_001);
        assert!(
            app.changes_since(before).await == expected,
            "{}",
            app.name()
        );
    }
}
