//! Whether every variable fits where it is used: «All Variable Usages Are Allowed» of the GraphQL
//! specification, which the library has and never comes to. And whether scalars take the values
//! that they are given, since the library does not say why one does not.
//!
//! It is also what makes one validation do for many requests: where variables fit, a document that
//! is valid for some values is valid for all that are of the types it declares.

use std::{
    collections::{HashMap, HashSet},
    convert::Infallible,
    fmt::Display,
};

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

use super::{coded, cost::named, invalid};
use crate::scalar::refusal;

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
    /// A field of a `@oneOf` input object, which takes no null although its type is nullable.
    is_one_of: bool,
}

/// How a document uses variables.
pub struct Usage {
    /// Whether all places were known.
    pub all_known: bool,
    /// The variables that decide on a `@skip` or `@include`.
    pub conditions: HashSet<Name>,
}

impl From<&InputValueDefinition> for Place {
    fn from(definition: &InputValueDefinition) -> Self {
        Self {
            ty: definition.ty.node.clone(),
            has_default: definition.default_value.is_some(),
            is_one_of: false,
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
                    let mut fields = inputs_of(&input.fields);
                    let directives = &definition.node.directives;
                    let is_one_of = directives.iter().any(|on| on.node.name.node == "oneOf");
                    for place in fields.values_mut() {
                        place.is_one_of = is_one_of;
                    }
                    inputs.insert(name, fields);
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
                is_one_of: false,
            },
        }
    }

    /// Refuses a variable that does not fit where an operation uses it, and a value in the text that
    /// its scalar does not take.
    pub fn check(&self, document: &ExecutableDocument) -> Result<Usage, ServerError> {
        let mut usage = Usage {
            all_known: true,
            conditions: HashSet::new(),
        };
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
                usage: &mut usage,
            };
            walk.directives(&operation.directives)?;
            walk.selection_set(&operation.selection_set.node, root)?;
        }
        Ok(usage)
    }

    /// Refuses variables with a value that a scalar in them does not take, and says which and why.
    pub fn check_values(
        &self,
        operation: &Positioned<OperationDefinition>,
        variables: &Variables,
    ) -> Result<(), ServerError> {
        for definition in &operation.node.variable_definitions {
            let variable = &definition.node;
            let Some(value) = variables.get(&variable.name.node) else {
                continue;
            };
            let refused = self.refused(value, &variable.var_type.node);
            if let Some(Refusal { path, message }) = refused {
                let message = format!("Variable `${}{path}` {message}", variable.name.node);
                return Err(coded("BAD_USER_INPUT", message, Some(definition.pos)));
            }
        }
        Ok(())
    }

    /// The first scalar in the value that is not of its type. Other faults are the library's to tell.
    fn refused(&self, value: &ConstValue, ty: &Type) -> Option<Refusal> {
        let inside = |part: &dyn Display, refused: Option<Refusal>| {
            let mut refused = refused?;
            refused.path = format!(".{part}{}", refused.path);
            Some(refused)
        };
        match (&ty.base, value) {
            (_, ConstValue::Null) => None,
            (BaseType::List(ty), ConstValue::List(items)) => items
                .iter()
                .enumerate()
                .find_map(|(index, item)| inside(&index, self.refused(item, ty))),
            // One value stands for a list of one.
            (BaseType::List(ty), _) => self.refused(value, ty),
            (BaseType::Named(name), _) => match (self.inputs.get(name), value) {
                (Some(places), ConstValue::Object(fields)) => {
                    fields.iter().find_map(|(name, value)| {
                        let place = places.get(name)?;
                        inside(name, self.refused(value, &place.ty))
                    })
                }
                (Some(_), _) => None,
                (None, _) => refusal(name, value).map(|message| Refusal {
                    path: String::new(),
                    message,
                }),
            },
        }
    }
}

/// A value that a scalar does not take.
struct Refusal {
    /// Where it is, as in `.input.endDate`.
    path: String,
    message: String,
}

/// Whether the value of every variable is left out, the default, or of the scalar type that is
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
        // The default is a part of the text, which has been validated.
        let default = definition.default_value.as_ref();
        if default.is_some_and(|default| default.node == *value) {
            return true;
        }
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
    usage: &'a mut Usage,
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
                        self.constant(name, value, place)?;
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
                if let (Some(_), Value::Variable(name)) = (place, &value.node) {
                    self.usage.conditions.insert(name.clone());
                }
            }
        }
        Ok(())
    }

    /// Refuses a value without variables that holds something its scalar does not take.
    fn constant(
        &self,
        name: &Positioned<Name>,
        value: &Positioned<Value>,
        place: Option<&Place>,
    ) -> Result<(), ServerError> {
        // A variable is checked by its own type: here it is taken for null.
        let constant = value
            .node
            .clone()
            .into_const_with(|_| Ok::<_, Infallible>(ConstValue::Null));
        let (Some(place), Ok(constant)) = (place, constant) else {
            return Ok(());
        };
        match self.places.refused(&constant, &place.ty) {
            Some(Refusal { path, message }) => {
                let message = format!("Argument `{}{path}` {message}", name.node);
                Err(invalid(message, Some(value.pos)))
            }
            None => Ok(()),
        }
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
                    self.usage.all_known = false;
                    Ok(())
                }
            },
            Value::List(items) => {
                let item = place.and_then(|place| match &place.ty.base {
                    BaseType::List(item) => Some(Place {
                        ty: Type::clone(item),
                        has_default: false,
                        is_one_of: false,
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
            self.usage.all_known = false;
            return Ok(());
        };
        let ty = &definition.var_type.node;
        if place.is_one_of && ty.nullable {
            let message = format!(
                "Variable `${name}` is of type `{ty}`, and this field of a `@oneOf` input cannot be \
                 null. Declare the variable as `{ty}!`."
            );
            return Err(invalid(message, Some(at.pos)));
        }
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
