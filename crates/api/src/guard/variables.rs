//! Whether every variable fits where it is used: «All Variable Usages Are Allowed» of the GraphQL
//! specification, which the library has and never comes to.
//!
//! It is also what makes one validation do for many requests: where variables fit, a document that
//! is valid for some values is valid for all that are of the types it declares.

use std::collections::{HashMap, HashSet};

use async_graphql::{
    Name, Positioned, ServerError, Value as ConstValue, Variables,
    parser::{
        parse_schema,
        types::{
            BaseType, Directive, ExecutableDocument, FragmentDefinition, InputValueDefinition,
            OperationDefinition, OperationType, Selection, SelectionSet, Type, TypeKind,
            TypeSystemDefinition,
        },
    },
};
use async_graphql_value::Value;

use super::{cost::named, invalid};

/// Where values can be given.
pub struct Places {
    /// By type and field: what its arguments take, and the type below.
    fields: HashMap<Name, HashMap<Name, (Inputs, Name)>>,
    /// By type: what the fields of an input object take.
    inputs: HashMap<Name, Inputs>,
    /// What the one argument of `@skip` and `@include` takes.
    condition: Place,
}

type Inputs = HashMap<Name, Place>;

/// Takes values of a type.
struct Place {
    ty: Type,
    has_default: bool,
}

impl From<&InputValueDefinition> for Place {
    fn from(definition: &InputValueDefinition) -> Self {
        Self {
            ty: definition.ty.node.clone(),
            has_default: definition.default_value.is_some(),
        }
    }
}

impl Places {
    /// Of the schema with this text.
    pub fn new(sdl: &str) -> Self {
        let inputs_of = |definitions: &[Positioned<InputValueDefinition>]| -> Inputs {
            let inputs = definitions.iter().map(|definition| &definition.node);
            inputs
                .map(|input| (input.name.node.clone(), input.into()))
                .collect()
        };
        let mut fields = HashMap::new();
        let mut inputs = HashMap::new();
        let definitions = parse_schema(sdl).map(|schema| schema.definitions);
        for definition in definitions.expect("the schema's own text can be parsed") {
            let TypeSystemDefinition::Type(definition) = definition else {
                continue;
            };
            let name = definition.node.name.node;
            let of_type = match definition.node.kind {
                TypeKind::Object(object) => object.fields,
                TypeKind::Interface(interface) => interface.fields,
                TypeKind::InputObject(input) => {
                    inputs.insert(name, inputs_of(&input.fields));
                    continue;
                }
                _ => continue,
            };
            let of_type = of_type.iter().map(|field| {
                let field = &field.node;
                let below = named(&field.ty.node).clone();
                (
                    field.name.node.clone(),
                    (inputs_of(&field.arguments), below),
                )
            });
            fields.insert(name, of_type.collect());
        }
        Self {
            fields,
            inputs,
            condition: Place {
                ty: Type {
                    base: BaseType::Named(Name::new("Boolean")),
                    nullable: false,
                },
                has_default: false,
            },
        }
    }

    /// Refuses a variable that does not fit where an operation uses it. Otherwise tells whether all
    /// places were known.
    pub fn check(&self, document: &ExecutableDocument) -> Result<bool, ServerError> {
        let mut all_known = true;
        for (_, operation) in document.operations.iter() {
            let operation = &operation.node;
            let root = match operation.ty {
                OperationType::Query => "Query",
                OperationType::Mutation => "Mutation",
                OperationType::Subscription => "Subscription",
            };
            let mut walk = Walk {
                places: self,
                fragments: &document.fragments,
                operation,
                seen: HashSet::new(),
                all_known: true,
            };
            walk.directives(&operation.directives)?;
            walk.selection_set(&operation.selection_set.node, root)?;
            all_known &= walk.all_known;
        }
        Ok(all_known)
    }
}

/// Whether the value of every variable is there or left out, and of the scalar type that is
/// declared for it. Of other types the library can tell.
pub fn are_plain(operation: &OperationDefinition, variables: &Variables) -> bool {
    operation.variable_definitions.iter().all(|definition| {
        let definition = &definition.node;
        let BaseType::Named(ty) = &definition.var_type.node.base else {
            return false;
        };
        let Some(value) = variables.get(&definition.name.node) else {
            return true;
        };
        match (ty.as_str(), value) {
            ("ID" | "String", ConstValue::String(_)) | ("Boolean", ConstValue::Boolean(_)) => true,
            ("Int", ConstValue::Number(number)) => number
                .as_i64()
                .is_some_and(|number| i32::try_from(number).is_ok()),
            _ => false,
        }
    })
}

struct Walk<'a> {
    places: &'a Places,
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    operation: &'a OperationDefinition,
    seen: HashSet<&'a Name>,
    all_known: bool,
}

impl<'a> Walk<'a> {
    fn selection_set(&mut self, set: &'a SelectionSet, on: &str) -> Result<(), ServerError> {
        let places = self.places;
        for selection in &set.items {
            self.directives(selection.node.directives())?;
            match &selection.node {
                Selection::Field(field) => {
                    let field = &field.node;
                    let known = places
                        .fields
                        .get(on)
                        .and_then(|fields| fields.get(&field.name.node));
                    for (name, value) in &field.arguments {
                        let place = known.and_then(|(arguments, _)| arguments.get(&name.node));
                        self.value(&value.node, place, value)?;
                    }
                    let below = known.map_or("", |(_, below)| below.as_str());
                    self.selection_set(&field.selection_set.node, below)?;
                }
                Selection::InlineFragment(fragment) => {
                    let condition = fragment.node.type_condition.as_ref();
                    let on = condition.map_or(on, |condition| &condition.node.on.node);
                    self.selection_set(&fragment.node.selection_set.node, on)?;
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    if let Some((name, fragment)) = self.fragments.get_key_value(name)
                        && self.seen.insert(name)
                    {
                        let fragment = &fragment.node;
                        self.directives(&fragment.directives)?;
                        let on = &fragment.type_condition.node.on.node;
                        self.selection_set(&fragment.selection_set.node, on)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn directives(&mut self, directives: &'a [Positioned<Directive>]) -> Result<(), ServerError> {
        let places = self.places;
        for directive in directives {
            let is_known = matches!(directive.node.name.node.as_str(), "skip" | "include");
            for (name, value) in &directive.node.arguments {
                let place = (is_known && name.node == "if").then_some(&places.condition);
                self.value(&value.node, place, value)?;
            }
        }
        Ok(())
    }

    /// A value in a place, unless the schema has no such place: then validation says so.
    fn value(
        &mut self,
        value: &'a Value,
        place: Option<&Place>,
        at: &Positioned<Value>,
    ) -> Result<(), ServerError> {
        let places = self.places;
        match value {
            Value::Variable(name) => match place {
                Some(place) => self.variable(name, place, at),
                None => {
                    self.all_known = false;
                    Ok(())
                }
            },
            Value::List(items) => {
                let item = place.and_then(|place| match &place.ty.base {
                    BaseType::List(item) => Some(Place {
                        ty: Type::clone(item),
                        has_default: false,
                    }),
                    BaseType::Named(_) => None,
                });
                items
                    .iter()
                    .try_for_each(|value| self.value(value, item.as_ref(), at))
            }
            Value::Object(fields) => {
                // One object stands for a list of one.
                let inputs = place.and_then(|place| places.inputs.get(named(&place.ty)));
                fields.iter().try_for_each(|(name, value)| {
                    let place = inputs.and_then(|inputs| inputs.get(name));
                    self.value(value, place, at)
                })
            }
            _ => Ok(()),
        }
    }

    fn variable(
        &mut self,
        name: &Name,
        place: &Place,
        at: &Positioned<Value>,
    ) -> Result<(), ServerError> {
        let definitions = &self.operation.variable_definitions;
        let definition = definitions
            .iter()
            .map(|definition| &definition.node)
            .find(|definition| definition.name.node == *name);
        // Validation says that there is no such variable.
        let Some(definition) = definition else {
            self.all_known = false;
            return Ok(());
        };
        let ty = &definition.var_type.node;
        let has_default = place.has_default
            || definition
                .default_value
                .as_ref()
                .is_some_and(|value| value.node != ConstValue::Null);
        if fits(ty, &place.ty, has_default) {
            return Ok(());
        }
        let message = format!(
            "Variable `${name}` is of type `{ty}`, and `{}` is expected here.",
            place.ty
        );
        Err(invalid(message, Some(at.pos)))
    }
}

/// Whether a variable of this type can be used in a place of that type.
fn fits(ty: &Type, place: &Type, has_default: bool) -> bool {
    if !place.nullable && ty.nullable && !has_default {
        return false;
    }
    match (&ty.base, &place.base) {
        (BaseType::Named(ty), BaseType::Named(place)) => ty == place,
        (BaseType::List(ty), BaseType::List(place)) => fits(ty, place, false),
        _ => false,
    }
}
