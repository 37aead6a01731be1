//! Validation (specification, section 5): one walk over every definition, then the rules that need
//! the whole document.

use std::collections::HashMap;

use crate::{
    ast::{
        Document, Field, Name, OperationDefinition, OperationKind, Position, Selection,
        SelectionSet,
    },
    error::{Diagnostic, Report, Stage},
    limits::DocumentLimits,
    schema::{Schema, TypeId, TypeKind, TypeRef},
    suggestions::{Suggestions, sentence},
};

mod arguments;
mod literals;
mod merge;
mod reach;
mod subscription;

use arguments::Owner;
pub(crate) use literals::{one_of_message, unknown_field_message};

/// Checks a document against every rule of section 5, with suggestions for unknown names.
///
/// # Errors
///
/// At most [`MAX_ERRORS`](crate::MAX_ERRORS) errors and one that says so, or a limit: the depth of
/// fields, or the steps of the search for conflicts.
pub fn validate(
    schema: &Schema,
    document: &Document<'_>,
    limits: &DocumentLimits,
) -> Result<(), Vec<Diagnostic>> {
    let resolve = |operation: &OperationDefinition<'_>| {
        let types = operation.variables.iter();
        types.map(|variable| schema.resolve(&variable.ty)).collect()
    };
    let variable_types: Vec<Vec<Option<TypeRef>>> =
        document.operations.iter().map(resolve).collect();
    let mut validator = Validator {
        schema,
        document,
        fragments: index_fragments(document),
        report: Report::default(),
        suggestions: Suggestions::default(),
        found: Findings::default(),
    };
    validator.run(&variable_types, limits);
    if validator.report.is_empty() {
        Ok(())
    } else {
        Err(validator.report.into_errors())
    }
}

/// Places of fragment definitions by name; of two with one name the first.
pub(crate) fn index_fragments<'a>(document: &'a Document<'_>) -> HashMap<&'a str, usize> {
    let mut places = HashMap::with_capacity(document.fragments.len());
    for (place, fragment) in document.fragments.iter().enumerate() {
        places.entry(fragment.name.text).or_insert(place);
    }
    places
}

/// Facts about one definition that rules about the whole document use.
#[derive(Default)]
struct Findings<'a> {
    variables: Vec<VariableUse<'a>>,
    spreads: Vec<Spread<'a>>,
    /// Fields inside each other, spreads not followed.
    depth: usize,
}

/// A spread and the number of fields that it is inside of.
struct Spread<'a> {
    name: Name<'a>,
    at: Position,
    depth: usize,
}

/// A place where a variable is used.
struct VariableUse<'a> {
    name: Name<'a>,
    /// The expected type and whether the place has a default, unless the place is unknown.
    expected: Option<(&'a TypeRef, bool)>,
    /// The `@oneOf` input object whose field the variable is.
    one_of: Option<TypeId>,
}

struct Validator<'a> {
    schema: &'a Schema,
    document: &'a Document<'a>,
    fragments: HashMap<&'a str, usize>,
    report: Report,
    suggestions: Suggestions,
    /// Facts about the definition that is walked.
    found: Findings<'a>,
}

impl<'a> Validator<'a> {
    fn run(&mut self, variable_types: &'a [Vec<Option<TypeRef>>], limits: &DocumentLimits) {
        let document = self.document;
        self.unique_names();
        let mut in_fragments = Vec::with_capacity(document.fragments.len());
        for fragment in &document.fragments {
            let on = self.type_condition(fragment.on, Some(fragment.name));
            self.directives(&fragment.directives, "FRAGMENT_DEFINITION");
            self.selection_set(&fragment.selection_set, on, 0);
            in_fragments.push(std::mem::take(&mut self.found));
        }
        let mut in_operations = Vec::with_capacity(document.operations.len());
        for (operation, types) in document.operations.iter().zip(variable_types) {
            self.operation(operation, types);
            in_operations.push(std::mem::take(&mut self.found));
        }
        let depths = self.fragment_cycles(&in_fragments);
        self.reachable(variable_types, &in_operations, &in_fragments);
        // The remaining rules follow spreads, which must lead to fragments without cycles, and
        // recurse as deep as fields are inside each other.
        if self.report.is_empty() {
            self.depth(&in_operations, &depths, limits);
        }
        if self.report.is_empty() {
            for operation in &document.operations {
                if operation.kind == OperationKind::Subscription {
                    self.subscription(operation);
                }
            }
            merge::check(self, limits.merge_steps);
        }
    }

    /// “Operation Name Uniqueness”, “Lone Anonymous Operation”, “Fragment Name Uniqueness”.
    fn unique_names(&mut self) {
        let (operations, fragments) = (&self.document.operations, &self.document.fragments);
        self.unique("fragment", fragments.iter().map(|fragment| fragment.name));
        let names = operations.iter().filter_map(|operation| operation.name);
        self.unique("operation", names);
        for operation in operations.iter().filter(|_| operations.len() > 1) {
            if operation.name.is_none() {
                self.report.invalid(
                    operation.at,
                    || "This anonymous operation must be the only defined operation.",
                );
            }
        }
    }

    fn unique(&mut self, kind: &str, names: impl Iterator<Item = Name<'a>>) {
        let mut seen: HashMap<&str, Position> = HashMap::new();
        for name in names {
            let first = *seen.entry(name.text).or_insert(name.at);
            if first != name.at {
                self.report.push(|| {
                    let sign = if kind == "variable" { "$" } else { "" };
                    let message = format!(
                        "There can be only one {kind} named \"{sign}{}\".",
                        name.text
                    );
                    Diagnostic::new(Stage::Validate, message, first).and_at(name.at)
                });
            }
        }
    }

    /// “Operation Type Existence” and the rules for variables that need no uses.
    fn operation(&mut self, operation: &'a OperationDefinition<'a>, types: &'a [Option<TypeRef>]) {
        let root = self.schema.root(operation.kind);
        let location = match operation.kind {
            OperationKind::Query => "QUERY",
            OperationKind::Mutation => "MUTATION",
            OperationKind::Subscription => "SUBSCRIPTION",
        };
        if root.is_none() {
            self.report.invalid(operation.at, || {
                format!(
                    "The {} operation is not supported by the schema.",
                    operation.kind
                )
            });
        }
        self.unique(
            "variable",
            operation.variables.iter().map(|variable| variable.name),
        );
        for (variable, ty) in operation.variables.iter().zip(types) {
            let schema = self.schema;
            match ty {
                None => {
                    self.named_type(variable.ty.name());
                }
                Some(ty) if schema.type_at(ty.base()).is_composite() => {
                    self.report.invalid(variable.ty.name().at, || {
                        format!(
                            "Variable \"${}\" cannot be non-input type \"{}\".",
                            variable.name.text,
                            schema.display(ty)
                        )
                    });
                }
                Some(_) => {}
            }
            self.directives(&variable.directives, "VARIABLE_DEFINITION");
            if let Some(default) = &variable.default {
                let is_input = |ty: &&TypeRef| !schema.type_at(ty.base()).is_composite();
                self.literal(default, ty.as_ref().filter(is_input));
            }
        }
        self.directives(&operation.directives, location);
        self.selection_set(&operation.selection_set, root, 0);
    }

    /// “Fragment Spread Type Existence”, and for variables “Known Type Names”.
    fn named_type(&mut self, name: Name<'a>) -> Option<TypeId> {
        let id = self.schema.type_named(name.text);
        if id.is_none() {
            let (schema, suggestions) = (self.schema, &mut self.suggestions);
            self.report.invalid(name.at, || {
                let similar = suggestions.did_you_mean("", name.text, schema.type_names());
                format!("Unknown type \"{}\".{similar}", name.text)
            });
        }
        id
    }

    /// “Fragments on Object, Interface or Union Types”.
    fn type_condition(&mut self, on: Name<'a>, fragment: Option<Name<'a>>) -> Option<TypeId> {
        let id = self.named_type(on)?;
        if self.schema.type_at(id).is_composite() {
            return Some(id);
        }
        self.report.invalid(on.at, || {
            let name = fragment.map_or_else(String::new, |name| format!(" \"{}\"", name.text));
            format!(
                "Fragment{name} cannot condition on non composite type \"{}\".",
                on.text
            )
        });
        None
    }

    /// Walks a selection set. `parent` is its type, if that is known and composite; `depth` is the
    /// number of fields that the set is inside of.
    fn selection_set(&mut self, set: &'a SelectionSet<'a>, parent: Option<TypeId>, depth: usize) {
        for selection in &set.items {
            match selection {
                Selection::Field(field) => self.field(field, parent, depth + 1),
                Selection::Spread(spread) => {
                    self.directives(&spread.directives, "FRAGMENT_SPREAD");
                    let (name, at) = (spread.name, spread.at);
                    self.found.spreads.push(Spread { name, at, depth });
                    let Some(place) = self.fragments.get(name.text) else {
                        self.report
                            .invalid(name.at, || format!("Unknown fragment \"{}\".", name.text));
                        continue;
                    };
                    let on = self.document.fragments[*place].on.text;
                    self.possible_spread(parent, self.schema.type_named(on), at, Some(name));
                }
                Selection::Inline(fragment) => {
                    self.directives(&fragment.directives, "INLINE_FRAGMENT");
                    let mut inner = parent;
                    if let Some(on) = fragment.on {
                        inner = self.type_condition(on, None);
                        self.possible_spread(parent, inner, fragment.at, None);
                    }
                    self.selection_set(&fragment.selection_set, inner, depth);
                }
            }
        }
    }

    /// “Fragment Spread Is Possible”.
    fn possible_spread(
        &mut self,
        parent: Option<TypeId>,
        on: Option<TypeId>,
        at: Position,
        fragment: Option<Name<'a>>,
    ) {
        let schema = self.schema;
        if let (Some(parent), Some(on)) = (parent, on)
            && schema.type_at(on).is_composite()
            && !schema.do_types_overlap(parent, on)
        {
            self.report.invalid(at, || {
                let name = fragment.map_or_else(String::new, |name| format!(" \"{}\"", name.text));
                format!(
                    "Fragment{name} cannot be spread here as objects of type \"{}\" can never be of type \"{}\".",
                    schema.type_at(parent).name,
                    schema.type_at(on).name
                )
            });
        }
    }

    /// “Field Selections” and “Leaf Field Selections”.
    fn field(&mut self, field: &'a Field<'a>, parent: Option<TypeId>, depth: usize) {
        let schema = self.schema;
        let (key, name) = (field.response_key(), field.name);
        self.found.depth = self.found.depth.max(depth);
        let definition = parent.and_then(|parent| schema.field(parent, name.text));
        if let (Some(parent), None) = (parent, definition) {
            self.unknown_field(key.at, name.text, parent);
        }
        let owner = Owner::Field(parent, definition);
        let arguments = definition.map(|definition| &definition.arguments);
        self.arguments(&field.arguments, arguments, owner, key.at);
        self.directives(&field.directives, "FIELD");
        let ty = definition.map(|definition| &definition.ty);
        let base = ty.map(TypeRef::base);
        let is_leaf = base.map(|base| schema.type_at(base).is_leaf());
        match (&field.selection_set, ty, is_leaf) {
            (Some(set), Some(ty), Some(true)) => self.report.invalid(set.at, || {
                format!(
                    "Field \"{}\" must not have a selection since type \"{}\" has no subfields.",
                    name.text,
                    schema.display(ty)
                )
            }),
            (None, Some(ty), Some(false)) => self.report.invalid(key.at, || {
                format!(
                    "Field \"{0}\" of type \"{1}\" must have a selection of subfields. Did you mean \"{0} {{ ... }}\"?",
                    name.text,
                    schema.display(ty)
                )
            }),
            _ => {}
        }
        if let Some(set) = &field.selection_set {
            let composite = base.filter(|base| schema.type_at(*base).is_composite());
            self.selection_set(set, composite, depth);
        }
    }

    fn unknown_field(&mut self, at: Position, name: &str, parent: TypeId) {
        let (schema, suggestions) = (self.schema, &mut self.suggestions);
        let definition = schema.type_at(parent);
        self.report.invalid(at, || {
            let mut similar = sentence(
                "to use an inline fragment on",
                types_with(schema, parent, name),
            );
            if similar.is_empty() {
                let fields = definition.fields.keys().map(|name| &**name);
                similar = suggestions.did_you_mean("", name, fields);
            }
            format!(
                "Cannot query field \"{name}\" on type \"{}\".{similar}",
                definition.name
            )
        });
    }
}

/// Types below an interface or union that have the field, those that most objects share first.
fn types_with<'a>(
    schema: &'a Schema,
    parent: TypeId,
    field: &str,
) -> impl Iterator<Item = &'a str> {
    let definition = schema.type_at(parent);
    let mut uses: HashMap<TypeId, usize> = HashMap::new();
    let possible = match definition.kind {
        TypeKind::Object => &[][..],
        _ => &definition.possible_types[..],
    };
    let has_field = |id: &TypeId| schema.type_at(*id).fields.contains_key(field);
    for object in possible.iter().filter(|id| has_field(id)) {
        *uses.entry(*object).or_default() += 1;
        let interfaces = schema.type_at(*object).interfaces.iter();
        for interface in interfaces.filter(|id| has_field(id)) {
            *uses.entry(*interface).or_default() += 1;
        }
    }
    let mut types: Vec<(usize, &str)> = uses
        .into_iter()
        .map(|(id, count)| (count, &*schema.type_at(id).name))
        .collect();
    types.sort_unstable_by(|(count, name), (other_count, other)| {
        other_count.cmp(count).then(name.cmp(other))
    });
    types.into_iter().map(|(_, name)| name)
}
