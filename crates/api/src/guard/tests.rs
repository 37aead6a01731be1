use super::*;

fn guard(limits: Limits) -> Guard {
    Guard::new(&crate::sdl(), limits)
}

fn code(guard: &Guard, request: impl Into<Request>) -> String {
    match guard.check(request.into()) {
        Ok(_) => "ok".to_owned(),
        Err(refused) => {
            let extensions = refused.error.extensions.unwrap_or_default();
            let text = |name: &str| match extensions.get(name) {
                Some(Value::String(text)) => text.clone(),
                _ => String::new(),
            };
            format!("{} {}", text("code"), text("limit"))
                .trim_end()
                .to_owned()
        }
    }
}

fn cost(text: &str) -> u64 {
    match guard(Limits::DEFAULT).check(Request::new(text)) {
        Ok(checked) => checked.cost,
        Err(refused) => refused
            .cost
            .unwrap_or_else(|| panic!("{text}: {refused:?}")),
    }
}

#[test]
fn each_limit_lets_one_pass_and_refuses_the_next() {
    let small = Limits {
        tokens: 60,
        brackets: 10,
        directives: 3,
        name_length: 12,
        fragments: 2,
        operations: 2,
        depth: 5,
        aliases: 3,
        root_fields: 4,
        fields: 12,
        variables: 2,
        ..Limits::DEFAULT
    };
    let guard = guard(small);
    for (limit, under, over) in [
        (
            "tokens",
            format!("{{ a(b: [{}]) }}", "1 ".repeat(51)),
            format!("{{ a(b: [{}]) }}", "1 ".repeat(52)),
        ),
        (
            "brackets",
            format!("{{ a(b: {}{}) }}", "[".repeat(8), "]".repeat(8)),
            format!("{{ a(b: {}{}) }}", "[".repeat(9), "]".repeat(9)),
        ),
        (
            "directives",
            "{ a @b @b @b }".into(),
            "{ a @b @b @b @b }".into(),
        ),
        (
            "name_length",
            format!("{{ {} }}", "a".repeat(12)),
            format!("{{ {} }}", "a".repeat(13)),
        ),
        (
            "name_length",
            format!("{{ a(b: {}) }}", "1".repeat(12)),
            format!("{{ a(b: {}) }}", "1".repeat(13)),
        ),
        (
            "fragments",
            "{ a } fragment a on A { a } fragment b on A { a }".into(),
            "{ a } fragment a on A { a } fragment b on A { a } fragment c on A { a }".into(),
        ),
        (
            "operations",
            "query A { a } query B { a }".into(),
            "query A { a } query B { a } query C { a }".into(),
        ),
        (
            "depth",
            "{ a { b { c { d { e } } } } }".into(),
            "{ a { b { c { d { e { f } } } } } }".into(),
        ),
        (
            "depth",
            "{ a { ...B } } fragment B on A { b { c { d { e } } } }".into(),
            "{ a { ...B } } fragment B on A { b { c { d { e { f } } } } }".into(),
        ),
        (
            "aliases",
            "{ a: a b: a c: a }".into(),
            "{ a: a b: a c: a d: a }".into(),
        ),
        (
            "aliases",
            "{ a: a x { ...F } y { ...F } } fragment F on A { a: b }".into(),
            "{ a { ...F ...F } b { ...F ...F } } fragment F on A { a: b }".into(),
        ),
        (
            "root_fields",
            "{ a b ...F } fragment F on A { c d }".into(),
            "{ a b c ...F } fragment F on A { d e }".into(),
        ),
        (
            "fields",
            "{ a { ...F ...F } } fragment F on A { a b c d e }".into(),
            "{ a { ...F ...F ...F } } fragment F on A { a b c d e }".into(),
        ),
        (
            "fields",
            "{ a } fragment F on A { a }".into(),
            format!("{{ a }} fragment F on A {{ {} }}", "a ".repeat(13)),
        ),
        (
            "variables",
            "query A($a: Int $b: Int) { a }".into(),
            "query A($a: Int $b: Int $c: Int) { a }".into(),
        ),
    ] {
        let named = |text: &str| {
            let name = text.starts_with("query A {").then_some("A");
            let request = Request::new(text);
            match name {
                Some(name) => request.operation_name(name),
                None => request,
            }
        };
        assert_eq!(code(&guard, named(&under)), "ok", "{under}");
        assert_eq!(
            code(&guard, named(&over)),
            format!("LIMIT_EXCEEDED {limit}"),
            "{over}"
        );
    }
}

#[test]
fn variables_are_limited_in_depth_and_number() {
    let guard = guard(Limits {
        variable_depth: 3,
        variable_values: 5,
        ..Limits::DEFAULT
    });
    for (json, expected) in [
        (r#"{"a": [[[1]]]}"#, "ok"),
        (r#"{"a": [[[[]]]]}"#, "LIMIT_EXCEEDED variable_depth"),
        (
            r#"{"a": {"b": {"c": {"d": {}}}}}"#,
            "LIMIT_EXCEEDED variable_depth",
        ),
        (r#"{"a": [1, 2, 3, 4]}"#, "ok"),
        (
            r#"{"a": [1, 2, 3, 4, 5]}"#,
            "LIMIT_EXCEEDED variable_values",
        ),
        (
            r#"{"a": [1, 2], "b": [1, 2]}"#,
            "LIMIT_EXCEEDED variable_values",
        ),
    ] {
        let variables = async_graphql::Variables::from_json(serde_json::from_str(json).unwrap());
        assert_eq!(
            code(&guard, Request::new("{ a }").variables(variables)),
            expected,
            "{json}"
        );
    }
}

#[test]
fn fragments_that_spread_themselves_are_refused_and_bombs_are_counted_without_walking_them() {
    let guard = guard(Limits::DEFAULT);
    for text in [
        "{ ...A } fragment A on A { ...A }",
        "{ ...A } fragment A on A { a { ...B } } fragment B on A { ...C } fragment C on A { ...A }",
        "{ a } fragment A on A { ...B } fragment B on A { ...A }",
    ] {
        assert_eq!(code(&guard, text), "GRAPHQL_VALIDATION_FAILED", "{text}");
    }
    let mut bomb = "{ ...F0 }".to_owned();
    for n in 0..15 {
        let spread = format!("...F{} ", n + 1);
        bomb.push_str(&format!(" fragment F{n} on A {{ {} }}", spread.repeat(10)));
    }
    // Without an end it is as bad.
    assert_eq!(code(&guard, bomb.clone()), "LIMIT_EXCEEDED fields");
    bomb.push_str(" fragment F15 on A { a }");
    assert_eq!(code(&guard, bomb), "LIMIT_EXCEEDED fields");
}

#[test]
fn long_chains_of_fragments_do_not_reach_the_stack() {
    let roomy = Limits {
        fragments: 10_000,
        tokens: 1_000_000,
        ..Limits::DEFAULT
    };
    let mut chain = "{ a }".to_owned();
    for n in 0..8_000 {
        chain.push_str(&format!(" fragment F{n} on A {{ ...F{} }}", n + 1));
    }
    assert_eq!(code(&guard(roomy), chain), "LIMIT_EXCEEDED depth");
}

#[test]
fn the_usual_introspection_passes_and_the_schema_times_itself_does_not() {
    let guard = guard(Limits::DEFAULT);
    assert_eq!(code(&guard, include_str!("introspection.graphql")), "ok");
    let mut nested = "name".to_owned();
    for _ in 0..3 {
        nested = format!("fields {{ type {{ {nested} }} }}");
    }
    assert_eq!(
        code(&guard, format!("{{ __schema {{ types {{ {nested} }} }} }}")),
        "LIMIT_EXCEEDED depth"
    );
}

#[test]
fn an_operation_is_chosen_as_the_specification_says() {
    let guard = guard(Limits::DEFAULT);
    let two = "query A { a } mutation B { b }";
    let named = |text: &str, name: &str| guard.check(Request::new(text).operation_name(name)).ok();
    assert_eq!(code(&guard, two), "GRAPHQL_VALIDATION_FAILED");
    assert_eq!(
        named(two, "B").map(|checked| checked.kind),
        Some(OperationType::Mutation)
    );
    assert!(named(two, "C").is_none());
    assert!(named("{ a }", "A").is_none());
    let only = guard.check(Request::new("query A { a }")).ok();
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
        let variables = async_graphql::Variables::from_json(serde_json::from_str(json).unwrap());
        let request = Request::new("query ($n: Int = 3) { employees(first: $n) { nodes { id } } }");
        guard(Limits::DEFAULT)
            .check(request.variables(variables))
            .ok()
            .map(|checked| checked.cost)
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
    let guard = guard(Limits {
        cost: 100,
        ..Limits::DEFAULT
    });
    assert_eq!(
        code(&guard, "{ employees(first: 100) { nodes { id } } }"),
        "ok"
    );
    assert_eq!(
        code(&guard, "{ employees(first: 101) { nodes { id } } }"),
        "LIMIT_EXCEEDED cost"
    );
}

#[test]
fn a_document_is_parsed_once() {
    let guard = guard(Limits::DEFAULT);
    assert_eq!(code(&guard, "{ a }"), "ok");
    let first = guard.documents().get("{ a }").unwrap();
    assert_eq!(code(&guard, "{ a }"), "ok");
    assert!(Arc::ptr_eq(
        &first,
        &guard.documents().get("{ a }").unwrap()
    ));
    assert!(guard.documents().get("{ b }").is_none());
}

#[test]
fn a_variable_is_used_only_where_it_fits() {
    let guard = guard(Limits::DEFAULT);
    let check = |text: &str| {
        guard
            .document(text)
            .map(|document| document.is_known)
            .map_err(|error| error.message)
    };
    for right in [
        "query($x: ID!) { employee(id: $x) { id } }",
        "query($x: ID = \"emp_1\") { employee(id: $x) { id } }",
        "query($x: [ID!]!) { nodes(ids: $x) { id } }",
        "query($x: ID!) { nodes(ids: [$x]) { id } }",
        "query($x: Int) { employees(first: $x) { nodes { id } } }",
        "query($x: Int!) { employees(first: $x) { nodes { id } } }",
        "query($x: Int) { changes(first: $x) { nodes { kind } } }",
        "query($x: Boolean!) { employees @skip(if: $x) { nodes { id @include(if: $x) } } }",
        "query($x: String) { employees(where: {name: {eq: $x}}) { nodes { id } } }",
        "query($x: StringFilter) { employees(where: {name: $x}) { nodes { id } } }",
        "query($x: Int) { ...F } fragment F on Query { employees(first: $x) { nodes { id } } }",
        "query($x: EmployeeOrderField!) { employees(orderBy: [{field: $x}]) { nodes { id } } }",
        "mutation($x: ID!) { deleteEmployee(input: {id: $x}) { deletedEmployeeId } }",
    ] {
        assert_eq!(check(right), Ok(true), "{right}");
    }
    for (wrong, words) in [
        (
            "query($x: Boolean!) { employee(id: $x) { id } }",
            "Variable `$x` is of type `Boolean!`, and `ID!` is expected here.",
        ),
        (
            "query($x: ID) { employee(id: $x) { id } }",
            "Variable `$x` is of type `ID`, and `ID!` is expected here.",
        ),
        (
            "query($x: ID = null) { employee(id: $x) { id } }",
            "Variable `$x` is of type `ID`, and `ID!` is expected here.",
        ),
        (
            "query($x: ID!) { nodes(ids: $x) { id } }",
            "Variable `$x` is of type `ID!`, and `[ID!]!` is expected here.",
        ),
        (
            "query($x: [ID]!) { nodes(ids: $x) { id } }",
            "Variable `$x` is of type `[ID]!`, and `[ID!]!` is expected here.",
        ),
        (
            "query($x: Boolean) { employees @skip(if: $x) { nodes { id } } }",
            "Variable `$x` is of type `Boolean`, and `Boolean!` is expected here.",
        ),
        (
            "query($x: Int) { employees(where: {name: {eq: $x}}) { nodes { id } } }",
            "Variable `$x` is of type `Int`, and `String` is expected here.",
        ),
        (
            "query($x: String) { ...F } fragment F on Query { employees(first: $x) { nodes { id } } }",
            "Variable `$x` is of type `String`, and `Int` is expected here.",
        ),
    ] {
        assert_eq!(check(wrong), Err(words.to_owned()), "{wrong}");
    }
    // What the library refuses, or knows better.
    for unknown in [
        "query($x: Int) { employees(size: $x) { nodes { id } } }",
        "query($x: String!) { __type(name: $x) { name } }",
        "{ employees(first: $x) { nodes { id } } }",
    ] {
        assert_eq!(check(unknown), Ok(false), "{unknown}");
    }
}
