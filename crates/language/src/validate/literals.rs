//! Literals in the document: “Values of Correct Type”, “Input Object Field Names”, “Input Object
//! Field Uniqueness”, “Input Object Required Fields” (specification, section 5.6).

use super::{Validator, VariableUse};
use crate::{
    ast::{Argument, Literal, LiteralKind, Name},
    literal::{show_literal, to_json},
    schema::{BuiltInScalar, InputDefinition, TypeDefinition, TypeId, TypeKind, TypeRef},
};

impl<'a> Validator<'a> {
    /// The value of an argument. Its definition is absent if the argument is unknown.
    pub(super) fn argument_value(
        &mut self,
        value: &'a Literal<'a>,
        definition: Option<&'a InputDefinition>,
    ) {
        match value.kind {
            LiteralKind::Variable(name) => {
                let expected = definition.map(|input| (&input.ty, input.default.is_some()));
                self.variable(name, value, expected, None);
            }
            _ => self.literal(value, definition.map(|definition| &definition.ty)),
        }
    }

    fn variable(
        &mut self,
        name: &'a str,
        value: &Literal<'a>,
        expected: Option<(&'a TypeRef, bool)>,
        one_of: Option<TypeId>,
    ) {
        self.found.variables.push(VariableUse {
            name: Name {
                text: name,
                at: value.at,
            },
            expected,
            one_of,
        });
    }

    /// A value where the type `ty` is expected; nothing is expected at an unknown place or inside
    /// of a custom scalar.
    pub(super) fn literal(&mut self, value: &'a Literal<'a>, ty: Option<&'a TypeRef>) {
        match (&value.kind, ty) {
            (LiteralKind::Variable(name), _) => {
                self.variable(name, value, ty.map(|ty| (ty, false)), None);
            }
            (LiteralKind::Null, Some(ty @ TypeRef::NonNull(_))) => {
                let schema = self.schema;
                self.report.invalid(value.at, || {
                    format!(
                        "Expected value of non-null type \"{}\" not to be null.",
                        schema.display(ty)
                    )
                });
            }
            (LiteralKind::Null, _) => {}
            (_, Some(TypeRef::NonNull(inner))) => self.literal(value, Some(inner)),
            (LiteralKind::List(items), Some(TypeRef::List(item))) => {
                for value in items {
                    self.literal(value, Some(item));
                }
            }
            // A single value stands for a list of one.
            (_, Some(TypeRef::List(item))) => self.literal(value, Some(item)),
            (_, Some(TypeRef::Named(id))) => {
                let definition = self.schema.type_at(*id);
                match definition.kind {
                    TypeKind::InputObject => self.input_object(value, *id, definition),
                    TypeKind::Enum => self.enum_value(value, definition),
                    _ => self.scalar(value, definition),
                }
            }
            (LiteralKind::List(items), None) => {
                for value in items {
                    self.literal(value, None);
                }
            }
            (LiteralKind::Object(fields), None) => {
                self.unique_fields(fields);
                for field in fields {
                    self.literal(&field.value, None);
                }
            }
            (_, None) => {}
        }
    }

    fn unique_fields(&mut self, fields: &'a [Argument<'a>]) {
        self.unique("input field", fields.iter().map(|field| field.name));
    }

    fn input_object(&mut self, value: &'a Literal<'a>, id: TypeId, definition: &'a TypeDefinition) {
        let name = &definition.name;
        let LiteralKind::Object(fields) = &value.kind else {
            self.report.invalid(value.at, || {
                let found = show_literal(value);
                format!("Expected value of type \"{name}\" to be an object, found: {found}.")
            });
            return self.literal(value, None);
        };
        self.unique_fields(fields);
        for (required, input) in &definition.input_fields {
            let is_given = || fields.iter().any(|field| field.name.text == &**required);
            if input.is_required() && !is_given() {
                self.report.invalid(value.at, || {
                    let found = show_literal(value);
                    format!(
                        "Expected value of type \"{name}\" to include required field \"{required}\", found: {found}."
                    )
                });
            }
        }
        let is_null = |field: &Argument<'_>| matches!(field.value.kind, LiteralKind::Null);
        if definition.is_one_of && (fields.len() != 1 || fields.iter().any(is_null)) {
            self.report.invalid(value.at, || one_of_message(name));
        }
        for field in fields {
            let input = definition.input_fields.get(field.name.text);
            if input.is_none() {
                let suggestions = &mut self.suggestions;
                self.report.invalid(field.name.at, || {
                    let names = definition.input_fields.keys().map(|name| &**name);
                    let similar = suggestions.did_you_mean("", field.name.text, names);
                    unknown_field_message(name, field.name.text, &similar, &show_literal(value))
                });
            }
            match field.value.kind {
                LiteralKind::Variable(variable) => {
                    let expected = input.map(|input| (&input.ty, input.default.is_some()));
                    let one_of = definition.is_one_of.then_some(id);
                    self.variable(variable, &field.value, expected, one_of);
                }
                _ => self.literal(&field.value, input.map(|input| &input.ty)),
            }
        }
    }

    fn enum_value(&mut self, value: &'a Literal<'a>, definition: &'a TypeDefinition) {
        let name = &definition.name;
        let is_enum = match value.kind {
            LiteralKind::Enum(text) if definition.values.contains_key(text) => return,
            LiteralKind::Enum(_) => true,
            _ => false,
        };
        let suggestions = &mut self.suggestions;
        self.report.invalid(value.at, || {
            let found = show_literal(value);
            let values = definition.values.keys().map(|value| &**value);
            let similar = suggestions.did_you_mean("the enum value", &found, values);
            if is_enum {
                format!("Value \"{found}\" does not exist in \"{name}\" enum.{similar}")
            } else {
                format!("Enum \"{name}\" cannot represent non-enum value: {found}.{similar}")
            }
        });
        self.literal(value, None);
    }

    fn scalar(&mut self, value: &'a Literal<'a>, definition: &'a TypeDefinition) {
        let variables_before = self.found.variables.len();
        // Variables inside, and names given twice.
        self.literal(value, None);
        let Some(built_in) = definition.built_in else {
            let has_variables = self.found.variables.len() > variables_before;
            if let Some(check) = definition.check.filter(|_| !has_variables)
                && let Err(reason) = check(&to_json(value))
            {
                self.report.invalid(value.at, || {
                    let found = show_literal(value);
                    format!(
                        "{} cannot represent value: {found}. {reason}",
                        definition.name
                    )
                });
            }
            return;
        };
        let problem = match (built_in, &value.kind) {
            (BuiltInScalar::Int, LiteralKind::Int(text)) if text.parse::<i32>().is_ok() => return,
            (BuiltInScalar::Float, LiteralKind::Int(text) | LiteralKind::Float(text))
                if text.parse::<f64>().is_ok_and(f64::is_finite) =>
            {
                return;
            }
            (BuiltInScalar::String | BuiltInScalar::Id, LiteralKind::String(_))
            | (BuiltInScalar::Boolean, LiteralKind::Boolean(_))
            | (BuiltInScalar::Id, LiteralKind::Int(_)) => return,
            (BuiltInScalar::Int, LiteralKind::Int(_)) => {
                "Int cannot represent non 32-bit signed integer value"
            }
            (BuiltInScalar::Int, _) => "Int cannot represent non-integer value",
            (BuiltInScalar::Float, _) => "Float cannot represent non numeric value",
            (BuiltInScalar::String, _) => "String cannot represent a non string value",
            (BuiltInScalar::Boolean, _) => "Boolean cannot represent a non boolean value",
            (BuiltInScalar::Id, _) => "ID cannot represent a non-string and non-integer value",
        };
        self.report
            .invalid(value.at, || format!("{problem}: {}", show_literal(value)));
    }
}

/// Refuses a `@oneOf` object with no field, with several, or with one that is null.
pub(crate) fn one_of_message(name: &str) -> String {
    format!(
        "Within OneOf Input Object type \"{name}\", exactly one field must be specified, and the value for that field must be non-null."
    )
}

/// Refuses a field that an input object has not.
pub(crate) fn unknown_field_message(name: &str, field: &str, similar: &str, found: &str) -> String {
    let found = match similar {
        "" => format!(", found: {found}."),
        _ => format!(".{similar} Found: {found}."),
    };
    format!("Expected value of type \"{name}\" not to include unknown field \"{field}\"{found}")
}
