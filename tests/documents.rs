//! Documents over POST, GET and WebSocket: validation, error messages and the keys of answers. The rules
//! themselves are tested in `crates/language`.

use serde_json::{Value, json};

use crate::support::{
    app::{TestApp, apps, lesson_with, lessons},
    websocket::WebSocket,
};

/// Sends an operation by POST, by GET (queries only) and over WebSocket. Expects equal answers.
async fn answer(app: &TestApp, query: &str, variables: Value) -> Value {
    let body = json!({ "query": query, "variables": variables });
    let mut socket = WebSocket::ready(&app.url).await;
    socket.subscribe("1", &body).await;
    let message = socket.read().await;
    let by_socket = match message["type"].as_str() {
        Some("error") => json!({ "errors": message["payload"] }),
        _ => message["payload"].clone(),
    };
    let answer = app.answer(query, variables.clone()).await;
    assert_eq!(by_socket["errors"], answer["errors"], "{query}");
    if query.starts_with(['{', 'q']) {
        assert_eq!(by_socket["data"], answer["data"], "{query}");
        let variables = variables.to_string();
        let parameters = [("query", query), ("variables", variables.as_str())];
        let by_get = app.get_graphql(&parameters, "application/json").await;
        let by_get: Value = by_get.json().await.unwrap();
        assert_eq!(by_get["data"], answer["data"], "{query}");
        assert_eq!(by_get["errors"], answer["errors"], "{query}");
    }
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_that_the_specification_refuses_are_refused() {
    for app in apps().await {
        for (query, message) in [
            (
                "{ employee(id: \"emp_1\") { x: name } employee(id: \"emp_1\") { x: hireDate } }",
                "Fields \"x\" conflict because \"name\" and \"hireDate\" are different fields. Use different aliases on the fields to fetch both if this was intentional.",
            ),
            (
                "{ employees { nodes { ...A ...B } } } fragment A on Employee { projects(first: 1) { totalCount } } fragment B on Employee { projects(first: 2) { totalCount } }",
                "Fields \"projects\" conflict because they have differing arguments. Use different aliases on the fields to fetch both if this was intentional.",
            ),
            (
                "mutation { createProject(input: { title: \"A\", title: \"B\" }) { project { id } } }",
                "There can be only one input field named \"title\".",
            ),
            (
                "{ employees(orderBy: [{ field: \"NAME\" }]) { totalCount } }",
                "Enum \"EmployeeOrderField\" cannot represent non-enum value: \"NAME\". Did you mean the enum value \"NAME\"?",
            ),
            ("{ __typename @nope }", "Unknown directive \"@nope\"."),
            (
                "query Q($a: [Nope!]! = [1]) { __typename }",
                "Unknown type \"Nope\". Did you mean \"Node\"?",
            ),
            (
                "{ employee(id: \"emp_1\") { naem } }",
                "Cannot query field \"naem\" on type \"Employee\". Did you mean \"name\"?",
            ),
            (
                "{ employees(firts: 1) { totalCount } }",
                "Unknown argument \"firts\" on field \"Query.employees\". Did you mean \"first\"?",
            ),
            (
                "subscription { changes { cursor } other: changes { cursor } }",
                "Anonymous Subscription must select only one top level field.",
            ),
        ] {
            let answer = answer(&app, query, json!({})).await;
            let error = &answer["errors"][0];
            assert_eq!(error["message"], message, "{query}");
            assert_eq!(
                error["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED",
                "{query}"
            );
            assert!(error["locations"][0]["line"].is_u64(), "{query}");
            assert_eq!(answer.get("data"), None, "{query}");
        }
        let count = app.query("{ projects { totalCount } }").await;
        assert_eq!(count["projects"]["totalCount"], 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_that_the_specification_allows_run() {
    for app in lessons().await {
        for (query, data) in [
            (
                "\"What it is for.\" query Q { __typename }",
                json!({ "__typename": "Query" }),
            ),
            (
                "{ employees(where: { name: { eq: \"\\u{1F600}\" } }) { totalCount } }",
                json!({ "employees": { "totalCount": 0 } }),
            ),
            (
                "{ employees(where: { name: { eq: \"\\uD83D\\uDE00\" } }) { totalCount } }",
                json!({ "employees": { "totalCount": 0 } }),
            ),
            (
                "{ employees(first: -0) { nodes { id } } }",
                json!({ "employees": { "nodes": [] } }),
            ),
            (
                "\u{feff}{ employee(id: 17) { id } }",
                json!({ "employee": null }),
            ),
            (
                "{ employees(first: 1) { ...F nodes { id ...G } } } fragment F on EmployeeConnection { nodes { name } __typename } fragment G on Employee { name id }",
                json!({ "employees": {
                    "nodes": [{ "name": "Uri Lee", "id": "emp_1" }],
                    "__typename": "EmployeeConnection",
                } }),
            ),
        ] {
            let answer = answer(&app, query, json!({})).await;
            assert_eq!(answer, json!({ "data": data }), "{query}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_key_is_answered_once_in_query_order() {
    let app = lesson_with(|_| {}).await;
    let query = r#"{
        node(id: "prj_1") { ...P ... on Employee { name } __typename }
        a: employees(first: 1) { nodes { id } }
        ...Q
        node(id: "prj_1") { id ... on Project { employees { totalCount } } }
    }
    fragment P on Project { title employees { nodes { name } } }
    fragment Q on Query { a: employees(first: 1) { totalCount nodes { name id } } __typename }"#;
    let response = app
        .post(
            &[("content-type", "application/json")],
            json!({ "query": query }).to_string(),
        )
        .await;
    let text = response.text().await.unwrap();
    let expected = concat!(
        r#"{"data":{"node":{"title":"XYZ Project Flask server","#,
        r#""employees":{"nodes":[{"name":"Tristan Tal"},{"name":"Uri Lee"}],"totalCount":2},"#,
        r#""__typename":"Project","id":"prj_1"},"#,
        r#""a":{"nodes":[{"id":"emp_1","name":"Uri Lee"}],"totalCount":4},"__typename":"Query"}}"#,
    );
    assert_eq!(text, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mutation_field_that_is_selected_twice_runs_once() {
    for app in apps().await {
        let query = r#"mutation M($title: String!) {
            createProject(input: { title: $title }) { project { id } }
            ...F
            ... @include(if: true) { createProject(input: { title: $title }) { project { version } } }
        }
        fragment F on Mutation { createProject(input: { title: $title }) { project { title id } } }"#;
        let created = app.query_with(query, json!({ "title": "A" })).await;
        assert_eq!(
            created["createProject"]["project"],
            json!({ "id": "prj_1", "title": "A", "version": 1 })
        );
        let count = app.query("{ projects { totalCount } }").await;
        assert_eq!(count["projects"]["totalCount"], 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_variable_is_named_with_its_path() {
    for app in apps().await {
        let create = "mutation($input: CreateEmployeeInput!) { createEmployee(input: $input) { employee { id } } }";
        let list = "query($by: [EmployeeOrder!]) { employees(orderBy: $by) { totalCount } }";
        for (query, variables, message) in [
            (
                create,
                json!({}),
                "Variable \"$input\" has invalid value: Expected a value of non-null type \"CreateEmployeeInput!\" to be provided.",
            ),
            (
                create,
                json!({ "input": { "name": null } }),
                "Variable \"$input\" has invalid value at .name: Expected value of non-null type \"String!\" not to be null.",
            ),
            (
                create,
                json!({ "input": { "name": "A", "meetings": [{ "id": "mtg_1" }] } }),
                "Variable \"$input\" has invalid value: Expected value of type \"CreateEmployeeInput\" not to include unknown field \"meetings\". Did you mean \"meetingIds\"? Found: { meetings: [{ id: \"mtg_1\" }], name: \"A\" }.",
            ),
            (
                create,
                json!({ "input": { "name": "A", "assignments": [{ "project": { "id": "prj_1", "create": { "title": "B" } } }] } }),
                "Variable \"$input\" has invalid value at .assignments[0].project: Within OneOf Input Object type \"ProjectRefInput\", exactly one field must be specified, and the value for that field must be non-null.",
            ),
            (
                list,
                json!({ "by": { "field": "NAEM" } }),
                "Variable \"$by\" has invalid value at .field: Value \"NAEM\" does not exist in \"EmployeeOrderField\" enum. Did you mean the enum value \"NAME\"?",
            ),
            (
                list,
                json!({ "by": [{ "field": "NAME" }, { "field": "NAME", "direction": 7 }] }),
                "Variable \"$by\" has invalid value at [1].direction: Enum \"OrderDirection\" cannot represent non-string value: 7. Give one of \"ASC\", \"DESC\".",
            ),
        ] {
            let answer = answer(&app, query, variables).await;
            let error = &answer["errors"][0];
            assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{answer}");
            assert_eq!(answer.get("data"), None, "{answer}");
            assert_eq!(error["message"], message, "{query}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_null_variable_where_an_argument_has_a_default_is_an_error_of_the_field() {
    for app in lessons().await {
        let query = "query($via: ColleagueVia) { employee(id: \"emp_1\") { colleagues(via: $via) { totalCount } } }";
        let default = app.query(query).await;
        assert!(default["employee"]["colleagues"]["totalCount"].is_u64());
        let answer = answer(&app, query, json!({ "via": null })).await;
        let error = &answer["errors"][0];
        assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{answer}");
        assert_eq!(error["path"], json!(["employee", "colleagues"]), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_syntax_error_has_a_clear_message() {
    let app = lesson_with(|_| {}).await;
    let post = async |body: Vec<u8>| {
        let response = app
            .post(&[("content-type", "application/json")], body)
            .await;
        response.json::<Value>().await.unwrap()
    };
    for (body, message) in [
        (
            br#"{"query": "{ a(b: \"\\uD83D\") }"}"#.to_vec(),
            "Syntax Error: Invalid Unicode escape sequence: \"\\uD83D\".",
        ),
        (
            br#"{"query": "{ a(b: \"\uD83D\") }"}"#.to_vec(),
            "This is not JSON as it should be",
        ),
        (
            b"{\"query\": \"{ a(b: \\\"\xff\\\") }\"}".to_vec(),
            "This is not JSON as it should be",
        ),
        (
            br#"{"query": ""}"#.to_vec(),
            "Syntax Error: Unexpected <EOF>.",
        ),
        (
            br#"{"query": " # nothing"}"#.to_vec(),
            "Syntax Error: Unexpected <EOF>.",
        ),
        (
            br#"{"query": "{ employees { totalCount }"}"#.to_vec(),
            "Syntax Error: Expected Name, found <EOF>.",
        ),
        (
            br#"{"query": "{ employees(first: 01) { totalCount } }"}"#.to_vec(),
            "Syntax Error: Invalid number, unexpected digit after 0: \"1\".",
        ),
    ] {
        let answer = post(body).await;
        let found = answer["errors"][0]["message"].as_str().unwrap();
        assert!(found.starts_with(message), "{found}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn introspection_follows_the_newest_edition() {
    let app = lesson_with(|_| {}).await;
    let answer = answer(
        &app,
        "query($yes: Boolean!) {
            __schema { directives(includeDeprecated: $yes) { name isDeprecated deprecationReason isRepeatable } }
            __type(name: \"ProjectRefInput\") { isOneOf kind inputFields { name defaultValue isDeprecated } }
            date: __type(name: \"Date\") { specifiedByURL }
            none: __type(name: \"Nobody\") { name }
            employees { totalCount }
        }",
        json!({ "yes": true }),
    )
    .await;
    let data = &answer["data"];
    let directives = data["__schema"]["directives"].as_array().unwrap();
    let skip = json!({ "name": "skip", "isDeprecated": false, "deprecationReason": null, "isRepeatable": false });
    assert!(directives.contains(&skip), "{data}");
    assert_eq!(data["__type"]["isOneOf"], true, "{data}");
    assert_eq!(
        data["date"]["specifiedByURL"],
        "https://scalars.graphql.org/andimarek/local-date"
    );
    assert_eq!(data["none"], Value::Null);
    // A `null` for a required argument is an error of the field (section 6.4.1).
    let null = app
        .answer(
            "query($name: String = \"Date\") { __type(name: $name) { name } employees { totalCount } }",
            json!({ "name": null }),
        )
        .await;
    assert_eq!(
        null["data"],
        json!({ "__type": null, "employees": { "totalCount": 4 } })
    );
    assert_eq!(null["errors"][0]["path"], json!(["__type"]));
    assert_eq!(null["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
    assert_eq!(data["employees"]["totalCount"], 4);
}
