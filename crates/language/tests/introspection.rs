//! Answers of `__schema` and `__type`.

mod support;

use language::{Diagnostic, DocumentLimits, PathSegment, Schema, Stage, introspect};
use serde_json::{Value as Json, json};
use support::{INTROSPECTION, PETS, ROSTER, run, schema};

const SHOP: &str = r#"
    "A shop."
    schema { query: Root }
    "What can be asked."
    type Root {
      item("Which." id: ID!, old: Int = 1 @deprecated(reason: "unused")): Item
      "" items(by: Sort = { key: NAME, keys: [PRICE], note: "a\n\"b\"", ratio: 1.50e3, not: null, parent: {} }, keys: [Key!] = [NAME, PRICE], none: Key = null, all: Boolean! = true, any: Money = EUR): [[Item!]!]
      thing: Thing @deprecated
      node: Node
    }
    interface Node { id: ID! }
    interface Named implements Node { id: ID! name: String }
    type Item implements Named & Node { id: ID! name: String price: Money @deprecated(reason: "Use \"cost\".") }
    type Box implements Node { id: ID! }
    union Thing = Item | Box
    """
    Keys to
      sort by.
    """
    enum Key { NAME "The price." PRICE OLD @deprecated(reason: "") }
    input Sort { key: Key keys: [Key] note: String ratio: Float not: Sort parent: Sort old: Key @deprecated }
    input One @oneOf { a: Boolean b: Boolean }
    scalar Money @specifiedBy(url: "https://example.org/money")
    extend scalar Plain @specifiedBy(url: "https://example.org/plain")
    scalar Plain
    directive @note("Said." text: String!, old: Int @deprecated) repeatable on FIELD | QUERY
    directive @gone @deprecated(reason: "Went.") on FIELD
    directive @going on FIELD
    extend directive @going @deprecated
"#;

/// The answers of all root fields, as the text of one object.
fn answer_within(
    schema: &Schema,
    text: &str,
    variables: Json,
    max_bytes: usize,
) -> Result<String, Diagnostic> {
    let request = run(schema, text, variables, &DocumentLimits::DEFAULT)
        .unwrap_or_else(|errors| panic!("{text}: {}", errors[0]));
    let fields = &request.operation.root.branches[0].fields;
    let answers = fields.iter().map(|field| {
        let value = introspect(schema, field, &request.variables, max_bytes)?;
        Ok(format!("\"{}\":{value}", field.response_key()))
    });
    let answers: Result<Vec<String>, Diagnostic> = answers.collect();
    Ok(format!("{{{}}}", answers?.join(",")))
}

fn answer(schema: &Schema, text: &str, variables: Json) -> String {
    answer_within(schema, text, variables, usize::MAX).unwrap_or_else(|error| panic!("{error}"))
}

/// The answer of a document over `SHOP`, without the name of its only root field.
fn shop(text: &str) -> String {
    let answer = answer(&schema(SHOP), text, json!({}));
    let (_, value) = answer.split_once(':').unwrap_or_default();
    value[..value.len() - 1].to_owned()
}

fn names(list: &Json) -> Vec<&str> {
    let list = list.as_array().map_or(&[][..], Vec::as_slice);
    list.iter().filter_map(|one| one["name"].as_str()).collect()
}

#[test]
fn the_schema_has_its_root_types_and_description() {
    assert_eq!(
        shop(
            "{ __schema { description queryType { name } mutationType { name } subscriptionType { name } } }"
        ),
        r#"{"description":"A shop.","queryType":{"name":"Root"},"mutationType":null,"subscriptionType":null}"#
    );
}

#[test]
fn types_come_in_the_order_of_the_sdl_and_then_those_of_the_specification() {
    let answer: Json = shop("{ __schema { types { name } } }")
        .parse()
        .unwrap_or_default();
    assert_eq!(
        names(&answer["types"]),
        [
            "Root",
            "Node",
            "Named",
            "Item",
            "Box",
            "Thing",
            "Key",
            "Sort",
            "One",
            "Money",
            "Plain",
            "Int",
            "Float",
            "String",
            "Boolean",
            "ID",
            "__Schema",
            "__Type",
            "__TypeKind",
            "__Field",
            "__InputValue",
            "__EnumValue",
            "__Directive",
            "__DirectiveLocation",
        ]
    );
}

#[test]
fn a_built_in_scalar_that_is_not_used_is_no_type() {
    let schema = schema("type Query { ok: Boolean }");
    let text = "{ a: __type(name: \"Int\") { name } b: __type(name: \"String\") { name } }";
    assert_eq!(
        answer(&schema, text, json!({})),
        r#"{"a":null,"b":{"name":"String"}}"#
    );
}

#[test]
fn each_kind_has_its_own_fields_and_null_for_the_others() {
    for (name, expected) in [
        (
            "Item",
            r#"{"kind":"OBJECT","specifiedByURL":null,"fields":[{"name":"id"},{"name":"name"}],"interfaces":[{"name":"Named"},{"name":"Node"}],"possibleTypes":null,"enumValues":null,"inputFields":null,"ofType":null,"isOneOf":null}"#,
        ),
        (
            "Named",
            r#"{"kind":"INTERFACE","specifiedByURL":null,"fields":[{"name":"id"},{"name":"name"}],"interfaces":[{"name":"Node"}],"possibleTypes":[{"name":"Item"}],"enumValues":null,"inputFields":null,"ofType":null,"isOneOf":null}"#,
        ),
        (
            "Thing",
            r#"{"kind":"UNION","specifiedByURL":null,"fields":null,"interfaces":null,"possibleTypes":[{"name":"Item"},{"name":"Box"}],"enumValues":null,"inputFields":null,"ofType":null,"isOneOf":null}"#,
        ),
        (
            "Key",
            r#"{"kind":"ENUM","specifiedByURL":null,"fields":null,"interfaces":null,"possibleTypes":null,"enumValues":[{"name":"NAME"},{"name":"PRICE"}],"inputFields":null,"ofType":null,"isOneOf":null}"#,
        ),
        (
            "One",
            r#"{"kind":"INPUT_OBJECT","specifiedByURL":null,"fields":null,"interfaces":null,"possibleTypes":null,"enumValues":null,"inputFields":[{"name":"a"},{"name":"b"}],"ofType":null,"isOneOf":true}"#,
        ),
        (
            "Money",
            r#"{"kind":"SCALAR","specifiedByURL":"https://example.org/money","fields":null,"interfaces":null,"possibleTypes":null,"enumValues":null,"inputFields":null,"ofType":null,"isOneOf":null}"#,
        ),
    ] {
        let text = format!(
            "{{ __type(name: \"{name}\") {{ kind specifiedByURL fields {{ name }} interfaces {{ name }} possibleTypes {{ name }} enumValues {{ name }} inputFields {{ name }} ofType {{ name }} isOneOf }} }}"
        );
        assert_eq!(shop(&text), expected, "{name}");
    }
    assert_eq!(
        shop("{ __type(name: \"Sort\") { isOneOf } }"),
        r#"{"isOneOf":false}"#
    );
}

#[test]
fn an_extension_of_a_scalar_specifies_it() {
    assert_eq!(
        shop("{ __type(name: \"Plain\") { specifiedByURL } }"),
        r#"{"specifiedByURL":"https://example.org/plain"}"#
    );
}

#[test]
fn members_of_a_union_keep_the_order_of_the_sdl() {
    let schema = schema(
        "type A { a: Int } type B { a: Int } type Query { u: U } union U = B extend union U = A",
    );
    assert_eq!(
        answer(
            &schema,
            "{ __type(name: \"U\") { possibleTypes { name } } }",
            json!({})
        ),
        r#"{"__type":{"possibleTypes":[{"name":"B"},{"name":"A"}]}}"#
    );
}

#[test]
fn wrappers_are_types_without_a_name() {
    let schema = schema("type Query { rows: [Int!]! }");
    let text = "{ __type(name: \"Query\") { fields { type { ...T ofType { ...T ofType { ...T ofType { ...T ofType { kind } } } } } } } }
        fragment T on __Type { kind name description fields { name } possibleTypes { name } isOneOf }";
    let rest = r#""description":null,"fields":null,"possibleTypes":null,"isOneOf":null"#;
    let answer = answer(&schema, text, json!({})).replace(rest, "…");
    let described = "\"description\":\"A signed whole number of 32 bits.\"";
    assert_eq!(
        answer.replace(&rest.replace("\"description\":null", described), "…"),
        r#"{"__type":{"fields":[{"type":{"kind":"NON_NULL","name":null,…,"ofType":{"kind":"LIST","name":null,…,"ofType":{"kind":"NON_NULL","name":null,…,"ofType":{"kind":"SCALAR","name":"Int",…,"ofType":null}}}}}]}}"#
    );
}

#[test]
fn deprecated_definitions_are_listed_only_if_asked_for() {
    for (fields, without, with) in [
        (
            "__type(name: \"Root\") { fields# { name } }",
            "item items node",
            "item items thing node",
        ),
        (
            "__type(name: \"Root\") { fields { args# { name } } }",
            "id by keys none all any",
            "id old by keys none all any",
        ),
        (
            "__type(name: \"Key\") { enumValues# { name } }",
            "NAME PRICE",
            "NAME PRICE OLD",
        ),
        (
            "__type(name: \"Sort\") { inputFields# { name } }",
            "key keys note ratio not parent",
            "key keys note ratio not parent old",
        ),
        (
            "__schema { directives# { name } }",
            "note include skip deprecated specifiedBy oneOf",
            "note gone going include skip deprecated specifiedBy oneOf",
        ),
        (
            "__schema { directives { args# { name } } }",
            "text if if reason url",
            "text old if if reason url",
        ),
    ] {
        let schema = schema(SHOP);
        let listed = |head: &str, argument: &str, variables| {
            let text = format!("{head} {{ {} }}", fields.replace('#', argument));
            let answer = answer(&schema, &text, variables);
            let names = answer.split("{\"name\":\"").skip(1);
            let names = names.map(|rest| rest.split('"').next().unwrap_or_default());
            names.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(listed("", "", json!({})), without, "{fields}");
        let literal = |value| format!("(includeDeprecated: {value})");
        assert_eq!(
            listed("", &literal("false"), json!({})),
            without,
            "{fields}"
        );
        assert_eq!(listed("", &literal("true"), json!({})), with, "{fields}");
        let variable = literal("$all");
        let head = "query ($all: Boolean)";
        assert_eq!(listed(head, &variable, json!({})), without, "{fields}");
        let given = json!({ "all": true });
        assert_eq!(listed(head, &variable, given), with, "{fields}");
        let head = "query ($all: Boolean = true)";
        assert_eq!(listed(head, &variable, json!({})), with, "{fields}");
    }
}

#[test]
fn a_deprecated_definition_has_a_reason() {
    assert_eq!(
        shop(
            "{ __type(name: \"Item\") { fields(includeDeprecated: true) { isDeprecated deprecationReason } } }"
        ),
        r#"{"fields":[{"isDeprecated":false,"deprecationReason":null},{"isDeprecated":false,"deprecationReason":null},{"isDeprecated":true,"deprecationReason":"Use \"cost\"."}]}"#
    );
    assert_eq!(
        shop(
            "{ __type(name: \"Key\") { enumValues(includeDeprecated: true) { isDeprecated deprecationReason } } }"
        ),
        r#"{"enumValues":[{"isDeprecated":false,"deprecationReason":null},{"isDeprecated":false,"deprecationReason":null},{"isDeprecated":true,"deprecationReason":""}]}"#
    );
    let answer = shop(
        "{ __schema { directives(includeDeprecated: true) { name isDeprecated deprecationReason } } }",
    );
    for expected in [
        r#"{"name":"note","isDeprecated":false,"deprecationReason":null}"#,
        r#"{"name":"gone","isDeprecated":true,"deprecationReason":"Went."}"#,
        r#"{"name":"going","isDeprecated":true,"deprecationReason":"No longer supported"}"#,
    ] {
        assert!(answer.contains(expected), "{expected}");
    }
}

#[test]
fn an_extension_does_not_replace_the_reason_of_a_directive() {
    let schema = schema(
        "type Query { a: Int } directive @a @deprecated(reason: \"First.\") on FIELD extend directive @a @deprecated",
    );
    let text = "{ __schema { directives(includeDeprecated: true) { deprecationReason } } }";
    assert!(answer(&schema, text, json!({})).contains("[{\"deprecationReason\":\"First.\"}"));
}

#[test]
fn an_extension_of_an_unknown_directive_is_refused() {
    let error = Schema::parse("type Query { a: Int } extend directive @a @deprecated");
    let message = error.map_err(|error| error.to_string()).err();
    assert_eq!(
        message.as_deref(),
        Some("Cannot extend \"@a\", which is not defined. (1:41)")
    );
}

#[test]
fn default_values_are_literals() {
    let answer: Json = shop("{ __type(name: \"Root\") { fields { args { name defaultValue } } } }")
        .parse()
        .unwrap_or_default();
    let defaults: Vec<_> = [&answer["fields"][0], &answer["fields"][1]]
        .into_iter()
        .flat_map(|field| field["args"].as_array().into_iter().flatten())
        .map(|one| (one["name"].as_str(), one["defaultValue"].as_str()))
        .collect();
    assert_eq!(
        defaults,
        [
            ("id", None),
            (
                "by",
                Some(
                    r#"{ key: NAME, keys: [PRICE], note: "a\n\"b\"", ratio: 1.50e3, not: null, parent: {} }"#
                )
            ),
            ("keys", Some("[NAME, PRICE]")),
            ("none", Some("null")),
            ("all", Some("true")),
            ("any", Some("EUR")),
        ]
        .map(|(name, default)| (Some(name), default))
    );
}

#[test]
fn a_long_default_value_is_not_cut() {
    let text = "x".repeat(5_000);
    let list = vec!["1"; 5_000].join(", ");
    let sdl = format!("type Query {{ a(text: String = \"{text}\", list: [Int] = [{list}]): Int }}");
    let query = "{ __type(name: \"Query\") { fields { args { defaultValue } } } }";
    assert_eq!(
        answer(&schema(&sdl), query, json!({})),
        format!(
            r#"{{"__type":{{"fields":[{{"args":[{{"defaultValue":"\"{text}\""}},{{"defaultValue":"[{list}]"}}]}}]}}}}"#
        )
    );
}

#[test]
fn descriptions_are_text_or_null() {
    assert_eq!(
        shop(
            "{ __type(name: \"Root\") { description fields { description args { description } } } }"
        ),
        r#"{"description":"What can be asked.","fields":[{"description":null,"args":[{"description":"Which."}]},{"description":"","args":[{"description":null},{"description":null},{"description":null},{"description":null},{"description":null}]},{"description":null,"args":[]}]}"#
    );
    assert_eq!(
        shop("{ __type(name: \"Key\") { description enumValues { description } } }"),
        r#"{"description":"Keys to\n  sort by.","enumValues":[{"description":null},{"description":"The price."}]}"#
    );
    let schema = schema("schema { query: Q } type Q { a: Int }");
    assert_eq!(
        answer(&schema, "{ __schema { description } }", json!({})),
        r#"{"__schema":{"description":null}}"#
    );
}

#[test]
fn directives_have_locations_arguments_and_repeatability() {
    let answer = shop(
        "{ __schema { directives { name isRepeatable locations args { name description defaultValue } } } }",
    );
    for expected in [
        r#"{"name":"note","isRepeatable":true,"locations":["FIELD","QUERY"],"args":[{"name":"text","description":"Said.","defaultValue":null}]}"#,
        r#"{"name":"oneOf","isRepeatable":false,"locations":["INPUT_OBJECT"],"args":[]}"#,
        r#""defaultValue":"\"No longer supported\"""#,
    ] {
        assert!(answer.contains(expected), "{expected}\n{answer}");
    }
}

#[test]
fn a_type_is_found_by_its_name_or_null() {
    let schema = schema(SHOP);
    let text = "query ($name: String!) { a: __type(name: \"Item\") { name } b: __type(name: \"Nope\") { name } c: __type(name: $name) { name } d: __type(name: \"__Type\") { kind } }";
    assert_eq!(
        answer(&schema, text, json!({ "name": "Box" })),
        r#"{"a":{"name":"Item"},"b":null,"c":{"name":"Box"},"d":{"kind":"OBJECT"}}"#
    );
    let text = "query ($name: String! = \"Key\") { __type(name: $name) { name } }";
    assert_eq!(
        answer(&schema, text, json!({})),
        r#"{"__type":{"name":"Key"}}"#
    );
}

#[test]
fn each_object_has_a_typename() {
    let schema = schema("type Query { a(b: Int!): Key } enum Key { ONE }");
    for (text, expected) in [
        (
            "{ __typename a: __typename }",
            r#"{"__typename":"Query","a":"Query"}"#,
        ),
        (
            "{ __schema { __typename queryType { __typename fields { __typename args { __typename type { __typename ofType { __typename } } } } } } }",
            r#"{"__schema":{"__typename":"__Schema","queryType":{"__typename":"__Type","fields":[{"__typename":"__Field","args":[{"__typename":"__InputValue","type":{"__typename":"__Type","ofType":{"__typename":"__Type"}}}]}]}}}"#,
        ),
        (
            "{ __type(name: \"Key\") { enumValues { __typename } } }",
            r#"{"__type":{"enumValues":[{"__typename":"__EnumValue"}]}}"#,
        ),
    ] {
        assert_eq!(answer(&schema, text, json!({})), expected);
    }
    let directives = shop("{ __schema { directives { __typename } } }");
    assert!(directives.starts_with("{\"directives\":[{\"__typename\":\"__Directive\"},"));
}

#[test]
fn keys_are_aliases_in_the_order_of_the_selection() {
    assert_eq!(
        shop(
            "{ z: __type(name: \"Money\") { z: name kind ...F a: name z: name ... @skip(if: true) { description } } } fragment F on __Type { description b: specifiedByURL }"
        ),
        r#"{"z":"Money","kind":"SCALAR","description":null,"b":"https://example.org/money","a":"Money"}"#
    );
}

#[test]
fn an_empty_selection_is_an_empty_object() {
    assert_eq!(
        shop("{ __type(name: \"Key\") { enumValues {} ofType {} } }"),
        r#"{"enumValues":[{},{}],"ofType":null}"#
    );
}

#[test]
fn an_answer_has_at_most_the_given_bytes() {
    let schema = schema(ROSTER);
    let full = |max_bytes| {
        let text = INTROSPECTION.replace("  __schema {", "  all: __schema {");
        answer_within(&schema, &text, json!({}), max_bytes)
    };
    let value = full(usize::MAX).unwrap_or_default().len() - "{\"all\":}".len();
    assert!(value > 100_000, "{value}");
    assert!(full(value).is_ok());
    for most in [0, 1, 1_000, value - 1] {
        let Err(error) = full(most) else {
            panic!("{most} bytes are enough")
        };
        assert_eq!(error.stage, Stage::Limit);
        assert_eq!(
            error.message,
            format!("The answer of \"all\" has more than {most} bytes.")
        );
        assert_eq!(error.path, [PathSegment::Name("all".to_owned())]);
        let limit = error.limit.map(|limit| (limit.name, limit.maximum));
        assert_eq!(limit, Some(("max_bytes", most as u64)));
    }
}

#[test]
fn null_in_a_variable_of_a_non_null_argument_is_an_error() {
    let schema = schema(PETS);
    for (text, variable, ty) in [
        (
            "query ($all: Boolean) { __schema { directives(includeDeprecated: $all) { name } } }",
            "all",
            "Boolean!",
        ),
        (
            "query ($name: String = \"Dog\") { __type(name: $name) { name } }",
            "name",
            "String!",
        ),
    ] {
        let error = answer_within(&schema, text, json!({ variable: null }), usize::MAX);
        let Err(error) = error else {
            panic!("{text} has an answer")
        };
        assert_eq!(error.stage, Stage::Coerce);
        assert_eq!(
            error.message,
            format!(
                "Variable \"${variable}\" has invalid value: Expected value of non-null type \"{ty}\" not to be null."
            )
        );
        assert_eq!(error.path, [PathSegment::Name(variable.to_owned())]);
    }
    let text = "query ($all: Boolean) { __type(name: \"Int\") { fields(includeDeprecated: $all) { name } } }";
    assert_eq!(
        answer(&schema, text, json!({ "all": null })),
        r#"{"__type":{"fields":null}}"#,
        "a scalar has no fields to filter"
    );
}
