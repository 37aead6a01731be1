//! Size and cost of a normalized operation, in one pass.

use crate::{
    error::{Diagnostic, PathSegment},
    limits::DocumentLimits,
    normalized::{NormalizedField, NormalizedOperation, NormalizedSelectionSet},
    schema::Schema,
};

/// Fields of `__Type` that lead from types to many types.
const INTROSPECTION_LISTS: [&str; 4] = ["fields", "interfaces", "possibleTypes", "inputFields"];

/// How much a field adds to the cost of an operation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FieldCost {
    /// Objects that the field itself returns at most, for each object that it is selected on.
    pub objects: u64,
    /// How many times the fields below it are answered at most.
    pub items: u64,
}

/// Cost of fields. Only the engine knows which arguments are page sizes. Any closure of this shape
/// is a model.
pub trait CostModel {
    /// Returns the cost of the last field of `path`, which begins at the root and is never empty.
    /// Called once for each field with a selection set, after the fields below it.
    fn cost(&self, path: &[&NormalizedField]) -> FieldCost;
}

impl<F: Fn(&[&NormalizedField]) -> FieldCost> CostModel for F {
    fn cost(&self, path: &[&NormalizedField]) -> FieldCost {
        self(path)
    }
}

/// Sizes of an operation, each within its limit.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Measurement {
    /// Response keys at the root.
    pub root_fields: usize,
    /// Fields, fragments written out and equal response keys merged.
    pub fields: usize,
    /// Aliases. Of a selection on an interface or union the type with the most counts.
    pub aliases: usize,
    /// Fields inside each other.
    pub depth: usize,
    /// Objects that the operation can return. Of a selection on an interface or union the dearest
    /// type counts, because an object has only one.
    pub cost: u64,
}

/// Measures an operation. A field costs what `model` says, times the items of the fields above.
///
/// # Errors
///
/// The first limit that is exceeded. For the cost, the path leads to the innermost field that
/// exceeds the limit alone.
pub fn measure(
    schema: &Schema,
    operation: &NormalizedOperation,
    model: &dyn CostModel,
    limits: &DocumentLimits,
) -> Result<Measurement, Diagnostic> {
    let mut visitor = Visitor {
        schema,
        model,
        limits,
        measured: Measurement {
            fields: operation.fields,
            root_fields: operation
                .root
                .branches
                .iter()
                .map(|branch| branch.fields.len())
                .sum(),
            ..Measurement::default()
        },
        path: Vec::new(),
        introspection_lists: 0,
        dearest: None,
    };
    let totals = visitor.selection_set(&operation.root);
    visitor.measured.cost = totals.cost;
    visitor.measured.aliases = totals.aliases;
    let measured = visitor.measured;
    let counts = [
        (
            "root_fields",
            measured.root_fields,
            limits.root_fields,
            "fields at the root",
        ),
        ("aliases", measured.aliases, limits.aliases, "aliases"),
        (
            "fields",
            measured.fields,
            limits.fields,
            "fields, fragments written out",
        ),
        (
            "depth",
            measured.depth,
            limits.depth,
            "fields inside each other",
        ),
        (
            "introspection_lists",
            visitor.introspection_lists,
            limits.introspection_lists,
            "lists of introspection inside each other",
        ),
    ];
    for (name, count, most, unit) in counts {
        if count > most {
            let message = format!("This operation has more than {most} {unit}.");
            let (most, count) = (most as u64, count as u64);
            return Err(Diagnostic::limit(name, most, count, message, operation.at));
        }
    }
    let (cost, most) = (measured.cost, limits.cost);
    if cost > most {
        let message =
            format!("This operation can return {cost} objects, and at most {most} are allowed.");
        let mut error = Diagnostic::limit("cost", most, cost, message, operation.at);
        error.path = visitor.dearest.unwrap_or_default();
        return Err(error);
    }
    Ok(measured)
}

struct Visitor<'a> {
    schema: &'a Schema,
    model: &'a dyn CostModel,
    limits: &'a DocumentLimits,
    measured: Measurement,
    /// Fields from the root to the one that is visited.
    path: Vec<&'a NormalizedField>,
    /// The most lists of introspection inside each other.
    introspection_lists: usize,
    /// Path of the first field found over the limit; fields below come before those above.
    dearest: Option<Vec<PathSegment>>,
}

/// Sums over the fields below a set or field, for one object.
#[derive(Clone, Copy, Default)]
struct Totals {
    cost: u64,
    aliases: usize,
}

impl<'a> Visitor<'a> {
    fn selection_set(&mut self, set: &'a NormalizedSelectionSet) -> Totals {
        let mut largest = Totals::default();
        for branch in &set.branches {
            let mut sum = Totals::default();
            for field in &branch.fields {
                let field = self.field(field);
                sum.cost = sum.cost.saturating_add(field.cost);
                sum.aliases += field.aliases;
            }
            largest.cost = largest.cost.max(sum.cost);
            largest.aliases = largest.aliases.max(sum.aliases);
        }
        largest
    }

    fn field(&mut self, field: &'a NormalizedField) -> Totals {
        self.path.push(field);
        self.measured.depth = self.measured.depth.max(self.path.len());
        let mut totals = Totals::default();
        if let Some(set) = &field.selection_set {
            self.count_introspection_lists();
            totals = self.selection_set(set);
            let own = self.model.cost(&self.path);
            totals.cost = own
                .objects
                .saturating_add(own.items.saturating_mul(totals.cost));
            if totals.cost > self.limits.cost && self.dearest.is_none() {
                let keys = self.path.iter().map(|field| field.response_key());
                let segments = keys.map(|key| PathSegment::Name(key.to_string()));
                self.dearest = Some(segments.collect());
            }
        }
        totals.aliases += usize::from(field.alias.is_some());
        self.path.pop();
        totals
    }

    fn count_introspection_lists(&mut self) {
        let is_list = |field: &&&NormalizedField| {
            INTROSPECTION_LISTS.contains(&&*field.name)
                && *self.schema.type_at(field.parent).name == *"__Type"
        };
        let lists = self.path.iter().filter(is_list).count();
        self.introspection_lists = self.introspection_lists.max(lists);
    }
}
