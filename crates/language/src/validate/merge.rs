//! “Field Selection Merging” (specification, section 5.3.2), by groups instead of pairs: n equal
//! fields take n steps. The result for a group of selection sets is kept, and steps are counted,
//! because an interface that returns an interface makes the number of groups exponential.

use std::{
    collections::{HashMap, HashSet},
    ptr,
};

use super::Validator;
use crate::{
    ast::{Argument, Field, Literal, LiteralKind, Position, Selection, SelectionSet},
    error::{Diagnostic, Stage},
    schema::{FieldDefinition, Schema, TypeId, TypeKind, TypeRef},
};

/// A field with the type that its selection set is of.
struct Entry<'a> {
    field: &'a Field<'a>,
    parent: TypeId,
    definition: &'a FieldDefinition,
}

type Set<'a> = (&'a SelectionSet<'a>, TypeId);

/// The steps are used up.
struct OutOfSteps;

type Counted<T = ()> = Result<T, OutOfSteps>;

struct Merge<'v, 'a> {
    validator: &'v mut Validator<'a>,
    schema: &'a Schema,
    steps: usize,
    /// Addresses of selection sets whose fields have been compared, by kind of comparison.
    compared_shapes: HashSet<Vec<usize>>,
    compared_fields: HashSet<Vec<usize>>,
    /// Places of fields that conflict: each pair is reported once.
    reported: HashSet<[Position; 2]>,
}

/// Checks the operations of a document whose fragments exist and have no cycles.
pub(super) fn check(validator: &mut Validator<'_>, steps: usize) {
    let (schema, document) = (validator.schema, validator.document);
    let mut merge = Merge {
        validator,
        schema,
        steps,
        compared_shapes: HashSet::new(),
        compared_fields: HashSet::new(),
        reported: HashSet::new(),
    };
    for operation in &document.operations {
        let Some(root) = schema.root(operation.kind) else {
            continue;
        };
        let sets = [(&operation.selection_set, root)];
        if merge.fields(&sets).is_err() || merge.shapes(&sets).is_err() {
            let unit = "fields that may conflict";
            let error = Diagnostic::exceeded("merge_steps", steps, unit, operation.at);
            return merge.validator.report.push(|| error);
        }
    }
}

impl<'a> Merge<'_, 'a> {
    fn charge(&mut self, steps: usize) -> Counted {
        self.steps = self.steps.checked_sub(steps).ok_or(OutOfSteps)?;
        Ok(())
    }

    /// Fields of all sets by response key, in the order of the text, fragments written out.
    fn collect(&mut self, sets: &[Set<'a>]) -> Counted<Vec<Vec<Entry<'a>>>> {
        let mut groups: Vec<Vec<Entry<'a>>> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut seen = HashSet::new();
        let mut stack: Vec<_> = sets
            .iter()
            .rev()
            .map(|(set, parent)| (set.items.iter(), *parent))
            .collect();
        self.charge(sets.len())?;
        while let Some((items, parent)) = stack.last_mut() {
            let parent = *parent;
            let Some(selection) = items.next() else {
                stack.pop();
                continue;
            };
            self.charge(1)?;
            match selection {
                Selection::Field(field) => {
                    let Some(definition) = self.schema.field(parent, field.name.text) else {
                        continue;
                    };
                    let key = field.response_key().text;
                    let place = *places.entry(key).or_insert(groups.len());
                    if place == groups.len() {
                        groups.push(Vec::new());
                    }
                    groups[place].push(Entry {
                        field,
                        parent,
                        definition,
                    });
                }
                Selection::Inline(fragment) => {
                    let on = fragment.on.and_then(|on| self.schema.type_named(on.text));
                    stack.push((fragment.selection_set.items.iter(), on.unwrap_or(parent)));
                }
                Selection::Spread(spread) => {
                    if let Some(&place) = self.validator.fragments.get(spread.name.text)
                        && seen.insert(place)
                    {
                        let fragment = &self.validator.document.fragments[place];
                        let on = self.schema.type_named(fragment.on.text);
                        stack.push((fragment.selection_set.items.iter(), on.unwrap_or(parent)));
                    }
                }
            }
        }
        Ok(groups)
    }

    /// `SameResponseShape`: whatever type the objects have, one response key has one shape.
    fn shapes(&mut self, sets: &[Set<'a>]) -> Counted {
        if !is_new(&mut self.compared_shapes, sets) {
            return Ok(());
        }
        for group in self.collect(sets)? {
            let [first, others @ ..] = &group[..] else {
                continue;
            };
            let ty = &first.definition.ty;
            let other = others
                .iter()
                .find(|entry| !self.have_same_shape(ty, &entry.definition.ty));
            if let Some(other) = other {
                self.conflict(first, other, |schema| {
                    format!(
                        "they return conflicting types \"{}\" and \"{}\"",
                        schema.display(ty),
                        schema.display(&other.definition.ty)
                    )
                });
                continue;
            }
            self.shapes(&sub_selections(group.iter()))?;
        }
        Ok(())
    }

    fn have_same_shape(&self, a: &TypeRef, b: &TypeRef) -> bool {
        match (a, b) {
            (TypeRef::NonNull(a), TypeRef::NonNull(b)) | (TypeRef::List(a), TypeRef::List(b)) => {
                self.have_same_shape(a, b)
            }
            (TypeRef::Named(a), TypeRef::Named(b)) => {
                let is_leaf = |id: &TypeId| self.schema.type_at(*id).is_leaf();
                a == b || !(is_leaf(a) || is_leaf(b))
            }
            _ => false,
        }
    }

    /// `FieldsInSetCanMerge`: one object has one field with one set of arguments under a key.
    fn fields(&mut self, sets: &[Set<'a>]) -> Counted {
        if !is_new(&mut self.compared_fields, sets) {
            return Ok(());
        }
        for group in self.collect(sets)? {
            for entries in self.by_object(&group)? {
                let [first, others @ ..] = &entries[..] else {
                    continue;
                };
                let mut conflict = None;
                for other in others {
                    if first.field.name.text != other.field.name.text {
                        conflict = Some((other, true));
                        break;
                    }
                    if !self.have_same_arguments(&first.field.arguments, &other.field.arguments)? {
                        conflict = Some((other, false));
                        break;
                    }
                }
                match conflict {
                    Some((other, is_other_field)) => self.conflict(first, other, |_| {
                        let (a, b) = (first.field.name.text, other.field.name.text);
                        match is_other_field {
                            true => format!("\"{a}\" and \"{b}\" are different fields"),
                            false => "they have differing arguments".to_owned(),
                        }
                    }),
                    None => self.fields(&sub_selections(entries.into_iter()))?,
                }
            }
        }
        Ok(())
    }

    /// The entries that one object can have at once: those of interfaces and unions, and those of
    /// one object type.
    fn by_object<'g>(&mut self, group: &'g [Entry<'a>]) -> Counted<Vec<Vec<&'g Entry<'a>>>> {
        let schema = self.schema;
        let is_object = |id: TypeId| schema.type_at(id).kind == TypeKind::Object;
        let mut objects: Vec<TypeId> = group.iter().map(|entry| entry.parent).collect();
        objects.retain(|id| is_object(*id));
        objects.sort_unstable();
        objects.dedup();
        if objects.len() <= 1 {
            return Ok(vec![group.iter().collect()]);
        }
        self.charge(objects.len() * group.len())?;
        let of_object = |object: &TypeId| {
            let is_possible =
                |entry: &&Entry<'_>| entry.parent == *object || !is_object(entry.parent);
            group.iter().filter(is_possible).collect()
        };
        Ok(objects.iter().map(of_object).collect())
    }

    /// Names are unique: this is checked before.
    fn have_same_arguments(&mut self, a: &[Argument<'_>], b: &[Argument<'_>]) -> Counted<bool> {
        if a.len() != b.len() {
            return Ok(false);
        }
        for argument in a {
            self.charge(b.len().div_ceil(8))?;
            let other = b.iter().find(|other| other.name.text == argument.name.text);
            let is_same = match other {
                Some(other) => self.is_same_value(&argument.value, &other.value)?,
                None => false,
            };
            if !is_same {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn is_same_value(&mut self, a: &Literal<'_>, b: &Literal<'_>) -> Counted<bool> {
        self.charge(1)?;
        Ok(match (&a.kind, &b.kind) {
            (LiteralKind::Variable(a), LiteralKind::Variable(b))
            | (LiteralKind::Float(a), LiteralKind::Float(b))
            | (LiteralKind::Enum(a), LiteralKind::Enum(b)) => a == b,
            (LiteralKind::Int(a), LiteralKind::Int(b)) => a == b || (is_zero(a) && is_zero(b)),
            (LiteralKind::String(a), LiteralKind::String(b)) => a == b,
            (LiteralKind::Boolean(a), LiteralKind::Boolean(b)) => a == b,
            (LiteralKind::Null, LiteralKind::Null) => true,
            (LiteralKind::List(a), LiteralKind::List(b)) => {
                if a.len() != b.len() {
                    return Ok(false);
                }
                for (a, b) in a.iter().zip(b) {
                    if !self.is_same_value(a, b)? {
                        return Ok(false);
                    }
                }
                true
            }
            (LiteralKind::Object(a), LiteralKind::Object(b)) => self.have_same_arguments(a, b)?,
            _ => false,
        })
    }

    fn conflict(
        &mut self,
        first: &Entry<'_>,
        other: &Entry<'_>,
        reason: impl FnOnce(&Schema) -> String,
    ) {
        let (key, at) = (first.field.response_key(), other.field.response_key().at);
        if !self.reported.insert([key.at, at]) {
            return;
        }
        let schema = self.schema;
        self.validator.report.push(|| {
            let message = format!(
                "Fields \"{}\" conflict because {}. Use different aliases on the fields to fetch both if this was intentional.",
                key.text,
                reason(schema)
            );
            Diagnostic::new(Stage::Validate, message, key.at).and_at(at)
        });
    }
}

fn is_zero(digits: &str) -> bool {
    matches!(digits, "0" | "-0")
}

fn sub_selections<'g, 'a: 'g>(entries: impl Iterator<Item = &'g Entry<'a>>) -> Vec<Set<'a>> {
    let sets = entries.filter_map(|entry| {
        let set = entry.field.selection_set.as_ref()?;
        Some((set, entry.definition.ty.base()))
    });
    sets.collect()
}

/// False if the same sets have been compared before, or if there are none.
fn is_new(compared: &mut HashSet<Vec<usize>>, sets: &[Set<'_>]) -> bool {
    let mut key: Vec<usize> = sets
        .iter()
        .map(|(set, _)| ptr::from_ref(*set).addr())
        .collect();
    key.sort_unstable();
    key.dedup();
    !key.is_empty() && compared.insert(key)
}
