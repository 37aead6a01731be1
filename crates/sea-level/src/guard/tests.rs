use async_graphql::Value;
use language::DocumentLimits;

use super::*;

fn guard(limits: Limits) -> Guard {
    Guard::new(include_str!("../../../../schema.graphql"), limits)
}

fn guard_with(document: DocumentLimits) -> Guard {
    guard(Limits {
        document,
        ..Limits::DEFAULT
    })
}

fn request(text: &str) -> Request {
    Request {
        text: text.to_owned(),
        ..Request::default()
    }
}

fn named(text: &str, name: &str) -> Request {
    Request {
        operation_name: Some(name.to_owned()),
        ..request(text)
    }
}

/// `ok`, or the code of the first error and the limit that it names.
fn code(guard: &Guard, request: Request) -> String {
    let Err(refused) = guard.check(request) else {
        return "ok".to_owned();
    };
    let extensions = refused.errors[0].extensions.clone().unwrap_or_default();
    let text = |name: &str| match extensions.get(name) {
        Some(Value::String(text)) => text.clone(),
        _ => String::new(),
    };
    let code = format!("{} {}", text("code"), text("limit"));
    code.trim_end().to_owned()
}

fn cost(text: &str) -> u64 {
    match guard(Limits::DEFAULT).check(request(text)) {
        Ok(checked) => checked.cost,
        Err(refused) => refused
            .cost
            .unwrap_or_else(|| panic!("{text}: {refused:?}")),
    }
}

#[test]
fn the_code_says_at_which_stage_a_request_fails() {
    let guard = guard(Limits::DEFAULT);
    let with = |text: &str, json: &str| Request {
        variables: serde_json::from_str(json).unwrap(),
        ..request(text)
    };
    for (asked, expected) in [
        (request("{ employees { totalCount } }"), "ok"),
        (
            request("{ employees { totalCount }"),
            "GRAPHQL_PARSE_FAILED",
        ),
        (
            request("{ employee(id: \"\\uD83D\") { id } }"),
            "GRAPHQL_PARSE_FAILED",
        ),
        (request(""), "GRAPHQL_PARSE_FAILED"),
        (request("{ nobody }"), "GRAPHQL_VALIDATION_FAILED"),
        (
            with("query($id: ID!) { employee(id: $id) { id } }", "{}"),
            "BAD_USER_INPUT",
        ),
        (
            with(
                "mutation($x: CreateProjectInput!) { createProject(input: $x) { project { id } } }",
                r#"{"x": {"title": "A", "startDate": "yesterday"}}"#,
            ),
            "BAD_USER_INPUT",
        ),
        (
            request(&"{ __typename ".repeat(3_000)),
            "LIMIT_EXCEEDED brackets",
        ),
        (
            with(
                "query($x: [ID!]!) { nodes(ids: $x) { id } }",
                &format!("{{\"x\": [{}1]}}", "1,".repeat(60_000)),
            ),
            "LIMIT_EXCEEDED variable_values",
        ),
    ] {
        assert_eq!(code(&guard, asked.clone()), expected, "{}", asked.text);
    }
}

#[test]
fn an_operation_is_chosen_as_the_specification_says() {
    let guard = guard(Limits::DEFAULT);
    let two = "query A { __typename } mutation B { __typename }";
    let kind = |request| guard.check(request).ok().map(|checked| checked.kind());
    assert_eq!(code(&guard, request(two)), "GRAPHQL_VALIDATION_FAILED");
    assert_eq!(kind(named(two, "B")), Some(OperationType::Mutation));
    assert_eq!(kind(named(two, "A")), Some(OperationType::Query));
    assert_eq!(kind(named(two, "C")), None);
    assert_eq!(kind(named("{ __typename }", "A")), None);
    let only = guard.check(request("query A { __typename }")).ok();
    assert_eq!(
        only.and_then(|checked| checked.operation_name().map(str::to_owned)),
        Some("A".to_owned())
    );
}

#[test]
fn costs_multiply_down_the_tree() {
    for (text, expected) in [
        ("{ __typename __schema { types { name } } }", 0),
        (r#"{ employee(id: "emp_1") { name } }"#, 1),
        ("{ employees { totalCount pageInfo { hasNextPage } } }", 0),
        ("{ employees { nodes { name } } }", 20),
        ("{ employees(first: 7) { nodes { name } } }", 7),
        (
            "{ employees(last: 7) { edges { cursor node { name } } } }",
            7,
        ),
        ("{ employees(first: null) { nodes { name } } }", 20),
        ("{ employees(first: -1) { nodes { name } } }", 0),
        (
            "{ employees(first: 10) { nodes { projects(first: 5) { nodes { title } } } } }",
            10 + 50,
        ),
        (
            "{ employees(first: 10) { ...C } } fragment C on EmployeeConnection { nodes { ...E } } fragment E on Employee { projects(first: 5) { nodes { id } } }",
            60,
        ),
        (
            r#"{ nodes(ids: ["emp_1", "emp_2", "emp_3"]) { id ... on Employee { meetings(first: 2) { nodes { id } } } } }"#,
            9,
        ),
        (
            "query ($n: Int = 3) { employees(first: $n) { nodes { id } } }",
            3,
        ),
        (
            r#"{ employee(id: "emp_1") { projects(first: 2) { edges { assignments { id } node { id } } } } }"#,
            1 + 2 * (1 + 20),
        ),
        (
            r#"{ employee(id: "emp_1") { projects(first: 2) { edges { assignments(first: 3) { id } } } } }"#,
            1 + 2 * (1 + 3),
        ),
        (
            "query ($no: Boolean = false) { employees(first: 9) @include(if: $no) { nodes { id } } meetings(first: 3) { nodes @skip(if: true) { id } edges { cursor } } }",
            3,
        ),
        (
            "{ employees(first: 1000) { nodes { meetings(first: 1000) { nodes { id } } } } }",
            1_001_000,
        ),
    ] {
        assert_eq!(cost(text), expected, "{text}");
    }
    let given = |json: &str| {
        let text = "query ($n: Int = 3) { employees(first: $n) { nodes { id } } }";
        let variables = serde_json::from_str(json).unwrap();
        let request = Request {
            variables,
            ..request(text)
        };
        let checked = guard(Limits::DEFAULT).check(request).ok();
        checked.map(|checked| checked.cost)
    };
    assert_eq!(given(r#"{"n": 9}"#), Some(9));
    assert_eq!(given(r#"{"n": null}"#), Some(20));
}

#[test]
fn a_page_has_the_default_size_of_its_own_field() {
    assert_eq!(cost("{ changes { nodes { kind } } }"), 50);
    assert_eq!(
        cost("{ changes(first: 7) { nodes { employee { id } } } }"),
        14
    );
}

#[test]
fn the_cost_is_told_one_over_the_limit() {
    let guard = guard_with(DocumentLimits {
        cost: 100,
        ..DocumentLimits::DEFAULT
    });
    assert_eq!(
        code(
            &guard,
            request("{ employees(first: 100) { nodes { id } } }")
        ),
        "ok"
    );
    assert_eq!(
        code(
            &guard,
            request("{ employees(first: 101) { nodes { id } } }")
        ),
        "LIMIT_EXCEEDED cost"
    );
}

#[test]
fn a_document_is_checked_once_for_the_same_facts_about_variables() {
    let guard = guard(Limits::DEFAULT);
    let with = |text: &str, json: &str| {
        let request = Request {
            variables: serde_json::from_str(json).unwrap(),
            ..request(text)
        };
        guard
            .check(request)
            .map(|checked| checked.executable)
            .unwrap()
    };
    let plain = "query($n: Int) { employees(first: $n) { totalCount } }";
    let same = |a: &Arc<Executable>, b: &Arc<Executable>| Arc::ptr_eq(a, b);
    assert!(same(&with(plain, "{\"n\": 1}"), &with(plain, "{\"n\": 2}")));

    let conditional = "query($x: Boolean!) { employees { totalCount @skip(if: $x) } }";
    let (yes, no) = ("{\"x\": true}", "{\"x\": false}");
    assert!(same(&with(conditional, yes), &with(conditional, yes)));
    assert!(!same(&with(conditional, yes), &with(conditional, no)));
    assert!(same(&with(conditional, no), &with(conditional, no)));
}

#[test]
fn keys_of_different_requests_differ() {
    let mut keys = std::collections::HashSet::new();
    for text in ["{a}", "+\0{a}", "A{a}", "1:A\0{a}", "0:\0{a}"] {
        for name in [None, Some("A"), Some("A+"), Some("+")] {
            for facts in [&[][..], &[true], &[false], &[true, true]] {
                let key = cache_key(text, name, facts).into_owned();
                assert!(keys.insert(key), "{text:?} {name:?} {facts:?}");
            }
        }
    }
}

/// A number with an integral value becomes an integer on its way to resolvers.
#[test]
fn no_input_has_the_type_float() {
    let Guard { schema, .. } = guard(Limits::DEFAULT);
    let float = schema.type_named("Float");
    for id in schema.types() {
        let definition = schema.type_at(id);
        let arguments = definition
            .fields
            .values()
            .flat_map(|field| &field.arguments);
        for (name, input) in definition.input_fields.iter().chain(arguments) {
            assert_ne!(Some(input.ty.base()), float, "{}.{name}", definition.name);
        }
    }
}
