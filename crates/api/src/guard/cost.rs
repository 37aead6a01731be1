//! How many objects an operation can return at most, told from its text, its variables and the
//! schema, before anything runs.
//!
//! Each item of a list counts one, an edge and its node together; a single thing counts one;
//! connections, `pageInfo`, payloads and introspection count nothing. Page sizes multiply down the
//! tree. What counts how is read off the schema's own text, so a new field needs nothing here.

use std::collections::{BTreeMap, HashMap, HashSet};

use async_graphql::{
    Name, Positioned,
    parser::{
        parse_schema,
        types::{
            BaseType, Directive, Field, FieldDefinition, FragmentDefinition, OperationDefinition,
            OperationType, Selection, SelectionSet, Type, TypeKind, TypeSystemDefinition,
        },
    },
};
use async_graphql_value::{ConstValue, Value};

use crate::page::{DEFAULT_PAGE, LARGEST_PAGE};

/// What every field of the schema counts that is no leaf.
pub struct Costs {
    types: foldhash::HashMap<Name, foldhash::HashMap<Name, FieldCost>>,
}

struct FieldCost {
    counts: Counts,
    /// The type below, without list and non-null.
    below: Name,
}

/// How a field counts what is below it.
#[derive(Clone, Copy)]
enum Counts {
    /// Nothing of its own.
    Nothing,
    /// One object.
    One,
    /// A connection: nothing of its own, and its arguments say how large its page is, or this.
    Page(u64),
    /// The items of a connection: one each, as many as the page has.
    Items,
    /// The items of any other list: one each, as many as its argument says, or this many.
    List(u64),
}

/// The longest list that has no size of its own to be given.
const SHORT_LIST: u64 = 100;

impl Costs {
    /// Of the schema with this text.
    pub fn new(sdl: &str) -> Self {
        let mut types: foldhash::HashMap<_, foldhash::HashMap<_, FieldCost>> =
            foldhash::HashMap::default();
        let definitions = parse_schema(sdl).map(|schema| schema.definitions);
        for definition in definitions.expect("the schema's own text can be parsed") {
            let TypeSystemDefinition::Type(definition) = definition else {
                continue;
            };
            let name = definition.node.name.node;
            let fields = match definition.node.kind {
                TypeKind::Object(object) => object.fields,
                TypeKind::Interface(interface) => interface.fields,
                TypeKind::Union(_) => Vec::new(),
                _ => continue,
            };
            let fields = fields.into_iter().map(|field| field.node);
            let costs =
                fields.map(|field| (field.name.node.clone(), FieldCost::new(&name, &field)));
            types.insert(name.clone(), costs.collect());
        }
        // What is a leaf can only be told when all types are known.
        let composite: HashSet<Name> = types.keys().cloned().collect();
        for fields in types.values_mut() {
            fields.retain(|_, field| composite.contains(&field.below));
        }
        Self { types }
    }

    /// The largest number of objects that the operation can return; the variables have their defaults.
    pub fn of(
        &self,
        operation: &OperationDefinition,
        fragments: &HashMap<Name, Positioned<FragmentDefinition>>,
        variables: &BTreeMap<Name, ConstValue>,
    ) -> u64 {
        let root = match operation.ty {
            OperationType::Query => "Query",
            OperationType::Mutation => "Mutation",
            OperationType::Subscription => "Subscription",
        };
        let mut walk = Walk {
            costs: self,
            fragments,
            values: Values { variables },
            seen: HashMap::new(),
        };
        walk.selection_set(&operation.selection_set.node, root)
            .fixed
    }
}

impl FieldCost {
    fn new(parent: &str, field: &FieldDefinition) -> Self {
        let name = field.name.node.as_str();
        let ty = &field.ty.node;
        let below = named(ty);
        let is_list = matches!(ty.base, BaseType::List(_));
        let default_size = field
            .arguments
            .iter()
            .find(|argument| argument.node.name.node == "first")
            .and_then(|size| size.node.default_value.as_ref())
            .and_then(|default| number(&default.node));
        let counts = if parent.ends_with("Connection") && matches!(name, "edges" | "nodes") {
            Counts::Items
        } else if is_list {
            Counts::List(default_size.unwrap_or(SHORT_LIST))
        } else if below.ends_with("Connection") {
            Counts::Page(default_size.unwrap_or(DEFAULT_PAGE))
        } else if below == "PageInfo"
            || below.ends_with("Payload")
            || parent.ends_with("Edge") && name == "node"
        {
            Counts::Nothing
        } else {
            Counts::One
        };
        Self {
            counts,
            below: below.clone(),
        }
    }
}

/// The type, without list and non-null.
pub fn named(ty: &Type) -> &Name {
    match &ty.base {
        BaseType::Named(name) => name,
        BaseType::List(inner) => named(inner),
    }
}

fn number(value: &ConstValue) -> Option<u64> {
    match value {
        // A negative size is refused when it runs.
        ConstValue::Number(number) => number
            .as_i64()
            .map(|number| u64::try_from(number).unwrap_or(0)),
        _ => None,
    }
}

/// What a selection set costs. Inside of a connection that depends on the page, which is not known
/// to a fragment.
#[derive(Clone, Copy, Default)]
struct Cost {
    fixed: u64,
    /// For each item of the page that the set is in.
    per_item: u64,
}

struct Walk<'a> {
    costs: &'a Costs,
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    values: Values<'a>,
    seen: HashMap<&'a Name, Cost>,
}

impl<'a> Walk<'a> {
    fn selection_set(&mut self, set: &'a SelectionSet, on: &str) -> Cost {
        let mut cost = Cost::default();
        for selection in &set.items {
            if self.values.is_skipped(selection.node.directives()) {
                continue;
            }
            let selected = match &selection.node {
                Selection::Field(field) => self.field(&field.node, on),
                Selection::InlineFragment(fragment) => {
                    let condition = fragment.node.type_condition.as_ref();
                    let on = condition.map_or(on, |condition| &condition.node.on.node);
                    self.selection_set(&fragment.node.selection_set.node, on)
                }
                Selection::FragmentSpread(spread) => self.fragment(&spread.node.fragment_name.node),
            };
            cost.fixed = cost.fixed.saturating_add(selected.fixed);
            cost.per_item = cost.per_item.saturating_add(selected.per_item);
        }
        cost
    }

    fn field(&mut self, field: &'a Field, on: &str) -> Cost {
        // Leaves and introspection count nothing; validation refuses fields that do not exist.
        let fields = self.costs.types.get(on);
        let Some(FieldCost { counts, below }) =
            fields.and_then(|fields| fields.get(&field.name.node))
        else {
            return Cost::default();
        };
        let below = self.selection_set(&field.selection_set.node, below);
        let each = below.fixed.saturating_add(1);
        let fixed = |fixed| Cost { fixed, per_item: 0 };
        match counts {
            Counts::Nothing => fixed(below.fixed),
            Counts::One => fixed(each),
            Counts::Page(default) => {
                let size = self.values.page_size(field).unwrap_or(*default);
                let items = size.saturating_mul(below.per_item);
                fixed(below.fixed.saturating_add(items))
            }
            Counts::Items => Cost {
                fixed: 0,
                per_item: each,
            },
            Counts::List(default) => fixed(
                self.values
                    .list_size(field)
                    .unwrap_or(*default)
                    .saturating_mul(each),
            ),
        }
    }

    fn fragment(&mut self, name: &Name) -> Cost {
        let Some((name, fragment)) = self.fragments.get_key_value(name) else {
            return Cost::default();
        };
        if let Some(cost) = self.seen.get(name) {
            return *cost;
        }
        let fragment = &fragment.node;
        let cost = self.selection_set(
            &fragment.selection_set.node,
            &fragment.type_condition.node.on.node,
        );
        self.seen.insert(name, cost);
        cost
    }
}

/// The values of arguments, variables looked up.
struct Values<'a> {
    variables: &'a BTreeMap<Name, ConstValue>,
}

impl Values<'_> {
    /// A page larger than the largest is refused when it runs, with better words.
    fn page_size(&self, field: &Field) -> Option<u64> {
        let size = |argument| self.argument(field, argument).as_ref().and_then(number);
        let size = size("first").or_else(|| size("last"))?;
        Some(size.min(u64::from(LARGEST_PAGE.unsigned_abs())))
    }

    fn list_size(&self, field: &Field) -> Option<u64> {
        let first = self.argument(field, "first").as_ref().and_then(number);
        // Things asked for one by one.
        let ids = || match field.get_argument("ids").map(|ids| &ids.node)? {
            Value::List(ids) => Some(ids.len()),
            Value::Variable(name) => match self.variables.get(name)? {
                ConstValue::List(ids) => Some(ids.len()),
                _ => Some(1),
            },
            _ => Some(1),
        };
        first
            .map(|first| first.min(SHORT_LIST))
            .or_else(|| ids().map(|ids| ids as u64))
    }

    fn argument(&self, field: &Field, name: &str) -> Option<ConstValue> {
        self.value(&field.get_argument(name)?.node)
    }

    /// Of a number or a boolean; larger values are not copied.
    fn value(&self, value: &Value) -> Option<ConstValue> {
        match value {
            Value::Number(number) => Some(ConstValue::Number(number.clone())),
            Value::Boolean(boolean) => Some(ConstValue::Boolean(*boolean)),
            Value::Variable(name) => match self.variables.get(name)? {
                ConstValue::Number(number) => Some(ConstValue::Number(number.clone())),
                ConstValue::Boolean(boolean) => Some(ConstValue::Boolean(*boolean)),
                _ => None,
            },
            _ => None,
        }
    }

    fn is_skipped(&self, directives: &[Positioned<Directive>]) -> bool {
        directives
            .iter()
            .map(|directive| &directive.node)
            .any(|directive| {
                let skips = match directive.name.node.as_str() {
                    "skip" => true,
                    "include" => false,
                    _ => return false,
                };
                let condition = directive
                    .get_argument("if")
                    .and_then(|value| self.value(&value.node));
                condition == Some(ConstValue::Boolean(skips))
            })
    }
}
