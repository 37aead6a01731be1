//! Literals as JSON and as text, and how messages show literals and JSON.

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

/// The constant on one line, as the grammar writes it.
pub(crate) fn print(literal: &Literal<'_>) -> Box<str> {
    let mut printed = Printer::new(usize::MAX);
    printed.literal(literal);
    printed.out.into_boxed_str()
}

/// Characters of a value that a message shows.
const SHOWN: usize = 100;

/// The literal as the grammar writes it, cut if it is long.
pub(crate) fn show_literal(literal: &Literal<'_>) -> String {
    let mut shown = Printer::new(SHOWN);
    shown.literal(literal);
    cut(shown.out)
}

/// The JSON value in the syntax of the grammar, cut if it is long.
pub(crate) fn show_json(value: &Json) -> String {
    let mut shown = Printer::new(SHOWN);
    shown.json(value);
    cut(shown.out)
}

fn cut(mut shown: String) -> String {
    if let Some((end, _)) = shown.char_indices().nth(SHOWN) {
        shown.truncate(end);
        shown.push('…');
    }
    shown
}

/// Prints values, and stops soon after the text is long enough.
struct Printer {
    out: String,
    /// Characters that are needed.
    needed: usize,
}

impl Printer {
    fn new(needed: usize) -> Self {
        let out = String::new();
        Self { out, needed }
    }

    fn is_enough(&self) -> bool {
        // A character has at most four bytes.
        self.out.len() > self.needed.saturating_mul(4)
    }

    fn string(&mut self, text: &str) {
        let shown: String = text.chars().take(self.needed).collect();
        let _ = write!(self.out, "{}", Json::String(shown));
    }

    fn list<T>(&mut self, items: &[T], print: impl Fn(&mut Self, &T)) {
        self.out.push('[');
        for (number, item) in items.iter().enumerate() {
            if self.is_enough() {
                return;
            }
            self.out.push_str(if number > 0 { ", " } else { "" });
            print(self, item);
        }
        self.out.push(']');
    }

    fn object<'v, T: 'v>(
        &mut self,
        fields: impl ExactSizeIterator<Item = (&'v str, &'v T)>,
        print: impl Fn(&mut Self, &T),
    ) {
        if fields.len() == 0 {
            return self.out.push_str("{}");
        }
        for (number, (name, value)) in fields.enumerate() {
            if self.is_enough() {
                return;
            }
            self.out.push_str(if number > 0 { ", " } else { "{ " });
            self.out.extend(name.chars().take(self.needed));
            self.out.push_str(": ");
            print(self, value);
        }
        self.out.push_str(" }");
    }

    fn literal(&mut self, literal: &Literal<'_>) {
        match &literal.kind {
            LiteralKind::Variable(name) => {
                self.out.push('$');
                self.out.push_str(name);
            }
            LiteralKind::Int(text) | LiteralKind::Float(text) | LiteralKind::Enum(text) => {
                self.out.push_str(text);
            }
            LiteralKind::String(text) => self.string(text),
            LiteralKind::Boolean(true) => self.out.push_str("true"),
            LiteralKind::Boolean(false) => self.out.push_str("false"),
            LiteralKind::Null => self.out.push_str("null"),
            LiteralKind::List(items) => self.list(items, |printer, item| printer.literal(item)),
            LiteralKind::Object(fields) => {
                let fields = fields.iter().map(|field| (field.name.text, &field.value));
                self.object(fields, |printer, value| printer.literal(value));
            }
        }
    }

    fn json(&mut self, value: &Json) {
        match value {
            Json::Array(items) => self.list(items, |printer, item| printer.json(item)),
            Json::Object(fields) => {
                let fields = fields.iter().map(|(name, value)| (name.as_str(), value));
                self.object(fields, |printer, value| printer.json(value));
            }
            Json::String(text) => self.string(text),
            other => {
                let _ = write!(self.out, "{other}");
            }
        }
    }
}
