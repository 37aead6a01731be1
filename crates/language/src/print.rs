//! Text of normalized selections and values, for logs and tests.

use std::fmt::{Display, Formatter, Result};

use crate::{
    argument::ArgumentValue,
    normalized::{NormalizedField, NormalizedSelectionSet},
    schema::Schema,
};

impl NormalizedSelectionSet {
    /// The set in the syntax of the grammar, on one line. Its branches are inline fragments.
    pub fn display<'a>(&'a self, schema: &'a Schema) -> impl Display + 'a {
        DisplaySet { schema, set: self }
    }
}

struct DisplaySet<'a> {
    schema: &'a Schema,
    set: &'a NormalizedSelectionSet,
}

impl DisplaySet<'_> {
    fn field(&self, field: &NormalizedField, out: &mut Formatter<'_>) -> Result {
        out.write_str(" ")?;
        if let Some(alias) = &field.alias {
            write!(out, "{alias}: ")?;
        }
        out.write_str(&field.name)?;
        for (number, argument) in field.arguments.iter().enumerate() {
            let before = if number == 0 { "(" } else { ", " };
            write!(out, "{before}{}: {}", argument.name, argument.value)?;
        }
        if !field.arguments.is_empty() {
            out.write_str(")")?;
        }
        match &field.selection_set {
            Some(set) => write!(out, " {}", set.display(self.schema)),
            None => Ok(()),
        }
    }
}

impl Display for DisplaySet<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        out.write_str("{")?;
        for branch in &self.set.branches {
            let is_fragment = branch.on != self.set.on;
            if is_fragment {
                write!(out, " ... on {} {{", self.schema.type_at(branch.on).name)?;
            }
            for field in &branch.fields {
                self.field(field, out)?;
            }
            if is_fragment {
                out.write_str(" }")?;
            }
        }
        out.write_str(" }")
    }
}

/// The value in the syntax of the grammar.
impl Display for ArgumentValue {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        match self {
            Self::Variable(name) => write!(out, "${name}"),
            Self::Null => out.write_str("null"),
            Self::Boolean(value) => write!(out, "{value}"),
            Self::Number(number) => write!(out, "{number}"),
            Self::String(text) => write!(out, "{}", serde_json::Value::from(text.as_str())),
            Self::Enum(name) => out.write_str(name),
            Self::List(items) => {
                out.write_str("[")?;
                for (number, item) in items.iter().enumerate() {
                    let before = if number == 0 { "" } else { ", " };
                    write!(out, "{before}{item}")?;
                }
                out.write_str("]")
            }
            Self::Object(fields) => {
                out.write_str("{")?;
                for (number, (name, value)) in fields.iter().enumerate() {
                    let before = if number == 0 { "" } else { ", " };
                    write!(out, "{before}{name}: {value}")?;
                }
                out.write_str("}")
            }
        }
    }
}
