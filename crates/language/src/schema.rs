//! Schema model (specification, section 3): types by number, members by name.

use std::{collections::HashMap, fmt, sync::Arc};

use indexmap::IndexMap;
use serde_json::Value as Json;

use crate::{
    ast::{OperationKind, TypeSyntax},
    error::Diagnostic,
};

mod build;
mod documentation;
mod sdl;

pub use documentation::Documentation;

/// Number of a type in its [`Schema`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TypeId(u32);

/// A reference to a type of a schema.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TypeRef {
    /// A named type.
    Named(TypeId),
    /// A list.
    List(Box<TypeRef>),
    /// A type whose values are never null.
    NonNull(Box<TypeRef>),
}

impl TypeRef {
    /// The named type inside of all wrappers.
    pub fn base(&self) -> TypeId {
        match self {
            Self::Named(id) => *id,
            Self::List(inner) | Self::NonNull(inner) => inner.base(),
        }
    }

    /// The type without its outermost non-null wrapper.
    pub fn nullable(&self) -> &Self {
        match self {
            Self::NonNull(inner) => inner,
            other => other,
        }
    }

    /// True if null is no value of the type.
    pub fn is_non_null(&self) -> bool {
        matches!(self, Self::NonNull(_))
    }
}

/// The kinds of named types.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TypeKind {
    /// A scalar: section 3.5.
    Scalar,
    /// An object: section 3.6.
    Object,
    /// An interface: section 3.7.
    Interface,
    /// A union: section 3.8.
    Union,
    /// An enum: section 3.9.
    Enum,
    /// An input object: section 3.10.
    InputObject,
}

/// The scalars that the specification defines: section 3.5.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BuiltInScalar {
    /// 32-bit signed integer.
    Int,
    /// Finite double.
    Float,
    /// Text.
    String,
    /// True or false.
    Boolean,
    /// Identifier, given as a string or an integer.
    Id,
}

/// Checks a value of a custom scalar. The error is a sentence that says why the value is refused
/// and what a value looks like; it is shown to the client.
pub type ScalarCheck = fn(&Json) -> Result<(), String>;

/// A named type.
#[derive(Debug)]
pub struct TypeDefinition {
    /// Name.
    pub name: Arc<str>,
    /// Kind.
    pub kind: TypeKind,
    /// Fields of an object or interface, in the order of the SDL.
    pub fields: IndexMap<Arc<str>, FieldDefinition>,
    /// Fields of an input object.
    pub input_fields: IndexMap<Arc<str>, InputDefinition>,
    /// Values of an enum.
    pub values: IndexMap<Arc<str>, Documentation>,
    /// Interfaces of an object or interface.
    pub interfaces: Vec<TypeId>,
    /// Members of a union, in the order of the SDL.
    pub members: Vec<TypeId>,
    /// Object types that a value can have, ascending; the type itself for an object.
    pub possible_types: Vec<TypeId>,
    /// True for an input object with `@oneOf`.
    pub is_one_of: bool,
    /// Set for the scalars of the specification.
    pub built_in: Option<BuiltInScalar>,
    /// Description.
    pub description: Option<Box<str>>,
    /// The URL of `@specifiedBy` on a scalar: section 3.13.4.
    pub specified_by_url: Option<Box<str>>,
    /// Check of a custom scalar's values.
    pub(crate) check: Option<ScalarCheck>,
}

impl TypeDefinition {
    /// True for objects, interfaces and unions.
    pub fn is_composite(&self) -> bool {
        matches!(
            self.kind,
            TypeKind::Object | TypeKind::Interface | TypeKind::Union
        )
    }

    /// True for scalars and enums.
    pub fn is_leaf(&self) -> bool {
        matches!(self.kind, TypeKind::Scalar | TypeKind::Enum)
    }
}

/// A field of an object or interface.
#[derive(Debug)]
pub struct FieldDefinition {
    /// Name.
    pub name: Arc<str>,
    /// Type of the value.
    pub ty: TypeRef,
    /// Arguments.
    pub arguments: IndexMap<Arc<str>, InputDefinition>,
    /// Description and deprecation.
    pub documentation: Documentation,
}

/// An argument, or a field of an input object.
#[derive(Debug)]
pub struct InputDefinition {
    /// Type of the value.
    pub ty: TypeRef,
    /// Default value as JSON, enum values as strings; defaults inside of it are not put in.
    pub default: Option<Json>,
    /// The default value as a literal on one line, present if `default` is. Numbers are as the SDL
    /// writes them, and block strings are strings.
    pub default_literal: Option<Box<str>>,
    /// Description and deprecation.
    pub documentation: Documentation,
}

impl InputDefinition {
    /// True if a value must be given.
    pub fn is_required(&self) -> bool {
        self.ty.is_non_null() && self.default.is_none()
    }
}

/// A directive: section 3.13.
#[derive(Debug)]
pub struct DirectiveDefinition {
    /// Names of the places where it is allowed, such as `FIELD`.
    pub locations: Vec<String>,
    /// Arguments.
    pub arguments: IndexMap<Arc<str>, InputDefinition>,
    /// True if it may stand more than once at one place.
    pub is_repeatable: bool,
    /// Description and deprecation.
    pub documentation: Documentation,
}

/// A schema. Cheap to look up, built once from SDL by [`Schema::parse`].
#[derive(Debug)]
pub struct Schema {
    types: Vec<TypeDefinition>,
    ids: HashMap<Arc<str>, TypeId>,
    directives: IndexMap<Arc<str>, DirectiveDefinition>,
    query: TypeId,
    mutation: Option<TypeId>,
    subscription: Option<TypeId>,
    /// `__typename`, `__schema` and `__type`.
    meta_fields: [FieldDefinition; 3],
    description: Option<Box<str>>,
}

impl Schema {
    /// Builds a schema from SDL. The scalars and directives of the specification and the
    /// introspection types are added, except those that the text itself defines.
    ///
    /// Only what documents depend on is checked: unknown types, names given twice, a missing query
    /// type. It is no full validation of section 3.
    ///
    /// # Errors
    ///
    /// A syntax error, or an error in [`Stage::Schema`](crate::Stage::Schema).
    pub fn parse(sdl: &str) -> Result<Self, Diagnostic> {
        sdl::read(sdl)?.resolve()
    }

    /// Sets the check of a custom scalar's values, in variables and in the document. Without one
    /// every value is accepted. Returns false if the schema has no such custom scalar.
    pub fn set_scalar_check(&mut self, scalar: &str, check: ScalarCheck) -> bool {
        let Some(id) = self.type_named(scalar) else {
            return false;
        };
        let definition = &mut self.types[id.0 as usize];
        let is_custom = definition.kind == TypeKind::Scalar && definition.built_in.is_none();
        if is_custom {
            definition.check = Some(check);
        }
        is_custom
    }

    /// The type with this number. Numbers are valid for the schema that gave them.
    pub fn type_at(&self, id: TypeId) -> &TypeDefinition {
        &self.types[id.0 as usize]
    }

    /// The type with this name.
    pub fn type_named(&self, name: &str) -> Option<TypeId> {
        self.ids.get(name).copied()
    }

    /// The definition of a field, including `__typename`, and on the query type `__schema` and
    /// `__type`.
    pub fn field(&self, parent: TypeId, name: &str) -> Option<&FieldDefinition> {
        let definition = self.type_at(parent);
        if let Some(field) = definition.fields.get(name) {
            return Some(field);
        }
        let [typename, on_query @ ..] = &self.meta_fields;
        if name == "__typename" && definition.is_composite() {
            return Some(typename);
        }
        on_query
            .iter()
            .find(|field| parent == self.query && *field.name == *name)
    }

    /// The directive with this name, without `@`.
    pub fn directive(&self, name: &str) -> Option<&DirectiveDefinition> {
        self.directives.get(name)
    }

    /// The root type of an operation; queries always have one.
    pub fn root(&self, kind: OperationKind) -> Option<TypeId> {
        match kind {
            OperationKind::Query => Some(self.query),
            OperationKind::Mutation => self.mutation,
            OperationKind::Subscription => self.subscription,
        }
    }

    /// The text of a type reference, such as `[ID!]!`.
    pub fn display<'a>(&'a self, ty: &'a TypeRef) -> impl fmt::Display + 'a {
        DisplayType { schema: self, ty }
    }

    /// The description of the schema definition.
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// All types in the order of the SDL, then the scalars of the specification that are used and
    /// the types of introspection.
    pub fn types(&self) -> impl Iterator<Item = TypeId> {
        let ids = (0..self.types.len()).map(|number| TypeId(number as u32));
        ids.filter(|id| self.ids.contains_key(&self.type_at(*id).name))
    }

    /// All directives in the order of the SDL, then those of the specification.
    pub(crate) fn directives(&self) -> impl Iterator<Item = (&str, &DirectiveDefinition)> {
        let directives = self.directives.iter();
        directives.map(|(name, directive)| (&**name, directive))
    }

    pub(crate) fn type_names(&self) -> impl Iterator<Item = &str> {
        self.ids.keys().map(|name| &**name)
    }

    pub(crate) fn directive_names(&self) -> impl Iterator<Item = &str> {
        self.directives.keys().map(|name| &**name)
    }

    /// The type that a reference in the text stands for, if its name is known.
    pub(crate) fn resolve(&self, ty: &TypeSyntax<'_>) -> Option<TypeRef> {
        Some(match ty {
            TypeSyntax::Named(name) => TypeRef::Named(self.type_named(name.text)?),
            TypeSyntax::List(inner) => TypeRef::List(Box::new(self.resolve(inner)?)),
            TypeSyntax::NonNull(inner) => TypeRef::NonNull(Box::new(self.resolve(inner)?)),
        })
    }

    /// True if an argument has a default on the type or on one of its possible types: an object may
    /// have a default where its interface has none.
    pub(crate) fn has_default(&self, parent: TypeId, field: &str, argument: &str) -> bool {
        let has_default = |id: &TypeId| {
            let field = self.field(*id, field);
            let input = field.and_then(|field| field.arguments.get(argument));
            input.is_some_and(|input| input.default.is_some())
        };
        has_default(&parent) || self.type_at(parent).possible_types.iter().any(has_default)
    }

    /// True if some object has both types.
    pub(crate) fn do_types_overlap(&self, a: TypeId, b: TypeId) -> bool {
        if a == b {
            return true;
        }
        let (mut a, mut b) = (
            &self.type_at(a).possible_types[..],
            &self.type_at(b).possible_types[..],
        );
        while let ([first, a_rest @ ..], [second, b_rest @ ..]) = (a, b) {
            match first.cmp(second) {
                std::cmp::Ordering::Less => a = a_rest,
                std::cmp::Ordering::Greater => b = b_rest,
                std::cmp::Ordering::Equal => return true,
            }
        }
        false
    }

    /// True if objects of the type `object` satisfy the type condition `on`.
    pub(crate) fn does_apply(&self, on: &str, object: TypeId) -> bool {
        self.type_named(on).is_some_and(|on| {
            let possible = &self.type_at(on).possible_types;
            possible.binary_search(&object).is_ok()
        })
    }
}

struct DisplayType<'a> {
    schema: &'a Schema,
    ty: &'a TypeRef,
}

impl fmt::Display for DisplayType<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let schema = self.schema;
        match self.ty {
            TypeRef::Named(id) => formatter.write_str(&schema.type_at(*id).name),
            TypeRef::List(ty) => write!(formatter, "[{}]", Self { schema, ty }),
            TypeRef::NonNull(ty) => write!(formatter, "{}!", Self { schema, ty }),
        }
    }
}
