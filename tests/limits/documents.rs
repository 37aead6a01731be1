//! Limits on documents and variables.

use reqwest::StatusCode;
use serde_json::json;

use crate::support::{
    http::code,
    limits::{app_with_limits, one_under_and_one_over},
    operations::query,
    websocket::WebSocket,
};

#[tokio::test]
async fn a_document_with_too_many_tokens_is_refused() {
    let app = app_with_limits(|limits| limits.operation.document.tokens = 40).await;
    let document = |count| query(format!("{{ {} }}", "__typename ".repeat(count)));
    one_under_and_one_over(&app, "tokens", document(38), document(39)).await;
}

#[tokio::test]
async fn a_document_with_too_many_nested_brackets_is_refused() {
    let app = app_with_limits(|limits| limits.operation.document.brackets = 5).await;
    one_under_and_one_over(
        &app,
        "brackets",
        query("{ employees(first: 1, where: {and: [{and: []}]}) { totalCount } }"),
        query("{ employees(first: 1, where: {and: [{and: [{}]}]}) { totalCount } }"),
    )
    .await;
}

#[tokio::test]
async fn a_document_with_too_many_directives_is_refused() {
    let app = app_with_limits(|limits| limits.operation.document.directives = 2).await;
    let directives = |count| {
        query(format!(
            "{{ __typename {} }}",
            "a: __typename @skip(if: false) ".repeat(count)
        ))
    };
    one_under_and_one_over(&app, "directives", directives(2), directives(3)).await;
}

#[tokio::test]
async fn a_document_with_too_long_a_name_is_refused() {
    let app = app_with_limits(|limits| limits.operation.document.name_length = 12).await;
    let name = |length| query(format!("{{ {}: __typename }}", "a".repeat(length)));
    one_under_and_one_over(&app, "name_length", name(12), name(13)).await;
}

#[tokio::test]
async fn a_document_with_too_many_fragments_is_refused() {
    let app = app_with_limits(|limits| limits.operation.document.fragments = 2).await;
    let fragments = |count| {
        let spreads: String = (0..count).map(|n| format!("...F{n} ")).collect();
        let fragments: String = (0..count)
            .map(|n| format!(" fragment F{n} on Query {{ __typename }}"))
            .collect();
        query(format!("{{ {spreads} }}{fragments}"))
    };
    one_under_and_one_over(&app, "fragments", fragments(2), fragments(3)).await;
}

#[tokio::test]
async fn a_document_with_too_many_operations_is_refused() {
    let app = app_with_limits(|limits| limits.operation.document.operations = 2).await;
    let operations = |count| {
        let text: String = (0..count)
            .map(|n| format!("query Q{n} {{ __typename }} "))
            .collect();
        json!({ "query": text, "operationName": "Q0" })
    };
    one_under_and_one_over(&app, "operations", operations(2), operations(3)).await;
}

#[tokio::test]
async fn a_document_with_too_deep_a_selection_is_refused() {
    let app = app_with_limits(|limits| limits.operation.document.depth = 3).await;
    one_under_and_one_over(
        &app,
        "depth",
        query("{ employees { nodes { name } } }"),
        query("{ employees { edges { node { name } } } }"),
    )
    .await;
}

#[tokio::test]
async fn a_document_with_too_many_aliases_is_refused() {
    let app = app_with_limits(|limits| limits.operation.document.aliases = 2).await;
    let aliases = |count| {
        query(format!(
            "{{ {} }}",
            (0..count)
                .map(|n| format!("a{n}: __typename "))
                .collect::<String>()
        ))
    };
    one_under_and_one_over(&app, "aliases", aliases(2), aliases(3)).await;
}

#[tokio::test]
async fn a_document_with_too_many_root_fields_is_refused() {
    let app = app_with_limits(|limits| limits.operation.document.root_fields = 4).await;
    let roots = |count| {
        let fields = [
            "employees",
            "meetings",
            "projects",
            "assignments",
            "changes",
        ];
        let fields = fields.map(|field| format!("{field} {{ __typename }} "));
        query(format!("{{ {} }}", fields[..count].concat()))
    };
    one_under_and_one_over(&app, "root_fields", roots(4), roots(5)).await;
}

#[tokio::test]
async fn a_document_with_too_many_fields_is_refused() {
    let app = app_with_limits(|limits| limits.operation.document.fields = 10).await;
    let fields = |count| {
        let inside = "nodes { id name hireDate version __typename } totalCount";
        let typename = "totalCount __typename ".split_inclusive(' ').take(count);
        query(format!(
            "{{ employees {{ {inside} }} meetings {{ {} }} }}",
            typename.collect::<String>()
        ))
    };
    one_under_and_one_over(&app, "fields", fields(1), fields(2)).await;
}

#[tokio::test]
async fn a_document_with_too_many_variables_is_refused() {
    let app = app_with_limits(|limits| limits.operation.document.variables = 1).await;
    let variables = |count| {
        let declared: String = (0..count)
            .map(|n| format!("$v{n}: Boolean = true "))
            .collect();
        let used: String = (0..count)
            .map(|n| format!("employees @include(if: $v{n}) {{ totalCount }} "))
            .collect();
        query(format!("query ({declared}) {{ {used} }}"))
    };
    one_under_and_one_over(&app, "variables", variables(1), variables(2)).await;
}

const FILTERED: &str = "query ($where: EmployeeFilter) { employees(where: $where) { totalCount } }";

#[tokio::test]
async fn variables_that_are_nested_too_deeply_are_refused() {
    let app = app_with_limits(|limits| limits.operation.document.variable_depth = 4).await;
    let nested = |depth| {
        let mut filter = json!({});
        for _ in 0..depth {
            filter = json!({ "not": filter });
        }
        json!({ "query": FILTERED, "variables": { "where": filter } })
    };
    one_under_and_one_over(&app, "variable_depth", nested(3), nested(4)).await;
}

#[tokio::test]
async fn variables_with_too_many_values_are_refused() {
    let app = app_with_limits(|limits| limits.operation.document.variable_values = 12).await;
    let wide = |count| {
        let ids = vec!["emp_1"; count];
        json!({ "query": FILTERED, "variables": { "where": { "ids": ids } } })
    };
    one_under_and_one_over(&app, "variable_values", wide(10), wide(11)).await;
}

#[tokio::test]
async fn json_that_is_nested_too_deeply_is_refused() {
    let app = app_with_limits(|limits| limits.json_depth = 10).await;
    let nested = |depth: usize| {
        format!(
            r#"{{"query": "{{ __typename }}", "variables": {{"x": {}{}}}}}"#,
            "[".repeat(depth),
            "]".repeat(depth)
        )
    };
    assert_eq!(app.post_json(nested(8)).await.0, StatusCode::OK);
    let (status, answer) = app.post_json(nested(9)).await;
    assert_eq!(
        (status, code(&answer)),
        (StatusCode::BAD_REQUEST, "BAD_REQUEST")
    );

    // The payload of a message is nested one level deeper.
    let message = |depth| {
        let payload = nested(depth);
        format!(r#"{{"id": "a", "type": "subscribe", "payload": {payload}}}"#)
    };
    let mut socket = WebSocket::ready(&app.url).await;
    socket.send(&message(7)).await;
    assert_eq!(socket.read().await["type"], "next");
    assert_eq!(socket.read().await["type"], "complete");
    socket.send(&message(8)).await;
    assert_eq!(socket.close_code().await, 4400);
}

#[tokio::test]
async fn a_filter_with_too_many_relations_or_conditions_is_refused() {
    let app = app_with_limits(|limits| {
        limits.operation.filter_hops = 1;
        limits.operation.filter_conditions = 2;
    })
    .await;
    let count = |filter: &str| format!("{{ employees(where: {filter}) {{ totalCount }} }}");
    for (fits, too_much, says) in [
        (
            "{meetings: {some: {}}}",
            "{meetings: {some: {employees: {some: {}}}}}",
            "at most 1 relations",
        ),
        (
            r#"{name: {ne: "a", contains: "b"}}"#,
            r#"{name: {ne: "a", contains: "b", isNull: false}}"#,
            "more than 2 conditions",
        ),
    ] {
        app.query(&count(fits)).await;
        let errors = app.errors(&count(too_much)).await;
        assert_eq!(errors[0]["extensions"]["code"], "BAD_USER_INPUT");
        let message = errors[0]["message"].as_str().unwrap();
        assert!(message.contains(says), "{message}");
    }
}
