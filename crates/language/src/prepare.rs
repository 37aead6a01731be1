//! From the text of a request to an operation that can be executed, in steps that can be cached.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::{
    ast::{Document, OperationDefinition, OperationKind, Position},
    coerce::{VariableDefinition, coerce_variables},
    error::{Diagnostic, Stage},
    limits::DocumentLimits,
    normalize::{condition_variables, normalize},
    normalized::NormalizedOperation,
    parser::parse,
    schema::Schema,
    validate::validate,
};

/// A valid document and the operation that was chosen. Owns its data: a server caches it by the
/// text and the operation's name, and the operations of [`normalize`](Self::normalize) by those
/// and the [`conditions`](Self::conditions).
#[derive(Clone, Debug)]
pub struct CheckedDocument {
    text: Arc<str>,
    /// Number of the operation in the document.
    number: usize,
    kind: OperationKind,
    name: Option<Arc<str>>,
    variables: Vec<VariableDefinition>,
    condition_variables: Vec<Arc<str>>,
}

/// A request that is ready to be executed.
#[derive(Debug)]
pub struct PreparedRequest {
    /// The document.
    pub document: CheckedDocument,
    /// The coerced variables.
    pub variables: Map<String, Json>,
    /// The operation.
    pub operation: NormalizedOperation,
}

/// Parses, validates, coerces and normalizes a request in one go.
///
/// # Errors
///
/// The errors of the first stage that has any; never empty.
pub fn prepare(
    schema: &Schema,
    text: &str,
    operation_name: Option<&str>,
    variables: Map<String, Json>,
    limits: &DocumentLimits,
) -> Result<PreparedRequest, Vec<Diagnostic>> {
    let (document, number) = check(schema, text, operation_name, limits)?;
    let operation = &document.operations[number];
    let checked = CheckedDocument::new(schema, text, &document, number);
    let variables = coerce_variables(schema, &checked.variables, variables, limits)?;
    let is_true = |name: &str| variables.get(name) == Some(&Json::Bool(true));
    let operation =
        normalize(schema, &document, operation, &is_true, limits).map_err(|error| vec![error])?;
    Ok(PreparedRequest {
        document: checked,
        variables,
        operation,
    })
}

/// Parses and validates a text and chooses an operation, returned as its number.
fn check<'a>(
    schema: &Schema,
    text: &'a str,
    operation_name: Option<&str>,
    limits: &DocumentLimits,
) -> Result<(Document<'a>, usize), Vec<Diagnostic>> {
    let document = parse(text, limits).map_err(|error| vec![error])?;
    validate(schema, &document, limits)?;
    let number = choose(&document.operations, operation_name).map_err(|error| vec![error])?;
    Ok((document, number))
}

/// `GetOperation`: section 6.1.
fn choose(operations: &[OperationDefinition<'_>], name: Option<&str>) -> Result<usize, Diagnostic> {
    let fail = |message: String| {
        let at = operations
            .first()
            .map_or_else(Position::default, |one| one.at);
        Diagnostic::new(Stage::Validate, message, at)
    };
    let Some(name) = name else {
        return match operations.len() {
            1 => Ok(0),
            0 => Err(fail("The document has no operation.".to_owned())),
            _ => Err(fail(
                "Must provide operation name if query contains multiple operations.".to_owned(),
            )),
        };
    };
    let is_named = |operation: &OperationDefinition<'_>| {
        operation.name.is_some_and(|given| given.text == name)
    };
    let shown: String = name.chars().take(100).collect();
    operations
        .iter()
        .position(is_named)
        .ok_or_else(|| fail(format!("Unknown operation named \"{shown}\".")))
}

impl CheckedDocument {
    /// Parses and validates a text and chooses the operation with this name, or the only one.
    ///
    /// # Errors
    ///
    /// Errors of [`Stage::Parse`], [`Stage::Validate`] or [`Stage::Limit`]; never empty.
    pub fn check(
        schema: &Schema,
        text: &str,
        operation_name: Option<&str>,
        limits: &DocumentLimits,
    ) -> Result<Self, Vec<Diagnostic>> {
        let (document, number) = check(schema, text, operation_name, limits)?;
        Ok(Self::new(schema, text, &document, number))
    }

    fn new(schema: &Schema, text: &str, document: &Document<'_>, number: usize) -> Self {
        let operation = &document.operations[number];
        let conditions = condition_variables(document, operation);
        Self {
            text: Arc::from(text),
            number,
            kind: operation.kind,
            name: operation.name.map(|name| Arc::from(name.text)),
            variables: VariableDefinition::all(schema, operation),
            condition_variables: conditions.into_iter().map(Arc::from).collect(),
        }
    }

    /// The text of the document.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Query, mutation or subscription.
    pub fn kind(&self) -> OperationKind {
        self.kind
    }

    /// The operation's name; absent from an anonymous one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The declared variables. Those that only directives use are among them.
    pub fn variables(&self) -> &[VariableDefinition] {
        &self.variables
    }

    /// Names of the Boolean variables that decide `@skip` and `@include`, sorted.
    pub fn condition_variables(&self) -> &[Arc<str>] {
        &self.condition_variables
    }

    /// Bytes of memory that the document takes, estimated.
    pub fn size(&self) -> usize {
        let variable = |variable: &VariableDefinition| {
            size_of::<VariableDefinition>() + variable.name.len() + 64
        };
        let names = self.condition_variables.iter().map(|name| name.len() + 32);
        size_of::<Self>()
            + self.text.len()
            + self.variables.iter().map(variable).sum::<usize>()
            + names.sum::<usize>()
    }

    /// Coerces the variables of a request: see [`coerce_variables`].
    ///
    /// # Errors
    ///
    /// Errors of [`Stage::Coerce`] or [`Stage::Limit`]; never empty.
    pub fn coerce(
        &self,
        schema: &Schema,
        variables: Map<String, Json>,
        limits: &DocumentLimits,
    ) -> Result<Map<String, Json>, Vec<Diagnostic>> {
        coerce_variables(schema, &self.variables, variables, limits)
    }

    /// For each of the [`condition_variables`](Self::condition_variables), whether it is true among
    /// coerced variables. Requests that agree here have the same normalized operation.
    pub fn conditions(&self, variables: &Map<String, Json>) -> Vec<bool> {
        let is_true = |name: &Arc<str>| variables.get(&**name) == Some(&Json::Bool(true));
        self.condition_variables.iter().map(is_true).collect()
    }

    /// Normalizes the operation: see [`normalize()`](crate::normalize()). Parses the text again, which
    /// takes less than keeping its syntax tree is worth: it happens once for each combination of
    /// [`conditions`](Self::conditions).
    ///
    /// # Errors
    ///
    /// An error of [`Stage::Limit`].
    pub fn normalize(
        &self,
        schema: &Schema,
        conditions: &[bool],
        limits: &DocumentLimits,
    ) -> Result<NormalizedOperation, Diagnostic> {
        let document = parse(&self.text, limits)?;
        let operation = &document.operations[self.number];
        let is_true = |name: &str| {
            let place = self
                .condition_variables
                .binary_search_by(|one| (**one).cmp(name));
            place.is_ok_and(|place| conditions.get(place) == Some(&true))
        };
        normalize(schema, &document, operation, &is_true, limits)
    }
}
