//! Payloads: several fields in one mutation, and the rows that a payload does not read again.

use serde_json::json;

use crate::support::app::apps;

#[tokio::test(flavor = "multi_thread")]
async fn a_mutation_field_that_is_selected_twice_runs_once() {
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

        // Different arguments under one key are refused.
        let different = r#"mutation {
            a: createEmployee(input: {name: "A"}) { employee { id } }
            a: createEmployee(input: {name: "B"}) { employee { id } }
        }"#;
        assert!(!app.errors(different).await.is_empty());
        assert_eq!(app.changes().await, changes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_field_of_a_mutation_sees_the_writes_of_the_fields_before_it() {
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
async fn a_payload_shows_every_record_as_it_is_after_the_write() {
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
async fn a_payload_does_not_read_rows_that_the_mutation_has_written() {
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
        // The first call creates the assignment, the second one finds it.
        assert_eq!(read(plain).await, 0, "{}", app.name());
        assert_eq!(read(plain).await, 0, "{}", app.name());
        // Known and unknown employees are loaded as one level, and so are their meetings.
        let nested = "assignment { project { employees { edges { assignments { employee { name meetings { nodes { topic } } } } } } } }";
        assert_eq!(read(nested).await, 4, "{}", app.name());
    }
}
