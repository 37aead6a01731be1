//! Normalization: one operation without fragments by name, without directives, and with each
//! response key once per object, in the order of `CollectFields` (specification, section 6.3.2).

use std::{
    collections::{HashMap, HashSet},
    ptr,
    sync::Arc,
};

use serde_json::{Map, Value as Json};

use crate::{
    argument::ArgumentValue,
    ast::{
        Directive, Document, Field, LiteralKind, OperationDefinition, Position, Selection,
        SelectionSet,
    },
    dependencies::{conditions, is_true, may_be_absent},
    error::{Diagnostic, Stage},
    limits::DocumentLimits,
    normalized::{
        NormalizedArgument, NormalizedField, NormalizedOperation, NormalizedSelectionSet,
        TypeBranch,
    },
    schema::{FieldDefinition, Schema, TypeId, TypeKind},
    validate::index_fragments,
};

/// Normalizes an operation of a valid document. `variables` are coerced. Of their values the result
/// depends only on [`CheckedDocument::dependencies`](crate::CheckedDocument::dependencies): whether
/// a condition is true, and whether an argument with a default is given.
///
/// # Errors
///
/// The limits on fields and on steps, because abstract types inside each other multiply.
pub fn normalize(
    schema: &Schema,
    document: &Document<'_>,
    operation: &OperationDefinition<'_>,
    variables: &Map<String, Json>,
    limits: &DocumentLimits,
) -> Result<NormalizedOperation, Diagnostic> {
    let mut normalizer = Normalizer {
        schema,
        document,
        fragments: index_fragments(document),
        operation,
        variables,
        limits,
        at: operation.at,
        steps: limits.normalize_steps,
        sets: 0,
        fields: 0,
        size: size_of::<NormalizedOperation>(),
    };
    let Some(root) = schema.root(operation.kind) else {
        let message = format!("The schema has no {}.", operation.kind);
        return Err(Diagnostic::new(Stage::Validate, message, operation.at));
    };
    let root = normalizer.selection_set(&[&operation.selection_set], root)?;
    Ok(NormalizedOperation {
        kind: operation.kind,
        name: operation.name.map(|name| Arc::from(name.text)),
        at: operation.at,
        root,
        sets: normalizer.sets,
        fields: normalizer.fields,
        size: normalizer.size,
    })
}

/// Fields with one response key; never empty.
type Group<'a> = Vec<&'a Field<'a>>;

struct Normalizer<'a> {
    schema: &'a Schema,
    document: &'a Document<'a>,
    fragments: HashMap<&'a str, usize>,
    operation: &'a OperationDefinition<'a>,
    variables: &'a Map<String, Json>,
    limits: &'a DocumentLimits,
    /// Place of the operation.
    at: Position,
    /// Steps left.
    steps: usize,
    sets: usize,
    fields: usize,
    size: usize,
}

impl<'a> Normalizer<'a> {
    fn charge(&mut self, steps: usize) -> Result<(), Diagnostic> {
        let limits = self.limits;
        match self.steps.checked_sub(steps) {
            Some(left) => self.steps = left,
            None => {
                let (most, unit) = (limits.normalize_steps, "steps of normalization");
                return Err(Diagnostic::exceeded("normalize_steps", most, unit, self.at));
            }
        }
        if self.fields > limits.fields {
            let (most, unit) = (limits.fields, "fields, fragments written out");
            return Err(Diagnostic::exceeded("fields", most, unit, self.at));
        }
        Ok(())
    }

    /// Merges selection sets whose objects have the type `on`.
    fn selection_set(
        &mut self,
        sets: &[&'a SelectionSet<'a>],
        on: TypeId,
    ) -> Result<NormalizedSelectionSet, Diagnostic> {
        let number = self.sets;
        self.sets += 1;
        let definition = self.schema.type_at(on);
        let mut branches = Vec::new();
        if definition.kind == TypeKind::Object {
            let groups = self.collect(sets, on)?;
            branches.push(self.branch(&groups, on)?);
        } else {
            let mut by_type = Vec::with_capacity(definition.possible_types.len());
            for object in &definition.possible_types {
                by_type.push((*object, self.collect(sets, *object)?));
            }
            if let Some((_, first)) = by_type.first()
                && by_type.iter().all(|(_, groups)| are_same(first, groups))
                && self.has_all(on, first)
            {
                branches.push(self.branch(first, on)?);
            } else {
                for (object, groups) in &by_type {
                    if !groups.is_empty() {
                        branches.push(self.branch(groups, *object)?);
                    }
                }
            }
        }
        self.size += size_of::<NormalizedSelectionSet>();
        Ok(NormalizedSelectionSet {
            number,
            on,
            at: sets.first().map_or(self.at, |set| set.at),
            branches,
        })
    }

    /// True if the type has all these fields itself. The only object type of an interface may have
    /// fields that the interface has not.
    fn has_all(&self, on: TypeId, groups: &[Group<'a>]) -> bool {
        let mut names = groups.iter().map(|group| group[0].name.text);
        names.all(|name| self.schema.field(on, name).is_some())
    }

    /// `CollectFields` for objects of one type.
    fn collect(
        &mut self,
        sets: &[&'a SelectionSet<'a>],
        object: TypeId,
    ) -> Result<Vec<Group<'a>>, Diagnostic> {
        let mut groups: Vec<Group<'a>> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut seen = HashSet::new();
        let mut stack: Vec<_> = sets.iter().rev().map(|set| set.items.iter()).collect();
        self.charge(1 + sets.len())?;
        while let Some(items) = stack.last_mut() {
            let Some(selection) = items.next() else {
                stack.pop();
                continue;
            };
            self.charge(1)?;
            match selection {
                Selection::Field(field) => {
                    if self.is_included(&field.directives) {
                        let key = field.response_key().text;
                        let place = *places.entry(key).or_insert(groups.len());
                        match groups.get_mut(place) {
                            Some(group) => group.push(field),
                            None => groups.push(vec![field]),
                        }
                    }
                }
                Selection::Inline(fragment) => {
                    if self.is_included(&fragment.directives)
                        && fragment
                            .on
                            .is_none_or(|on| self.schema.does_apply(on.text, object))
                    {
                        stack.push(fragment.selection_set.items.iter());
                    }
                }
                Selection::Spread(spread) => {
                    if self.is_included(&spread.directives)
                        && let Some(&place) = self.fragments.get(spread.name.text)
                        && seen.insert(place)
                    {
                        let fragment = &self.document.fragments[place];
                        if self.schema.does_apply(fragment.on.text, object) {
                            stack.push(fragment.selection_set.items.iter());
                        }
                    }
                }
            }
        }
        Ok(groups)
    }

    /// `@skip` and `@include`: section 3.13.1.
    fn is_included(&self, directives: &[Directive<'_>]) -> bool {
        conditions(directives).all(|(is_include, condition)| {
            let value = match condition {
                LiteralKind::Boolean(value) => *value,
                LiteralKind::Variable(name) => is_true(self.variables, name),
                _ => false,
            };
            value == is_include
        })
    }

    /// True if a variable has no value. One that is required or has a default always has one.
    fn is_absent(&self, name: &str) -> bool {
        let may_be_absent = || {
            let mut variables = self.operation.variables.iter();
            variables
                .find(|variable| variable.name.text == name)
                .is_some_and(may_be_absent)
        };
        !self.variables.contains_key(name) && may_be_absent()
    }

    fn branch(&mut self, groups: &[Group<'a>], on: TypeId) -> Result<TypeBranch, Diagnostic> {
        let mut fields = Vec::with_capacity(groups.len());
        for group in groups {
            let name = group[0].name.text;
            let Some(definition) = self.schema.field(on, name) else {
                debug_assert!(false, "a valid document selects fields that exist");
                continue;
            };
            fields.push(self.field(group, on, definition)?);
        }
        self.size += size_of::<TypeBranch>();
        Ok(TypeBranch { on, fields })
    }

    fn field(
        &mut self,
        group: &Group<'a>,
        parent: TypeId,
        definition: &'a FieldDefinition,
    ) -> Result<NormalizedField, Diagnostic> {
        let first = group[0];
        let number = self.fields;
        self.fields += 1;
        self.charge(1)?;
        let mut arguments = Vec::with_capacity(first.arguments.len());
        for argument in &first.arguments {
            let name = argument.name.text;
            let Some((name, input)) = definition.arguments.get_key_value(name) else {
                debug_assert!(false, "a valid document gives arguments that exist");
                continue;
            };
            // An argument whose variable has no value has its default: section 6.4.1.
            if let LiteralKind::Variable(variable) = argument.value.kind
                && self.is_absent(variable)
                && self.schema.has_default(parent, &definition.name, name)
            {
                continue;
            }
            let value = ArgumentValue::new(self.schema, &argument.value, &input.ty);
            // A long value that many branches repeat costs as much as many fields.
            let bytes = value.size();
            self.charge(bytes / 64)?;
            self.size += bytes + size_of::<NormalizedArgument>();
            arguments.push(NormalizedArgument {
                name: Arc::clone(name),
                value,
                at: argument.name.at,
            });
        }
        let base = definition.ty.base();
        let sets: Vec<&SelectionSet<'_>> = group
            .iter()
            .filter_map(|field| field.selection_set.as_ref())
            .collect();
        let selection_set = match sets.is_empty() {
            true => None,
            false => Some(self.selection_set(&sets, base)?),
        };
        let alias = first.alias.map(|alias| Arc::from(alias.text));
        self.size += size_of::<NormalizedField>() + first.alias.map_or(0, |alias| alias.text.len());
        Ok(NormalizedField {
            number,
            alias,
            name: Arc::clone(&definition.name),
            parent,
            base,
            arguments,
            at: first.response_key().at,
            selection_set,
        })
    }
}

/// True if the groups are of the same fields of the document.
fn are_same(a: &[Group<'_>], b: &[Group<'_>]) -> bool {
    let is_same_field = |(a, b): (&&Field<'_>, &&Field<'_>)| ptr::eq(*a, *b);
    let is_same_group =
        |(a, b): (&Group<'_>, &Group<'_>)| a.len() == b.len() && a.iter().zip(b).all(is_same_field);
    a.len() == b.len() && a.iter().zip(b).all(is_same_group)
}
