//! Verdicts on documents over the schema of the repository.

mod support;

use support::{ROSTER, first, messages, schema};

#[test]
fn documents_that_the_specification_allows_are_valid() {
    let schema = schema(ROSTER);
    for text in [
        "{ __typename }",
        "{ employee(id: \"emp_1\") {} }",
        "{ employee(id: 12345678901234567890123) { name } }",
        "{ employee(id: \"\\u{1F600}\") { name } }",
        "{ employee(id: \"\\uD83D\\uDE00\") { name } }",
        "\"d\" query Q { __typename }",
        "{ employees(first: -0) { totalCount } }",
        "{ employees(first: 0) { totalCount } employees(first: -0) { totalCount } }",
        "{ employees(after: \"a\") { totalCount } employees(after: \"\"\"a\"\"\") { totalCount } }",
        "{ employees(orderBy: {field: NAME}) { totalCount } }",
        "{ employees(orderBy: [{field: NAME, direction: DESC}]) { totalCount } }",
        "query ($n: Int = 3) { employees(first: $n) { totalCount } }",
        "query ($f: EmployeeOrderField = NAME) { employees(orderBy: [{field: $f}]) { totalCount } }",
        "query ($d: OrderDirection) { employees(orderBy: [{field: NAME, direction: $d}]) { totalCount } }",
        "query ($w: Int) { employee(id: 1) { meetingClashes(withinMinutes: $w) { __typename } } }",
        "query ($x: Boolean! = true) { __typename @skip(if: $x) }",
        "{ node(id: 1) { id ... on Employee { x: name } ... on Project { x: title } } }",
        "{ node(id: 1) { ... on Employee { projects(first: 1) { totalCount } } ... on Meeting { projects: employees(first: 2) { totalCount } } } }",
        "{ __schema { types { name fields(includeDeprecated: true) { name } } } __type(name: \"Node\") { kind } }",
        "subscription { changes { __typename } }",
        "mutation ($d: Date! = \"2026-09-01\") { createEmployee(input: {name: \"A\", hireDate: $d}) { userErrors { message } } }",
    ] {
        assert_eq!(messages(&schema, text), [""; 0], "{text}");
    }
}

#[test]
fn documents_that_break_a_rule_are_refused_with_the_cause() {
    let schema = schema(ROSTER);
    for (text, expected) in [
        (
            "{ employee(id:\"emp_1\"){x:name} employee(id:\"emp_1\"){x:hireDate} }",
            "1:24 Fields \"x\" conflict because \"name\" and \"hireDate\" are different fields. Use different aliases on the fields to fetch both if this was intentional.",
        ),
        (
            "{ employee(id:1) { ...A ...B } } fragment A on Employee { projects(first:1) { totalCount } } fragment B on Employee { projects(first:2) { totalCount } }",
            "1:59 Fields \"projects\" conflict because they have differing arguments. Use different aliases on the fields to fetch both if this was intentional.",
        ),
        (
            "mutation { createProject(input:{title:\"A\",title:\"B\"}) { userErrors { message } } }",
            "1:33 There can be only one input field named \"title\".",
        ),
        (
            "{ employees(orderBy:[{field:\"NAME\"}]) { totalCount } }",
            "1:29 Enum \"EmployeeOrderField\" cannot represent non-enum value: \"NAME\". Did you mean the enum value \"NAME\"?",
        ),
        ("{ __typename @nope }", "1:14 Unknown directive \"@nope\"."),
        (
            "query Q($a: [Nope!]! = [1]) { __typename }",
            "1:14 Unknown type \"Nope\". Did you mean \"Node\"?",
        ),
        (
            "{ emploee(id: 1) { name } }",
            "1:3 Cannot query field \"emploee\" on type \"Query\". Did you mean \"employee\" or \"employees\"?",
        ),
        (
            "{ node(id: 1) { hireDate } }",
            "1:17 Cannot query field \"hireDate\" on type \"Node\". Did you mean to use an inline fragment on \"Employee\"?",
        ),
        (
            "{ employee { name } }",
            "1:3 Argument \"Query.employee(id:)\" of type \"ID!\" is required, but it was not provided.",
        ),
        (
            "{ employees(frst: 1) { totalCount } }",
            "1:13 Unknown argument \"frst\" on field \"Query.employees\". Did you mean \"first\" or \"last\"?",
        ),
        (
            "{ employee(id: 1) }",
            "1:3 Field \"employee\" of type \"Employee\" must have a selection of subfields. Did you mean \"employee { ... }\"?",
        ),
        (
            "{ employee(id: 1) { name {} } }",
            "1:26 Field \"name\" must not have a selection since type \"String!\" has no subfields.",
        ),
        (
            "{ employee(id: null) { name } }",
            "1:16 Expected value of non-null type \"ID!\" not to be null.",
        ),
        (
            "{ employee(id: 1.5) { name } }",
            "1:16 ID cannot represent a non-string and non-integer value: 1.5",
        ),
        (
            "{ employees(first: 2147483648) { totalCount } }",
            "1:20 Int cannot represent non 32-bit signed integer value: 2147483648",
        ),
        (
            "{ employee(id: 1) { ... on Project { title } } }",
            "1:21 Fragment cannot be spread here as objects of type \"Employee\" can never be of type \"Project\".",
        ),
        ("{ ...A }", "1:6 Unknown fragment \"A\"."),
        (
            "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
            "1:32 Cannot spread fragment \"A\" within itself via \"B\".",
        ),
        (
            "{ __typename } fragment A on Query { __typename }",
            "1:16 Fragment \"A\" is never used.",
        ),
        (
            "query ($a: Int) { __typename }",
            "1:8 Variable \"$a\" is never used.",
        ),
        (
            "query Q { employees(first: $a) { totalCount } }",
            "1:28 Variable \"$a\" is not defined by operation \"Q\".",
        ),
        (
            "query ($a: String) { employees(first: $a) { totalCount } }",
            "1:8 Variable \"$a\" of type \"String\" used in position expecting type \"Int\".",
        ),
        (
            "query ($a: ID) { employee(id: $a) { name } }",
            "1:8 Variable \"$a\" of type \"ID\" used in position expecting type \"ID!\".",
        ),
        (
            "query ($a: Employee) { __typename }",
            "1:12 Variable \"$a\" cannot be non-input type \"Employee\".",
        ),
        (
            "query A { __typename } query A { __typename }",
            "1:7 There can be only one operation named \"A\".",
        ),
        (
            "{ __typename } query A { __typename }",
            "1:1 This anonymous operation must be the only defined operation.",
        ),
        (
            "{ __typename @skip(if: true) @skip(if: true) }",
            "1:30 The directive \"@skip\" can only be used once at this location.",
        ),
        (
            "query @skip(if: true) { __typename }",
            "1:7 Directive \"@skip\" may not be used on QUERY.",
        ),
        (
            "subscription { changes { __typename } other: changes { __typename } }",
            "1:39 Anonymous Subscription must select only one top level field.",
        ),
        (
            "subscription { __typename }",
            "1:16 Anonymous Subscription must not select an introspection top level field.",
        ),
        (
            "{ employeeBy: node(id: 1) { ...F } } fragment F on OrderDirection { a }",
            "1:52 Fragment \"F\" cannot condition on non composite type \"OrderDirection\".",
        ),
    ] {
        assert_eq!(first(&schema, text), expected, "{text}");
    }
}

#[test]
fn the_examples_of_the_playground_are_valid() {
    let schema = schema(ROSTER);
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../server/playground/examples");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("the folder is in the repository") {
        let path = entry.expect("the folder can be read").path();
        let text = std::fs::read_to_string(&path).expect("the file can be read");
        let document = language::CheckedDocument::check(
            &schema,
            &text,
            None,
            &language::DocumentLimits::DEFAULT,
        );
        assert!(document.is_ok(), "{}: {document:?}", path.display());
        count += 1;
    }
    assert!(count > 10);
}
