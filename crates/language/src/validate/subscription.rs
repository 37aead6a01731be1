//! “Single Root Field” of subscriptions (specification, section 5.2.4.1).

use std::collections::HashSet;

use indexmap::IndexMap;

use super::Validator;
use crate::ast::{Directive, OperationDefinition, Selection};

impl<'a> Validator<'a> {
    /// Fragments of the operation exist and have no cycles.
    pub(super) fn subscription(&mut self, operation: &'a OperationDefinition<'a>) {
        let mut keys = IndexMap::new();
        let mut seen = HashSet::new();
        let mut conditional = None;
        let mut stack = vec![operation.selection_set.items.iter()];
        while let Some(items) = stack.last_mut() {
            let Some(selection) = items.next() else {
                stack.pop();
                continue;
            };
            let directives = match selection {
                Selection::Field(field) => {
                    keys.entry(field.response_key().text).or_insert(field);
                    &field.directives
                }
                Selection::Inline(fragment) => {
                    stack.push(fragment.selection_set.items.iter());
                    &fragment.directives
                }
                Selection::Spread(spread) => {
                    if let Some(&place) = self.fragments.get(spread.name.text)
                        && seen.insert(place)
                    {
                        let fragment = &self.document.fragments[place];
                        stack.push(fragment.selection_set.items.iter());
                    }
                    &spread.directives
                }
            };
            let is_condition = |one: &&Directive<'_>| matches!(one.name.text, "skip" | "include");
            conditional = conditional.or_else(|| directives.iter().find(is_condition));
        }
        let subject = match operation.name {
            Some(name) => format!("Subscription \"{}\"", name.text),
            None => "Anonymous Subscription".to_owned(),
        };
        if let Some(directive) = conditional {
            return self.report.invalid(directive.name.at, || {
                format!("{subject} must not use `@skip` or `@include` directives in the top level selection.")
            });
        }
        if keys.is_empty() {
            self.report.invalid(operation.selection_set.at, || {
                format!("{subject} must select one top level field.")
            });
        }
        if let Some((_, second)) = keys.get_index(1) {
            self.report.invalid(second.response_key().at, || {
                format!("{subject} must select only one top level field.")
            });
        }
        for field in keys.values() {
            if field.name.text.starts_with("__") {
                self.report.invalid(field.response_key().at, || {
                    format!("{subject} must not select an introspection top level field.")
                });
            }
        }
    }
}
