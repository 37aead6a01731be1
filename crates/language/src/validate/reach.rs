//! Rules about what each operation reaches through fragments: cycles, unused fragments, variables
//! and the depth of fields (specification, sections 5.5.1.4, 5.5.2.2 and 5.8).

use std::collections::{HashMap, HashSet};

use super::{Findings, Validator, VariableUse};
use crate::{
    ast::{LiteralKind, OperationDefinition},
    error::{Diagnostic, Stage},
    limits::DocumentLimits,
    schema::TypeRef,
};

/// State of a fragment in the depth-first search for cycles.
#[derive(Clone, Copy, PartialEq)]
enum Visit {
    New,
    Open,
    Done,
}

impl<'a> Validator<'a> {
    /// “Fragment Spreads Must Not Form Cycles”. Returns the depth of fields in each fragment, which
    /// is exact if there are no cycles. Keeps its own stack: the chain may be long.
    pub(super) fn fragment_cycles(&mut self, found: &[Findings<'a>]) -> Vec<usize> {
        let mut visits = vec![Visit::New; found.len()];
        let mut depths: Vec<usize> = found.iter().map(|found| found.depth).collect();
        for start in 0..found.len() {
            if visits[start] != Visit::New {
                continue;
            }
            visits[start] = Visit::Open;
            // Fragments being visited, and how many of their spreads are done.
            let mut stack = vec![(start, 0)];
            while let Some((fragment, next)) = stack.last_mut() {
                let fragment = *fragment;
                let Some(spread) = found[fragment].spreads.get(*next) else {
                    visits[fragment] = Visit::Done;
                    stack.pop();
                    continue;
                };
                let Some(&place) = self.fragments.get(spread.name.text) else {
                    *next += 1;
                    continue;
                };
                match visits[place] {
                    Visit::New => {
                        // The spread is looked at again when its fragment is done.
                        visits[place] = Visit::Open;
                        stack.push((place, 0));
                        continue;
                    }
                    Visit::Done => {
                        let depth = spread.depth + depths[place];
                        depths[fragment] = depths[fragment].max(depth);
                    }
                    Visit::Open => self.report_cycle(found, &stack, place),
                }
                if let Some((_, next)) = stack.last_mut() {
                    *next += 1;
                }
            }
        }
        depths
    }

    /// Reports the cycle from the fragment at `place`, which is on the stack, to the last spread.
    fn report_cycle(&mut self, found: &[Findings<'a>], stack: &[(usize, usize)], place: usize) {
        let begin = stack.iter().position(|(fragment, _)| *fragment == place);
        let cycle = &stack[begin.unwrap_or_default()..];
        let spreads = cycle
            .iter()
            .map(|(fragment, next)| &found[*fragment].spreads[*next]);
        let name = self.document.fragments[place].name.text;
        self.report.push(|| {
            let via: Vec<String> = spreads
                .clone()
                .take((cycle.len() - 1).min(10))
                .map(|spread| format!("\"{}\"", spread.name.text))
                .collect();
            let via = match &via[..] {
                [] => String::new(),
                via => format!(" via {}", via.join(", ")),
            };
            let message = format!("Cannot spread fragment \"{name}\" within itself{via}.");
            let mut locations = spreads.clone().take(10).map(|spread| spread.at);
            let mut error = Diagnostic::new(
                Stage::Validate,
                message,
                locations.next().unwrap_or_default(),
            );
            error.locations.extend(locations);
            error
        });
    }

    /// “All Variables Used”, “All Variable Uses Defined”, “All Variable Usages Are Allowed” and
    /// “Fragments Must Be Used”.
    pub(super) fn reachable(
        &mut self,
        variable_types: &'a [Vec<Option<TypeRef>>],
        operations: &[Findings<'a>],
        fragments: &[Findings<'a>],
    ) {
        let document = self.document;
        let mut is_used = vec![false; fragments.len()];
        let definitions = document.operations.iter().zip(variable_types);
        for ((operation, types), found) in definitions.zip(operations) {
            let mut is_reached = vec![false; fragments.len()];
            let mut reached = vec![found];
            let mut next = 0;
            while let Some(found) = reached.get(next).copied() {
                next += 1;
                for spread in &found.spreads {
                    if let Some(&place) = self.fragments.get(spread.name.text)
                        && !std::mem::replace(&mut is_reached[place], true)
                    {
                        is_used[place] = true;
                        reached.push(&fragments[place]);
                    }
                }
            }
            self.variables(operation, types, &reached);
        }
        for (fragment, _) in document.fragments.iter().zip(is_used).filter(|(_, is)| !is) {
            self.report.invalid(fragment.at, || {
                format!("Fragment \"{}\" is never used.", fragment.name.text)
            });
        }
    }

    fn variables(
        &mut self,
        operation: &'a OperationDefinition<'a>,
        types: &'a [Option<TypeRef>],
        reached: &[&Findings<'a>],
    ) {
        let names = operation
            .variables
            .iter()
            .map(|variable| variable.name.text);
        let declared: HashMap<&str, usize> = names.zip(0..).collect();
        let mut is_used = HashSet::new();
        for usage in reached.iter().flat_map(|found| &found.variables) {
            if let Some(&number) = declared.get(usage.name.text) {
                is_used.insert(number);
                self.variable_use(operation, number, types[number].as_ref(), usage);
                continue;
            }
            self.report.push(|| {
                let by = operation.name.map_or_else(String::new, |operation| {
                    format!(" by operation \"{}\"", operation.text)
                });
                let message = format!("Variable \"${}\" is not defined{by}.", usage.name.text);
                Diagnostic::new(Stage::Validate, message, usage.name.at).and_at(operation.at)
            });
        }
        for (number, variable) in operation.variables.iter().enumerate() {
            // A name declared twice is an error of its own.
            let number = declared.get(variable.name.text).copied().unwrap_or(number);
            if is_used.contains(&number) {
                continue;
            }
            self.report.invalid(variable.name.at, || {
                let of = operation.name.map_or_else(String::new, |operation| {
                    format!(" in operation \"{}\"", operation.text)
                });
                format!("Variable \"${}\" is never used{of}.", variable.name.text)
            });
        }
    }

    /// `IsVariableUsageAllowed`: section 5.8.5. A nullable variable may stand where null is not
    /// allowed if it has a default, or the place has one.
    fn variable_use(
        &mut self,
        operation: &OperationDefinition<'a>,
        number: usize,
        ty: Option<&TypeRef>,
        usage: &VariableUse<'a>,
    ) {
        let (Some(ty), Some((expected, has_default))) = (ty, usage.expected) else {
            return;
        };
        let default = operation.variables[number].default.as_ref();
        let has_value = default.is_some_and(|value| !matches!(value.kind, LiteralKind::Null));
        let is_non_null = expected.is_non_null() || usage.one_of.is_some();
        let (is_allowed, is_nullable) = if is_non_null && !ty.is_non_null() {
            let is_compatible = are_compatible(ty, expected.nullable());
            ((has_default || has_value) && is_compatible, is_compatible)
        } else {
            (are_compatible(ty, expected), false)
        };
        if is_allowed {
            return;
        }
        let (schema, name) = (self.schema, usage.name);
        let declared_at = operation.variables[number].name.at;
        self.report.push(|| {
            let given = schema.display(ty);
            let message = match usage.one_of {
                Some(one_of) if is_nullable => format!(
                    "Variable \"${}\" is of type \"{given}\" but must be non-nullable to be used for OneOf Input Object \"{}\".",
                    name.text,
                    schema.type_at(one_of).name
                ),
                _ => format!(
                    "Variable \"${}\" of type \"{given}\" used in position expecting type \"{}\".",
                    name.text,
                    schema.display(expected)
                ),
            };
            Diagnostic::new(Stage::Validate, message, declared_at).and_at(name.at)
        });
    }

    /// Refuses operations whose fields are too deep inside each other.
    pub(super) fn depth(
        &mut self,
        operations: &[Findings<'a>],
        fragments: &[usize],
        limits: &DocumentLimits,
    ) {
        for (operation, found) in self.document.operations.iter().zip(operations) {
            let below = found.spreads.iter().filter_map(|spread| {
                let place = self.fragments.get(spread.name.text)?;
                Some(spread.depth + fragments[*place])
            });
            let depth = below.max().unwrap_or_default().max(found.depth);
            if depth > limits.depth {
                let most = limits.depth;
                let message =
                    format!("This operation has more than {most} fields inside each other.");
                let error =
                    Diagnostic::limit("depth", most as u64, depth as u64, message, operation.at);
                self.report.push(|| error);
            }
        }
    }
}

/// `AreTypesCompatible`: section 5.8.5.
fn are_compatible(ty: &TypeRef, expected: &TypeRef) -> bool {
    match (ty, expected) {
        (TypeRef::NonNull(ty), TypeRef::NonNull(expected))
        | (TypeRef::List(ty), TypeRef::List(expected)) => are_compatible(ty, expected),
        (TypeRef::NonNull(ty), expected) => are_compatible(ty, expected),
        (TypeRef::Named(ty), TypeRef::Named(expected)) => ty == expected,
        _ => false,
    }
}
