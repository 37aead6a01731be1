//! Size and cost of normalized operations.

mod support;

use language::{
    ArgumentValue, DocumentLimits, FieldCost, Measurement, NormalizedField, PathSegment, measure,
};
use support::{PETS, run, schema};

/// A list has as many items as `first` says, or two; anything else is one object.
fn model(path: &[&NormalizedField]) -> FieldCost {
    let field = path[path.len() - 1];
    let size = match field.argument("first") {
        Some(ArgumentValue::Number(number)) => number.as_u64().unwrap_or(0),
        _ if *field.name == *"friends" => 2,
        _ => 1,
    };
    FieldCost {
        objects: size,
        items: size,
    }
}

fn measured(text: &str, limits: &DocumentLimits) -> Result<Measurement, language::Diagnostic> {
    let schema = schema(PETS);
    let prepared = run(&schema, text, serde_json::Value::Null, limits).expect("valid");
    measure(&schema, &prepared.operation, &model, limits)
}

#[test]
fn page_sizes_multiply_down_the_tree() {
    let text = "{ being { friends(first: 10) { friends(first: 5) { name } a: self { name } } } }";
    let limits = DocumentLimits::DEFAULT;
    let expected = Measurement {
        root_fields: 1,
        fields: 6,
        aliases: 1,
        depth: 4,
        // The being, 10 friends, and for each 5 friends and the friend itself.
        cost: 1 + 10 * (1 + 5 + 1),
    };
    assert_eq!(measured(text, &limits), Ok(expected));
}

#[test]
fn an_object_has_one_type_only() {
    let text = "{ pet { ... on Dog { friends(first: 3) { name } } ... on Cat { self { name } } } }";
    let cost = measured(text, &DocumentLimits::DEFAULT).map(|measured| measured.cost);
    assert_eq!(cost, Ok(1 + 3));
    let text =
        "{ being { a: name b: name ... on Dog { c: size } ... on Cat { d: name e: name } } }";
    let aliases = measured(text, &DocumentLimits::DEFAULT).map(|measured| measured.aliases);
    assert_eq!(aliases, Ok(4));
}

#[test]
fn a_cost_over_the_limit_names_the_dearest_field() {
    let limits = DocumentLimits {
        cost: 100,
        ..DocumentLimits::DEFAULT
    };
    let text = "{ being { a: friends(first: 20) { friends(first: 20) { name } } } }";
    let error = measured(text, &limits).expect_err("421 objects");
    let path = ["being", "a"].map(|key| PathSegment::Name(key.to_owned()));
    assert_eq!(error.path, path);
    let limit = error.limit.expect("a limit");
    assert_eq!((limit.name, limit.maximum, limit.count), ("cost", 100, 421));
}

#[test]
fn each_limit_on_an_operation_names_itself() {
    let limits = DocumentLimits {
        aliases: 1,
        root_fields: 2,
        introspection_lists: 1,
        ..DocumentLimits::DEFAULT
    };
    for (text, name) in [
        ("{ a: __typename b: __typename }", "aliases"),
        (
            "{ __typename pet { __typename } being { name } }",
            "root_fields",
        ),
        (
            "{ __schema { types { fields { type { interfaces { name } } } } } }",
            "introspection_lists",
        ),
    ] {
        let error = measured(text, &limits).expect_err(text);
        assert_eq!(error.limit.map(|limit| limit.name), Some(name), "{text}");
    }
}

#[test]
fn the_standard_introspection_is_within_the_limits() {
    let text = support::INTROSPECTION;
    let limits = DocumentLimits::DEFAULT;
    assert!(measured(text, &limits).is_ok());
    let prepared = run(&schema(PETS), text, serde_json::Value::Null, &limits).expect("valid");
    assert_eq!(prepared.operation.introspection().count(), 1);
}

#[test]
fn fields_inside_each_other_are_counted_through_fragments() {
    let limits = DocumentLimits {
        depth: 4,
        ..DocumentLimits::DEFAULT
    };
    let text = "{ being { ...A } } fragment A on Being { self { ...B } } fragment B on Being { self { ... { self { name } } } }";
    let schema = schema(PETS);
    let errors = run(&schema, text, serde_json::Value::Null, &limits).expect_err("5 levels");
    let limit = errors[0].limit.expect("a limit");
    assert_eq!((limit.name, limit.maximum, limit.count), ("depth", 4, 5));
}
