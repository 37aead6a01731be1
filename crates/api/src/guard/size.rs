//! Estimates how much memory a checked document takes while it is kept: 60 to 500 times its text.

use async_graphql::{
    Name, Positioned, Value as ConstValue,
    indexmap::IndexMap,
    parser::types::{
        Directive, ExecutableDocument, FragmentDefinition, OperationDefinition, Selection,
        SelectionSet, VariableDefinition,
    },
};
use async_graphql_value::Value;

/// What the allocator and a reference count add to each allocation.
const ALLOCATION: usize = 24;

/// What the plan of a field takes, with its share of the plan of its selection set.
const PLANNED_FIELD: usize = 400;

/// Bytes of the document, and of the plans for this many fields.
pub fn size(document: &ExecutableDocument, planned_fields: usize) -> usize {
    let fragments = document.fragments.iter();
    let fragments = fragments.map(|(key, fragment)| {
        let FragmentDefinition {
            type_condition,
            directives: given,
            selection_set: set,
        } = &fragment.node;
        size_of::<Positioned<FragmentDefinition>>()
            + name(key)
            + name(&type_condition.node.on.node)
            + directives(given)
            + selection_set(&set.node)
    });
    let operations = document.operations.iter();
    let operations = operations.map(|(key, operation)| {
        let OperationDefinition {
            variable_definitions,
            directives: given,
            selection_set: set,
            ..
        } = &operation.node;
        let variables = variable_definitions.iter().map(|variable| {
            let VariableDefinition {
                name: key,
                directives: given,
                default_value,
                ..
            } = &variable.node;
            let default = default_value.as_ref();
            let default = default.map_or(0, |default| const_value(&default.node));
            // The name of its type takes about as much as its own.
            2 * name(&key.node) + directives(given) + default
        });
        size_of::<Positioned<OperationDefinition>>()
            + key.map_or(0, name)
            + vec(variable_definitions)
            + variables.sum::<usize>()
            + directives(given)
            + selection_set(&set.node)
    });
    fragments.sum::<usize>() + operations.sum::<usize>() + planned_fields * PLANNED_FIELD
}

fn selection_set(set: &SelectionSet) -> usize {
    let items = set.items.iter().map(|selection| match &selection.node {
        Selection::Field(field) => {
            let field = &field.node;
            let arguments = field.arguments.iter();
            let arguments = arguments.map(|(key, given)| name(&key.node) + value(&given.node));
            field.alias.as_ref().map_or(0, |alias| name(&alias.node))
                + name(&field.name.node)
                + vec(&field.arguments)
                + arguments.sum::<usize>()
                + directives(&field.directives)
                + selection_set(&field.selection_set.node)
        }
        Selection::FragmentSpread(spread) => {
            name(&spread.node.fragment_name.node) + directives(&spread.node.directives)
        }
        Selection::InlineFragment(fragment) => {
            let fragment = &fragment.node;
            let condition = fragment.type_condition.as_ref();
            condition.map_or(0, |condition| name(&condition.node.on.node))
                + directives(&fragment.directives)
                + selection_set(&fragment.selection_set.node)
        }
    });
    vec(&set.items) + items.sum::<usize>()
}

fn directives(given: &Vec<Positioned<Directive>>) -> usize {
    let directives = given.iter().map(|directive| {
        let Directive {
            name: key,
            arguments,
        } = &directive.node;
        let values = arguments
            .iter()
            .map(|(key, given)| name(&key.node) + value(&given.node));
        name(&key.node) + vec(arguments) + values.sum::<usize>()
    });
    vec(given) + directives.sum::<usize>()
}

fn value(given: &Value) -> usize {
    match given {
        Value::String(text) => text.capacity() + ALLOCATION,
        Value::Variable(key) | Value::Enum(key) => name(key),
        Value::List(items) => vec(items) + items.iter().map(value).sum::<usize>(),
        Value::Object(fields) => {
            map(fields)
                + fields
                    .iter()
                    .map(|(key, given)| name(key) + value(given))
                    .sum::<usize>()
        }
        _ => 0,
    }
}

fn const_value(given: &ConstValue) -> usize {
    match given {
        ConstValue::String(text) => text.capacity() + ALLOCATION,
        ConstValue::Enum(key) => name(key),
        ConstValue::List(items) => vec(items) + items.iter().map(const_value).sum::<usize>(),
        ConstValue::Object(fields) => {
            map(fields)
                + fields
                    .iter()
                    .map(|(key, given)| name(key) + const_value(given))
                    .sum::<usize>()
        }
        _ => 0,
    }
}

fn name(name: &Name) -> usize {
    name.as_str().len() + ALLOCATION
}

fn vec<T>(vec: &Vec<T>) -> usize {
    match vec.capacity() {
        0 => 0,
        capacity => capacity * size_of::<T>() + ALLOCATION,
    }
}

/// Beside each entry stands its hash, and its place in a table that is full to seven eighths at most.
fn map<V>(map: &IndexMap<Name, V>) -> usize {
    map.capacity() * (size_of::<(Name, V)>() + 3 * size_of::<usize>()) + 2 * ALLOCATION
}
