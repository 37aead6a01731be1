//! Lexer and parser: messages and places are those of graphql.js 17.

mod support;

use language::{DocumentLimits, Stage, ast::LiteralKind, parse};
use support::{PETS, first, messages, normalized, schema};

fn error(text: &str) -> String {
    match parse(text, &DocumentLimits::DEFAULT) {
        Ok(_) => "parsed".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// The value of the only argument of `{ a(b: …) }`.
fn string(literal: &str) -> String {
    let text = format!("{{ a(b: {literal}) }}");
    let document = parse(&text, &DocumentLimits::DEFAULT).expect("the literal is a string");
    let language::ast::Selection::Field(field) = &document.operations[0].selection_set.items[0]
    else {
        panic!("no field");
    };
    match &field.arguments[0].value.kind {
        LiteralKind::String(value) => value.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_syntax_error_reads_like_that_of_graphql_js() {
    for (text, expected) in [
        ("", "Syntax Error: Unexpected <EOF>. (1:1)"),
        ("{", "Syntax Error: Expected Name, found <EOF>. (1:2)"),
        (
            "{ ...on }",
            "Syntax Error: Expected Name, found \"}\". (1:9)",
        ),
        ("{ a: }", "Syntax Error: Expected Name, found \"}\". (1:6)"),
        ("query", "Syntax Error: Expected \"{\", found <EOF>. (1:6)"),
        (
            "query Q() { a }",
            "Syntax Error: Expected \"$\", found \")\". (1:9)",
        ),
        ("{ a() }", "Syntax Error: Expected Name, found \")\". (1:5)"),
        (
            "{ a(b: 00) }",
            "Syntax Error: Invalid number, unexpected digit after 0: \"0\". (1:9)",
        ),
        (
            "{ a(b: 1.) }",
            "Syntax Error: Invalid number, expected digit but got: \")\". (1:10)",
        ),
        (
            "{ a(b: 1a) }",
            "Syntax Error: Invalid number, expected digit but got: \"a\". (1:9)",
        ),
        ("{ a(b: \"x) }", "Syntax Error: Unterminated string. (1:13)"),
        (
            "{ a(b: \"\"\"x) }",
            "Syntax Error: Unterminated string. (1:15)",
        ),
        (
            "{ a(b: \"\\q\") }",
            "Syntax Error: Invalid character escape sequence: \"\\q\". (1:9)",
        ),
        (
            "{ a(b: \"\\uDEAD\") }",
            "Syntax Error: Invalid Unicode escape sequence: \"\\uDEAD\". (1:9)",
        ),
        (
            "query Q($a: Int = $b) { a }",
            "Syntax Error: Unexpected variable \"$b\" in constant value. (1:19)",
        ),
        (
            "fragment on on T { a }",
            "Syntax Error: Unexpected Name \"on\". (1:10)",
        ),
        (
            "\"d\" { a }",
            "Syntax Error: Unexpected description, descriptions are not supported on shorthand queries. (1:1)",
        ),
        (
            "{ a ? }",
            "Syntax Error: Unexpected character: \"?\". (1:5)",
        ),
        (
            "{ \u{1F600} }",
            "Syntax Error: Unexpected character: U+1F600. (1:3)",
        ),
        (
            "{ a .. }",
            "Syntax Error: Unexpected \"..\", did you mean \"...\"? (1:5)",
        ),
    ] {
        assert_eq!(error(text), expected, "{text}");
    }
}

#[test]
fn every_line_end_counts_and_columns_are_utf16_units() {
    assert_eq!(
        error("{\n\r\n\r ?"),
        "Syntax Error: Unexpected character: \"?\". (4:2)"
    );
    assert_eq!(
        error("#\u{1F600}é\n?"),
        "Syntax Error: Unexpected character: \"?\". (2:1)"
    );
    let text = "{ a(b: \"\u{1F600}é\") ? }";
    assert_eq!(
        error(text),
        "Syntax Error: Unexpected character: \"?\". (1:15)"
    );
    assert_eq!(
        error("\u{FEFF} ?"),
        "Syntax Error: Unexpected character: \"?\". (1:3)"
    );
    let block = "{ a(b: \"\"\"\r\n\r\n\"\"\") ? }";
    assert_eq!(
        error(block),
        "Syntax Error: Unexpected character: \"?\". (3:6)"
    );
}

#[test]
fn a_string_is_unescaped() {
    for (literal, expected) in [
        (r#""""#, ""),
        (r#""plain""#, "plain"),
        (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
        (r#""a\u00e9b""#, "aéb"),
        (r#""\u{1F600}\u{0000000000041}""#, "\u{1F600}A"),
        (r#""\uD83D\uDE00""#, "\u{1F600}"),
        (r#""""""""#, ""),
        ("\"\"\"\n    a\n      b\n\n    c\n  \"\"\"", "a\n  b\n\nc"),
        ("\"\"\"a\r    b\r\n  c\"\"\"", "a\n  b\nc"),
        (r#""""a \""" \n b""""#, r#"a """ \n b"#),
    ] {
        assert_eq!(string(literal), expected, "{literal}");
    }
}

#[test]
fn descriptions_and_empty_sets_are_allowed() {
    let schema = schema(PETS);
    let text = "\"about Q\" query Q(\"\"\"about v\"\"\" $v: By) { being(by: $v) {} ...F }
        \"about F\" fragment F on Query { __typename }";
    assert_eq!(messages(&schema, text), [""; 0]);
    let expected = "{ being(by: $v) { } __typename }";
    assert_eq!(normalized(&schema, text, serde_json::Value::Null), expected);
}

#[test]
fn a_definition_of_a_type_is_not_executable() {
    let schema = schema(PETS);
    let expected = "1:5 The \"A\" definition is not executable.";
    assert_eq!(first(&schema, "{a} type A { a: Int }"), expected);
    assert_eq!(first(&schema, "{a} extend type A { a: Int }"), expected);
}

#[test]
fn each_limit_on_text_names_itself() {
    let limits = DocumentLimits {
        tokens: 14,
        brackets: 2,
        directives: 1,
        name_length: 8,
        operations: 1,
        fragments: 1,
        variables: 1,
        ..DocumentLimits::DEFAULT
    };
    for (text, limit, maximum) in [
        ("{ a a a a a a a a a a a a a }", "tokens", 14),
        ("{ a { b { c } } }", "brackets", 2),
        ("{ a(b: [[]]) }", "brackets", 2),
        ("{ a(b: {c: {}}) }", "brackets", 2),
        ("query Q($a: [[[A]]]) { a }", "brackets", 2),
        ("{ a @b @c }", "directives", 1),
        ("{ abcdefghi }", "name_length", 8),
        ("{ a(b: 123456789) }", "name_length", 8),
        ("query A {a} query B {a}", "operations", 1),
        ("fragment A on A {a} fragment B on A {a}", "fragments", 1),
        ("query A($a: A $b: A) {a}", "variables", 1),
    ] {
        let error = parse(text, &limits).expect_err(text);
        let exceeded = error.limit.expect(text);
        assert_eq!(error.stage, Stage::Limit, "{text}");
        assert_eq!(
            (exceeded.name, exceeded.maximum),
            (limit, maximum),
            "{text}"
        );
    }
}
