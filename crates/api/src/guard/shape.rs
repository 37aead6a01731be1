//! The look at the document after the parse: each definition is visited once, however often it is
//! spread, and every count saturates.

use std::collections::{HashMap, HashSet};

use async_graphql::{
    Name, Positioned, ServerError,
    parser::types::{ExecutableDocument, Field, FragmentDefinition, Selection, SelectionSet},
};

use super::{exceeded, invalid};
use crate::{fold::same_arguments, limits::Limits};

/// Lists of introspection that lead from types to types: a few inside each other list the schema
/// times itself.
const INTROSPECTION_LISTS: [&str; 4] = ["fields", "interfaces", "possibleTypes", "inputFields"];
/// How many of them may be inside each other; tools use one.
const MAX_INTROSPECTION_LISTS: usize = 2;

/// Refuses a document that has too much of anything, or a fragment that spreads itself. Tells how many
/// fields its operations have in all, fragments written out.
pub fn check(document: &ExecutableDocument, limits: &Limits) -> Result<usize, ServerError> {
    let at_most = |limit, count, most, what| {
        if count > most {
            Err(exceeded(limit, most, what, None))
        } else {
            Ok(())
        }
    };
    at_most(
        "fragments",
        document.fragments.len(),
        limits.fragments,
        "fragments",
    )?;
    let operations = document.operations.iter().count();
    at_most("operations", operations, limits.operations, "operations")?;

    let mut walk = Walk {
        fragments: &document.fragments,
        limits,
        seen: HashMap::new(),
    };
    // Validation walks fragments that nobody spreads, too.
    for name in document.fragments.keys() {
        let shape = walk.fragment(name, 0)?;
        at_most("fields", shape.fields, limits.fields, FIELDS)?;
    }
    let mut fields = 0;
    for (_, operation) in document.operations.iter() {
        let variables = operation.node.variable_definitions.len();
        at_most("variables", variables, limits.variables, "variables")?;
        let shape = walk.selection_set(&operation.node.selection_set, 0)?;
        at_most("fields", shape.fields, limits.fields, FIELDS)?;
        at_most("aliases", shape.aliases, limits.aliases, "aliases")?;
        at_most(
            "root_fields",
            shape.roots,
            limits.root_fields,
            "fields at the root",
        )?;
        at_most(
            "depth",
            shape.depth,
            limits.depth,
            "fields inside each other",
        )?;
        fields += shape.fields;
    }
    Ok(fields)
}

/// Whether no selection set has the same response name twice, fragments written out. The document
/// is within the limits.
pub fn is_plain(document: &ExecutableDocument) -> bool {
    fn in_set<'a>(
        set: &'a SelectionSet,
        fragments: &'a Fragments,
        names: &mut HashSet<&'a str>,
    ) -> bool {
        set.items.iter().all(|selection| match &selection.node {
            Selection::Field(field) => {
                let field = &field.node;
                names.insert(&field.response_key().node)
                    && in_set(&field.selection_set.node, fragments, &mut HashSet::new())
            }
            Selection::InlineFragment(fragment) => {
                in_set(&fragment.node.selection_set.node, fragments, names)
            }
            // Ends at the first name that comes twice, so however often a fragment is spread, it is
            // looked at once for each name that it adds.
            Selection::FragmentSpread(spread) => fragments
                .get(&spread.node.fragment_name.node)
                .is_none_or(|fragment| in_set(&fragment.node.selection_set.node, fragments, names)),
        })
    }
    document.operations.iter().all(|(_, operation)| {
        let set = &operation.node.selection_set.node;
        in_set(set, &document.fragments, &mut HashSet::new())
    })
}

/// Refuses two fields that have the same name in the response and differ. The library, which finds the
/// same ones, names an argument where it means the field.
pub fn check_merging(document: &ExecutableDocument) -> Result<(), ServerError> {
    /// By the type of the innermost fragment, and the name in the response.
    type Fields<'a> = HashMap<(Option<&'a str>, &'a str), &'a Positioned<Field>>;

    fn in_set<'a>(
        set: &'a SelectionSet,
        on: Option<&'a str>,
        fragments: &'a Fragments,
        fields: &mut Fields<'a>,
        spread: &mut HashSet<&'a str>,
    ) -> Result<(), ServerError> {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    let key = field.node.response_key().node.as_str();
                    let first = *fields.entry((on, key)).or_insert(field);
                    check_same(key, first, field)?;
                    let below = &field.node.selection_set.node;
                    in_set(
                        below,
                        None,
                        fragments,
                        &mut HashMap::new(),
                        &mut HashSet::new(),
                    )?;
                }
                Selection::InlineFragment(fragment) => {
                    let condition = fragment.node.type_condition.as_ref();
                    let on = condition.map(|condition| condition.node.on.node.as_str());
                    let set = &fragment.node.selection_set.node;
                    in_set(set, on, fragments, fields, spread)?;
                }
                Selection::FragmentSpread(selected) => {
                    let name = selected.node.fragment_name.node.as_str();
                    if let Some(fragment) = fragments.get(name)
                        && spread.insert(name)
                    {
                        let on = fragment.node.type_condition.node.on.node.as_str();
                        let set = &fragment.node.selection_set.node;
                        in_set(set, Some(on), fragments, fields, spread)?;
                    }
                }
            }
        }
        Ok(())
    }

    for (_, operation) in document.operations.iter() {
        let set = &operation.node.selection_set.node;
        let fragments = &document.fragments;
        in_set(
            set,
            None,
            fragments,
            &mut HashMap::new(),
            &mut HashSet::new(),
        )?;
    }
    Ok(())
}

fn check_same(
    key: &str,
    first: &Positioned<Field>,
    second: &Positioned<Field>,
) -> Result<(), ServerError> {
    let (a, b) = (&first.node, &second.node);
    let why = if a.name.node != b.name.node {
        format!(
            "`{}` and `{}` are different fields",
            a.name.node, b.name.node
        )
    } else if !same_arguments(a, b) {
        "they have differing arguments".to_owned()
    } else {
        return Ok(());
    };
    let message = format!(
        "Fields `{key}` conflict because {why}. Use different aliases on the fields to fetch both \
         if this was intentional."
    );
    let mut error = invalid(message, Some(first.pos));
    error.locations.push(second.pos);
    Err(error)
}

/// Whether a root field asks about the schema itself. So does any such name in a fragment, wherever
/// it is spread.
pub fn introspects(document: &ExecutableDocument) -> bool {
    fn in_set(set: &SelectionSet) -> bool {
        set.items.iter().any(|selection| match &selection.node {
            Selection::Field(field) => {
                matches!(field.node.name.node.as_str(), "__schema" | "__type")
            }
            Selection::InlineFragment(fragment) => in_set(&fragment.node.selection_set.node),
            Selection::FragmentSpread(_) => false,
        })
    }
    let operations = document.operations.iter();
    let roots = operations.map(|(_, operation)| &operation.node.selection_set);
    let fragments = document.fragments.values();
    let fragments = fragments.map(|fragment| &fragment.node.selection_set);
    roots.chain(fragments).any(|set| in_set(&set.node))
}

/// Whether anything selected has a directive, so that variables can make it another document.
pub fn has_directives(document: &ExecutableDocument) -> bool {
    fn in_set(set: &SelectionSet) -> bool {
        set.items.iter().any(|selection| {
            let below = match &selection.node {
                Selection::Field(field) => Some(&field.node.selection_set),
                Selection::InlineFragment(fragment) => Some(&fragment.node.selection_set),
                Selection::FragmentSpread(_) => None,
            };
            !selection.node.directives().is_empty() || below.is_some_and(|set| in_set(&set.node))
        })
    }
    let operations = document.operations.iter();
    let operations = operations.map(|(_, operation)| &operation.node.selection_set);
    let fragments = document.fragments.values();
    let fragments = fragments.map(|fragment| &fragment.node.selection_set);
    operations.chain(fragments).any(|set| in_set(&set.node))
}

type Fragments = HashMap<Name, Positioned<FragmentDefinition>>;

const FIELDS: &str = "fields, those of a fragment counted for each spread";

/// What a selection set comes to when all its fragments are written out.
#[derive(Clone, Copy, Default)]
struct Shape {
    fields: usize,
    aliases: usize,
    /// Fields of this set itself.
    roots: usize,
    /// Fields inside each other.
    depth: usize,
    /// Selection sets inside each other.
    sets: usize,
    /// Introspection lists inside each other.
    lists: usize,
}

impl Shape {
    /// A field, from what is below it.
    fn of_field(name: &str, has_alias: bool, below: Self) -> Self {
        Self {
            fields: below.fields.saturating_add(1),
            aliases: below.aliases.saturating_add(usize::from(has_alias)),
            roots: 1,
            depth: below.depth + 1,
            sets: below.sets,
            lists: below.lists + usize::from(INTROSPECTION_LISTS.contains(&name)),
        }
    }

    /// This selection beside another.
    fn beside(self, other: Self) -> Self {
        Self {
            fields: self.fields.saturating_add(other.fields),
            aliases: self.aliases.saturating_add(other.aliases),
            roots: self.roots.saturating_add(other.roots),
            depth: self.depth.max(other.depth),
            sets: self.sets.max(other.sets),
            lists: self.lists.max(other.lists),
        }
    }
}

struct Walk<'a> {
    fragments: &'a Fragments,
    limits: &'a Limits,
    /// `None` while the fragment is being visited.
    seen: HashMap<&'a Name, Option<Shape>>,
}

impl<'a> Walk<'a> {
    /// `level` is how many sets this one is inside of, on the way that was taken: it bounds the
    /// recursion, before the counts can tell.
    fn selection_set(
        &mut self,
        set: &'a Positioned<SelectionSet>,
        level: usize,
    ) -> Result<Shape, ServerError> {
        let most = self.limits.depth.saturating_mul(2);
        let too_deep = || {
            exceeded(
                "depth",
                self.limits.depth,
                "fields inside each other",
                Some(set.pos),
            )
        };
        if level >= most {
            return Err(too_deep());
        }
        let mut shape = Shape::default();
        for selection in &set.node.items {
            let selected = match &selection.node {
                Selection::Field(field) => {
                    let field = &field.node;
                    let below = if field.selection_set.node.items.is_empty() {
                        Shape::default()
                    } else {
                        self.selection_set(&field.selection_set, level + 1)?
                    };
                    let name = field.name.node.as_str();
                    if matches!(name, "__schema" | "__type")
                        && below.lists > MAX_INTROSPECTION_LISTS
                    {
                        return Err(exceeded(
                            "depth",
                            MAX_INTROSPECTION_LISTS,
                            "lists of introspection inside each other",
                            Some(field.name.pos),
                        ));
                    }
                    Shape::of_field(name, field.alias.is_some(), below)
                }
                Selection::InlineFragment(fragment) => {
                    self.selection_set(&fragment.node.selection_set, level + 1)?
                }
                Selection::FragmentSpread(spread) => {
                    self.fragment(&spread.node.fragment_name.node, level + 1)?
                }
            };
            shape = shape.beside(selected);
        }
        shape.sets += 1;
        if level + shape.sets > most {
            return Err(too_deep());
        }
        Ok(shape)
    }

    fn fragment(&mut self, name: &Name, level: usize) -> Result<Shape, ServerError> {
        // Validation says what is wrong with a fragment that does not exist, and counts its spreads.
        let Some((name, fragment)) = self.fragments.get_key_value(name) else {
            return Ok(Shape::of_field(name, false, Shape::default()));
        };
        match self.seen.get(name) {
            Some(Some(shape)) => Ok(*shape),
            Some(None) => Err(invalid(
                format!("Fragment `{name}` spreads itself."),
                Some(fragment.pos),
            )),
            None => {
                self.seen.insert(name, None);
                let shape = self.selection_set(&fragment.node.selection_set, level)?;
                self.seen.insert(name, Some(shape));
                Ok(shape)
            }
        }
    }
}
