//! Mutations of one row on PostgreSQL: two round trips without a transaction, and what happens when another one
//! interferes between them.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DbBackend, TransactionTrait};
use serde_json::{Value, json};
use server::config::Settings;

use crate::support::{
    app::{TestApp, apps_with},
    sql::{scalar, until_a_session_waits},
};

/// Returns an app on PostgreSQL that shows its statements, with one row of each kind.
async fn company() -> Option<TestApp> {
    let settings = Settings {
        explain: true,
        ..Settings::default()
    };
    let apps = apps_with(&settings).await;
    let is_postgres = |app: &TestApp| app.db().get_database_backend() == DbBackend::Postgres;
    let app = apps.into_iter().find(is_postgres)?;
    app.new_employee("Ann").await;
    app.new_project("P").await;
    app.new_meeting("M").await;
    let input = json!({ "employeeId": "emp_1", "projectId": "prj_1" });
    app.done("assignEmployee", input, "__typename").await;
    Some(app)
}

/// Runs a mutation while another transaction, which has run this SQL, commits only when the mutation waits for it.
async fn interfered(app: &TestApp, sql: &str, field: &str, input: Value, selection: &str) -> Value {
    let other = app.db().begin().await.unwrap();
    other.execute_unprepared(sql).await.unwrap();
    let finish = async {
        until_a_session_waits(app.db()).await;
        other.commit().await.unwrap();
    };
    let both = async { tokio::join!(app.mutate(field, input, selection), finish) };
    let (payload, ()) = tokio::time::timeout(Duration::from_secs(30), both)
        .await
        .expect("the mutation must wait for the other transaction");
    payload
}

#[tokio::test]
async fn a_mutation_of_one_row_takes_two_round_trips() {
    let Some(app) = company().await else { return };
    // The last member is the number of statements: a creation reads nothing, and checks its connection instead.
    let mutations = [
        ("createEmployee", json!({ "name": "Bob" }), 1),
        ("createProject", json!({ "title": "Q" }), 1),
        (
            "createMeeting",
            json!({ "topic": "N", "scheduledTime": "2023-10-31T09:30:00Z" }),
            1,
        ),
        (
            "updateEmployee",
            json!({ "id": "emp_1", "hireDate": "2020-02-02" }),
            2,
        ),
        ("updateProject", json!({ "id": "prj_1", "budget": 7 }), 2),
        (
            "updateMeeting",
            json!({ "id": "mtg_1", "location": "Here" }),
            2,
        ),
        (
            "assignEmployee",
            json!({ "employeeId": "emp_1", "projectId": "prj_1", "role": "r" }),
            2,
        ),
        (
            "updateAssignment",
            json!({ "id": "asg_1", "endDate": "2024-01-01T00:00:00Z" }),
            2,
        ),
        ("endAssignment", json!({ "id": "asg_1" }), 2),
        ("deleteAssignment", json!({ "id": "asg_1" }), 2),
    ];
    for (field, input, statements) in mutations {
        let before = app.changes().await.len();
        let input_type = format!("{}{}Input", field[..1].to_uppercase(), &field[1..]);
        let query = format!(
            "mutation($input: {input_type}!) {{ {field}(input: $input) {{ userErrors {{ message }} }} }}"
        );
        let body = json!({ "query": query, "variables": { "input": input } });
        let headers = [("content-type", "application/json"), ("x-explain", "true")];
        let answer: Value = app
            .post(&headers, body.to_string())
            .await
            .json()
            .await
            .unwrap();
        assert_eq!(
            answer["data"][field]["userErrors"],
            json!([]),
            "{field}: {answer}"
        );
        let levels = &answer["extensions"]["explain"]["levels"];
        let sent: Vec<_> = levels[0]["statements"].as_array().unwrap().iter().collect();
        assert_eq!(sent.len(), statements, "{field}: {levels}");
        assert!(levels[1].is_null(), "{field}: {levels}");
        let last = sent.last().unwrap()["sql"].as_str().unwrap();
        assert!(last.starts_with("WITH "), "{field}: {last}");
        assert_eq!(app.changes().await.len(), before + 1, "{field}");
    }
}

#[tokio::test]
async fn a_row_that_changes_before_the_write_is_read_again() {
    let Some(app) = company().await else { return };
    let rename = "UPDATE employees SET name = 'Zoe', version = version + 1 WHERE id = 1";
    let input = json!({ "id": "emp_1", "hireDate": "2020-02-02" });
    let selection = "employee { name hireDate version }";
    let payload = interfered(&app, rename, "updateEmployee", input, selection).await;
    let expected = json!({ "name": "Zoe", "hireDate": "2020-02-02", "version": 3 });
    assert_eq!(payload["employee"], expected);

    let input = json!({ "id": "emp_1", "expectedVersion": 3, "hireDate": "2020-03-03" });
    let payload = interfered(&app, rename, "updateEmployee", input, "__typename").await;
    assert_eq!(payload["userErrors"][0]["code"], "VERSION_CONFLICT");
    assert_eq!(payload["userErrors"][0]["currentVersion"], 4);

    // Not even a row that another program writes without a new version is overwritten.
    let retitle = "UPDATE projects SET title = 'Theirs' WHERE id = 1";
    let input = json!({ "id": "prj_1", "budget": 7 });
    let payload = interfered(
        &app,
        retitle,
        "updateProject",
        input,
        "project { title budget }",
    )
    .await;
    assert_eq!(
        payload["project"],
        json!({ "title": "Theirs", "budget": 7 })
    );

    let end =
        "UPDATE assignments SET start_date = '2030-01-01', version = version + 1 WHERE id = 1";
    let input = json!({ "id": "asg_1", "endDate": "2024-01-01T00:00:00Z" });
    let payload = interfered(&app, end, "endAssignment", input, "__typename").await;
    assert_eq!(payload["userErrors"][0]["code"], "INVALID");
}

#[tokio::test]
async fn a_row_that_is_deleted_before_the_write_is_not_found() {
    let Some(app) = company().await else { return };
    let delete = "DELETE FROM assignments WHERE id = 1";
    for field in ["updateAssignment", "endAssignment", "deleteAssignment"] {
        let input = json!({ "employeeId": "emp_1", "projectId": "prj_1", "role": field });
        let payload = app.done("assignEmployee", input, "assignment { id }").await;
        let id = &payload["assignment"]["id"];
        let delete = delete.replace('1', id.as_str().unwrap().trim_start_matches("asg_"));
        let mut input = json!({ "id": id });
        if field == "updateAssignment" {
            input["endDate"] = json!("2024-01-01T00:00:00Z");
        }
        let payload = interfered(&app, &delete, field, input, "__typename").await;
        assert_eq!(payload["userErrors"][0]["code"], "NOT_FOUND", "{field}");
    }
    app.new_project("Q").await;
    for (sql, project, path) in [
        (
            "DELETE FROM assignments; DELETE FROM projects WHERE id = 1",
            "prj_1",
            "projectId",
        ),
        ("DELETE FROM employees WHERE id = 1", "prj_2", "employeeId"),
    ] {
        let before = app.changes().await.len();
        let input = json!({ "employeeId": "emp_1", "projectId": project });
        let payload = interfered(&app, sql, "assignEmployee", input, "created").await;
        assert_eq!(payload["created"], false);
        assert_eq!(payload["userErrors"][0]["path"], json!(["input", path]));
        assert_eq!(app.changes().await.len(), before);
    }
}

#[tokio::test]
async fn an_equal_assignment_that_appears_before_the_write_is_returned() {
    let Some(app) = company().await else { return };
    let twin = "INSERT INTO assignments (employee_id, project_id, role) VALUES (1, 1, 'twin')";
    let before = app.changes().await.len();
    let input = json!({ "employeeId": "emp_1", "projectId": "prj_1", "role": "twin" });
    let selection = "created assignment { role }";
    let payload = interfered(&app, twin, "assignEmployee", input, selection).await;
    assert_eq!(payload["created"], false);
    assert_eq!(payload["userErrors"], json!([]));
    assert_eq!(payload["assignment"]["role"], "twin");
    assert_eq!(app.changes().await.len(), before);
}

#[tokio::test]
async fn a_connection_that_died_before_the_mutation_is_replaced() {
    let Some(app) = company().await else { return };
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    for (field, input) in [
        ("createEmployee", json!({ "name": "Bob" })),
        (
            "updateEmployee",
            json!({ "id": "emp_1", "hireDate": "2020-02-02" }),
        ),
        ("endAssignment", json!({ "id": "asg_1" })),
    ] {
        let before = app.changes().await.len();
        scalar::<i64>(app.db(), end).await;
        app.done(field, input, "__typename").await;
        assert_eq!(app.changes().await.len(), before + 1, "{field}");
    }
}

#[tokio::test]
async fn a_role_whose_transactions_are_read_only_by_default_writes_in_a_transaction() {
    let Some(app) = company().await else { return };
    let name: String = scalar(app.db(), "SELECT current_database()::text").await;
    let read_only = format!("ALTER DATABASE \"{name}\" SET default_transaction_read_only = on");
    app.db().execute_unprepared(&read_only).await.unwrap();
    let other = app.another().await;
    other
        .done(
            "updateEmployee",
            json!({ "id": "emp_1", "hireDate": "2020-02-02" }),
            "__typename",
        )
        .await;
    other
        .done("createEmployee", json!({ "name": "Bob" }), "__typename")
        .await;
}

/// A trigger updates the assignments: were the feed locked before, all other mutations would wait.
#[tokio::test]
async fn a_rename_that_waits_for_an_assignment_delays_no_other_mutation() {
    let Some(app) = company().await else { return };
    let other = app.db().begin().await.unwrap();
    let lock = "SELECT id FROM assignments WHERE id = 1 FOR UPDATE";
    other.execute_unprepared(lock).await.unwrap();
    let rename = app.done(
        "updateEmployee",
        json!({ "id": "emp_1", "name": "Zoe" }),
        "__typename",
    );
    let meanwhile = async {
        until_a_session_waits(app.db()).await;
        let created = tokio::time::timeout(Duration::from_secs(2), app.new_project("Q")).await;
        other.commit().await.unwrap();
        created.expect("the feed must not be locked");
    };
    tokio::join!(rename, meanwhile);
    assert_eq!(app.field("emp_1", "name").await, json!({ "name": "Zoe" }));
}
