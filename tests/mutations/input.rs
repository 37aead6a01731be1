//! The input of mutations: text, `null`, fields that are left out, ids without a record.

use serde_json::{Value, json};

use crate::support::{app::apps, mutations::text};

#[tokio::test(flavor = "multi_thread")]
async fn text_is_trimmed_and_its_length_counts_code_points() {
    for app in apps().await {
        let ids = [
            app.new_employee("E").await,
            app.new_meeting("M").await,
            app.new_project("P").await,
        ];
        let input = json!({ "employeeId": ids[0], "projectId": ids[2] });
        let payload = app.done("assignEmployee", input, "assignment { id }").await;
        let assignment = text(&payload["assignment"]["id"]);
        for (field, id, name, most) in [
            ("updateEmployee", &ids[0], "name", 200),
            ("updateMeeting", &ids[1], "topic", 200),
            ("updateMeeting", &ids[1], "location", 200),
            ("updateProject", &ids[2], "title", 200),
            ("updateAssignment", &assignment, "role", 100),
        ] {
            for wrong in [
                String::new(),
                " \t\u{2003}".to_owned(),
                "a\0b".to_owned(),
                "𝄞".repeat(most + 1),
            ] {
                let errors = app.refused(field, json!({ "id": id, name: wrong })).await;
                assert_eq!(
                    errors,
                    [format!("INVALID input.{name}")],
                    "{field} {wrong:?}"
                );
            }
            let longest = "𝄞".repeat(most);
            let padded = format!("  {longest}\n");
            app.done(field, json!({ "id": id, name: padded }), "__typename")
                .await;
            assert_eq!(app.field(id, name).await[name], json!(longest), "{field}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_omitted_field_stays_and_null_clears_a_nullable_field() {
    for app in apps().await {
        app.new_employee("E").await;
        app.new_project("P").await;
        let input =
            json!({ "topic": "T", "location": "L", "scheduledTime": "2023-10-31T09:30:00Z" });
        app.done("createMeeting", input, "__typename").await;
        let input = json!({ "employeeId": "emp_1", "projectId": "prj_1", "role": "r",
                            "startDate": "2023-01-01T00:00:00Z", "endDate": "2023-02-01T00:00:00Z" });
        app.done("assignEmployee", input, "__typename").await;
        app.done(
            "updateProject",
            json!({ "id": "prj_1", "budget": 5 }),
            "__typename",
        )
        .await;

        for (field, id, cleared) in [
            ("updateMeeting", "mtg_1", "location"),
            ("updateProject", "prj_1", "budget"),
            ("updateAssignment", "asg_1", "role"),
            ("updateAssignment", "asg_1", "startDate"),
            ("updateAssignment", "asg_1", "endDate"),
        ] {
            let before = app.version(id).await.as_i64().unwrap();
            let changes = app.changes().await.len();
            // An update without fields and an update to the current value change nothing.
            app.done(field, json!({ "id": id }), "__typename").await;
            let there = app.field(id, cleared).await[cleared].take();
            assert!(!there.is_null(), "{id} {cleared}");
            app.done(field, json!({ "id": id, cleared: there }), "__typename")
                .await;
            assert_eq!(app.version(id).await, json!(before), "{field}");
            assert_eq!(app.changes_since(changes).await, [""; 0]);

            app.done(field, json!({ "id": id, cleared: null }), "__typename")
                .await;
            assert_eq!(app.field(id, cleared).await[cleared], Value::Null);
            assert_eq!(app.version(id).await, json!(before + 1));
            assert_eq!(app.changes_since(changes).await.len(), 1);
        }
        for (field, id, required) in [
            ("updateEmployee", "emp_1", "name"),
            ("updateEmployee", "emp_1", "hireDate"),
            ("updateMeeting", "mtg_1", "topic"),
            ("updateMeeting", "mtg_1", "scheduledTime"),
            ("updateProject", "prj_1", "title"),
        ] {
            let errors = app
                .refused(field, json!({ "id": id, required: null }))
                .await;
            assert_eq!(errors, [format!("INVALID input.{required}")], "{field}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_null_equals_an_omitted_field_where_nothing_can_be_cleared() {
    for app in apps().await {
        for (field, input) in [
            (
                "createEmployee",
                json!({ "name": "E", "hireDate": null, "meetingIds": null, "assignments": null }),
            ),
            (
                "createProject",
                json!({ "title": "P", "budget": null, "assignments": [
                    { "employee": { "create": { "name": "F", "hireDate": null } },
                      "role": null, "startDate": null, "endDate": null },
                ] }),
            ),
            (
                "createMeeting",
                json!({ "topic": "T", "scheduledTime": "2023-10-31T09:30:00Z", "location": null,
                        "employeeIds": null }),
            ),
            (
                "updateEmployee",
                json!({ "id": "emp_1", "name": "G", "expectedVersion": null }),
            ),
            (
                "updateProject",
                json!({ "id": "prj_1", "title": "Q", "expectedVersion": null }),
            ),
            (
                "updateMeeting",
                json!({ "id": "mtg_1", "topic": "U", "expectedVersion": null }),
            ),
            (
                "updateAssignment",
                json!({ "id": "asg_1", "role": "r", "expectedVersion": null }),
            ),
            (
                "endAssignment",
                json!({ "id": "asg_1", "endDate": null, "expectedVersion": null }),
            ),
            (
                "setAttendees",
                json!({ "meetingId": "mtg_1", "employeeIds": ["emp_1"], "expectedVersion": null }),
            ),
            (
                "deleteAssignment",
                json!({ "id": "asg_1", "expectedVersion": null }),
            ),
            (
                "deleteMeeting",
                json!({ "id": "mtg_1", "expectedVersion": null }),
            ),
            (
                "deleteProject",
                json!({ "id": "prj_1", "expectedVersion": null }),
            ),
            (
                "deleteEmployee",
                json!({ "id": "emp_1", "expectedVersion": null }),
            ),
        ] {
            let changes = app.changes().await.len();
            app.done(field, input, "__typename").await;
            assert_ne!(app.changes().await.len(), changes, "{field} did nothing");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_id_is_not_found_by_every_mutation() {
    for app in apps().await {
        let employee = app.new_employee("E").await;
        for wrong in [
            "emp_99",
            "mtg_99",
            "x",
            "",
            "emp_01",
            "\0",
            "emp_99999999999999999999",
        ] {
            for (field, input, paths) in [
                ("updateMeeting", json!({ "id": wrong }), &["id"][..]),
                ("updateProject", json!({ "id": wrong }), &["id"]),
                ("updateAssignment", json!({ "id": wrong }), &["id"]),
                ("endAssignment", json!({ "id": wrong }), &["id"]),
                ("deleteAssignment", json!({ "id": wrong }), &["id"]),
                ("deleteMeeting", json!({ "id": wrong }), &["id"]),
                ("deleteProject", json!({ "id": wrong }), &["id"]),
                ("updateEmployee", json!({ "id": wrong }), &["id"]),
                (
                    "deleteEmployee",
                    json!({ "id": wrong, "expectedVersion": 1 }),
                    &["id"],
                ),
                (
                    "assignEmployee",
                    json!({ "employeeId": wrong, "projectId": wrong }),
                    &["employeeId", "projectId"],
                ),
                (
                    "addAttendees",
                    json!({ "employeeIds": [employee, wrong], "meetingIds": [wrong] }),
                    &["employeeIds.1", "meetingIds.0"],
                ),
                (
                    "removeAttendees",
                    json!({ "employeeIds": [wrong, wrong], "meetingIds": [wrong] }),
                    &["employeeIds.0", "meetingIds.0"],
                ),
                (
                    "setAttendees",
                    json!({ "meetingId": wrong, "employeeIds": [wrong], "expectedVersion": 1 }),
                    &["employeeIds.0", "meetingId"],
                ),
                (
                    "setEmployeeProjects",
                    json!({ "employeeId": wrong, "projectIds": [wrong] }),
                    &["employeeId", "projectIds.0"],
                ),
                (
                    "setProjectEmployees",
                    json!({ "projectId": wrong, "employeeIds": [wrong] }),
                    &["employeeIds.0", "projectId"],
                ),
            ] {
                let expected: Vec<_> = paths
                    .iter()
                    .map(|path| {
                        format!(
                            "NOT_FOUND input.{path} missingId={}",
                            wrong.replace('\0', "\\u0000")
                        )
                    })
                    .collect();
                assert_eq!(
                    app.refused(field, input).await,
                    expected,
                    "{} {field}",
                    app.name()
                );
            }
        }
    }
}
