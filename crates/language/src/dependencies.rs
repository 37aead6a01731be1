//! The variables whose values decide what an operation selects.

use std::{collections::HashSet, sync::Arc};

use serde_json::{Map, Value as Json};

use crate::{
    ast::{Directive, Document, LiteralKind, OperationDefinition, Selection, VariableSyntax},
    schema::Schema,
    validate::index_fragments,
};

/// Variables on which the normalized operation depends, sorted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dependencies {
    /// Variables that decide `@skip` and `@include`.
    pub(crate) conditions: Vec<Arc<str>>,
    /// Variables of arguments with a default, if they may have no value.
    pub(crate) optional: Vec<Arc<str>>,
}

impl Dependencies {
    /// Finds the variables of an operation of a valid document.
    pub(crate) fn new(
        schema: &Schema,
        document: &Document<'_>,
        operation: &OperationDefinition<'_>,
    ) -> Self {
        let fragments = index_fragments(document);
        let (mut conditional, mut defaulted) = (HashSet::new(), HashSet::new());
        let mut seen = HashSet::new();
        let root = schema.root(operation.kind);
        let mut sets: Vec<_> = root
            .map(|root| (&operation.selection_set, root))
            .into_iter()
            .collect();
        while let Some((set, parent)) = sets.pop() {
            for selection in &set.items {
                let directives = match selection {
                    Selection::Field(field) => {
                        if let Some(definition) = schema.field(parent, field.name.text) {
                            let base = definition.ty.base();
                            sets.extend(field.selection_set.as_ref().map(|set| (set, base)));
                            for argument in &field.arguments {
                                let (field, argument, value) =
                                    (field.name.text, argument.name.text, &argument.value.kind);
                                if let LiteralKind::Variable(name) = value
                                    && schema.has_default(parent, field, argument)
                                {
                                    defaulted.insert(*name);
                                }
                            }
                        }
                        &field.directives
                    }
                    Selection::Inline(fragment) => {
                        let on = fragment.on.and_then(|on| schema.type_named(on.text));
                        sets.push((&fragment.selection_set, on.unwrap_or(parent)));
                        &fragment.directives
                    }
                    Selection::Spread(spread) => {
                        if let Some(&place) = fragments.get(spread.name.text)
                            && seen.insert(place)
                        {
                            let fragment = &document.fragments[place];
                            let on = schema.type_named(fragment.on.text);
                            sets.push((&fragment.selection_set, on.unwrap_or(parent)));
                        }
                        &spread.directives
                    }
                };
                for (_, condition) in conditions(directives) {
                    if let LiteralKind::Variable(name) = condition {
                        conditional.insert(*name);
                    }
                }
            }
        }
        let is_optional = |name: &&str| {
            let mut variables = operation.variables.iter();
            let variable = variables.find(|variable| variable.name.text == *name);
            variable.is_some_and(may_be_absent)
        };
        let sorted = |names: HashSet<&str>| {
            let mut names: Vec<Arc<str>> = names.into_iter().map(Arc::from).collect();
            names.sort_unstable();
            names
        };
        Self {
            conditions: sorted(conditional),
            optional: sorted(defaulted.into_iter().filter(is_optional).collect()),
        }
    }

    /// The facts about coerced variables on which the normalized operation depends.
    pub(crate) fn facts(&self, variables: &Map<String, Json>) -> Vec<bool> {
        let conditions = self.conditions.iter().map(|name| is_true(variables, name));
        let optional = self
            .optional
            .iter()
            .map(|name| variables.contains_key(&**name));
        conditions.chain(optional).collect()
    }
}

/// True if a variable may have no value: it is neither required nor has a default.
pub(crate) fn may_be_absent(variable: &VariableSyntax<'_>) -> bool {
    variable.default.is_none() && !variable.ty.is_non_null()
}

/// True if a variable has the value true; null is not true: section 6.3.2.
pub(crate) fn is_true(variables: &Map<String, Json>, name: &str) -> bool {
    variables.get(name) == Some(&Json::Bool(true))
}

/// The conditions among directives; true for `@include`, false for `@skip`.
pub(crate) fn conditions<'d, 'a>(
    directives: &'d [Directive<'a>],
) -> impl Iterator<Item = (bool, &'d LiteralKind<'a>)> {
    directives.iter().filter_map(|directive| {
        let is_include = match directive.name.text {
            "include" => true,
            "skip" => false,
            _ => return None,
        };
        let mut arguments = directive.arguments.iter();
        let condition = arguments.find(|argument| argument.name.text == "if")?;
        Some((is_include, &condition.value.kind))
    })
}
