//! Variables: what becomes of given values, and how errors read.

mod support;

use language::{DocumentLimits, PathSegment, Stage};
use serde_json::{Value as Json, json};
use support::{PETS, run, schema};

const FILTER: &str = "query ($f: Filter, $n: Int! = 2) { filter(filter: $f, count: $n) }";

fn coerced(text: &str, variables: Json) -> Json {
    let prepared = run(&schema(PETS), text, variables, &DocumentLimits::DEFAULT);
    prepared
        .expect("the variables have the declared types")
        .variables
        .into()
}

fn error(text: &str, variables: Json) -> String {
    let mut schema = schema(PETS);
    schema.set_scalar_check("Day", |value| match value.as_str() {
        Some(text) if text.len() == 10 => Ok(()),
        _ => Err("Give a day such as \"2026-09-01\".".to_owned()),
    });
    match run(&schema, text, variables, &DocumentLimits::DEFAULT) {
        Ok(_) => "valid".to_owned(),
        Err(errors) => errors[0].message.clone(),
    }
}

#[test]
fn defaults_are_put_in_at_every_level() {
    let given = json!({ "f": { "not": {} } });
    let expected = json!({
        "f": { "kind": "SMALL", "limit": 3, "not": { "kind": "SMALL", "limit": 3 } },
        "n": 2,
    });
    assert_eq!(coerced(FILTER, given), expected);
    let text = "query ($f: Filter = {sizes: 1, id: 123456789012345678901234567890}) { filter(filter: $f, count: 1) }";
    let expected = json!({
        "f": {
            "kind": "SMALL",
            "limit": 3,
            "sizes": [[1]],
            "id": "123456789012345678901234567890",
        },
    });
    assert_eq!(coerced(text, json!({})), expected);
}

#[test]
fn values_become_those_of_the_declared_type() {
    let given = json!({
        "f": { "kind": null, "limit": 4.0, "sizes": [1, [2.0], null], "id": 7, "ratio": 2 },
        "n": 3.0,
        "other": true,
    });
    let expected = json!({
        "f": { "kind": null, "limit": 4, "sizes": [[1], [2], null], "id": "7", "ratio": 2 },
        "n": 3,
    });
    assert_eq!(coerced(FILTER, given), expected);
}

#[test]
fn a_variable_without_a_value_stays_absent() {
    assert_eq!(coerced(FILTER, json!({})), json!({ "n": 2 }));
    assert_eq!(
        coerced(FILTER, json!({ "f": null })),
        json!({ "f": null, "n": 2 })
    );
}

#[test]
fn an_error_names_variable_path_value_and_what_a_value_looks_like() {
    for (filter, expected) in [
        (
            json!("x"),
            "Variable \"$f\" has invalid value: Expected value of type \"Filter\" to be an object, found: \"x\". Its fields are kind, limit, sizes, not, by, day, id, ratio, ok.",
        ),
        (
            json!({ "limit": "ten" }),
            "Variable \"$f\" has invalid value at .limit: Int cannot represent non-integer value: \"ten\". Give a whole number such as 42.",
        ),
        (
            json!({ "limit": 1.5 }),
            "Variable \"$f\" has invalid value at .limit: Int cannot represent non-integer value: 1.5. Give a whole number such as 42.",
        ),
        (
            json!({ "limit": 3_000_000_000_u32 }),
            "Variable \"$f\" has invalid value at .limit: Int cannot represent non 32-bit signed integer value: 3000000000. Give a whole number such as 42.",
        ),
        (
            json!({ "limit": null }),
            "Variable \"$f\" has invalid value at .limit: Expected value of non-null type \"Int!\" not to be null.",
        ),
        (
            json!({ "sizes": [[1], [null]] }),
            "Variable \"$f\" has invalid value at .sizes[1][0]: Expected value of non-null type \"Int!\" not to be null.",
        ),
        (
            json!({ "kind": "small" }),
            "Variable \"$f\" has invalid value at .kind: Value \"small\" does not exist in \"Kind\" enum. Did you mean the enum value \"SMALL\"?",
        ),
        (
            json!({ "kind": "TINY" }),
            "Variable \"$f\" has invalid value at .kind: Value \"TINY\" does not exist in \"Kind\" enum. Give one of \"SMALL\", \"LARGE\".",
        ),
        (
            json!({ "kind": 1 }),
            "Variable \"$f\" has invalid value at .kind: Enum \"Kind\" cannot represent non-string value: 1. Give one of \"SMALL\", \"LARGE\".",
        ),
        (
            json!({ "knd": 1 }),
            "Variable \"$f\" has invalid value: Expected value of type \"Filter\" not to include unknown field \"knd\". Did you mean \"kind\" or \"id\"? Found: { knd: 1 }.",
        ),
        (
            json!({ "by": {} }),
            "Variable \"$f\" has invalid value at .by: Within OneOf Input Object type \"By\", exactly one field must be specified, and the value for that field must be non-null.",
        ),
        (
            json!({ "by": { "id": null } }),
            "Variable \"$f\" has invalid value at .by.id: Within OneOf Input Object type \"By\", exactly one field must be specified, and the value for that field must be non-null.",
        ),
        (
            json!({ "day": "today" }),
            "Variable \"$f\" has invalid value at .day: Day cannot represent value: \"today\". Give a day such as \"2026-09-01\".",
        ),
        (
            json!({ "id": 1.5 }),
            "Variable \"$f\" has invalid value at .id: ID cannot represent value: 1.5. Give a string or a whole number.",
        ),
        (
            json!({ "ratio": "1" }),
            "Variable \"$f\" has invalid value at .ratio: Float cannot represent non numeric value: \"1\". Give a number such as 2.5.",
        ),
        (
            json!({ "ok": 1 }),
            "Variable \"$f\" has invalid value at .ok: Boolean cannot represent a non boolean value: 1. Give true or false.",
        ),
    ] {
        assert_eq!(error(FILTER, json!({ "f": filter })), expected);
    }
    let required = "query ($n: Int!) { filter(count: $n) }";
    let expected = "Variable \"$n\" has invalid value: Expected a value of non-null type \"Int!\" to be provided.";
    assert_eq!(error(required, json!({})), expected);
}

#[test]
fn the_check_of_a_custom_scalar_sees_literals_too() {
    let refused = "{ filter(filter: {day: \"today\"}, count: 1) }";
    let expected = "Day cannot represent value: \"today\". Give a day such as \"2026-09-01\".";
    assert_eq!(error(refused, json!({})), expected);
    let accepted = "{ filter(filter: {day: \"2026-09-01\"}, count: 1) }";
    assert_eq!(error(accepted, json!({})), "valid");
}

#[test]
fn an_error_carries_its_path() {
    let variables = json!({ "f": { "sizes": [[1], ["a"]] } });
    let limits = DocumentLimits::DEFAULT;
    let errors = run(&schema(PETS), FILTER, variables, &limits).expect_err("a string is no Int");
    let expected = [
        PathSegment::Name("f".to_owned()),
        PathSegment::Name("sizes".to_owned()),
        PathSegment::Index(1),
        PathSegment::Index(0),
    ];
    assert_eq!(errors[0].path, expected);
    assert_eq!(errors[0].stage, Stage::Coerce);
}

#[test]
fn variables_have_limits_on_size_and_depth() {
    let limits = DocumentLimits {
        variable_depth: 3,
        variable_values: 10,
        ..DocumentLimits::DEFAULT
    };
    let exceeded = |filter: Json| {
        let variables = json!({ "f": filter });
        let errors = run(&schema(PETS), FILTER, variables, &limits).expect_err("too large");
        let error = errors.last().expect("an error").clone();
        (error.stage, error.limit.map(|limit| limit.name))
    };
    let deep = json!({ "not": { "not": { "not": { "not": {} } } } });
    assert_eq!(exceeded(deep), (Stage::Limit, Some("variable_depth")));
    let wide = json!({ "sizes": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11] });
    assert_eq!(exceeded(wide), (Stage::Limit, Some("variable_values")));
}

#[test]
fn errors_are_capped() {
    let limits = DocumentLimits::DEFAULT;
    let sizes: Vec<&str> = vec!["x"; 1_000];
    let variables = json!({ "f": { "sizes": sizes } });
    let errors = run(&schema(PETS), FILTER, variables, &limits).expect_err("strings are no Int");
    assert_eq!(errors.len(), language::MAX_ERRORS + 1);
}
