//! The number of statements of an operation: it depends on the levels of the document, not on the
//! number of rows, the database or the threads.

use entity::{assignment, employee, employee_meeting, meeting, project};
use sea_orm::ActiveValue::Set;
use serde_json::{Value, json};

use crate::support::{
    app::{TestApp, apps, lessons},
    rows::{day, time},
};

/// The number of employees. Every query runs for one, for some and for all of them.
const EMPLOYEES: i64 = 1_000;
const OTHERS: i64 = 500;

/// Every employee has two projects, one of them twice, and two meetings.
async fn companies() -> Vec<TestApp> {
    let apps = apps().await;
    for app in &apps {
        let employees = (1..=EMPLOYEES).map(|id| employee::ActiveModel {
            id: Set(id),
            name: Set(format!("Employee {id}")),
            hire_date: Set(day("2020-01-01")),
            ..Default::default()
        });
        app.insert_many(employees.collect()).await;
        let meetings = (1..=OTHERS).map(|id| meeting::ActiveModel {
            id: Set(id),
            topic: Set(format!("Meeting {id}")),
            scheduled_time: Set(time("2023-01-01T09:00:00Z")),
            ..Default::default()
        });
        app.insert_many(meetings.collect()).await;
        let projects = (1..=OTHERS).map(|id| project::ActiveModel {
            id: Set(id),
            title: Set(format!("Project {id}")),
            ..Default::default()
        });
        app.insert_many(projects.collect()).await;
        let first = |id: i64| id % OTHERS + 1;
        let second = |id: i64| (id + 100) % OTHERS + 1;
        let stints = (1..=EMPLOYEES).flat_map(|id| {
            [
                (id, first(id), None),
                (id, second(id), None),
                (id, second(id), Some("Lead".to_owned())),
            ]
        });
        let assignments = stints.map(|(employee, project, role)| assignment::ActiveModel {
            role: Set(role),
            start_date: Set(None),
            end_date: Set(None),
            employee_id: Set(employee),
            project_id: Set(project),
            ..Default::default()
        });
        app.insert_many(assignments.collect()).await;
        let pairs = (1..=EMPLOYEES).flat_map(|id| [(id, first(id)), (id, second(id))]);
        let attendances = pairs.map(|(employee, meeting)| employee_meeting::ActiveModel {
            employee_id: Set(employee),
            meeting_id: Set(meeting),
        });
        app.insert_many(attendances.collect()).await;
    }
    apps
}

/// Replaces `ROOTS` by several page sizes and expects this number of statements for each.
async fn takes(apps: &[TestApp], statements: usize, query: &str) {
    for app in apps {
        for roots in ["1", "100", "1000"] {
            let (_, counted) = app.counted(&query.replace("ROOTS", roots)).await;
            assert_eq!(
                counted,
                statements,
                "{}, {roots} roots: {query}",
                app.name()
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn employee_to_projects_to_employees_takes_three_statements() {
    let query = r#"{ employee(id: "emp_2") { name projects { nodes { title employees { nodes { name } } } } } }"#;
    for app in lessons().await {
        let (data, statements) = app.counted(query).await;
        assert_eq!(statements, 3, "{}", app.name());
        assert_eq!(
            data["employee"]["projects"]["nodes"]
                .as_array()
                .map(Vec::len),
            Some(2)
        );
    }
    for app in companies().await {
        assert_eq!(app.counted(query).await.1, 3, "{}", app.name());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_level_of_nested_lists_takes_one_statement() {
    let apps = companies().await;
    takes(&apps, 1, "{ employees(first: ROOTS) { nodes { name } } }").await;
    takes(
        &apps,
        2,
        "{ employees(first: ROOTS) { nodes { projects { nodes { title } } } } }",
    )
    .await;
    takes(
        &apps,
        3,
        "{ employees(first: ROOTS) { nodes { projects { nodes { title } } meetings { nodes { topic } } } } }",
    )
    .await;
    takes(
        &apps,
        5,
        "{ employees(first: ROOTS) { nodes { projects(first: 1) { nodes { employees(first: 2) { nodes {
            meetings(first: 1) { nodes { employees(first: 2) { nodes { name } } } }
        } } } } } } }",
    )
    .await;
    // The same list on two levels takes a statement on each.
    takes(
        &apps,
        6,
        "{ employees(first: ROOTS) { nodes {
            projects(first: 2) { nodes { employees(first: 1) { nodes { id } } } }
            meetings(first: 1) { nodes { employees(first: 1) { nodes { projects(first: 2) { nodes { id } } } } } }
        } } }",
    )
    .await;
    // The employee and the project of an assignment are loaded with it.
    takes(
        &apps,
        4,
        "{ employees(first: ROOTS) { nodes {
            assignments(first: 2) { nodes { project { title employees(first: 1) { nodes { id } } } employee { name } } }
            projects(first: 2) { nodes { employees(first: 1) { nodes { id } } } }
        } } }",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn aliases_share_a_statement_when_their_arguments_are_equal() {
    let apps = companies().await;
    takes(
        &apps,
        2,
        "{ employees(first: ROOTS) { nodes { a: projects(first: 2) { nodes { id } } b: projects(first: 2) { nodes { title } } } } }",
    )
    .await;
    for (a, b) in [
        ("first: 2", "first: 1"),
        ("first: 2", "last: 2"),
        ("first: 2", r#"first: 2, where: {title: {eq: "a"}}"#),
        ("first: 2", "first: 2, through: {}"),
        ("first: 2", "first: 2, orderBy: [{field: BUDGET}]"),
        (
            r#"where: {title: {eq: "a"}}"#,
            r#"where: {title: {eq: "b"}}"#,
        ),
    ] {
        let query = format!(
            "{{ employees(first: ROOTS) {{ nodes {{ a: projects({a}) {{ nodes {{ id }} }} b: projects({b}) {{ nodes {{ id }} }} }} }} }}"
        );
        takes(&apps, 3, &query).await;
    }
    takes(
        &apps,
        2,
        "{ a: employees(first: ROOTS) { nodes { projects { nodes { id } } } } b: employees(first: ROOTS) { nodes { projects { nodes { id } } } } }",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_is_selected_twice_takes_one_statement() {
    let apps = companies().await;
    let twice =
        "{ employees(first: ROOTS) { nodes { projects(first: 2) { nodes { id } } } nodes { name } }
        employees(first: ROOTS) { nodes { projects(first: 2) { nodes { title } totalCount } } } }";
    takes(&apps, 3, twice).await;
    for app in &apps {
        let data = app.query(&twice.replace("ROOTS", "1")).await;
        let expected = json!({
            "name": "Employee 1",
            "projects": { "totalCount": 2, "nodes": [
                { "id": "prj_102", "title": "Project 102" }, { "id": "prj_2", "title": "Project 2" },
            ] },
        });
        assert_eq!(data["employees"]["nodes"][0], expected, "{}", app.name());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fragments_take_no_statements_of_their_own() {
    let apps = companies().await;
    takes(
        &apps,
        5,
        "query { employees(first: ROOTS) { ...Page edges { node { ... on Node { id ... on Employee { ...Projects } } } } } }
         fragment Page on EmployeeConnection { nodes { ...Projects ... { name } } }
         fragment Projects on Employee { projects(first: 2) { edges { ...Link node { ... on Node { id } } } } }
         fragment Link on AssignmentLink { assignments { id } assignmentCount roles since until }",
    )
    .await;
    takes(
        &apps,
        2,
        "query { employees(first: ROOTS) { nodes { ... @include(if: true) { projects { nodes { id } } } ... @skip(if: true) { meetings { nodes { id } } } } } }",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_its_total_and_the_look_beyond_a_cursor_take_one_statement_each() {
    let apps = companies().await;
    takes(&apps, 1, "{ employees(first: ROOTS) { totalCount } }").await;
    takes(
        &apps,
        0,
        "{ employees(first: ROOTS) { pageInfo { hasPreviousPage } } }",
    )
    .await;
    takes(
        &apps,
        1,
        "{ employees(first: ROOTS) { pageInfo { hasNextPage endCursor } } }",
    )
    .await;
    takes(
        &apps,
        4,
        "{ employees(first: ROOTS) { totalCount pageInfo { hasNextPage hasPreviousPage startCursor } nodes { id } edges { cursor node {
            projects(last: 1) { totalCount pageInfo { hasNextPage hasPreviousPage endCursor } nodes { id } edges { cursor } }
        } } } }",
    )
    .await;
    for app in &apps {
        let data = app
            .query("{ employees(first: 1) { nodes { projects { edges { cursor } } } } }")
            .await;
        let edges = &data["employees"]["nodes"][0]["projects"]["edges"];
        let (after, before) = (&edges[0]["cursor"], &edges[1]["cursor"]);
        for (arguments, statements) in [
            (format!("after: {after}"), 3),
            (format!("before: {before}"), 3),
            (format!("first: 1, after: {after}, before: {before}"), 4),
            (format!("last: 1, after: {after}, before: {before}"), 4),
        ] {
            for roots in [1, 100, 1000] {
                let query = format!(
                    "{{ employees(first: {roots}) {{ nodes {{ projects({arguments}) {{ nodes {{ id }} pageInfo {{ hasNextPage hasPreviousPage }} }} }} }} }}"
                );
                let (_, counted) = app.counted(&query).await;
                assert_eq!(counted, statements, "{}: {query}", app.name());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_aggregate_of_edges_and_connections_takes_one_statement() {
    let apps = companies().await;
    takes(
        &apps,
        5,
        "{ employees(first: ROOTS) { nodes { projects { edges { assignments { id } assignmentCount roles since until } } } } }",
    )
    .await;
    takes(
        &apps,
        3,
        "{ employees(first: ROOTS) { nodes { projects(through: {role: {isNull: true}}) { edges { assignmentCount since } } } } }",
    )
    .await;
    takes(
        &apps,
        2,
        "{ employees(first: ROOTS) { nodes { assignments { byRole { role assignmentCount employeeCount } } } } }",
    )
    .await;
    takes(
        &apps,
        4,
        "{ projects(first: ROOTS) { budget { count sum } nodes {
            headcount a: headcount again: headcount(at: \"2023-01-01T00:00:00Z\")
        } } }",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_employees_and_projects_of_assignments_take_no_statement() {
    let apps = companies().await;
    takes(
        &apps,
        1,
        "{ assignments(first: ROOTS) { nodes { role employee { name } project { title } } } }",
    )
    .await;
    takes(
        &apps,
        3,
        "{ assignments(first: ROOTS) { nodes { employee { name meetings { nodes { id } } } project { title employees(first: 3) { nodes { id } } } } } }",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_by_id_take_one_statement_for_each_type() {
    for app in companies().await {
        for each in [1, 25] {
            let ids: Vec<String> = (1..=each)
                .flat_map(|id| {
                    ["emp", "prj", "mtg", "asg"].map(|prefix| format!("\"{prefix}_{id}\""))
                })
                .chain(["\"emp_1\"", "\"nonsense\"", "\"emp_99999\""].map(str::to_owned))
                .take(100)
                .collect();
            let query = format!(
                "{{ nodes(ids: [{}]) {{ __typename id ... on Employee {{ name }} ... on Project {{ title }} }} }}",
                ids.join(", ")
            );
            let (data, statements) = app.counted(&query).await;
            assert_eq!(statements, 4, "{}", app.name());
            let nodes = data["nodes"].as_array().unwrap();
            assert_eq!(nodes.len(), ids.len());
            assert_eq!(
                nodes[1],
                json!({ "__typename": "Project", "id": "prj_1", "title": "Project 1" })
            );
        }
        let query = r#"{
            a: employee(id: "emp_1") { name } b: employee(id: "emp_2") { name } c: employee(id: "nonsense") { name }
            d: node(id: "emp_3") { id } e: project(id: "prj_1") { title }
        }"#;
        assert_eq!(app.counted(query).await.1, 2, "{}", app.name());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_and_orders_add_no_statements() {
    let apps = companies().await;
    takes(
        &apps,
        2,
        r#"{ employees(first: ROOTS, orderBy: [{field: PROJECT_COUNT, direction: DESC}]) { nodes {
            projects(
                where: {employees: {some: {meetings: {every: {topic: {contains: "1"}}}}, count: {gt: 0}}},
                through: {active: {at: "2023-01-01T00:00:00Z"}}, orderBy: [{field: EMPLOYEE_COUNT}, {field: BUDGET, nulls: FIRST}]
            ) { nodes { title } }
        } } }"#,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lookup_completes_when_its_sibling_fails() {
    for app in companies().await {
        let query = r#"{
            bad: employee(id: "emp_1") { meetings { nodes { id } } projects(first: -1) { nodes { id } } assignments { nodes { id } } }
            good: employee(id: "emp_2") { meetings { nodes { topic employees(first: 1) { nodes { name } } } } }
        }"#;
        app.database.forget_statements();
        let answer = app.answer(query, json!({})).await;
        assert_eq!(app.database.statements(), 3, "{}", app.name());
        assert_eq!(answer["data"]["bad"], Value::Null, "{answer}");
        assert_eq!(
            answer["data"]["good"]["meetings"]["nodes"][0]["topic"], "Meeting 3",
            "{answer}"
        );
        assert_eq!(
            answer["errors"].as_array().map(Vec::len),
            Some(1),
            "{answer}"
        );
        assert_eq!(
            answer["errors"][0]["path"],
            json!(["bad", "projects"]),
            "{answer}"
        );
    }
}

/// Documents with fragments, `__typename` on all levels, duplicate fields and input objects.
#[tokio::test(flavor = "multi_thread")]
async fn documents_of_client_libraries_take_as_many_statements_as_plain_ones() {
    macro_rules! operation {
        ($file:literal) => {
            include_str!(concat!("../bench/operations/", $file, ".graphql"))
        };
    }
    let one = json!({ "employee": "emp_1" });
    let filter =
        json!({ "where": { "hireDate": { "gte": "0001-01-01" } }, "orderBy": { "field": "NAME" } });
    for app in companies().await {
        for (document, variables, statements) in [
            (operation!("point"), &one, 1),
            (operation!("apollo/point"), &one, 1),
            (operation!("relay/point"), &one, 1),
            (operation!("mission"), &one, 3),
            (operation!("apollo/mission"), &one, 3),
            (operation!("relay/mission"), &one, 3),
            (operation!("nested"), &json!({}), 3),
            (operation!("apollo/nested"), &json!({}), 3),
            (operation!("relay/nested"), &json!({}), 3),
            (operation!("flat"), &json!({}), 1),
            (operation!("apollo/flat"), &json!({}), 1),
            (operation!("relay/flat"), &json!({}), 1),
            (operation!("input/flat.plain"), &json!({}), 1),
            (operation!("input/flat"), &filter, 1),
            (operation!("edges"), &json!({}), 2),
            (operation!("apollo/edges"), &json!({}), 2),
            (operation!("relay/edges"), &json!({}), 2),
        ] {
            app.database.forget_statements();
            app.query_with(document, variables.clone()).await;
            let counted = app.database.statements();
            assert_eq!(counted, statements, "{}: {document}", app.name());
        }
    }
}
