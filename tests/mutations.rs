//! Every mutation: done, refused for each reason, repeated; what it leaves and what it tells.

use std::time::Duration;

use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, TransactionTrait};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::support::{
    app::{apps, apps_with},
    model::replay,
    mutations::{line, text},
};

#[tokio::test(flavor = "multi_thread")]
async fn an_employee_is_created_with_meetings_and_assignments() {
    for app in apps().await {
        let (meeting, project) = (app.new_meeting("M").await, app.new_project("P").await);
        let before = app.changes().await.len();
        let input = json!({
            "name": "  Ann \n", "hireDate": "2022-05-17", "meetingIds": [meeting, meeting],
            "assignments": [
                { "project": { "id": project } },
                { "project": { "create": { "title": "New", "budget": 1_000_000_000_000_i64 } },
                  "role": " Lead ", "startDate": "2023-01-01T02:00:00+02:00",
                  "endDate": "2023-02-01T00:00:00Z" },
            ],
        });
        let selection = "employee { id name hireDate version meetings { nodes { id version } } \
                         assignments { nodes { id role startDate endDate version \
                         project { id title budget version } } } }";
        let payload = app.done("createEmployee", input, selection).await;
        assert_eq!(
            payload["employee"],
            json!({
                "id": "emp_1", "name": "Ann", "hireDate": "2022-05-17", "version": 1,
                "meetings": { "nodes": [{ "id": "mtg_1", "version": 2 }] },
                "assignments": { "nodes": [
                    { "id": "asg_1", "role": null, "startDate": null, "endDate": null, "version": 1,
                      "project": { "id": "prj_1", "title": "P", "budget": null, "version": 1 } },
                    { "id": "asg_2", "role": "Lead", "startDate": "2023-01-01T00:00:00Z",
                      "endDate": "2023-02-01T00:00:00Z", "version": 1,
                      "project": { "id": "prj_2", "title": "New", "budget": 1_000_000_000_000_i64,
                                   "version": 1 } },
                ] },
            })
        );
        assert_eq!(
            app.changes_since(before).await,
            [
                "EMPLOYEE CREATED emp_1",
                "PROJECT CREATED prj_2",
                "ATTENDANCE CREATED mtg_1 emp_1",
                "ASSIGNMENT CREATED asg_1 emp_1 prj_1",
                "ASSIGNMENT CREATED asg_2 emp_1 prj_2",
            ],
            "{}",
            app.name()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_and_a_meeting_are_created_with_employees() {
    for app in apps().await {
        let ann = app.new_employee("Ann").await;
        let before = app.changes().await.len();
        let input = json!({ "title": "P", "budget": 0, "assignments": [
            { "employee": { "create": { "name": "Bob" } }, "role": "r" },
            { "employee": { "id": ann } },
        ] });
        let selection = "project { id budget employees { nodes { name } } }";
        let payload = app.done("createProject", input, selection).await;
        assert_eq!(
            payload["project"],
            json!({ "id": "prj_1", "budget": 0,
                    "employees": { "nodes": [{ "name": "Ann" }, { "name": "Bob" }] } })
        );
        let input = json!({ "topic": "T", "scheduledTime": "2023-10-31T09:30:00.1234567Z",
                            "location": " Room ", "employeeIds": ["emp_2", ann, ann] });
        let selection = "meeting { id scheduledTime location version employees { nodes { id } } }";
        let payload = app.done("createMeeting", input, selection).await;
        assert_eq!(
            payload["meeting"],
            json!({ "id": "mtg_1", "scheduledTime": "2023-10-31T09:30:00.123456Z",
                    "location": "Room", "version": 1,
                    "employees": { "nodes": [{ "id": "emp_1" }, { "id": "emp_2" }] } })
        );
        assert_eq!(
            app.changes_since(before).await,
            [
                "PROJECT CREATED prj_1",
                "EMPLOYEE CREATED emp_2",
                "ASSIGNMENT CREATED asg_1 emp_2 prj_1",
                "ASSIGNMENT CREATED asg_2 emp_1 prj_1",
                "MEETING CREATED mtg_1",
                "ATTENDANCE CREATED mtg_1 emp_2",
                "ATTENDANCE CREATED mtg_1 emp_1",
            ]
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_wrong_is_told_at_once_and_nothing_is_written() {
    for app in apps().await {
        let project = app.new_project("P").await;
        let long = "é".repeat(101);
        let input = json!({
            "name": " ", "meetingIds": ["mtg_99", project, "x", "x"],
            "assignments": [
                { "project": { "id": "prj_99" }, "role": long,
                  "startDate": "2023-01-02T00:00:00Z", "endDate": "2023-01-02T00:00:00Z" },
                { "project": { "create": { "title": "\u{0}", "budget": -1 } }, "role": "" },
                { "project": { "id": project } },
                { "project": { "create": { "title": "Not made" } } },
                { "project": { "id": project }, "endDate": "2023-01-02T00:00:00Z" },
            ],
        });
        assert_eq!(
            app.refused("createEmployee", input).await,
            [
                "INVALID input.name",
                "INVALID input.assignments.0.role",
                "INVALID input.assignments.0.endDate",
                "INVALID input.assignments.1.role",
                "INVALID input.assignments.1.project.create.title",
                "INVALID input.assignments.1.project.create.budget",
                "DUPLICATE input.assignments.4 here",
                "NOT_FOUND input.assignments.0.project.id missingId=prj_99",
                "NOT_FOUND input.meetingIds.0 missingId=mtg_99",
                "NOT_FOUND input.meetingIds.1 missingId=prj_1",
                "NOT_FOUND input.meetingIds.2 missingId=x",
            ]
        );
        let input = json!({ "title": "", "budget": 1_000_000_000_001_i64, "assignments": [
            { "employee": { "create": { "name": "" } } },
            { "employee": { "id": project } },
        ] });
        assert_eq!(
            app.refused("createProject", input).await,
            [
                "INVALID input.title",
                "INVALID input.budget",
                "INVALID input.assignments.0.employee.create.name",
                "NOT_FOUND input.assignments.1.employee.id missingId=prj_1",
            ]
        );
        let many: Vec<String> = (0..101).map(|id| format!("emp_{id}")).collect();
        let input = json!({ "topic": "\u{a0}", "scheduledTime": "2023-01-01T00:00:00Z",
                            "location": "", "employeeIds": many });
        assert_eq!(
            app.refused("createMeeting", input).await,
            [
                "INVALID input.topic",
                "INVALID input.location",
                "INVALID input.employeeIds"
            ]
        );
        let counts = "{ employees { totalCount } meetings { totalCount } projects { totalCount } \
                      assignments { totalCount } }";
        assert_eq!(
            app.query(counts).await,
            json!({ "employees": { "totalCount": 0 }, "meetings": { "totalCount": 0 },
                    "projects": { "totalCount": 1 }, "assignments": { "totalCount": 0 } })
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn text_is_trimmed_and_measured_in_code_points() {
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
async fn what_is_left_out_stays_and_null_clears_where_it_may() {
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
            // Nothing to change, twice: by saying nothing, and by saying what is there.
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
async fn a_null_that_can_only_mean_absent_is_like_leaving_the_field_out() {
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
async fn an_id_that_leads_nowhere_is_not_found_by_any_mutation() {
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

#[tokio::test(flavor = "multi_thread")]
async fn another_version_than_expected_is_a_conflict_that_shows_the_record() {
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
        // All that applies, not only the first.
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
async fn a_delete_tells_everything_that_went_with_it() {
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

#[tokio::test(flavor = "multi_thread")]
async fn attendees_are_added_removed_and_set_and_repeating_changes_nothing() {
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
async fn the_projects_of_an_employee_are_set_from_either_side() {
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

#[tokio::test(flavor = "multi_thread")]
async fn an_assignment_is_made_once_and_overlaps_only_where_it_may() {
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
        // The very same exists, which is looked at before overlaps.
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
        // What touches does not overlap.
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
async fn an_assignment_is_changed_ended_and_deleted() {
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

#[tokio::test(flavor = "multi_thread")]
async fn a_mutation_that_is_selected_twice_is_done_once() {
    for app in apps().await {
        let data = app
            .query(
                r#"mutation {
                    a: createEmployee(input: {name: "A"}) { employee { id } }
                    b: createEmployee(input: {name: "B"}) { employee { id } }
                    a: createEmployee(input: {name: "A"}) { employee { name } userErrors { code } }
                    ...Again
                    ... on Mutation { a: createEmployee(input: {name: "A"}) { employee { version } } }
                }
                fragment Again on Mutation { ...Once ...Once }
                fragment Once on Mutation { a: createEmployee(input: {name: "A"}) { ...Rest } }
                fragment Rest on CreateEmployeePayload { employee { hireDate meetings { totalCount } } }"#,
            )
            .await;
        assert_eq!(data["a"]["employee"]["id"], "emp_1");
        assert_eq!(data["a"]["employee"]["name"], "A");
        assert_eq!(data["a"]["employee"]["version"], 1);
        assert_eq!(data["a"]["employee"]["meetings"]["totalCount"], 0);
        assert_eq!(data["b"]["employee"]["id"], "emp_2");
        let conditional = "mutation($yes: Boolean!, $no: Boolean!, $input: CreateProjectInput!) {
            createProject(input: $input) { project { id } }
            ...P @include(if: $yes)
            createProject(input: $input) @skip(if: $yes) { project { title } }
            ... @include(if: $no) { createProject(input: $input) { project { version } } }
        }
        fragment P on Mutation { createProject(input: $input) { project { budget } } }";
        let variables = json!({ "yes": true, "no": false, "input": { "title": "P", "budget": 1 } });
        let data = app.query_with(conditional, variables).await;
        assert_eq!(
            data["createProject"]["project"],
            json!({ "id": "prj_1", "budget": 1 })
        );
        let changes = app.changes().await;
        assert_eq!(
            changes,
            [
                "EMPLOYEE CREATED emp_1",
                "EMPLOYEE CREATED emp_2",
                "PROJECT CREATED prj_1"
            ]
        );

        // Not the same is refused, as ever.
        let different = r#"mutation {
            a: createEmployee(input: {name: "A"}) { employee { id } }
            a: createEmployee(input: {name: "B"}) { employee { id } }
        }"#;
        assert!(!app.errors(different).await.is_empty());
        assert_eq!(app.changes().await, changes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_field_of_a_mutation_sees_what_those_before_it_wrote() {
    for app in apps().await {
        let data = app
            .query(
                r#"mutation {
                    a: createEmployee(input: {name: "A"}) { employee { name version } }
                    b: updateEmployee(input: {id: "emp_1", name: "B"}) { employee { name version } }
                    c: createProject(input: {title: "P", assignments: [{employee: {id: "emp_1"}}]}) {
                        project { employees { nodes { name assignments { totalCount } } } }
                    }
                    d: updateEmployee(input: {id: "emp_1", name: "D"}) { employee { name version } }
                    e: deleteEmployee(input: {id: "emp_1"}) { deletedAssignmentIds }
                    f: updateEmployee(input: {id: "emp_1", name: "F"}) { employee { id } userErrors { code } }
                }"#,
            )
            .await;
        assert_eq!(
            data,
            json!({
                "a": { "employee": { "name": "A", "version": 1 } },
                "b": { "employee": { "name": "B", "version": 2 } },
                "c": { "project": { "employees": { "nodes": [
                    { "name": "B", "assignments": { "totalCount": 1 } }] } } },
                "d": { "employee": { "name": "D", "version": 3 } },
                "e": { "deletedAssignmentIds": ["asg_1"] },
                "f": { "employee": null, "userErrors": [{ "code": "NOT_FOUND" }] },
            }),
            "{}",
            app.name()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_never_shows_a_thing_as_it_was_before() {
    for app in apps().await {
        let data = app
            .query(
                r#"mutation {
                    a: createEmployee(input: {name: "A"}) { employee { name } }
                    b: createProject(input: {title: "P"}) { project { title } }
                    c: createMeeting(input: {topic: "M", scheduledTime: "2023-10-31T09:30:00Z", employeeIds: ["emp_1"]}) {
                        meeting { version employees { nodes { name } } }
                    }
                    d: assignEmployee(input: {employeeId: "emp_1", projectId: "prj_1"}) {
                        created assignment { version employee { name version } project { title version } }
                        again: assignment { employee { assignments { nodes { id employee { name } } } } }
                    }
                    e: updateEmployee(input: {id: "emp_1", name: "B"}) {
                        employee { name version assignments { nodes { employee { name } } } }
                    }
                    f: assignEmployee(input: {employeeId: "emp_1", projectId: "prj_1"}) {
                        created assignment { id employee { name version assignments { nodes { employee { name } } } } }
                    }
                    g: updateProject(input: {id: "prj_1", title: "Q"}) { project { title version } }
                    h: updateAssignment(input: {id: "asg_1", role: "R"}) {
                        assignment { role version employee { name } project { title version } }
                    }
                    i: updateAssignment(input: {id: "asg_1", role: "R"}) { assignment { role version } }
                    j: removeAttendees(input: {meetingIds: ["mtg_1"], employeeIds: ["emp_1"]}) {
                        meetings { version employees { totalCount } } employees { name }
                    }
                    k: setAttendees(input: {meetingId: "mtg_1", employeeIds: ["emp_1"]}) {
                        meeting { version employees { nodes { name } } } added { name version }
                    }
                    l: deleteAssignment(input: {id: "asg_1"}) { employee { name } project { title } }
                    m: setEmployeeProjects(input: {employeeId: "emp_1", projectIds: ["prj_1"]}) {
                        employee { version } added { id role version employee { name } project { title } }
                    }
                    n: setAttendees(input: {meetingId: "mtg_1", employeeIds: []}) { meeting { version } removed { name } }
                    o: addAttendees(input: {meetingIds: ["mtg_1"], employeeIds: ["emp_1"]}) { meetings { version } }
                    p: deleteEmployee(input: {id: "emp_1"}) { deletedAssignmentIds }
                    q: updateMeeting(input: {id: "mtg_1", topic: "N"}) { meeting { topic version employees { totalCount } } }
                    r: assignEmployee(input: {employeeId: "emp_1", projectId: "prj_1"}) {
                        assignment { employee { name } } userErrors { code }
                    }
                }"#,
            )
            .await;
        assert_eq!(
            data,
            json!({
                "a": { "employee": { "name": "A" } },
                "b": { "project": { "title": "P" } },
                "c": { "meeting": { "version": 1, "employees": { "nodes": [{ "name": "A" }] } } },
                "d": {
                    "created": true,
                    "assignment": {
                        "version": 1,
                        "employee": { "name": "A", "version": 1 },
                        "project": { "title": "P", "version": 1 },
                    },
                    "again": { "employee": { "assignments": { "nodes": [
                        { "id": "asg_1", "employee": { "name": "A" } }] } } },
                },
                "e": { "employee": { "name": "B", "version": 2,
                    "assignments": { "nodes": [{ "employee": { "name": "B" } }] } } },
                "f": { "created": false, "assignment": { "id": "asg_1",
                    "employee": { "name": "B", "version": 2,
                        "assignments": { "nodes": [{ "employee": { "name": "B" } }] } } } },
                "g": { "project": { "title": "Q", "version": 2 } },
                "h": { "assignment": { "role": "R", "version": 2,
                    "employee": { "name": "B" }, "project": { "title": "Q", "version": 2 } } },
                "i": { "assignment": { "role": "R", "version": 2 } },
                "j": { "meetings": [{ "version": 2, "employees": { "totalCount": 0 } }],
                    "employees": [{ "name": "B" }] },
                "k": { "meeting": { "version": 3, "employees": { "nodes": [{ "name": "B" }] } },
                    "added": [{ "name": "B", "version": 2 }] },
                "l": { "employee": { "name": "B" }, "project": { "title": "Q" } },
                "m": { "employee": { "version": 2 }, "added": [{ "id": "asg_2", "role": null,
                    "version": 1, "employee": { "name": "B" }, "project": { "title": "Q" } }] },
                "n": { "meeting": { "version": 4 }, "removed": [{ "name": "B" }] },
                "o": { "meetings": [{ "version": 5 }] },
                "p": { "deletedAssignmentIds": ["asg_2"] },
                "q": { "meeting": { "topic": "N", "version": 7, "employees": { "totalCount": 0 } } },
                "r": { "assignment": null, "userErrors": [{ "code": "NOT_FOUND" }] },
            }),
            "{}",
            app.name()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_is_not_read_as_far_as_the_mutation_has_it_in_its_hands() {
    for app in apps().await {
        let (ann, p) = (app.new_employee("Ann").await, app.new_project("P").await);
        let bob = app.new_employee("Bob").await;
        let other = json!({ "employeeId": bob, "projectId": p });
        app.done("assignEmployee", other, "created").await;
        let read = async |selection: &str| {
            let mutation = format!(
                "mutation($employee: ID!, $project: ID!) {{ assignEmployee(input: \
                 {{ employeeId: $employee, projectId: $project }}) {{ {selection} }} }}"
            );
            app.database.forget_statements();
            let variables = json!({ "employee": ann, "project": p });
            app.query_with(&mutation, variables).await;
            app.database.statements()
        };
        let plain = "assignment { id role employee { name } project { title } }";
        // Made, and found.
        assert_eq!(read(plain).await, 0, "{}", app.name());
        assert_eq!(read(plain).await, 0, "{}", app.name());
        // Who is known and who is not are on one level, and so are their meetings.
        let nested = "assignment { project { employees { edges { assignments { employee { name meetings { nodes { topic } } } } } } } }";
        assert_eq!(read(nested).await, 4, "{}", app.name());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_do_the_same_at_once_do_it_once() {
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
async fn of_those_who_must_not_overlap_or_expect_a_version_one_wins() {
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
                .map(line)
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
async fn deleting_what_others_change_ends_in_done_or_not_found() {
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
async fn a_client_that_goes_away_does_not_cut_a_mutation_in_two() {
    for app in apps().await {
        app.new_employee("Ann").await;
        // Somebody else writes for a while.
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

#[tokio::test]
async fn a_mutation_that_would_load_too_many_rows_is_refused_before_it_writes() {
    let mut settings = server::config::Settings::default();
    settings.limits.max_loaded = 10;
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
            // What is only counted may be more.
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
        // The rows of all fields of an operation count.
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
async fn changes_of_a_large_mutation_are_in_the_feed_in_order() {
    for app in apps().await {
        let (project, employee) = (app.project("P", None).await, app.employee("E").await);
        // More than go into one statement.
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
