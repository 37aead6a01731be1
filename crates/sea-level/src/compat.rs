//! Conversion of normalized operations, variables and diagnostics to async-graphql's types.
//!
//! No text of a client reaches async-graphql's parser or validation: [`language`] does both. The
//! syntax tree for resolvers is built here. It has no fragment by name, no directive, and each response
//! key once for an object.

use std::sync::Arc;

use async_graphql::{
    Name, Pos, Positioned, ServerError, Value as ConstValue, Variables,
    parser::types::{
        BaseType, Field, InlineFragment, OperationType, Selection, SelectionSet, Type,
        TypeCondition, VariableDefinition,
    },
};
use async_graphql_value::Value;
use language::{
    ArgumentValue, CheckedDocument, Diagnostic, NormalizedField, NormalizedOperation,
    NormalizedSelectionSet, PathSegment, Schema, Stage, TypeBranch,
    ast::{OperationKind, Position},
};
use serde_json::{Map, Number, Value as Json};

use crate::{
    error::{code, coded, set},
    scalar,
};

/// Operation in the form that resolvers take. Equal for all requests with the same document and the
/// same facts about its variables: see [`CheckedDocument::dependencies`].
pub(crate) struct Executable {
    /// Query, mutation or subscription.
    pub kind: OperationType,
    /// The operation's name; absent from an anonymous one.
    pub name: Option<Arc<str>>,
    /// Source of the conversion, for cost and introspection.
    pub(crate) normalized: NormalizedOperation,
    pub(crate) variables: Arc<DeclaredVariables>,
    pub(crate) selection_set: Positioned<SelectionSet>,
    /// By number of the field, the root last.
    pub(crate) plans: Vec<Plan>,
    /// Objects that the operation can return, if that does not depend on variables.
    pub(crate) fixed_cost: Option<u64>,
    /// Bytes of memory that the operation takes without its variables, estimated.
    pub(crate) size: usize,
}

/// Declarations that async-graphql needs to look up variables. They have the type `Any`, because
/// values are coerced already.
pub(crate) type DeclaredVariables = Vec<Positioned<VariableDefinition>>;

/// Answers to `__schema` and `__type`, by number of the field.
pub(crate) type Introspection = Vec<(usize, Result<ConstValue, ServerError>)>;

/// Bytes that the allocator and a reference count add to an allocation.
const ALLOCATION: usize = 32;

/// Converts the declared variables of a document.
pub(crate) fn declared_variables(document: &CheckedDocument) -> Arc<DeclaredVariables> {
    let any = Type {
        base: BaseType::Named(Name::new("Any")),
        nullable: true,
    };
    let variables = document.variables().iter().map(|variable| {
        let definition = VariableDefinition {
            name: Positioned::new(Name::new(&*variable.name), pos(variable.at)),
            var_type: Positioned::new(any.clone(), pos(variable.at)),
            directives: Vec::new(),
            default_value: None,
        };
        Positioned::new(definition, pos(variable.at))
    });
    Arc::new(variables.collect())
}

/// Bytes of memory that declared variables take, estimated.
pub(crate) fn declared_size(variables: &DeclaredVariables) -> usize {
    let names = variables
        .iter()
        .map(|variable| name_size(&variable.node.name.node));
    size_of_val(variables.as_slice()) + names.sum::<usize>() + ALLOCATION
}

impl Executable {
    /// Converts an operation of a document.
    pub(crate) fn new(
        schema: &Schema,
        variables: Arc<DeclaredVariables>,
        normalized: NormalizedOperation,
    ) -> Self {
        let mut conversion = Conversion {
            schema,
            plans: Vec::with_capacity(normalized.fields + 1),
            size: size_of::<Self>() + normalized.size,
        };
        conversion
            .plans
            .resize_with(normalized.fields + 1, Plan::default);
        let selection_set = conversion.selection_set(&normalized.root, normalized.fields);
        Self {
            kind: match normalized.kind {
                OperationKind::Query => OperationType::Query,
                OperationKind::Mutation => OperationType::Mutation,
                OperationKind::Subscription => OperationType::Subscription,
            },
            name: normalized.name.clone(),
            variables,
            selection_set,
            plans: conversion.plans,
            fixed_cost: None,
            size: conversion.size,
            normalized,
        }
    }

    /// The fields at the root.
    pub(crate) fn root_fields(&self) -> impl Iterator<Item = &Positioned<Field>> {
        let items = self.selection_set.node.items.iter();
        items.filter_map(|selection| match &selection.node {
            Selection::Field(field) => Some(field),
            _ => None,
        })
    }
}

/// Returns the number of the field that a selection set belongs to. async-graphql has no place for
/// this number. Execution never reads the position of a selection set, not even of the empty one of a
/// leaf, so that position carries the number.
pub(crate) fn number(selection_set: &Positioned<SelectionSet>) -> usize {
    selection_set.pos.line
}

fn at_number(number: usize) -> Pos {
    Pos {
        line: number,
        column: 0,
    }
}

/// Execution plan of a selection set on an object type, the same for all objects. Empty for a set on
/// an interface, which async-graphql resolves.
#[derive(Default)]
pub(crate) struct Plan {
    /// Position of the selection set, for errors.
    pub(crate) at: Pos,
    /// Start of each field in the JSON of an object, behind another field: `,"name":`. In the order of the selection
    /// set.
    pub(crate) json_names: Vec<String>,
}

struct Conversion<'a> {
    schema: &'a Schema,
    plans: Vec<Plan>,
    size: usize,
}

impl Conversion<'_> {
    /// The selection set of the field with this number.
    fn selection_set(
        &mut self,
        set: &NormalizedSelectionSet,
        number: usize,
    ) -> Positioned<SelectionSet> {
        let at = pos(set.at);
        let items = match &*set.branches {
            [branch] if branch.on == set.on => {
                self.plans[number] = self.plan(branch, at);
                self.fields(branch)
            }
            branches => branches
                .iter()
                .map(|branch| self.fragment(branch, at))
                .collect(),
        };
        Positioned::new(SelectionSet { items }, at_number(number))
    }

    fn plan(&mut self, branch: &TypeBranch, at: Pos) -> Plan {
        let names = branch.fields.iter();
        let names = names.map(|field| format!(",\"{}\":", field.response_key()));
        let json_names: Vec<_> = names.collect();
        let sizes = json_names.iter().map(|name| name.capacity());
        self.size += sizes.sum::<usize>() + json_names.len() * (size_of::<String>() + ALLOCATION);
        Plan { at, json_names }
    }

    fn fragment(&mut self, branch: &TypeBranch, at: Pos) -> Positioned<Selection> {
        let on = Name::new(&*self.schema.type_at(branch.on).name);
        self.size += size_of::<Positioned<Selection>>() + name_size(&on) + ALLOCATION;
        let fragment = InlineFragment {
            type_condition: Some(Positioned::new(
                TypeCondition {
                    on: Positioned::new(on, at),
                },
                at,
            )),
            directives: Vec::new(),
            selection_set: Positioned::new(
                SelectionSet {
                    items: self.fields(branch),
                },
                at,
            ),
        };
        Positioned::new(Selection::InlineFragment(Positioned::new(fragment, at)), at)
    }

    fn fields(&mut self, branch: &TypeBranch) -> Vec<Positioned<Selection>> {
        let fields = branch.fields.iter();
        fields
            .map(|field| {
                let at = pos(field.at);
                Positioned::new(Selection::Field(self.field(field, at)), at)
            })
            .collect()
    }

    fn field(&mut self, field: &NormalizedField, at: Pos) -> Positioned<Field> {
        let name = |name: &str| Positioned::new(Name::new(name), at);
        let arguments = field.arguments.iter().map(|argument| {
            let at = pos(argument.at);
            (
                Positioned::new(Name::new(&*argument.name), at),
                Positioned::new(value(&argument.value), at),
            )
        });
        let arguments: Vec<(Positioned<Name>, Positioned<Value>)> = arguments.collect();
        let of_arguments = arguments.iter().map(|(name, value)| {
            size_of::<(Positioned<Name>, Positioned<Value>)>()
                + name_size(&name.node)
                + value_size(&value.node)
        });
        self.size += size_of::<Positioned<Selection>>()
            + size_of::<Plan>()
            + 2 * field.name.len()
            + field.alias.as_ref().map_or(0, |alias| alias.len())
            + 3 * ALLOCATION
            + of_arguments.sum::<usize>();
        let selection_set = match &field.selection_set {
            Some(set) => self.selection_set(set, field.number),
            None => Positioned::new(SelectionSet::default(), at_number(field.number)),
        };
        Positioned::new(
            Field {
                alias: field.alias.as_deref().map(name),
                name: name(&field.name),
                arguments,
                directives: Vec::new(),
                selection_set,
            },
            at,
        )
    }
}

/// Bytes of a name on the heap, estimated.
fn name_size(name: &Name) -> usize {
    name.len() + ALLOCATION
}

/// Bytes of a value on the heap, estimated.
fn value_size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.capacity() + ALLOCATION,
        Value::Variable(name) | Value::Enum(name) => name_size(name),
        Value::List(items) => {
            items.capacity() * size_of::<Value>()
                + ALLOCATION
                + items.iter().map(value_size).sum::<usize>()
        }
        Value::Object(fields) => {
            // An entry has a hash beside it, and a place in a table that is full to seven eighths.
            let entry = size_of::<(Name, Value)>() + 3 * size_of::<usize>();
            let inside = fields.iter();
            let inside = inside.map(|(name, value)| name_size(name) + value_size(value));
            fields.capacity() * entry + 2 * ALLOCATION + inside.sum::<usize>()
        }
        _ => 0,
    }
}

fn value(given: &ArgumentValue) -> Value {
    match given {
        ArgumentValue::Variable(name) => Value::Variable(Name::new(&**name)),
        ArgumentValue::Null => Value::Null,
        ArgumentValue::Boolean(boolean) => Value::Boolean(*boolean),
        ArgumentValue::Number(number) => Value::Number(whole(number.clone())),
        ArgumentValue::String(text) => Value::String(text.clone()),
        ArgumentValue::Enum(name) => Value::Enum(Name::new(&**name)),
        ArgumentValue::List(items) => Value::List(items.iter().map(value).collect()),
        ArgumentValue::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(name, given)| (Name::new(&**name), value(given)))
                .collect(),
        ),
    }
}

/// Converts coerced variables.
pub(crate) fn variables(coerced: Map<String, Json>) -> Variables {
    let mut variables = Variables::default();
    for (name, value) in coerced {
        variables.insert(Name::new(name), const_value(value));
    }
    variables
}

fn const_value(json: Json) -> ConstValue {
    match json {
        Json::Null => ConstValue::Null,
        Json::Bool(boolean) => ConstValue::Boolean(boolean),
        Json::Number(number) => ConstValue::Number(whole(number)),
        Json::String(text) => ConstValue::String(text),
        Json::Array(items) => ConstValue::List(items.into_iter().map(const_value).collect()),
        Json::Object(fields) => ConstValue::Object(
            fields
                .into_iter()
                .map(|(name, value)| (Name::new(name), const_value(value)))
                .collect(),
        ),
    }
}

/// Reads a number with an integral value as an integer: JSON does not tell `2.0` from `2`, and no
/// input of the schema has the type `Float`.
fn whole(number: Number) -> Number {
    match scalar::integer(&number) {
        Some(integer) => integer.into(),
        None => number,
    }
}

/// Converts a position.
pub(crate) fn pos(at: Position) -> Pos {
    Pos {
        line: at.line as usize,
        column: at.column as usize,
    }
}

/// Converts a diagnostic into the error that a client gets.
pub(crate) fn error(diagnostic: &Diagnostic) -> ServerError {
    let kind = match diagnostic.stage {
        Stage::Parse => code::GRAPHQL_PARSE_FAILED,
        Stage::Validate => code::GRAPHQL_VALIDATION_FAILED,
        Stage::Coerce => code::BAD_USER_INPUT,
        Stage::Limit => code::LIMIT_EXCEEDED,
        // Only the schema's own text has such an error, and it is parsed at the start.
        Stage::Schema => code::INTERNAL,
    };
    let mut error = coded(kind, &diagnostic.message, None);
    error.locations = diagnostic.locations.iter().map(|at| pos(*at)).collect();
    if diagnostic.stage == Stage::Coerce {
        let path = diagnostic.path.iter().map(segment);
        set(&mut error, "argument", path.collect::<Vec<_>>());
    }
    if let Some(limit) = &diagnostic.limit {
        set(&mut error, "limit", limit.name);
        set(&mut error, "most", limit.maximum);
    }
    error
}

/// Joins a path, as in `a.b.0.c`.
pub(crate) fn path(segments: &[PathSegment]) -> String {
    segments.iter().map(segment).collect::<Vec<_>>().join(".")
}

fn segment(segment: &PathSegment) -> String {
    match segment {
        PathSegment::Name(name) => name.clone(),
        PathSegment::Index(index) => index.to_string(),
    }
}
