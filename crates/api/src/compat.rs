//! From the normalized operation to what async-graphql's resolvers take, and from diagnostics to
//! its errors.
//!
//! Its parser, validation and `execute` are not used: [`language`] understands the document, and the
//! syntax tree that resolvers look at is built here. It has no fragment by name, no directive, and
//! each response key once for an object.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

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
    error::{coded, set},
    scalar,
};

/// An operation as resolvers take it. The same for all requests with the same document and the same
/// facts about its variables: see [`CheckedDocument::dependencies`].
pub struct Executable {
    /// Query, mutation or subscription.
    pub kind: OperationType,
    /// The operation's name; absent from an anonymous one.
    pub name: Option<Arc<str>>,
    /// What it was made of.
    pub(crate) normalized: NormalizedOperation,
    /// The declared variables, for look-ups by name: their types and defaults have been dealt with.
    pub(crate) variables: Vec<Positioned<VariableDefinition>>,
    pub(crate) selection_set: Positioned<SelectionSet>,
    /// By the number of the field, the root's last.
    pub(crate) plans: Vec<Plan>,
    /// Bytes of memory that it takes, estimated.
    pub(crate) size: usize,
}

impl Executable {
    /// Converts an operation of a document.
    pub(crate) fn new(
        schema: &Schema,
        document: &CheckedDocument,
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
        let variables = document.variables().iter().map(|variable| {
            let any = Type {
                base: BaseType::Named(Name::new("Any")),
                nullable: true,
            };
            let definition = VariableDefinition {
                name: Positioned::new(Name::new(&*variable.name), pos(variable.at)),
                var_type: Positioned::new(any, pos(variable.at)),
                directives: Vec::new(),
                default_value: None,
            };
            Positioned::new(definition, pos(variable.at))
        });
        Self {
            kind: match normalized.kind {
                OperationKind::Query => OperationType::Query,
                OperationKind::Mutation => OperationType::Mutation,
                OperationKind::Subscription => OperationType::Subscription,
            },
            name: normalized.name.clone(),
            variables: variables.collect(),
            selection_set,
            plans: conversion.plans,
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

/// The number of a field in its operation. async-graphql has no place for it, and never looks at the
/// place of a selection set, not even at the empty one of a leaf: so it stands there.
pub(crate) fn number(selection_set: &Positioned<SelectionSet>) -> usize {
    selection_set.pos.line
}

fn at_number(number: usize) -> Pos {
    Pos {
        line: number,
        column: 0,
    }
}

/// What a selection set asks of objects, worked out once for all of them.
#[derive(Default)]
pub(crate) struct Plan {
    /// Place of the selection set, for errors.
    pub(crate) at: Pos,
    /// Fields of the selection set itself, or of each of its fragments.
    branches: Vec<Vec<PlannedField>>,
}

/// A field that is asked of objects.
pub(crate) struct PlannedField {
    /// The name, as in JSON behind another field: `,"name":`.
    pub(crate) json_name: String,
    is_leaf: AtomicBool,
}

impl Plan {
    fn new(schema: &Schema, set: &NormalizedSelectionSet, at: Pos) -> Self {
        let planned = |field: &NormalizedField| PlannedField {
            json_name: format!(",\"{}\":", field.response_key()),
            is_leaf: schema.type_at(field.base).is_leaf().into(),
        };
        let branches = set.branches.iter();
        let branches = branches.map(|branch| branch.fields.iter().map(planned).collect());
        Self {
            at,
            branches: branches.collect(),
        }
    }

    /// What is asked of objects of this type, and the fields of the selection set that ask it, in the
    /// same order.
    pub(crate) fn of_type<'a>(
        &'a self,
        type_name: &str,
        set: &'a SelectionSet,
    ) -> (&'a [PlannedField], &'a [Positioned<Selection>]) {
        for (branch, selection) in self.branches.iter().zip(&set.items) {
            match &selection.node {
                Selection::InlineFragment(fragment) => {
                    let condition = fragment.node.type_condition.as_ref();
                    if condition.is_some_and(|condition| condition.node.on.node == type_name) {
                        return (branch, &fragment.node.selection_set.node.items);
                    }
                }
                _ => return (branch, &set.items),
            }
        }
        (&[], &[])
    }
}

impl PlannedField {
    /// Whether it is worth polling on the spot.
    pub(crate) fn is_leaf(&self) -> bool {
        self.is_leaf.load(Ordering::Relaxed)
    }

    /// It had to wait: it will for other objects, too.
    pub(crate) fn set_waits(&self) {
        self.is_leaf.store(false, Ordering::Relaxed);
    }
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
        let (schema, at) = (self.schema, pos(set.at));
        self.plans[number] = Plan::new(schema, set, at);
        let items = match &*set.branches {
            [branch] if branch.on == set.on => self.fields(branch),
            branches => branches
                .iter()
                .map(|branch| self.fragment(branch, at))
                .collect(),
        };
        Positioned::new(SelectionSet { items }, at_number(number))
    }

    fn fragment(&mut self, branch: &TypeBranch, at: Pos) -> Positioned<Selection> {
        let on = Name::new(&*self.schema.type_at(branch.on).name);
        self.size += size_of::<Positioned<Selection>>() + size_of::<InlineFragment>();
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
        /// What the plan of a field takes, and the allocations of its names.
        const PLANNED: usize = 128;
        let key = field.response_key().len();
        self.size += size_of::<Positioned<Selection>>() + PLANNED + 2 * key + field.name.len();
        let name = |name: &str| Positioned::new(Name::new(name), at);
        let arguments = field.arguments.iter().map(|argument| {
            // It takes about as much as what it is made of.
            self.size += size_of::<(Positioned<Name>, Positioned<Value>)>() + argument.value.size();
            let at = pos(argument.at);
            (
                Positioned::new(Name::new(&*argument.name), at),
                Positioned::new(value(&argument.value), at),
            )
        });
        let arguments = arguments.collect();
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

/// Coerced variables, as resolvers look them up.
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

/// The schema has no `Float`: a whole number is an integer, however it is written.
fn whole(number: Number) -> Number {
    match scalar::integer(&number) {
        Some(integer) => integer.into(),
        None => number,
    }
}

fn pos(at: Position) -> Pos {
    Pos {
        line: at.line as usize,
        column: at.column as usize,
    }
}

/// The error that a client gets.
pub(crate) fn error(diagnostic: &Diagnostic) -> ServerError {
    let code = match diagnostic.stage {
        Stage::Parse => "GRAPHQL_PARSE_FAILED",
        Stage::Validate => "GRAPHQL_VALIDATION_FAILED",
        Stage::Coerce => "BAD_USER_INPUT",
        Stage::Limit => "LIMIT_EXCEEDED",
        // The schema is ours, and it is read before anybody asks.
        Stage::Schema => "INTERNAL",
    };
    let mut error = coded(code, &diagnostic.message, None);
    error.locations = diagnostic.locations.iter().map(|at| pos(*at)).collect();
    if let Some(limit) = &diagnostic.limit {
        set(&mut error, "limit", limit.name);
        set(&mut error, "most", limit.maximum);
    }
    error
}

/// A path as in `a.b.0.c`.
pub(crate) fn path(segments: &[PathSegment]) -> String {
    let segments = segments.iter().map(|segment| match segment {
        PathSegment::Name(name) => name.clone(),
        PathSegment::Index(index) => index.to_string(),
    });
    segments.collect::<Vec<_>>().join(".")
}
