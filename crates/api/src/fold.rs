//! The root fields of a mutation or subscription, each once.
//!
//! async-graphql runs a field once for each time its response key is selected, plainly or through
//! fragments, and merges the answers: a mutation would be done twice. So selections of the same
//! field are made one before it sees the document. What the validation looks at stays: fields that
//! are not equal stay apart, and every fragment and variable that was used is used.
//!
//! It also overlooks the fragments at the root of a subscription, which are therefore resolved.

use async_graphql::{
    InputType, Name, Positioned, Variables,
    parser::types::{
        Directive, DocumentOperations, ExecutableDocument, Field, FragmentDefinition,
        InlineFragment, OperationDefinition, OperationType, Selection, SelectionSet,
    },
};
use std::collections::{HashMap, HashSet};

/// The operation that the document would run, when that is clear.
pub fn operation<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Option<&'a OperationDefinition> {
    let mut operations = document.operations.iter();
    let found = match name {
        Some(name) => operations.find(|(key, _)| key.is_some_and(|key| key.as_str() == name)),
        None if operations.len() == 1 => operations.next(),
        None => None,
    };
    found.map(|(_, operation)| &operation.node)
}

/// How many selections the root may have, through its fragments, each as often as it is spread.
const MAX_SELECTIONS: usize = 5_000;

/// The root has too many selections to be sure that nothing is done twice.
pub struct TooLarge;

/// Whether there is nothing to make one of.
pub fn is_one_field(document: &ExecutableDocument, name: Option<&str>) -> bool {
    let items = operation(document, name).map(|found| &*found.selection_set.node.items);
    matches!(items, Some([selection]) if matches!(selection.node, Selection::Field(_)))
}

/// Makes equal root fields one, and tells how many different ones there are.
pub fn fold(
    document: &mut ExecutableDocument,
    name: Option<&str>,
    variables: &Variables,
) -> Result<usize, TooLarge> {
    let Some(found) = operation(document, name) else {
        return Ok(0);
    };
    let kind = found.ty;
    let mut root = Root {
        type_name: if kind == OperationType::Subscription {
            "Subscription"
        } else {
            "Mutation"
        },
        fragments: &document.fragments,
        variables,
        left: MAX_SELECTIONS,
        inside: Vec::new(),
        fields: Vec::new(),
    };
    if !root.collect(&found.selection_set.node, &[], true) {
        // What is wrong with it, the validation will say.
        return if root.left == 0 { Err(TooLarge) } else { Ok(0) };
    }
    let fields = root.fields;
    let running = fields.iter().filter(|field| field.runs);
    let keys: HashSet<_> = running
        .map(|field| field.field.node.response_key().node.clone())
        .collect();
    let different = keys.len();
    let doubled = fields.iter().filter(|field| field.runs).count() > different;
    let overlooked =
        kind == OperationType::Subscription && fields.iter().any(|field| !field.around.is_empty());
    if doubled || overlooked {
        let mut spread = HashSet::new();
        spreads(&found.selection_set.node, &document.fragments, &mut spread);
        let items = folded(fields, kind);
        if let Some(found) = operation_mut(&mut document.operations, name) {
            found.selection_set.node.items = items;
        }
        forget_unused(document, spread);
    }
    Ok(different)
}

/// What [`operation`] finds, to be changed.
pub fn operation_mut<'a>(
    operations: &'a mut DocumentOperations,
    name: Option<&str>,
) -> Option<&'a mut OperationDefinition> {
    match operations {
        DocumentOperations::Single(operation) => Some(&mut operation.node),
        DocumentOperations::Multiple(operations) => match name {
            Some(name) => operations
                .get_mut(name)
                .map(|operation| &mut operation.node),
            None => operations
                .values_mut()
                .next()
                .map(|operation| &mut operation.node),
        },
    }
}

/// The root fields of an operation, through its fragments.
struct Root<'a> {
    type_name: &'static str,
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    variables: &'a Variables,
    /// How many selections may still come.
    left: usize,
    /// The fragments that are being read.
    inside: Vec<&'a Name>,
    fields: Vec<RootField>,
}

struct RootField {
    field: Positioned<Field>,
    /// The directives of the fragments around it, the outermost first.
    around: Vec<Vec<Positioned<Directive>>>,
    /// Not skipped, itself and all around it.
    runs: bool,
}

impl<'a> Root<'a> {
    /// Whether all of it is understood.
    fn collect(
        &mut self,
        set: &'a SelectionSet,
        around: &[Vec<Positioned<Directive>>],
        runs: bool,
    ) -> bool {
        set.items.iter().all(|selection| {
            self.left = self.left.saturating_sub(1);
            if self.left == 0 {
                return false;
            }
            let directives = selection.node.directives();
            let runs = runs && !is_skipped(directives, self.variables);
            let (condition, inner, spread) = match &selection.node {
                Selection::Field(field) => {
                    self.fields.push(RootField {
                        field: field.clone(),
                        around: around.to_vec(),
                        runs,
                    });
                    return true;
                }
                Selection::InlineFragment(fragment) => (
                    fragment.node.type_condition.as_ref(),
                    &fragment.node.selection_set.node,
                    None,
                ),
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    let Some(fragment) = self.fragments.get(name) else {
                        return false;
                    };
                    (
                        Some(&fragment.node.type_condition),
                        &fragment.node.selection_set.node,
                        Some(name),
                    )
                }
            };
            let fits = condition.is_none_or(|on| on.node.on.node == self.type_name);
            if !fits || spread.is_some_and(|name| self.inside.contains(&name)) {
                return false;
            }
            let mut around = around.to_vec();
            around.push(directives.clone());
            self.inside.extend(spread);
            let understood = self.collect(inner, &around, runs);
            if spread.is_some() {
                self.inside.pop();
            }
            understood
        })
    }
}

/// Whether a selection with these directives is left out, as the library reads them.
pub fn is_skipped(directives: &[Positioned<Directive>], variables: &Variables) -> bool {
    directives.iter().any(|directive| {
        let include = match directive.node.name.node.as_str() {
            "skip" => false,
            "include" => true,
            _ => return false,
        };
        let Some(condition) = directive.node.get_argument("if") else {
            return false;
        };
        let variable = |name: Name| variables.get(&name).cloned().ok_or(());
        let value = condition.node.clone().into_const_with(variable);
        let value = bool::parse(Some(value.unwrap_or_default())).unwrap_or_default();
        include != value
    })
}

fn folded(fields: Vec<RootField>, kind: OperationType) -> Vec<Positioned<Selection>> {
    let mut folded: Vec<RootField> = Vec::with_capacity(fields.len());
    for field in fields {
        let first = folded.iter_mut().find(|first| {
            let (a, b) = (&first.field.node, &field.field.node);
            first.runs
                && field.runs
                && a.response_key().node == b.response_key().node
                && a.name.node == b.name.node
                && same_arguments(a, b)
        });
        let Some(first) = first else {
            folded.push(field);
            continue;
        };
        // The directives come along: their variables must stay used.
        let RootField {
            field, mut around, ..
        } = field;
        around.push(field.node.directives);
        let set = field.node.selection_set.node.items;
        let first = &mut first.field.node.selection_set.node.items;
        first.extend(wrapped(set, &around, field.pos));
    }
    let plain = folded.into_iter().flat_map(|root| {
        let RootField {
            mut field,
            around,
            runs,
        } = root;
        let pos = field.pos;
        if kind == OperationType::Subscription && runs {
            // Here only a field is seen, so what was around it goes into it.
            let set = std::mem::take(&mut field.node.selection_set.node.items);
            field.node.selection_set.node.items = wrapped(set, &around, pos);
            return vec![Positioned::new(Selection::Field(field), pos)];
        }
        wrapped(
            vec![Positioned::new(Selection::Field(field), pos)],
            &around,
            pos,
        )
    });
    plain.collect()
}

/// Whether two fields have the same arguments, in any order.
pub fn same_arguments(a: &Field, b: &Field) -> bool {
    a.arguments.len() == b.arguments.len()
        && a.arguments.iter().all(|(name, value)| {
            b.get_argument(&name.node)
                .is_some_and(|other| other.node == value.node)
        })
}

/// The selections inside of fragments with these directives.
fn wrapped(
    items: Vec<Positioned<Selection>>,
    around: &[Vec<Positioned<Directive>>],
    pos: async_graphql::Pos,
) -> Vec<Positioned<Selection>> {
    if items.is_empty() {
        return items;
    }
    around
        .iter()
        .rev()
        .filter(|directives| !directives.is_empty())
        .fold(items, |items, directives| {
            let fragment = InlineFragment {
                type_condition: None,
                directives: directives.clone(),
                selection_set: Positioned::new(SelectionSet { items }, pos),
            };
            vec![Positioned::new(
                Selection::InlineFragment(Positioned::new(fragment, pos)),
                pos,
            )]
        })
}

/// Takes away the fragments that only the root used: the validation refuses what is never used.
fn forget_unused(document: &mut ExecutableDocument, root: HashSet<Name>) {
    let mut used = HashSet::new();
    for (_, operation) in document.operations.iter() {
        spreads(
            &operation.node.selection_set.node,
            &document.fragments,
            &mut used,
        );
    }
    let unused = |name: &Name| root.contains(name) && !used.contains(name);
    document.fragments.retain(|name, _| !unused(name));
}

/// The fragments that are spread here, or inside of those that are.
fn spreads(
    set: &SelectionSet,
    fragments: &HashMap<Name, Positioned<FragmentDefinition>>,
    found: &mut HashSet<Name>,
) {
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) => {
                spreads(&field.node.selection_set.node, fragments, found);
            }
            Selection::InlineFragment(fragment) => {
                spreads(&fragment.node.selection_set.node, fragments, found);
            }
            Selection::FragmentSpread(spread) => {
                let name = &spread.node.fragment_name.node;
                if found.insert(name.clone())
                    && let Some(fragment) = fragments.get(name)
                {
                    spreads(&fragment.node.selection_set.node, fragments, found);
                }
            }
        }
    }
}
