//! The normalized operation: a tree that owns its data and needs no further interpretation.

use std::sync::Arc;

use crate::{
    argument::ArgumentValue,
    ast::{OperationKind, Position},
    schema::TypeId,
};

/// An operation that needs no further interpretation. Owns its data, so that it can be cached.
#[derive(Debug)]
pub struct NormalizedOperation {
    /// Query, mutation or subscription.
    pub kind: OperationKind,
    /// Absent from an anonymous operation.
    pub name: Option<Arc<str>>,
    /// Place of the operation.
    pub at: Position,
    /// Fields of the root type.
    pub root: NormalizedSelectionSet,
    /// Number of selection sets. Their numbers are less than this.
    pub sets: usize,
    /// Number of fields. Their numbers are less than this.
    pub fields: usize,
    /// Bytes of memory that the operation takes, estimated.
    pub size: usize,
}

/// Selection sets that come together for one field, or at the root.
#[derive(Debug)]
pub struct NormalizedSelectionSet {
    /// Number of the set in its operation. Two sets may begin at the same place of the text, so
    /// only the number identifies one.
    pub number: usize,
    /// Declared type of the objects: an object, an interface or a union.
    pub on: TypeId,
    /// Place of the first set in the text.
    pub at: Position,
    /// The fields, in one of two forms: a single branch on the declared type, or for an abstract
    /// type one branch for each object type that has fields of its own.
    pub branches: Vec<TypeBranch>,
}

/// Fields of the objects of one type.
#[derive(Debug)]
pub struct TypeBranch {
    /// The declared type of the set, or one of its possible types.
    pub on: TypeId,
    /// Fields, each response key once.
    pub fields: Vec<NormalizedField>,
}

/// All fields of the document that one response key stands for.
#[derive(Debug)]
pub struct NormalizedField {
    /// Number of the field in its operation.
    pub number: usize,
    /// The response key, if it differs from the name.
    pub alias: Option<Arc<str>>,
    /// The field's name.
    pub name: Arc<str>,
    /// The type that has the field: that of its branch.
    pub parent: TypeId,
    /// The type of the value, without list and non-null.
    pub base: TypeId,
    /// Arguments as given.
    pub arguments: Vec<NormalizedArgument>,
    /// Place of the first such field.
    pub at: Position,
    /// Absent from a leaf.
    pub selection_set: Option<NormalizedSelectionSet>,
}

/// An argument of a field.
#[derive(Debug)]
pub struct NormalizedArgument {
    /// Name.
    pub name: Arc<str>,
    /// Value.
    pub value: ArgumentValue,
    /// Place of the name.
    pub at: Position,
}

impl NormalizedField {
    /// The key in the response: the alias, or the name.
    pub fn response_key(&self) -> &Arc<str> {
        self.alias.as_ref().unwrap_or(&self.name)
    }

    /// The value of an argument, if it is given.
    pub fn argument(&self, name: &str) -> Option<&ArgumentValue> {
        let argument = self.arguments.iter().find(|one| *one.name == *name);
        argument.map(|argument| &argument.value)
    }
}

impl NormalizedOperation {
    /// Fields of the root that ask about the schema: `__schema` and `__type`.
    pub fn introspection(&self) -> impl Iterator<Item = &NormalizedField> {
        let fields = self.root.branches.iter().flat_map(|branch| &branch.fields);
        fields.filter(|field| matches!(&*field.name, "__schema" | "__type"))
    }
}
