//! Normalized operations select what `CollectFields` of the specification selects, in its order.

mod support;

use std::collections::HashSet;

use language::{
    CheckedDocument, DocumentLimits, NormalizedSelectionSet, Schema, TypeId, TypeKind,
    ast::{Document, Field, Selection, SelectionSet},
    normalize, parse, validate,
};
use proptest::prelude::*;
use serde_json::json;
use support::{PETS, ROSTER, normalized, run, schema};

#[test]
fn selection_sets_of_one_object_are_merged() {
    let schema = schema(PETS);
    for (text, expected) in [
        (
            "{ being { name } ...F a: being { name } being { self { name } name } } fragment F on Query { being { n: name self { n: name } } }",
            "{ being { name n: name self { n: name name } } a: being { name } }",
        ),
        (
            "{ pet { ... on Dog { x: size } ... on Being { name } __typename } }",
            "{ pet { ... on Dog { x: size name __typename } ... on Cat { name __typename } } }",
        ),
        (
            "{ pet { __typename ... on Being { __typename } } }",
            "{ pet { __typename } }",
        ),
        (
            "{ pet { ... on Dog { size } } }",
            "{ pet { ... on Dog { size } } }",
        ),
        (
            "{ being { ... on Pet { ... on Cat { self { name } } } } }",
            "{ being { ... on Cat { self { name } } } }",
        ),
        (
            "{ being { ... on Being { name } ... on Dog { name } } }",
            "{ being { ... on Dog { name } ... on Cat { name } ... on Human { name } } }",
        ),
        ("{ pet {} }", "{ pet { } }"),
        (
            "{ __typename @skip(if: true) pet @include(if: false) { __typename } }",
            "{ }",
        ),
    ] {
        assert_eq!(normalized(&schema, text, json!({})), expected, "{text}");
    }
}

#[test]
fn values_are_read_by_their_type() {
    let schema = schema(PETS);
    let text = "{ text(id: 123456789012345678901234567890, ids: 1, of: \"\"\"a\n b\"\"\") filter(count: -0, filter: {sizes: 1, id: 7, kind: LARGE, ratio: 1e2}) }";
    let expected = "{ text(id: \"123456789012345678901234567890\", ids: [\"1\"], of: \"a\\nb\") \
        filter(count: 0, filter: {sizes: [[1]], id: \"7\", kind: LARGE, ratio: 100.0}) }";
    assert_eq!(normalized(&schema, text, json!({})), expected);
}

#[test]
fn conditions_follow_variables_and_their_defaults() {
    let schema = schema(PETS);
    let text = "query ($a: Boolean = true, $b: Boolean = true) { x: __typename @skip(if: $a) y: __typename @include(if: $b) }";
    for (variables, expected) in [
        (json!({}), "{ y: __typename }"),
        (json!({ "a": false, "b": false }), "{ x: __typename }"),
        (json!({ "a": null, "b": null }), "{ x: __typename }"),
    ] {
        assert_eq!(
            normalized(&schema, text, variables.clone()),
            expected,
            "{variables}"
        );
    }
}

#[test]
fn a_cached_document_gives_the_same_operation() {
    let schema = schema(PETS);
    let limits = DocumentLimits::DEFAULT;
    let text = "query Q($a: Boolean!, $n: Int!) { ...F filter(count: $n) } fragment F on Query { pet @include(if: $a) { __typename } } query R { __typename }";
    let document = CheckedDocument::check(&schema, text, Some("Q"), &limits).expect("valid");
    let names: Vec<&str> = document
        .condition_variables()
        .iter()
        .map(|name| &**name)
        .collect();
    assert_eq!(names, ["a"]);
    assert_eq!(
        (document.kind().as_str(), document.name()),
        ("query", Some("Q"))
    );
    for (given, expected) in [
        (true, "{ pet { __typename } filter(count: $n) }"),
        (false, "{ filter(count: $n) }"),
    ] {
        let variables = json!({ "a": given, "n": 1 });
        let variables = variables.as_object().cloned().expect("an object");
        let variables = document
            .coerce(&schema, variables, &limits)
            .expect("coerced");
        assert_eq!(document.dependencies(&variables), [given]);
        let operation = document
            .normalize(&schema, &variables, &limits)
            .expect("small");
        assert_eq!(operation.root.display(&schema).to_string(), expected);
    }
}

#[test]
fn an_argument_without_a_value_has_its_default() {
    let schema = schema(PETS);
    let text = "query ($n: Int, $m: Int, $of: String) { being { friends(first: $n) { self { friends(first: $m) { name } } } } text(of: $of) }";
    for (variables, expected) in [
        (
            json!({ "n": 1 }),
            "{ being { friends(first: $n) { self { friends { name } } } } text(of: $of) }",
        ),
        (
            json!({ "m": null }),
            "{ being { friends { self { friends(first: $m) { name } } } } text(of: $of) }",
        ),
    ] {
        assert_eq!(
            normalized(&schema, text, variables.clone()),
            expected,
            "{variables}"
        );
    }
    let limits = DocumentLimits::DEFAULT;
    let document = CheckedDocument::check(&schema, text, None, &limits).expect("valid");
    let given = json!({ "m": null, "of": "a" });
    let facts = document.dependencies(given.as_object().expect("an object"));
    // `m` and `n`; `of` has no default.
    assert_eq!(facts, [true, false]);
}

#[test]
fn the_default_of_an_object_counts_where_its_interface_has_none() {
    let sdl = "interface I { f(n: Int): Int } type T implements I { f(n: Int = 1): Int } type Query { i: I }";
    let text = "query ($n: Int) { i { f(n: $n) } }";
    let schema = schema(sdl);
    assert_eq!(normalized(&schema, text, json!({})), "{ i { f } }");
    assert_eq!(
        normalized(&schema, text, json!({ "n": 2 })),
        "{ i { f(n: $n) } }"
    );
    let document = CheckedDocument::check(&schema, text, None, &DocumentLimits::DEFAULT);
    let document = document.expect("valid");
    assert_eq!(document.dependencies(&serde_json::Map::new()), [false]);
}

#[test]
fn sets_and_fields_are_numbered() {
    fn numbers(set: &NormalizedSelectionSet, sets: &mut Vec<usize>, fields: &mut Vec<usize>) {
        sets.push(set.number);
        for field in set.branches.iter().flat_map(|branch| &branch.fields) {
            fields.push(field.number);
            if let Some(set) = &field.selection_set {
                numbers(set, sets, fields);
            }
        }
    }
    // Both types of `pet` select the set of `F` that begins at one place.
    let text = "{ pet { ...F ... on Dog { size } } } fragment F on Being { self { name } }";
    let limits = DocumentLimits::DEFAULT;
    let operation = run(&schema(PETS), text, json!({}), &limits)
        .expect("valid")
        .operation;
    let (mut sets, mut fields) = (Vec::new(), Vec::new());
    numbers(&operation.root, &mut sets, &mut fields);
    sets.sort_unstable();
    fields.sort_unstable();
    assert_eq!(sets, (0..operation.sets).collect::<Vec<_>>());
    assert_eq!(fields, (0..operation.fields).collect::<Vec<_>>());
    assert_eq!((operation.sets, operation.fields), (4, 6));
}

#[test]
fn introspection_is_found_at_the_root() {
    let schema = schema(ROSTER);
    let keys = |text: &str| {
        let prepared = run(&schema, text, json!({}), &DocumentLimits::DEFAULT).expect("valid");
        let fields = prepared.operation.introspection();
        fields
            .map(|field| field.response_key().to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        keys("{ __schema { types { name } } __typename a: __schema { description } }"),
        ["__schema", "a"]
    );
    assert_eq!(keys("{ __typename }"), [""; 0]);
    assert_eq!(
        keys("{ ...F } fragment F on Query { __type(name: \"A\") { name } node(id: 1) { id } }"),
        ["__type"]
    );
}

#[test]
fn the_memory_of_an_entry_grows_with_its_text() {
    let schema = schema(PETS);
    let size = |count: usize| {
        let text = format!(
            "{{ {} }}",
            "a: __typename ".repeat(count).replace("a:", "abc:")
        );
        let limits = DocumentLimits::DEFAULT;
        let prepared = run(&schema, &text, json!({}), &limits).expect("valid");
        prepared.document.size() + prepared.operation.size
    };
    assert!(size(100) > size(1) + 99 * "abc: __typename ".len() - 100);
}

/// Writes random valid documents over [`PETS`]: no arguments, and a response key always stands for
/// the same field.
struct Writer {
    state: u64,
    fragments: Vec<String>,
}

impl Writer {
    fn below(&mut self, count: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) % count
    }

    fn pick<'s>(&mut self, options: &[&'s str]) -> &'s str {
        options[self.below(options.len() as u64) as usize]
    }

    fn document(&mut self) -> String {
        let set = self.set("Query", 4);
        format!("{set} {}", self.fragments.join(" "))
    }

    fn set(&mut self, on: &str, depth: u32) -> String {
        let count = self.below(5);
        let items: Vec<String> = (0..count).map(|_| self.selection(on, depth)).collect();
        format!("{{ {} }}", items.join(" "))
    }

    fn selection(&mut self, on: &str, depth: u32) -> String {
        let condition = self.pick(&[
            "",
            "",
            "",
            "",
            "@skip(if: true)",
            "@include(if: true)",
            "@include(if: $yes)",
            "@skip(if: $no)",
        ]);
        if depth > 0 && self.below(3) == 0 {
            let inner = match on {
                "Query" => "Query",
                _ => self.pick(&["Being", "Pet", "Dog", "Cat", "Human"]),
            };
            // A fragment that no object satisfies is not valid.
            let inner = match (on, inner) {
                ("Dog" | "Cat" | "Human", _) => on,
                ("Pet", "Human") => "Being",
                (_, inner) => inner,
            };
            let set = self.set(inner, depth - 1);
            if self.below(2) == 0 {
                return format!("... on {inner} {condition} {set}");
            }
            let name = format!("F{}", self.fragments.len());
            self.fragments
                .push(format!("fragment {name} on {inner} {set}"));
            return format!("...{name} {condition} ...{name}");
        }
        let (leaves, composites): (&[&str], &[(&str, &str)]) = match on {
            "Query" => (&["__typename"], &[("being", "Being"), ("pet", "Pet")]),
            "Pet" => (&["__typename"], &[]),
            "Being" => (
                &["__typename", "name"],
                &[("self", "Being"), ("friends", "Being")],
            ),
            "Dog" => (
                &["name", "dog: size"],
                &[("self", "Dog"), ("friends", "Being"), ("owner", "Human")],
            ),
            "Cat" => (
                &["name", "cat: size"],
                &[("self", "Cat"), ("friends", "Being"), ("owner", "Human")],
            ),
            _ => (
                &["name", "size"],
                &[("self", "Human"), ("friends", "Being"), ("pets", "Pet")],
            ),
        };
        if depth == 0 || composites.is_empty() || self.below(2) == 0 {
            return format!("{} {condition}", self.pick(leaves));
        }
        let (field, inner) = composites[self.below(composites.len() as u64) as usize];
        let alias = self.pick(&["", "", "a_"]);
        let alias = if alias.is_empty() {
            String::new()
        } else {
            format!("{alias}{field}: ")
        };
        let set = self.set(inner, depth - 1);
        format!("{alias}{field} {condition} {set}")
    }
}

/// The type of the object at a path: any that the declared type allows.
fn object_at(schema: &Schema, on: TypeId, path: &str) -> TypeId {
    let possible = &schema.type_at(on).possible_types;
    let hash = path.bytes().fold(7_usize, |hash, byte| {
        hash.wrapping_mul(31) + usize::from(byte)
    });
    possible[hash % possible.len()]
}

/// `ExecuteSelectionSet` as the specification writes it, with objects instead of values.
struct Reference<'a> {
    schema: &'a Schema,
    document: &'a Document<'a>,
}

impl<'a> Reference<'a> {
    fn execute(&self, sets: &[&'a SelectionSet<'a>], object: TypeId, path: &str) -> String {
        let mut groups: Vec<(&str, Vec<&'a Field<'a>>)> = Vec::new();
        let mut visited = HashSet::new();
        for set in sets {
            self.collect(set, object, &mut visited, &mut groups);
        }
        let mut out = String::new();
        for (key, fields) in groups {
            let definition = self
                .schema
                .field(object, fields[0].name.text)
                .expect("valid");
            out += key;
            let sets: Vec<_> = fields
                .iter()
                .filter_map(|field| field.selection_set.as_ref())
                .collect();
            if !sets.is_empty() {
                let path = format!("{path}.{key}");
                let below = object_at(self.schema, definition.ty.base(), &path);
                out += &format!("{{{}}}", self.execute(&sets, below, &path));
            }
            out += " ";
        }
        out
    }

    fn collect(
        &self,
        set: &'a SelectionSet<'a>,
        object: TypeId,
        visited: &mut HashSet<&'a str>,
        groups: &mut Vec<(&'a str, Vec<&'a Field<'a>>)>,
    ) {
        for selection in &set.items {
            let directives = match selection {
                Selection::Field(field) => &field.directives,
                Selection::Inline(fragment) => &fragment.directives,
                Selection::Spread(spread) => &spread.directives,
            };
            // The writer gives conditions that are true, and false for `$no`.
            let skips = directives.iter().any(|directive| {
                directive.name.text == "skip"
                    && matches!(
                        directive.arguments[0].value.kind,
                        language::ast::LiteralKind::Boolean(_)
                    )
            });
            if skips {
                continue;
            }
            match selection {
                Selection::Field(field) => {
                    let key = field.response_key().text;
                    match groups.iter_mut().find(|(other, _)| *other == key) {
                        Some((_, fields)) => fields.push(field),
                        None => groups.push((key, vec![field])),
                    }
                }
                Selection::Inline(fragment) => {
                    let on = fragment.on.map_or("", |on| on.text);
                    if self.applies(on, object) {
                        self.collect(&fragment.selection_set, object, visited, groups);
                    }
                }
                Selection::Spread(spread) => {
                    if visited.insert(spread.name.text) {
                        let mut fragments = self.document.fragments.iter();
                        let fragment = fragments
                            .find(|one| one.name.text == spread.name.text)
                            .expect("valid");
                        if self.applies(fragment.on.text, object) {
                            self.collect(&fragment.selection_set, object, visited, groups);
                        }
                    }
                }
            }
        }
    }

    fn applies(&self, on: &str, object: TypeId) -> bool {
        let on = self.schema.type_named(on).expect("valid");
        let definition = self.schema.type_at(on);
        match definition.kind {
            TypeKind::Object => on == object,
            _ => definition.possible_types.contains(&object),
        }
    }
}

fn execute(schema: &Schema, set: &NormalizedSelectionSet, object: TypeId, path: &str) -> String {
    let mut branches = set.branches.iter();
    let Some(branch) = branches.find(|branch| branch.on == set.on || branch.on == object) else {
        return String::new();
    };
    let mut out = String::new();
    for field in &branch.fields {
        let key = field.response_key();
        out += key;
        if let Some(set) = &field.selection_set {
            let path = format!("{path}.{key}");
            // The object's own declaration of the field decides, as in the reference.
            let definition = schema.field(object, &field.name).expect("valid");
            let below = object_at(schema, definition.ty.base(), &path);
            out += &format!("{{{}}}", execute(schema, set, below, &path));
        }
        out += " ";
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn keys_and_their_order_are_those_of_collect_fields(seed in 1..u64::MAX) {
        let schema = schema(PETS);
        let limits = DocumentLimits {
            directives: 1_000,
            fragments: 1_000,
            fields: 100_000,
            normalize_steps: 1_000_000,
            merge_steps: 1_000_000,
            ..DocumentLimits::DEFAULT
        };
        let mut writer = Writer { state: seed, fragments: Vec::new() };
        let text = format!("query ($yes: Boolean = true, $no: Boolean!) {}", writer.document());
        let document = parse(&text, &limits).expect("the writer knows the grammar");
        let errors = validate(&schema, &document, &limits).err().unwrap_or_default();
        let mut errors = errors.iter().map(|error| error.message.as_str());
        // A variable that no directive happens to use is the only mistake.
        prop_assert!(errors.all(|message| message.ends_with("is never used.")), "{text}");
        let operation = &document.operations[0];
        let variables = json!({ "yes": true, "no": false });
        let variables = variables.as_object().expect("an object");
        let normalized = normalize(&schema, &document, operation, variables, &limits);
        let normalized = normalized.expect("the limits are wide");
        let query = normalized.root.on;
        let reference = Reference { schema: &schema, document: &document };
        let expected = reference.execute(&[&operation.selection_set], query, "");
        prop_assert_eq!(execute(&schema, &normalized.root, query, ""), expected, "{}", text);
    }
}
