//! What stands before the schema: one function from a request to a checked document.
//!
//! The library's parser and its validation can be made to overflow the stack or to walk for hours
//! by a few kilobytes of text, and no timeout stops what does not wait. So text is scanned
//! before it is parsed, the document's shape is counted before it is validated, and its cost
//! before it runs. [`Checked`] can only be had here, and only [`crate::Roster`] runs one.

mod cost;
mod scan;
mod shape;
mod size;
mod variables;

use std::{
    any::{Any, TypeId},
    collections::HashSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use async_graphql::{
    ErrorExtensionValues, Name, Pos, Positioned, Request, ServerError, Value, Variables,
    parser::{
        parse_query,
        types::{DocumentOperations, ExecutableDocument, OperationDefinition, OperationType},
    },
};

use crate::{fold::is_one_field, kept::Kept, limits::Limits, nodes::KeptPlans, scalar::Long};

/// Checks requests, and remembers the documents it has checked.
pub struct Guard {
    limits: Limits,
    costs: cost::Costs,
    places: variables::Places,
    /// By their whole text. What depends on variables is checked each time.
    documents: Mutex<Kept<Arc<Document>>>,
}

/// A document within the limits.
struct Document {
    parsed: ExecutableDocument,
    /// Whether every name in the response is of one field only, so that nothing is merged.
    is_plain: bool,
    /// Whether all places are known in which its one operation uses variables.
    is_known: bool,
    /// The variables that decide on a `@skip` or `@include`.
    conditions: HashSet<Name>,
    /// Whether anything selected has a directive.
    has_directives: bool,
    /// Whether it asks about the schema itself.
    introspects: bool,
    /// Whether the library has validated it.
    is_valid: AtomicBool,
    /// What its selections ask of objects, once it has run; if that cannot become more than the text.
    plans: Option<Arc<KeptPlans>>,
}

/// A request whose document is within the limits.
pub struct Checked {
    request: Request,
    document: Arc<Document>,
    /// What kind of operation will run.
    pub kind: OperationType,
    /// How many objects it can return at most.
    pub cost: u64,
}

/// Why a request does not run.
#[derive(Debug)]
pub struct Refused {
    /// What to tell the client; `extensions.code` says what kind of failure it is.
    pub error: Box<ServerError>,
    /// How many objects the operation could return, when it came to that.
    pub cost: Option<u64>,
}

impl From<ServerError> for Refused {
    fn from(error: ServerError) -> Self {
        Self {
            error: Box::new(error),
            cost: None,
        }
    }
}

impl Guard {
    /// For the schema with this text.
    pub fn new(sdl: &str, limits: Limits) -> Self {
        Self {
            limits,
            costs: cost::Costs::new(sdl),
            places: variables::Places::new(sdl),
            documents: Mutex::new(Kept::new(limits.document_cache)),
        }
    }

    /// The limits that it holds requests to.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Parses and checks everything that can be told before the operation runs.
    pub fn check(&self, mut request: Request) -> Result<Checked, Refused> {
        self.check_variables(&request)?;
        request.variables.values_mut().for_each(whole_numbers);
        let document = self.document(&request.query)?;
        let operation = operation(&document.parsed, request.operation_name.as_deref())?;
        put_defaults(operation, &mut request.variables);
        check_nulls(operation, &document.conditions, &request.variables)?;
        self.places.check_values(operation, &request.variables)?;
        self.price(request, document)
    }

    /// Each operation of a text, checked as far as that goes before anybody gives variables.
    pub(crate) fn check_text(&self, text: &str) -> Result<Vec<Checked>, Refused> {
        let document = self.document(text)?;
        let price = |(name, operation): (Option<&Name>, _)| {
            let mut request = Request::new("");
            request.operation_name = name.map(Name::to_string);
            put_defaults(operation, &mut request.variables);
            self.price(request, document.clone())
        };
        document.parsed.operations.iter().map(price).collect()
    }

    fn price(&self, request: Request, document: Arc<Document>) -> Result<Checked, Refused> {
        let operation = operation(&document.parsed, request.operation_name.as_deref())?;
        let kind = operation.node.ty;
        let cost = self.costs.of(
            &operation.node,
            &document.parsed.fragments,
            &request.variables,
        );
        if cost > self.limits.cost {
            let most = self.limits.cost;
            let error = limit_error(
                "cost",
                most,
                format!(
                    "This operation can return {cost} objects, and at most {most} are allowed. \
                     Ask for smaller pages with `first`, or for fewer levels at once."
                ),
                Some(operation.pos),
            );
            return Err(Refused {
                error: Box::new(error),
                cost: Some(cost),
            });
        }
        Ok(Checked {
            request,
            document,
            kind,
            cost,
        })
    }

    fn document(&self, text: &str) -> Result<Arc<Document>, ServerError> {
        if let Some(document) = self.documents().get(text) {
            return Ok(document);
        }
        // The parser does not count a bare CR as the end of a line, and its positions must be unique.
        // CR, LF and CRLF mean the same everywhere; in a string that is no block all are refused.
        let lines = text.replace("\r\n", "\n").replace('\r', "\n");
        scan::scan(&lines, &self.limits)?;
        let parsed = parse_query(lines).map_err(|error| {
            let mut error = ServerError::from(error);
            set(&mut error, "code", "GRAPHQL_PARSE_FAILED");
            error
        })?;
        let fields = shape::check(&parsed, &self.limits)?;
        let variables::Usage {
            all_known: is_known,
            conditions,
        } = self.places.check(&parsed)?;
        shape::check_merging(&parsed)?;
        let has_directives = shape::has_directives(&parsed);
        let document = Arc::new(Document {
            conditions,
            has_directives,
            is_plain: shape::is_plain(&parsed),
            is_known: is_known && parsed.operations.iter().count() == 1,
            introspects: shape::introspects(&parsed),
            is_valid: AtomicBool::new(false),
            plans: (fields < text.len() && !has_directives).then(Arc::default),
            parsed,
        });
        let planned = document.plans.as_ref().map_or(0, |_| fields);
        let bytes = size_of::<Document>() + size::size(&document.parsed, planned);
        self.documents().keep(text, document.clone(), bytes);
        Ok(document)
    }

    fn documents(&self) -> MutexGuard<'_, Kept<Arc<Document>>> {
        self.documents
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Values nested in JSON are parsed as recursively as those in text.
    fn check_variables(&self, request: &Request) -> Result<(), ServerError> {
        let Limits {
            variable_depth,
            variable_values,
            ..
        } = self.limits;
        let mut level: Vec<&Value> = request.variables.values().collect();
        let mut values = 0;
        for depth in 0.. {
            values += level.len();
            if level.is_empty() {
                break;
            }
            if values > variable_values {
                let what = "values in variables";
                return Err(exceeded("variable_values", variable_values, what, None));
            }
            let nests = |value: &&Value| matches!(value, Value::List(_) | Value::Object(_));
            if depth == variable_depth && level.iter().any(nests) {
                let what = "lists and objects inside each other in a variable";
                return Err(exceeded("variable_depth", variable_depth, what, None));
            }
            let inside = level
                .iter()
                .map(|value| -> Box<dyn Iterator<Item = &Value>> {
                    match value {
                        Value::List(items) => Box::new(items.iter()),
                        Value::Object(fields) => Box::new(fields.values()),
                        _ => Box::new(std::iter::empty()),
                    }
                });
            level = inside.flatten().collect();
        }
        Ok(())
    }
}

impl Checked {
    /// The operation that will run.
    pub fn operation(&self) -> &Positioned<OperationDefinition> {
        self.operation_in(self.document())
    }

    /// The same of a document that was made of this one.
    pub(crate) fn operation_in<'a>(
        &self,
        document: &'a ExecutableDocument,
    ) -> &'a Positioned<OperationDefinition> {
        match operation(document, self.request.operation_name.as_deref()) {
            Ok(operation) => operation,
            Err(_) => unreachable!("it was found when the request was checked"),
        }
    }

    /// What it is run with.
    pub(crate) fn variables(&self) -> &Variables {
        &self.request.variables
    }

    /// Whether anything selected has a directive, so that variables can make it another document.
    pub(crate) fn has_directives(&self) -> bool {
        self.document.has_directives
    }

    /// Its name.
    pub fn operation_name(&self) -> Option<&str> {
        match &self.document().operations {
            DocumentOperations::Single(_) => None,
            DocumentOperations::Multiple(operations) => match &self.request.operation_name {
                Some(name) => Some(name),
                // There is but one, or the request would have had to choose.
                None => operations.keys().next().map(|name| name.as_str()),
            },
        }
    }

    /// The document, with the fragments of the operation.
    pub fn document(&self) -> &ExecutableDocument {
        &self.document.parsed
    }

    /// Tells that the library has found nothing to refuse.
    pub(crate) fn set_valid(&self) {
        self.document.is_valid.store(true, Ordering::Relaxed);
    }

    /// Whether the document has been found valid, must be so with these variables, and is answered
    /// alike by a schema that differs in nothing but what it says of itself.
    pub(crate) fn is_valid(&self) -> bool {
        let Document {
            is_known,
            introspects,
            is_valid,
            ..
        } = &*self.document;
        *is_known
            && !introspects
            && is_valid.load(Ordering::Relaxed)
            && variables::are_plain(&self.operation().node, &self.request.variables)
    }

    /// Whether its document is executed as it is: of queries all, of others those whose root has
    /// nothing to [fold](crate::fold).
    pub(crate) fn is_executed_as_it_is(&self) -> bool {
        let name = self.request.operation_name.as_deref();
        self.kind == OperationType::Query || is_one_field(self.document(), name)
    }

    /// The plans of its document, if that is executed as it is.
    pub(crate) fn plans(&self) -> Option<Arc<KeptPlans>> {
        let plans = self.document.plans.as_ref();
        plans.filter(|_| self.is_executed_as_it_is()).cloned()
    }

    /// Whether it asks about the schema itself.
    pub(crate) fn introspects(&self) -> bool {
        self.document.introspects
    }

    /// Whether every name in the response is of one field only.
    pub(crate) fn is_plain(&self) -> bool {
        self.document.is_plain
    }

    /// What came with the request, by its type.
    pub fn data<D: Any>(&self) -> Option<&D> {
        self.request.data.get(&TypeId::of::<D>())?.downcast_ref()
    }

    /// What the schema executes, parsed already: this document, or one that was made of it.
    pub(crate) fn to_request(&self, document: ExecutableDocument) -> Request {
        let mut request = Request::new("").variables(self.request.variables.clone());
        request
            .operation_name
            .clone_from(&self.request.operation_name);
        request.set_parsed_query(document);
        request
    }
}

fn operation<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Result<&'a Positioned<OperationDefinition>, ServerError> {
    match (&document.operations, name) {
        (DocumentOperations::Single(operation), None) => Ok(operation),
        (DocumentOperations::Multiple(operations), None) if operations.len() == 1 => operations
            .values()
            .next()
            .ok_or_else(|| unknown_operation("")),
        (DocumentOperations::Multiple(_), None) => Err(invalid(
            "The text has several operations: say with `operationName` which one to run."
                .to_owned(),
            None,
        )),
        (DocumentOperations::Multiple(operations), Some(name)) => {
            operations.get(name).ok_or_else(|| unknown_operation(name))
        }
        (DocumentOperations::Single(_), Some(name)) => Err(unknown_operation(name)),
    }
}

/// Makes each number with an integral value an integer, as JSON does not tell `2.0` from `2`. The
/// schema has no `Float`.
fn whole_numbers(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            let whole = number.as_f64().filter(|number| {
                // Beyond that neighbours are integers that a double cannot tell apart.
                number.fract() == 0.0 && number.abs() <= Long::MAX as f64
            });
            if let Some(whole) = whole {
                *number = (whole as i64).into();
            }
        }
        Value::List(items) => items.iter_mut().for_each(whole_numbers),
        Value::Object(fields) => fields.values_mut().for_each(whole_numbers),
        _ => {}
    }
}

/// Gives each variable without a value its default. An explicit null stays.
fn put_defaults(operation: &Positioned<OperationDefinition>, variables: &mut Variables) {
    for definition in &operation.node.variable_definitions {
        let variable = &definition.node;
        if let Some(default) = &variable.default_value {
            let value = variables.entry(variable.name.node.clone());
            value.or_insert_with(|| default.node.clone());
        }
    }
}

/// Refuses a null where a value is needed: for a variable of a non-null type, and for one with a
/// default that decides on a `@skip` or `@include`.
fn check_nulls(
    operation: &Positioned<OperationDefinition>,
    conditions: &HashSet<Name>,
    variables: &Variables,
) -> Result<(), ServerError> {
    for definition in &operation.node.variable_definitions {
        let variable = &definition.node;
        let name = &variable.name.node;
        let is_null = variables
            .get(name)
            .is_none_or(|value| *value == Value::Null);
        let decides = variable.default_value.is_some() && conditions.contains(name);
        let needs_value = decides || !variable.var_type.node.nullable;
        if is_null && needs_value {
            let message = format!("Variable `${name}` needs a value.");
            return Err(coded("BAD_USER_INPUT", message, Some(definition.pos)));
        }
    }
    Ok(())
}

fn unknown_operation(name: &str) -> ServerError {
    invalid(format!("The text has no operation `{name}`."), None)
}

/// An error that says what kind it is.
pub fn coded(code: &str, message: impl Into<String>, pos: Option<Pos>) -> ServerError {
    let mut error = ServerError::new(message, pos);
    set(&mut error, "code", code);
    error
}

pub(crate) fn set(error: &mut ServerError, name: &str, value: impl Into<Value>) {
    let extensions = error
        .extensions
        .get_or_insert_with(ErrorExtensionValues::default);
    extensions.set(name, value);
}

/// Too much of something; `limit` is its name in [`Limits`].
pub(crate) fn limit_error(
    limit: &str,
    most: u64,
    message: String,
    pos: Option<Pos>,
) -> ServerError {
    let mut error = coded("LIMIT_EXCEEDED", message, pos);
    set(&mut error, "limit", limit);
    set(&mut error, "most", most);
    error
}

fn exceeded(limit: &str, most: usize, what: &str, pos: Option<Pos>) -> ServerError {
    let message = format!("This operation has more than {most} {what}.");
    limit_error(limit, most as u64, message, pos)
}

fn invalid(message: String, pos: Option<Pos>) -> ServerError {
    coded("GRAPHQL_VALIDATION_FAILED", message, pos)
}

fn parse_failed(message: &str, pos: Pos) -> ServerError {
    coded("GRAPHQL_PARSE_FAILED", message, Some(pos))
}

#[cfg(test)]
mod tests;
