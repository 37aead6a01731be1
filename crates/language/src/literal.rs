//! Literals as JSON, and how messages show literals and JSON.

use std::fmt::Write as _;

use serde_json::{Number, Value as Json};

use crate::ast::{Literal, LiteralKind};

/// A constant as JSON, whatever type it has: enum values are strings, variables null.
pub(crate) fn to_json(literal: &Literal<'_>) -> Json {
    match &literal.kind {
        LiteralKind::Variable(_) | LiteralKind::Null => Json::Null,
        LiteralKind::Boolean(value) => Json::Bool(*value),
        LiteralKind::Int(text) | LiteralKind::Float(text) => {
            number(text).map_or_else(|| Json::from(*text), Json::Number)
        }
        LiteralKind::String(text) => Json::from(&**text),
        LiteralKind::Enum(name) => Json::from(*name),
        LiteralKind::List(items) => items.iter().map(to_json).collect(),
        LiteralKind::Object(fields) => fields
            .iter()
            .map(|field| (field.name.text.to_owned(), to_json(&field.value)))
            .collect(),
    }
}

/// The number that digits stand for, unless it is beyond the integers and doubles of 64 bits.
pub(crate) fn number(text: &str) -> Option<Number> {
    let integer = text.parse::<i64>().map(Number::from).ok();
    integer
        .or_else(|| text.parse::<u64>().map(Number::from).ok())
        .or_else(|| Number::from_f64(text.parse().ok()?))
}

/// Characters of a value that a message shows.
const SHOWN: usize = 200;

/// The literal as the grammar writes it, cut if it is long.
pub(crate) fn show_literal(literal: &Literal<'_>) -> String {
    let mut shown = String::new();
    write_literal(literal, &mut shown);
    cut(shown)
}

/// The JSON value in the syntax of the grammar, cut if it is long.
pub(crate) fn show_json(value: &Json) -> String {
    let mut shown = String::new();
    write_json(value, &mut shown);
    cut(shown)
}

fn cut(mut shown: String) -> String {
    if let Some((end, _)) = shown.char_indices().nth(SHOWN) {
        shown.truncate(end);
        shown.push('…');
    }
    shown
}

fn write_string(text: &str, out: &mut String) {
    let shown: String = text.chars().take(SHOWN).collect();
    let _ = write!(out, "{}", Json::String(shown));
}

fn write_list<T>(items: &[T], out: &mut String, write: impl Fn(&T, &mut String)) {
    out.push('[');
    for (number, item) in items.iter().enumerate() {
        if out.len() > SHOWN * 4 {
            return;
        }
        out.push_str(if number > 0 { ", " } else { "" });
        write(item, out);
    }
    out.push(']');
}

fn write_object<'v, T: 'v>(
    fields: impl ExactSizeIterator<Item = (&'v str, &'v T)>,
    out: &mut String,
    write: impl Fn(&T, &mut String),
) {
    if fields.len() == 0 {
        return out.push_str("{}");
    }
    for (number, (name, value)) in fields.enumerate() {
        if out.len() > SHOWN * 4 {
            return;
        }
        out.push_str(if number > 0 { ", " } else { "{ " });
        out.extend(name.chars().take(SHOWN));
        out.push_str(": ");
        write(value, out);
    }
    out.push_str(" }");
}

fn write_literal(literal: &Literal<'_>, out: &mut String) {
    match &literal.kind {
        LiteralKind::Variable(name) => {
            out.push('$');
            out.push_str(name);
        }
        LiteralKind::Int(text) | LiteralKind::Float(text) | LiteralKind::Enum(text) => {
            out.push_str(text);
        }
        LiteralKind::String(text) => write_string(text, out),
        LiteralKind::Boolean(value) => out.push_str(if *value { "true" } else { "false" }),
        LiteralKind::Null => out.push_str("null"),
        LiteralKind::List(items) => write_list(items, out, write_literal),
        LiteralKind::Object(fields) => {
            let fields = fields.iter().map(|field| (field.name.text, &field.value));
            write_object(fields, out, write_literal);
        }
    }
}

fn write_json(value: &Json, out: &mut String) {
    match value {
        Json::Array(items) => write_list(items, out, write_json),
        Json::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.as_str(), value));
            write_object(fields, out, write_json);
        }
        Json::String(text) => write_string(text, out),
        other => {
            let _ = write!(out, "{other}");
        }
    }
}
