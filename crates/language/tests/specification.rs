//! Points in which graphql.js 17 differs from the specification, which decides here.

mod support;

use support::{PETS, first, messages, schema};

#[test]
fn a_nullable_variable_with_a_default_may_be_the_field_of_a_one_of_object() {
    let schema = schema(PETS);
    let text = |default: &str| {
        format!("query ($n: String {default}) {{ being(by: {{name: $n}}) {{ name }} }}")
    };
    assert_eq!(messages(&schema, &text("= \"a\"")), [""; 0]);
    let expected = "1:8 Variable \"$n\" is of type \"String\" but must be non-nullable to be used for OneOf Input Object \"By\".";
    assert_eq!(first(&schema, &text("")), expected);
    assert_eq!(first(&schema, &text("= null")), expected);
}

#[test]
fn an_escape_may_have_many_leading_zeros() {
    let text = "{ text(of: \"\\u{0000000000000041}\") text(of: \"A\") }";
    assert_eq!(messages(&schema(PETS), text), [""; 0]);
}

#[test]
fn equal_values_are_the_same_argument_however_they_are_written() {
    let schema = schema(PETS);
    let valid = "{ text(of: \"a\") text(of: \"\"\"a\"\"\") filter(count: 0) filter(count: -0) }";
    assert_eq!(messages(&schema, valid), [""; 0]);
    let conflict = "{ filter(count: 0) filter(count: 1) }";
    let expected = "1:3 Fields \"filter\" conflict because they have differing arguments. Use different aliases on the fields to fetch both if this was intentional.";
    assert_eq!(first(&schema, conflict), expected);
}

#[test]
fn the_name_of_a_type_conflicts_with_another_shape() {
    let text = "{ pet { ... on Dog { x: __typename } ... on Cat { x: size } } }";
    let expected = "1:22 Fields \"x\" conflict because they return conflicting types \"String!\" and \"Float\". Use different aliases on the fields to fetch both if this was intentional.";
    assert_eq!(first(&schema(PETS), text), expected);
}
