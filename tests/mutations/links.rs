//! Links that are set from one side: attendees, projects of employees, employees of projects.

use serde_json::json;

use crate::support::app::apps;

#[tokio::test(flavor = "multi_thread")]
async fn adding_removing_and_setting_attendees_is_idempotent() {
    for app in apps().await {
        let (ann, bob, eve) = (
            app.new_employee("Ann").await,
            app.new_employee("Bob").await,
            app.new_employee("Eve").await,
        );
        let (m, n) = (app.new_meeting("M").await, app.new_meeting("N").await);
        let both = json!({ "meetingIds": [n, m, n], "employeeIds": [bob, ann] });
        let selection = "meetings { id version } employees { id meetings { totalCount } } \
                         addedCount unchangedCount";
        let one = json!({ "meetingIds": [n], "employeeIds": [ann] });
        app.done("addAttendees", one, "__typename").await;
        let before = app.changes().await.len();
        let payload = app.done("addAttendees", both.clone(), selection).await;
        assert_eq!(
            payload,
            json!({
                "meetings": [{ "id": n, "version": 3 }, { "id": m, "version": 2 }],
                "employees": [{ "id": bob, "meetings": { "totalCount": 2 } },
                              { "id": ann, "meetings": { "totalCount": 2 } }],
                "addedCount": 3, "unchangedCount": 1, "userErrors": [],
            })
        );
        assert_eq!(
            app.changes_since(before).await,
            [
                "ATTENDANCE CREATED mtg_2 emp_2",
                "ATTENDANCE CREATED mtg_1 emp_2",
                "ATTENDANCE CREATED mtg_1 emp_1",
            ]
        );
        let before = app.changes().await.len();
        let payload = app.done("addAttendees", both.clone(), selection).await;
        assert_eq!(
            (&payload["addedCount"], &payload["unchangedCount"]),
            (&json!(0), &json!(4))
        );

        let set = json!({ "meetingId": m, "employeeIds": [eve, ann, eve], "expectedVersion": 2 });
        let selection =
            "meeting { version employees { nodes { id } } } added { id } removed { id }";
        let payload = app.done("setAttendees", set, selection).await;
        assert_eq!(
            payload,
            json!({
                "meeting": { "version": 3, "employees": { "nodes": [{ "id": ann }, { "id": eve }] } },
                "added": [{ "id": eve }], "removed": [{ "id": bob }], "userErrors": [],
            })
        );
        let set = json!({ "meetingId": m, "employeeIds": [ann, eve] });
        let payload = app.done("setAttendees", set, selection).await;
        assert_eq!(payload["meeting"]["version"], 3);
        assert_eq!(
            (&payload["added"], &payload["removed"]),
            (&json!([]), &json!([]))
        );

        let selection = "removedCount unchangedCount meetings { version }";
        let payload = app.done("removeAttendees", both.clone(), selection).await;
        assert_eq!(
            payload,
            json!({ "removedCount": 3, "unchangedCount": 1, "userErrors": [],
                    "meetings": [{ "version": 4 }, { "version": 4 }] })
        );
        let payload = app.done("removeAttendees", both, selection).await;
        assert_eq!(payload["removedCount"], 0);
        app.done(
            "setAttendees",
            json!({ "meetingId": m, "employeeIds": [] }),
            "__typename",
        )
        .await;
        assert_eq!(
            app.changes_since(before).await,
            [
                "ATTENDANCE DELETED mtg_1 emp_2",
                "ATTENDANCE CREATED mtg_1 emp_3",
                "ATTENDANCE DELETED mtg_2 emp_2",
                "ATTENDANCE DELETED mtg_2 emp_1",
                "ATTENDANCE DELETED mtg_1 emp_1",
                "ATTENDANCE DELETED mtg_1 emp_3",
            ]
        );
        let empty = json!({ "meetingIds": [], "employeeIds": [] });
        assert_eq!(
            app.refused("addAttendees", empty).await,
            ["INVALID input.meetingIds", "INVALID input.employeeIds"]
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn assignments_are_set_from_the_employee_or_from_the_project() {
    for app in apps().await {
        let (ann, bob) = (app.new_employee("Ann").await, app.new_employee("Bob").await);
        let mut projects = Vec::new();
        for title in ["P", "Q", "R"] {
            projects.push(app.new_project(title).await);
        }
        let [p, q, r] = [&projects[0], &projects[1], &projects[2]];
        for role in ["a", "b"] {
            for project in [p, q] {
                let input = json!({ "employeeId": ann, "projectId": project, "role": role });
                app.done("assignEmployee", input, "__typename").await;
            }
        }
        let before = app.changes().await.len();
        let input = json!({ "employeeId": ann, "projectIds": [r, p, r] });
        let selection = "employee { version projects { nodes { title } } } \
                         added { id role startDate project { title } } deletedAssignmentIds";
        let payload = app
            .done("setEmployeeProjects", input.clone(), selection)
            .await;
        assert_eq!(
            payload,
            json!({
                "employee": { "version": 1,
                              "projects": { "nodes": [{ "title": "P" }, { "title": "R" }] } },
                "added": [{ "id": "asg_5", "role": null, "startDate": null,
                            "project": { "title": "R" } }],
                "deletedAssignmentIds": ["asg_2", "asg_4"], "userErrors": [],
            })
        );
        let payload = app.done("setEmployeeProjects", input, selection).await;
        assert_eq!(
            (&payload["added"], &payload["deletedAssignmentIds"]),
            (&json!([]), &json!([]))
        );

        let input = json!({ "projectId": p, "employeeIds": [bob] });
        let selection = "project { employees { nodes { name } } } \
                         added { id employee { name } } deletedAssignmentIds";
        let payload = app.done("setProjectEmployees", input, selection).await;
        assert_eq!(
            payload,
            json!({
                "project": { "employees": { "nodes": [{ "name": "Bob" }] } },
                "added": [{ "id": "asg_6", "employee": { "name": "Bob" } }],
                "deletedAssignmentIds": ["asg_1", "asg_3"], "userErrors": [],
            })
        );
        let seen = app
            .query(r#"{ employee(id: "emp_1") { projects { nodes { title } } } }"#)
            .await;
        assert_eq!(
            seen["employee"]["projects"]["nodes"],
            json!([{ "title": "R" }])
        );
        assert_eq!(
            app.changes_since(before).await,
            [
                "ASSIGNMENT DELETED asg_2 emp_1 prj_2",
                "ASSIGNMENT DELETED asg_4 emp_1 prj_2",
                "ASSIGNMENT CREATED asg_5 emp_1 prj_3",
                "ASSIGNMENT DELETED asg_1 emp_1 prj_1",
                "ASSIGNMENT DELETED asg_3 emp_1 prj_1",
                "ASSIGNMENT CREATED asg_6 emp_2 prj_1",
            ]
        );
        let many: Vec<String> = (1..=1001).map(|id| format!("prj_{id}")).collect();
        let input = json!({ "employeeId": ann, "projectIds": many });
        assert_eq!(
            app.refused("setEmployeeProjects", input).await,
            ["INVALID input.projectIds"]
        );
    }
}
