//! From the text of a request to an operation that can be executed, in steps that can be cached.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::{
    ast::{Document, OperationDefinition, OperationKind, Position},
    coerce::{VariableDefinition, coerce_variables},
    dependencies::Dependencies,
    error::{Diagnostic, Stage},
    limits::DocumentLimits,
    normalize::normalize,
    normalized::NormalizedOperation,
    parser::parse,
    schema::Schema,
    validate::validate,
};

/// A valid document and the operation that was chosen. Owns its data: a server caches it by the
/// text and the operation's name, and the operations of [`normalize`](Self::normalize) by those
/// and the [`dependencies`](Self::dependencies).
#[derive(Clone, Debug)]
pub struct CheckedDocument {
    text: Arc<str>,
    /// Number of the operation in the document.
    number: usize,
    kind: OperationKind,
    name: Option<Arc<str>>,
    variables: Vec<VariableDefinition>,
    dependencies: Dependencies,
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
    let operation =
        normalize(schema, &document, operation, &variables, limits).map_err(|error| vec![error])?;
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
        Self {
            text: Arc::from(text),
            number,
            kind: operation.kind,
            name: operation.name.map(|name| Arc::from(name.text)),
            variables: VariableDefinition::all(schema, operation),
            dependencies: Dependencies::new(schema, document, operation),
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
        &self.dependencies.conditions
    }

    /// Bytes of memory that the document takes, estimated.
    pub fn size(&self) -> usize {
        let variable = |variable: &VariableDefinition| {
            size_of::<VariableDefinition>() + variable.name.len() + 64
        };
        let Dependencies {
            conditions,
            optional,
        } = &self.dependencies;
        let names = conditions.iter().chain(optional);
        let names = names.map(|name| name.len() + 32);
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

    /// The facts about coerced variables on which the normalized operation depends: whether each of
    /// the [`condition_variables`](Self::condition_variables) is true, and whether variables of
    /// arguments with a default have a value. Requests with equal facts have equal operations.
    pub fn dependencies(&self, variables: &Map<String, Json>) -> Vec<bool> {
        self.dependencies.facts(variables)
    }

    /// Normalizes the operation: see [`normalize()`](crate::normalize()). Parses the text again
    /// instead of keeping its syntax tree: parsing takes a microsecond for a usual query, and is
    /// needed once for each combination of [`dependencies`](Self::dependencies).
    ///
    /// # Errors
    ///
    /// An error of [`Stage::Limit`].
    pub fn normalize(
        &self,
        schema: &Schema,
        variables: &Map<String, Json>,
        limits: &DocumentLimits,
    ) -> Result<NormalizedOperation, Diagnostic> {
        let document = parse(&self.text, limits)?;
        let operation = &document.operations[self.number];
        normalize(schema, &document, operation, variables, limits)
    }
}
