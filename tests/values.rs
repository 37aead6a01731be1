//! Variables and literals: accepted values, defaults, and the errors of invalid ones.

use serde_json::{Value, json};

use crate::support::{
    app::{TestApp, apps, lessons},
    websocket::WebSocket,
};

/// Returns the message of the only error of an operation that is refused before it runs.
async fn message(app: &TestApp, query: &str, variables: Value) -> String {
    let answer = app.answer(query, variables).await;
    let errors = answer["errors"].as_array();
    let [error] = errors.map_or(&[][..], Vec::as_slice) else {
        panic!("{}: {answer} for {query}", app.name());
    };
    assert_eq!(answer.get("data"), None, "{}: {answer}", app.name());
    error["message"].as_str().unwrap().to_owned()
}

/// Sends variables as exactly this JSON text.
async fn with_json(app: &TestApp, query: &str, variables: &str) -> Value {
    let query = json!(query);
    let body = format!(r#"{{"query": {query}, "variables": {variables}}}"#);
    let response = app.post(&[("content-type", "application/json")], body);
    response.await.json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_json_number_with_an_integral_value_is_an_integer() {
    for app in lessons().await {
        let page = "query($n: Int) { employees(first: $n) { nodes { id } } }";
        for two in ["2", "2.0", "0.2e1", "20e-1"] {
            let answer = with_json(&app, page, &format!(r#"{{"n": {two}}}"#)).await;
            let nodes = answer["data"]["employees"]["nodes"].as_array();
            assert_eq!(nodes.map(Vec::len), Some(2), "{two}: {answer}");
        }
        for wrong in [
            "1.5",
            "2.0000000001",
            "1e300",
            "-1e300",
            "3000000000",
            "\"2\"",
        ] {
            let answer = with_json(&app, page, &format!(r#"{{"n": {wrong}}}"#)).await;
            let message = answer["errors"][0]["message"].as_str().unwrap();
            assert!(
                message.starts_with("Variable \"$n\" has invalid value: Int cannot represent non"),
                "{message}"
            );
        }
        // JSON parsers need not accept a number outside the range of a double.
        let answer = with_json(&app, page, r#"{"n": 1e999999999}"#).await;
        assert!(answer["errors"][0].is_object(), "{answer}");
        let literal = message(&app, "{ employees(first: 1.0) { totalCount } }", json!({})).await;
        assert_eq!(literal, "Int cannot represent non-integer value: 1.0");

        for wrong in ["1e999999999", "-0.5e-999999999"] {
            let query = format!("{{ employees(first: {wrong}) {{ totalCount }} }}");
            assert!(!app.errors(&query).await.is_empty());
        }

        // Also inside lists and objects, and up to the width of `Long`.
        let filter = "query($f: ProjectFilter) { projects(where: $f) { totalCount } }";
        let variables = r#"{"f": {"or": [{"budget": {"eq": 9007199254740991.0}}, {"employees": {"count": {"gte": 0e0}}}]}}"#;
        let answer = with_json(&app, filter, variables).await;
        assert!(
            answer["data"]["projects"]["totalCount"].is_u64(),
            "{answer}"
        );
        let variables = r#"{"f": {"or": [{}, {"budget": {"eq": 9007199254740993.0}}]}}"#;
        let answer = with_json(&app, filter, variables).await;
        let message = answer["errors"][0]["message"].as_str().unwrap();
        assert!(
            message.starts_with("Variable \"$f\" has invalid value at .or[1].budget.eq: Long"),
            "{message}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn defaults_of_variables_decide_on_skip_and_include() {
    for app in apps().await {
        let create = r#"mutation($dry: Boolean! = true) {
            createProject(input: {title: "A"}) @skip(if: $dry) { project { id } }
            __typename
        }"#;
        let count = "{ projects { totalCount } }";
        let answer = app.query(create).await;
        assert_eq!(answer, json!({ "__typename": "Mutation" }));
        let mut socket = WebSocket::ready(&app.url).await;
        socket.subscribe("1", &json!({ "query": create })).await;
        let answer = &socket.read().await["payload"]["data"];
        assert_eq!(*answer, json!({ "__typename": "Mutation" }));
        assert_eq!(app.query(count).await["projects"]["totalCount"], 0);
        app.query_with(create, json!({ "dry": false })).await;
        assert_eq!(app.query(count).await["projects"]["totalCount"], 1);

        // Also in a fragment. Each document runs twice, since it is cached.
        let full = "query($full: Boolean = true) { ...F } \
                    fragment F on Query { projects @include(if: $full) { totalCount } }";
        for _ in 0..2 {
            assert_eq!(app.query(full).await["projects"]["totalCount"], 1);
            let none = app.query_with(full, json!({ "full": false })).await;
            assert_eq!(none, json!({}));
        }
        // `null` is not `true` (specification, section 6.3.2).
        let none = app.query_with(full, json!({ "full": null })).await;
        assert_eq!(none, json!({}));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn defaults_of_variables_count_in_the_cost() {
    for app in apps().await {
        let query = "query($n: Int = 1000, $all: Boolean = true) { \
                     employees(first: $n) @include(if: $all) { nodes { \
                     projects(first: $n) { nodes { employees(first: $n) { nodes { id } } } } } } }";
        let answer = app.answer(query, json!({})).await;
        let extensions = &answer["errors"][0]["extensions"];
        assert_eq!(extensions["code"], "LIMIT_EXCEEDED", "{answer}");
        assert_eq!(answer["extensions"]["cost"]["requested"], 1_001_001_000);
        assert_eq!(answer["extensions"]["cost"]["loaded"], 0);
        let answer = app.answer(query, json!({ "n": 1 })).await;
        assert_eq!(answer.get("errors"), None, "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_terminator_separates_selections() {
    for app in lessons().await {
        for end in ["\r", "\n", "\r\n"] {
            let query = r#"{;a: employee(id:"emp_1"){id};b: employee(id:"emp_1"){name};
                c: employees(where:{name:{eq:"none"}}){totalCount} # a comment;d: __typename}"#;
            // Each document runs twice, since its arguments are cached.
            for _ in 0..2 {
                let data = app.query(&query.replace(['\n', ';'], end)).await;
                assert_eq!(data["a"], json!({ "id": "emp_1" }), "{end:?}");
                assert!(data["b"]["name"].is_string(), "{end:?}: {data}");
                assert_eq!(data["c"], json!({ "totalCount": 0 }), "{end:?}");
                assert_eq!(data["d"], "Query", "{end:?}");
            }
            // Each of two fields has its own filter, and only the second is too large.
            let hops =
                "{employees:{some:{projects:{some:{employees:{some:{projects:{some:{}}}}}}}}}";
            let query = format!(
                "{{;a: projects(where:{{}}){{totalCount}};b: projects(where:{hops}){{totalCount}}}}"
            );
            let errors = app.errors(&query.replace(';', end)).await;
            assert_eq!(errors[0]["path"], json!(["b"]), "{end:?}: {errors:?}");
            // In a block string, it ends a line of the value.
            let query = format!(
                r#"mutation {{ createProject(input: {{title: """a{end}  b"""}}) {{ project {{ title }} }} }}"#
            );
            let data = app.query(&query).await;
            assert_eq!(data["createProject"]["project"]["title"], "a\nb", "{end:?}");
            let query = format!(r#"{{ employee(id: "emp{end}_1") {{ id }} }}"#);
            let refused = message(&app, &query, json!({})).await;
            assert_eq!(refused, "Syntax Error: Unterminated string.", "{end:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_scalar_names_its_format_and_the_given_value() {
    for app in apps().await {
        let create = "mutation($input: CreateMeetingInput!) { createMeeting(input: $input) { meeting { id } } }";
        let input = json!({ "input": { "topic": "a", "scheduledTime": "2026-01-01T00:00" } });
        assert_eq!(
            message(&app, create, input).await,
            "Variable \"$input\" has invalid value at .scheduledTime: DateTime cannot represent value: \
             \"2026-01-01T00:00\". Give RFC 3339 with an offset, for example \"2023-10-31T09:30:00Z\"."
        );
        for (query, variables, words) in [
            (
                "query($d: Date) { employees(where: {hireDate: {eq: $d}}) { totalCount } }",
                json!({ "d": "2022-5-17" }),
                "Variable \"$d\" has invalid value: Date cannot represent value: \"2022-5-17\". Give \
                 YYYY-MM-DD, for example \"2022-05-17\".",
            ),
            (
                "query($b: Long) { projects(where: {budget: {eq: $b}}) { totalCount } }",
                json!({ "b": 1.5 }),
                "Variable \"$b\" has invalid value: Long cannot represent value: 1.5. Give a whole \
                 number within ±9007199254740991.",
            ),
            (
                "query($ids: [ID!]!) { nodes(ids: $ids) { id } }",
                json!({ "ids": ["emp_1", true] }),
                "Variable \"$ids\" has invalid value at [1]: ID cannot represent value: true. Give a \
                 string or a whole number.",
            ),
            (
                r#"{ assignments(where: {active: {at: "2026-01-01"}}) { totalCount } }"#,
                json!({}),
                "DateTime cannot represent value: \"2026-01-01\". Give RFC 3339 with an offset, for \
                 example \"2023-10-31T09:30:00Z\".",
            ),
            (
                "{ employee(id: 1.5) { id } }",
                json!({}),
                "ID cannot represent a non-string and non-integer value: 1.5",
            ),
            (
                "query($d: Date = \"soon\") { employees(where: {hireDate: {eq: $d}}) { totalCount } }",
                json!({}),
                "Date cannot represent value: \"soon\". Give YYYY-MM-DD, for example \"2022-05-17\".",
            ),
        ] {
            assert_eq!(message(&app, query, variables).await, words);
        }
        // A long value is truncated in the message.
        let long = json!({ "input": { "topic": "a", "scheduledTime": "x".repeat(5_000) } });
        let refused = message(&app, create, long).await;
        assert!(refused.chars().count() < 300, "{refused}");
        assert!(
            refused
                .ends_with("Give RFC 3339 with an offset, for example \"2023-10-31T09:30:00Z\".")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_conflict_names_the_field_and_a_nullable_variable_names_its_position() {
    for app in apps().await {
        let twice = r#"mutation {
            createProject(input: {title: "A"}) { project { id } }
            createProject(input: {title: "B"}) { project { id } }
        }"#;
        let words = "Fields \"createProject\" conflict because they have differing arguments. Use \
                     different aliases on the fields to fetch both if this was intentional.";
        assert_eq!(message(&app, twice, json!({})).await, words);
        let other = r#"{ a: employee(id: "emp_1") { id } ...F }
                       fragment F on Query { b: __typename employees { x: totalCount x: nodes { id } } }"#;
        assert_eq!(
            message(&app, other, json!({})).await,
            "Fields \"x\" conflict because \"totalCount\" and \"nodes\" are different fields. Use \
             different aliases on the fields to fetch both if this was intentional."
        );
        let one_of = r#"mutation($p: ID) { createEmployee(input: {name: "E",
            assignments: [{project: {id: $p}}]}) { employee { id } } }"#;
        for variables in [json!({}), json!({ "p": null }), json!({ "p": "prj_1" })] {
            assert_eq!(
                message(&app, one_of, variables).await,
                "Variable \"$p\" is of type \"ID\" but must be non-nullable to be used for OneOf Input Object \"ProjectRefInput\"."
            );
        }
        assert_eq!(
            app.query("{ projects { totalCount } }").await["projects"]["totalCount"],
            0
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_describes_the_api() {
    for app in apps().await {
        let data = app
            .query("{ __schema { ...F } } fragment F on __Schema { about: description }")
            .await;
        let about = data["__schema"]["about"].as_str().unwrap();
        assert!(about.starts_with("Roster: "), "{about}");
    }
}
