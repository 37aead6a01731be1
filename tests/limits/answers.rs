//! Limits on what an operation asks for, loads and answers.

use serde_json::Value;

use crate::support::{
    app::apps_with,
    http::{PARTIAL, code},
    limits::{app_with_limits, one_under_and_one_over},
    operations::query,
};

/// A query for this many employees.
fn cost(count: usize) -> Value {
    query(format!(
        "{{ employees(first: {count}) {{ nodes {{ name }} }} }}"
    ))
}

#[tokio::test]
async fn an_operation_that_asks_for_too_many_rows_is_refused_with_its_cost() {
    let app = app_with_limits(|limits| limits.operation.document.cost = 100).await;
    one_under_and_one_over(&app, "cost", cost(100), cost(101)).await;
    let (_, answer) = app.post_json(cost(101).to_string()).await;
    assert_eq!(answer["extensions"]["cost"]["requested"], 101);
    assert_eq!(answer["extensions"]["cost"]["limit"], 100);
}

#[tokio::test]
async fn an_operation_that_loads_too_many_rows_ends_with_one_error() {
    // The lesson has four employees. A page reads one more row if there is one.
    let app = app_with_limits(|limits| limits.operation.loaded = 3).await;
    one_under_and_one_over(&app, "loaded", cost(2), cost(3)).await;
    let nested = query(
        "{ employees(first: 1) { nodes { name projects { nodes { title employees { nodes { name } } } } } } }",
    );
    let (status, answer) = app.post_json(nested.to_string()).await;
    assert_eq!(status.as_u16(), PARTIAL);
    assert_eq!(
        (code(&answer), &answer["data"]),
        ("LIMIT_EXCEEDED", &Value::Null)
    );
    assert!(
        answer["errors"][0]["message"]
            .as_str()
            .unwrap()
            .contains("`first`")
    );
    assert_eq!(answer["errors"].as_array().unwrap().len(), 1);
    assert!(answer["extensions"]["cost"]["loaded"].as_u64() > Some(3));
}

#[tokio::test]
async fn an_operation_whose_answer_has_too_many_values_ends_with_an_error() {
    let app = app_with_limits(|limits| limits.operation.answer_values = 10).await;
    // `nodes` is one value, each field of each node another.
    let values = |count: usize| {
        query(format!(
            "{{ employees(first: 3) {{ nodes {{ {} }} }} }}",
            ["id", "name", "hireDate", "version"][..count].join(" ")
        ))
    };
    one_under_and_one_over(&app, "answer_values", values(3), values(4)).await;
}

#[tokio::test]
async fn a_statement_loads_at_most_the_rows_that_are_left() {
    let mut settings = server::config::Settings::default();
    settings.limits.operation.loaded = 50;
    for app in apps_with(&settings).await {
        let project = app.project("P", None).await;
        let mut employees = Vec::new();
        for n in 0..30 {
            let employee = app.employee(&format!("E{n}")).await;
            app.assignment(employee, project).await;
            employees.push(employee);
        }
        let nested = |employees: usize, assignments: usize| {
            query(format!(
                "{{ employees(first: {employees}) {{ nodes {{ name assignments(first: {assignments}) {{ nodes {{ id }} }} }} }} }}"
            ))
        };
        let (_, answer) = app.post_json(nested(20, 5).to_string()).await;
        assert!(answer.get("errors").is_none(), "{}: {answer}", app.name());
        assert_eq!(
            answer["data"]["employees"]["nodes"]
                .as_array()
                .unwrap()
                .len(),
            20
        );
        assert!(
            answer["data"]["employees"]["nodes"]
                .as_array()
                .unwrap()
                .iter()
                .all(|node| node["assignments"]["nodes"].as_array().unwrap().len() == 1)
        );
        let (_, answer) = app.post_json(nested(28, 5).to_string()).await;
        assert_eq!(code(&answer), "LIMIT_EXCEEDED", "{}", app.name());
        assert_eq!(
            answer["extensions"]["cost"]["loaded"],
            29 + 50 - 29 + 1,
            "{}: {answer}",
            app.name()
        );

        // The limit also holds where keys are paged first and rows are joined to them.
        let another = app.project("Q", None).await;
        for employee in employees {
            app.assignment(employee, another).await;
        }
        let teams =
            query("{ projects { nodes { employees(first: 30) { nodes { name hireDate } } } } }");
        let (_, answer) = app.post_json(teams.to_string()).await;
        assert_eq!(code(&answer), "LIMIT_EXCEEDED", "{}", app.name());
        let loaded = &answer["extensions"]["cost"]["loaded"];
        assert_eq!(loaded, 2 + 50 - 2 + 1, "{}: {answer}", app.name());
    }
}

#[tokio::test]
async fn the_number_and_the_length_of_errors_are_limited() {
    let app = app_with_limits(|limits| {
        limits.errors = 2;
        limits.error_length = 10;
    })
    .await;
    let (_, answer) = app
        .post_json(query("{ aaaaaaaaaaaaaaaaaaa b c }").to_string())
        .await;
    let errors = answer["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 2);
    assert_eq!(errors[0]["message"].as_str().unwrap().chars().count(), 11);
}

#[tokio::test]
async fn an_answer_with_too_many_bytes_is_refused() {
    let nested = "{ employees { nodes { name projects { nodes { title employees { nodes { id name } } } } } } }";
    let unlimited = app_with_limits(|_| {}).await;
    let size = unlimited.query(nested).await.to_string().len();
    let fits = app_with_limits(|limits| limits.operation.answer_bytes = size).await;
    // Each byte counts once, however deep it is nested.
    fits.query(nested).await;
    let twice = "{ employees { nodes { name projects { nodes { title employees { nodes { id name } } } } } } a: __typename }";
    one_under_and_one_over(&fits, "answer_bytes", query(nested), query(twice)).await;

    let small = app_with_limits(|limits| limits.operation.answer_bytes = 150).await;
    for (under, over) in [
        ("nodes { id }", "nodes { id name hireDate version }"),
        // Goes through the tree writer, since a field is selected twice.
        (
            "nodes { id } nodes { id }",
            "nodes { id name } nodes { hireDate version name }",
        ),
    ] {
        let page = |selection| query(format!("{{ employees(first: 3) {{ {selection} }} }}"));
        one_under_and_one_over(&small, "answer_bytes", page(under), page(over)).await;
    }
    // The first level is too large, so the second is not loaded.
    let (_, answer) = small
        .post_json(
            query(
                "{ employees { nodes { id name hireDate version projects { nodes { title } } } } }",
            )
            .to_string(),
        )
        .await;
    assert_eq!(code(&answer), "LIMIT_EXCEEDED");
    assert_eq!(answer["extensions"]["cost"]["statements"], 1, "{answer}");
    // Introspection is written by async-graphql.
    let (_, answer) = small
        .post_json(query("{ __schema { types { name } } }").to_string())
        .await;
    assert_eq!(code(&answer), "LIMIT_EXCEEDED");
    assert_eq!(answer["data"], Value::Null);
}
