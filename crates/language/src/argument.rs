//! Values of arguments, read by their type and independent of the text.

use std::sync::Arc;

use serde_json::{Number, Value as Json};

use crate::{
    ast::{Argument, Literal, LiteralKind},
    literal::number,
    schema::{BuiltInScalar, Schema, TypeRef},
};

/// The value of an argument: a [`Literal`] read by its type (specification, section 3.5 to 3.12).
///
/// An integer where an `ID` is expected is a string, of any length; a single value where a list is
/// expected is a list of one; `-0` is 0.
#[derive(Clone, Debug, PartialEq)]
pub enum ArgumentValue {
    /// A variable, without the `$`.
    Variable(Arc<str>),
    /// Null.
    Null,
    /// True or false.
    Boolean(bool),
    /// A number. One that no integer or double of 64 bits can hold is a [`String`](Self::String).
    Number(Number),
    /// A string.
    String(String),
    /// The name of an enum value.
    Enum(Arc<str>),
    /// A list.
    List(Vec<ArgumentValue>),
    /// An input object; names are unique in a valid document.
    Object(Vec<(Arc<str>, ArgumentValue)>),
}

impl ArgumentValue {
    /// Reads a literal where a value of the type `ty` is expected.
    pub(crate) fn new(schema: &Schema, literal: &Literal<'_>, ty: &TypeRef) -> Self {
        Self::read(literal, Some((schema, ty)))
    }

    fn read(literal: &Literal<'_>, ty: Option<(&Schema, &TypeRef)>) -> Self {
        let ty = ty.map(|(schema, ty)| (schema, ty.nullable()));
        match (&literal.kind, ty) {
            (LiteralKind::Variable(name), _) => Self::Variable(Arc::from(*name)),
            (LiteralKind::Null, _) => Self::Null,
            (LiteralKind::List(items), Some((schema, TypeRef::List(item)))) => {
                let item = Some((schema, &**item));
                Self::List(items.iter().map(|value| Self::read(value, item)).collect())
            }
            (_, Some((schema, TypeRef::List(item)))) => {
                Self::List(vec![Self::read(literal, Some((schema, item)))])
            }
            (LiteralKind::List(items), _) => {
                Self::List(items.iter().map(|value| Self::read(value, None)).collect())
            }
            (LiteralKind::Object(fields), ty) => {
                let definition = ty.map(|(schema, ty)| (schema, schema.type_at(ty.base())));
                let field = |field: &Argument<'_>| {
                    let ty = definition.and_then(|(schema, definition)| {
                        let input = definition.input_fields.get(field.name.text)?;
                        Some((schema, &input.ty))
                    });
                    (Arc::from(field.name.text), Self::read(&field.value, ty))
                };
                Self::Object(fields.iter().map(field).collect())
            }
            (LiteralKind::Boolean(value), _) => Self::Boolean(*value),
            (LiteralKind::String(text), _) => Self::String(text.clone().into_owned()),
            (LiteralKind::Enum(name), _) => Self::Enum(Arc::from(*name)),
            (LiteralKind::Int(text), Some((schema, ty)))
                if schema.type_at(ty.base()).built_in == Some(BuiltInScalar::Id) =>
            {
                Self::String((*text).to_owned())
            }
            (LiteralKind::Int(text) | LiteralKind::Float(text), _) => match number(text) {
                Some(number) => Self::Number(number),
                None => Self::String((*text).to_owned()),
            },
        }
    }

    /// Bytes of memory that the value takes on the heap and in place, estimated.
    pub fn size(&self) -> usize {
        /// Bytes that the allocator and a reference count add.
        const ALLOCATION: usize = 32;
        let heap = match self {
            Self::Null | Self::Boolean(_) | Self::Number(_) => 0,
            Self::Variable(text) | Self::Enum(text) => text.len() + ALLOCATION,
            Self::String(text) => text.len() + ALLOCATION,
            Self::List(items) => ALLOCATION + items.iter().map(Self::size).sum::<usize>(),
            Self::Object(fields) => {
                let fields = fields.iter();
                let entry = size_of::<Arc<str>>() + ALLOCATION;
                let fields = fields.map(|(name, value)| name.len() + entry + value.size());
                ALLOCATION + fields.sum::<usize>()
            }
        };
        size_of::<Self>() + heap
    }

    /// As JSON, enum values as strings. Variables, which a constant has not, are null.
    pub fn into_json(self) -> Json {
        match self {
            Self::Variable(_) | Self::Null => Json::Null,
            Self::Boolean(value) => Json::Bool(value),
            Self::Number(number) => Json::Number(number),
            Self::String(text) => Json::String(text),
            Self::Enum(name) => Json::String(name.to_string()),
            Self::List(items) => items.into_iter().map(Self::into_json).collect(),
            Self::Object(fields) => fields
                .into_iter()
                .map(|(name, value)| (name.to_string(), value.into_json()))
                .collect(),
        }
    }
}
