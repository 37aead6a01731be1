//! Coercion of variables (specification, section 6.1.2): given values become values of the declared
//! types, defaults put in at every level.

use std::sync::Arc;

use serde_json::{Map, Number, Value as Json};

use crate::{
    argument::ArgumentValue,
    ast::{OperationDefinition, Position},
    error::{Diagnostic, PathSegment, Report, Stage},
    limits::DocumentLimits,
    literal::show_json,
    schema::{BuiltInScalar, Schema, TypeDefinition, TypeKind, TypeRef},
    suggestions::Suggestions,
    validate::{one_of_message, unknown_field_message},
};

/// A variable that an operation declares.
#[derive(Clone, Debug)]
pub struct VariableDefinition {
    /// The name, without `$`.
    pub name: Arc<str>,
    /// The declared type.
    pub ty: TypeRef,
    /// The default value; defaults inside of it are put in by [`coerce_variables`].
    pub default: Option<Json>,
    /// Place of the declaration.
    pub at: Position,
}

impl VariableDefinition {
    /// The variables of a valid operation.
    pub(crate) fn all(schema: &Schema, operation: &OperationDefinition<'_>) -> Vec<Self> {
        let variables = operation.variables.iter().filter_map(|variable| {
            let ty = schema.resolve(&variable.ty)?;
            let default = variable.default.as_ref();
            let default =
                default.map(|default| ArgumentValue::new(schema, default, &ty).into_json());
            Some(Self {
                name: Arc::from(variable.name.text),
                ty,
                default,
                at: variable.name.at,
            })
        });
        variables.collect()
    }
}

/// Coerces the variables of a request. The result has the declared variables that are given or have
/// a default: numbers with an integral value as integers where an `Int` is expected, IDs as
/// strings, single values as lists of one, missing input fields with their defaults.
///
/// # Errors
///
/// At most [`MAX_ERRORS`](crate::MAX_ERRORS) errors that name the variable, the way into its value,
/// the value that was found and how a value looks. A limit on the size of variables.
pub fn coerce_variables(
    schema: &Schema,
    definitions: &[VariableDefinition],
    mut given: Map<String, Json>,
    limits: &DocumentLimits,
) -> Result<Map<String, Json>, Vec<Diagnostic>> {
    let mut coercion = Coercion {
        schema,
        limits,
        report: Report::default(),
        suggestions: Suggestions::default(),
        values: 0,
        is_exceeded: false,
        path: Vec::new(),
        at: Position::default(),
    };
    let mut coerced = Map::new();
    for definition in definitions {
        coercion.at = definition.at;
        coercion.path.push(PathPart::Name(&definition.name));
        let value = given.remove(&*definition.name);
        if let Some(mut value) = value.or_else(|| definition.default.clone()) {
            coercion.value(&mut value, &definition.ty);
            coerced.insert(definition.name.to_string(), value);
        } else if definition.ty.is_non_null() {
            let ty = schema.display(&definition.ty);
            coercion.invalid(&|_| {
                format!("Expected a value of non-null type \"{ty}\" to be provided.")
            });
        }
        coercion.path.pop();
    }
    if coercion.report.is_empty() {
        Ok(coerced)
    } else {
        Err(coercion.report.into_errors())
    }
}

/// A [`PathSegment`] that borrows from the schema.
#[derive(Clone, Copy)]
enum PathPart<'s> {
    Name(&'s str),
    Index(usize),
}

struct Coercion<'s> {
    schema: &'s Schema,
    limits: &'s DocumentLimits,
    report: Report,
    suggestions: Suggestions,
    /// Values seen in all variables.
    values: usize,
    is_exceeded: bool,
    /// From the variable to the value.
    path: Vec<PathPart<'s>>,
    /// Place of the variable's declaration.
    at: Position,
}

impl<'s> Coercion<'s> {
    fn invalid(&mut self, message: &dyn Fn(&mut Suggestions) -> String) {
        let (path, suggestions, at) = (&self.path, &mut self.suggestions, self.at);
        self.report.push(|| {
            let mut subject = String::new();
            for (number, part) in path.iter().enumerate() {
                match part {
                    PathPart::Name(name) if number == 0 => {
                        subject += &format!("Variable \"${name}\" has invalid value")
                    }
                    PathPart::Name(name) => subject += &format!(".{name}"),
                    PathPart::Index(index) => subject += &format!("[{index}]"),
                }
                if number == 0 && path.len() > 1 {
                    subject += " at ";
                }
            }
            let message = format!("{subject}: {}", message(suggestions));
            Diagnostic {
                path: path.iter().map(|part| part.to_segment()).collect(),
                ..Diagnostic::new(Stage::Coerce, message, at)
            }
        });
    }

    /// Counts a value. False if there are too many, or too many inside each other.
    fn is_within_limits(&mut self) -> bool {
        self.values += 1;
        let (name, maximum, unit) = if self.values > self.limits.variable_values {
            let unit = "values in all variables together";
            ("variable_values", self.limits.variable_values, unit)
        } else if self.path.len() > self.limits.variable_depth {
            let unit = "lists and objects inside each other";
            ("variable_depth", self.limits.variable_depth, unit)
        } else {
            return true;
        };
        if !std::mem::replace(&mut self.is_exceeded, true) {
            let mut error = Diagnostic::exceeded(name, maximum, unit, self.at);
            error.path = self.path.iter().map(|part| part.to_segment()).collect();
            self.report.push(|| error);
        }
        false
    }

    fn value(&mut self, value: &mut Json, ty: &'s TypeRef) {
        if self.is_exceeded || !self.is_within_limits() {
            return;
        }
        match (ty, &mut *value) {
            (TypeRef::NonNull(_), Json::Null) => {
                let ty = self.schema.display(ty);
                self.invalid(&|_| {
                    format!("Expected value of non-null type \"{ty}\" not to be null.")
                });
            }
            (_, Json::Null) => {}
            (TypeRef::NonNull(inner), _) => {
                self.values -= 1;
                self.value(value, inner);
            }
            (TypeRef::List(inner), Json::Array(items)) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.path.push(PathPart::Index(index));
                    self.value(item, inner);
                    self.path.pop();
                }
            }
            (TypeRef::List(inner), _) => {
                self.value(value, inner);
                *value = Json::Array(vec![value.take()]);
            }
            (TypeRef::Named(id), _) => {
                let definition = self.schema.type_at(*id);
                match definition.kind {
                    TypeKind::InputObject => self.input_object(value, definition),
                    TypeKind::Enum => self.enum_value(value, definition),
                    _ => self.scalar(value, definition),
                }
            }
        }
    }

    fn input_object(&mut self, value: &mut Json, definition: &'s TypeDefinition) {
        let name = &definition.name;
        let Json::Object(given) = &*value else {
            return self.invalid(&|_| {
                let found = show_json(value);
                let names: Vec<&str> = definition.input_fields.keys().map(|name| &**name).collect();
                format!(
                    "Expected value of type \"{name}\" to be an object, found: {found}. Its fields are {}.",
                    names.join(", ")
                )
            });
        };
        for (required, input) in &definition.input_fields {
            if input.is_required() && !given.contains_key(&**required) {
                let ty = self.schema.display(&input.ty);
                self.invalid(&|_| {
                    let found = show_json(value);
                    format!(
                        "Expected value of type \"{name}\" to include required field \"{required}\" of type \"{ty}\", found: {found}."
                    )
                });
            }
        }
        for field in given.keys() {
            if !definition.input_fields.contains_key(field.as_str()) {
                self.invalid(&|suggestions| {
                    let names = definition.input_fields.keys().map(|name| &**name);
                    let similar = suggestions.did_you_mean("", field, names);
                    let field: String = field.chars().take(200).collect();
                    unknown_field_message(name, &field, &similar, &show_json(value))
                });
            }
        }
        if definition.is_one_of {
            if given.len() != 1 {
                self.invalid(&|_| one_of_message(name));
            }
            for (field, _) in given.iter().filter(|(_, value)| value.is_null()) {
                if let Some((field, _)) = definition.input_fields.get_key_value(field.as_str()) {
                    self.path.push(PathPart::Name(field));
                    self.invalid(&|_| one_of_message(name));
                    self.path.pop();
                }
            }
        }
        let Json::Object(given) = value else { return };
        for (field, input) in &definition.input_fields {
            self.path.push(PathPart::Name(field));
            if let Some(value) = given.get_mut(&**field) {
                self.value(value, &input.ty);
            } else if let Some(default) = &input.default {
                let mut default = default.clone();
                self.value(&mut default, &input.ty);
                given.insert(field.to_string(), default);
            }
            self.path.pop();
        }
    }

    fn enum_value(&mut self, value: &Json, definition: &TypeDefinition) {
        let name = &definition.name;
        let values = || definition.values.keys().map(|value| &**value);
        match value {
            Json::String(text) if definition.values.contains_key(text.as_str()) => {}
            Json::String(text) => self.invalid(&|suggestions| {
                let mut hint = suggestions.did_you_mean("the enum value", text, values());
                if hint.is_empty() {
                    hint = one_of(values());
                }
                let found = show_json(value);
                format!("Value {found} does not exist in \"{name}\" enum.{hint}")
            }),
            _ => self.invalid(&|_| {
                let found = show_json(value);
                format!(
                    "Enum \"{name}\" cannot represent non-string value: {found}.{}",
                    one_of(values())
                )
            }),
        }
    }

    fn scalar(&mut self, value: &mut Json, definition: &TypeDefinition) {
        let Some(built_in) = definition.built_in else {
            if let Some(check) = definition.check
                && let Err(reason) = check(value)
            {
                self.invalid(&|_| {
                    let found = show_json(value);
                    format!(
                        "{} cannot represent value: {found}. {reason}",
                        definition.name
                    )
                });
            }
            return;
        };
        let problem = match (built_in, &mut *value) {
            (BuiltInScalar::Int, Json::Number(number)) => match integer(number) {
                Some(integer) if i32::try_from(integer).is_ok() => {
                    *number = Number::from(integer);
                    return;
                }
                Some(_) => "Int cannot represent non 32-bit signed integer value",
                None if number.as_f64().is_some_and(|number| number.fract() == 0.0) => {
                    "Int cannot represent non 32-bit signed integer value"
                }
                None => "Int cannot represent non-integer value",
            },
            (BuiltInScalar::Id, Json::Number(number)) => {
                let text = match number.as_f64() {
                    Some(float) if number.is_f64() && float.fract() == 0.0 => {
                        Some(format!("{float:.0}"))
                    }
                    _ if number.is_f64() => None,
                    _ => Some(number.to_string()),
                };
                if let Some(text) = text {
                    *value = Json::String(text);
                    return;
                }
                "ID cannot represent value"
            }
            (BuiltInScalar::Float, Json::Number(_))
            | (BuiltInScalar::String | BuiltInScalar::Id, Json::String(_))
            | (BuiltInScalar::Boolean, Json::Bool(_)) => return,
            (BuiltInScalar::Int, _) => "Int cannot represent non-integer value",
            (BuiltInScalar::Float, _) => "Float cannot represent non numeric value",
            (BuiltInScalar::String, _) => "String cannot represent a non string value",
            (BuiltInScalar::Boolean, _) => "Boolean cannot represent a non boolean value",
            (BuiltInScalar::Id, _) => "ID cannot represent value",
        };
        let example = match built_in {
            BuiltInScalar::Int => "Give a whole number such as 42.",
            BuiltInScalar::Float => "Give a number such as 2.5.",
            BuiltInScalar::String => "Give a string such as \"text\".",
            BuiltInScalar::Boolean => "Give true or false.",
            BuiltInScalar::Id => "Give a string or a whole number.",
        };
        self.invalid(&|_| format!("{problem}: {}. {example}", show_json(value)));
    }
}

impl PathPart<'_> {
    fn to_segment(self) -> PathSegment {
        match self {
            Self::Name(name) => PathSegment::Name(name.to_owned()),
            Self::Index(index) => PathSegment::Index(index),
        }
    }
}

/// ` Give one of "A", "B".`, of at most ten values.
fn one_of<'n>(values: impl Iterator<Item = &'n str>) -> String {
    let values: Vec<String> = values
        .take(10)
        .map(|value| format!("\"{value}\""))
        .collect();
    format!(" Give one of {}.", values.join(", "))
}

/// The integer that a number stands for, such as 3 for `3.0`.
fn integer(number: &Number) -> Option<i64> {
    if let Some(integer) = number.as_i64() {
        return Some(integer);
    }
    let float = number.as_f64()?;
    let is_exact = float.fract() == 0.0 && float.abs() < 9e15;
    is_exact.then_some(float as i64)
}
