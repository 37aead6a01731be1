//! Arguments and directives (specification, sections 5.4 and 5.7).

use std::{collections::HashSet, sync::Arc};

use indexmap::IndexMap;

use super::Validator;
use crate::{
    ast::{Argument, Directive, Position},
    schema::{FieldDefinition, InputDefinition, Schema, TypeId},
};

type InputDefinitions = IndexMap<Arc<str>, InputDefinition>;

impl<'a> Validator<'a> {
    /// “Argument Names”, “Argument Uniqueness”, “Required Arguments”. The owner is at `at`.
    pub(super) fn arguments(
        &mut self,
        arguments: &'a [Argument<'a>],
        definitions: Option<&'a InputDefinitions>,
        owner: Owner<'a>,
        at: Position,
    ) {
        let schema = self.schema;
        self.unique("argument", arguments.iter().map(|argument| argument.name));
        for Argument { name, value } in arguments {
            let definition = definitions.and_then(|all| all.get(name.text));
            if let (Some(all), None) = (definitions, definition) {
                let suggestions = &mut self.suggestions;
                self.report.invalid(name.at, || {
                    let names = all.keys().map(|name| &**name);
                    let similar = suggestions.did_you_mean("", name.text, names);
                    let owner = owner.describe(schema);
                    format!("Unknown argument \"{}\" on {owner}.{similar}", name.text)
                });
            }
            self.argument_value(value, definition);
        }
        for (name, definition) in definitions.into_iter().flatten() {
            let is_given = || arguments.iter().any(|given| given.name.text == &**name);
            if definition.is_required() && !is_given() {
                self.report.invalid(at, || {
                    format!(
                        "Argument \"{}({name}:)\" of type \"{}\" is required, but it was not provided.",
                        owner.coordinate(schema),
                        schema.display(&definition.ty)
                    )
                });
            }
        }
    }

    /// “Directives Are Defined”, “Directives Are in Valid Locations”, “Directives Are Unique per
    /// Location”.
    pub(super) fn directives(&mut self, directives: &'a [Directive<'a>], location: &'static str) {
        let schema = self.schema;
        let mut seen = HashSet::new();
        for directive in directives {
            let name = directive.name;
            let definition = schema.directive(name.text);
            match definition {
                None => {
                    let suggestions = &mut self.suggestions;
                    self.report.invalid(name.at, || {
                        let names = schema.directive_names();
                        let similar = suggestions.did_you_mean("", name.text, names);
                        format!("Unknown directive \"@{}\".{similar}", name.text)
                    });
                }
                Some(definition) => {
                    if !definition.locations.iter().any(|one| one == location) {
                        self.report.invalid(name.at, || {
                            format!(
                                "Directive \"@{}\" may not be used on {location}.",
                                name.text
                            )
                        });
                    }
                    if !definition.is_repeatable && !seen.insert(name.text) {
                        self.report.invalid(name.at, || {
                            format!(
                                "The directive \"@{}\" can only be used once at this location.",
                                name.text
                            )
                        });
                    }
                }
            }
            let arguments = definition.map(|definition| &definition.arguments);
            let owner = Owner::Directive(name.text);
            self.arguments(&directive.arguments, arguments, owner, name.at);
        }
    }
}

/// The field or directive that arguments belong to.
#[derive(Clone, Copy)]
pub(super) enum Owner<'a> {
    Field(Option<TypeId>, Option<&'a FieldDefinition>),
    Directive(&'a str),
}

impl Owner<'_> {
    /// The schema coordinate without arguments: `Type.field` or `@directive`.
    fn coordinate(self, schema: &Schema) -> String {
        match self {
            Self::Field(_, Some(field)) if field.name.starts_with("__") => {
                format!("<meta>.{}", field.name)
            }
            Self::Field(Some(parent), Some(field)) => {
                format!("{}.{}", schema.type_at(parent).name, field.name)
            }
            Self::Field(..) => String::new(),
            Self::Directive(name) => format!("@{name}"),
        }
    }

    fn describe(self, schema: &Schema) -> String {
        let kind = match self {
            Self::Field(..) => "field",
            Self::Directive(_) => "directive",
        };
        format!("{kind} \"{}\"", self.coordinate(schema))
    }
}
