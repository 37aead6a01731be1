//! Creating employees, projects and meetings with the rows that belong to them.

use serde_json::json;

use crate::support::app::apps;

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
async fn all_errors_of_an_input_are_reported_together_and_nothing_is_written() {
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
