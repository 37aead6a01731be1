//! What stands before the schema: one function from a request to a checked operation.
//!
//! [`language`] parses, validates, coerces and normalizes; what that gives is remembered by the text,
//! the operation's name and the facts about variables on which it depends. [`Checked`] can only be
//! had here, and only [`crate::Roster`] runs one.

mod cost;

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_graphql::{ServerError, Value, Variables, parser::types::OperationType};
use language::{CheckedDocument, Diagnostic, Schema, Stage};
use serde_json::{Map, Value as Json};

use crate::{
    allowance::answer_too_large, auth::Viewer, compat, compat::Executable, json, kept::Kept,
    limits::Limits, scalar,
};

/// Checks requests, and remembers the documents it has checked.
pub struct Guard {
    limits: Limits,
    schema: Schema,
    documents: Mutex<Kept<Remembered>>,
}

/// What is asked, by whom.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The document.
    pub text: String,
    /// Which of its operations; absent if there is but one.
    pub operation_name: Option<String>,
    /// Values of variables, as JSON.
    pub variables: Map<String, Json>,
    /// Who asks; reads only, unless somebody says otherwise.
    pub viewer: Viewer,
}

#[derive(Clone)]
enum Remembered {
    Document(Arc<Document>),
    Operation(Arc<Executable>),
}

/// A valid document, and its operation if that is the same for all variables.
struct Document {
    checked: CheckedDocument,
    operation: Option<Arc<Executable>>,
    /// Objects that the operation can return, if that is the same for all variables.
    cost: Option<u64>,
}

/// A request that is valid and within the limits.
pub struct Checked {
    pub(crate) operation: Arc<Executable>,
    pub(crate) variables: Variables,
    pub(crate) viewer: Viewer,
    /// The variables as JSON, if the operation asks what the schema says of itself.
    introspection_variables: Option<Map<String, Json>>,
    /// How many objects it can return at most.
    pub cost: u64,
}

/// Why a request does not run.
#[derive(Debug)]
pub struct Refused {
    /// What to tell the client, never empty; `extensions.code` says what kind of failure it is.
    pub errors: Vec<ServerError>,
    /// How many objects the operation could return, when it came to that.
    pub cost: Option<u64>,
}

impl From<Vec<Diagnostic>> for Refused {
    fn from(diagnostics: Vec<Diagnostic>) -> Self {
        let cost = diagnostics.iter().find_map(|diagnostic| {
            let limit = diagnostic.limit.filter(|limit| limit.name == "cost");
            limit.map(|limit| limit.count)
        });
        Self {
            errors: diagnostics.iter().map(compat::error).collect(),
            cost,
        }
    }
}

impl From<ServerError> for Refused {
    fn from(error: ServerError) -> Self {
        Self {
            errors: vec![error],
            cost: None,
        }
    }
}

impl From<Diagnostic> for Refused {
    fn from(diagnostic: Diagnostic) -> Self {
        vec![diagnostic].into()
    }
}

impl Guard {
    /// For the schema with this text.
    pub fn new(sdl: &str, limits: Limits) -> Self {
        let schema = Schema::parse(sdl);
        let mut schema = schema.expect("the library writes a valid schema");
        for (name, check) in scalar::CHECKS {
            schema.set_scalar_check(name, check);
        }
        Self {
            limits,
            schema,
            documents: Mutex::new(Kept::new(limits.document_cache)),
        }
    }

    /// The limits that it holds requests to.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Does everything that can be done before the operation runs.
    pub fn check(&self, request: Request) -> Result<Checked, Refused> {
        let limits = &self.limits.document;
        let name = request.operation_name.as_deref();
        let document = self.document(&request.text, name)?;
        let variables = document
            .checked
            .coerce(&self.schema, request.variables, limits)?;
        let operation = match &document.operation {
            Some(operation) => operation.clone(),
            None => self.operation(&request.text, name, &document.checked, &variables)?,
        };
        let introspects = operation.normalized.introspection().next().is_some();
        let introspection_variables = introspects.then(|| variables.clone());
        let variables = compat::variables(variables);
        let cost = match document.cost {
            Some(cost) => cost,
            None => self.cost(&operation, &variables)?,
        };
        Ok(Checked {
            operation,
            variables,
            viewer: request.viewer,
            introspection_variables,
            cost,
        })
    }

    /// What keeps any operation of a text from running, whatever its variables are; nothing when all
    /// is well.
    pub(crate) fn faults(&self, text: &str) -> Vec<ServerError> {
        let names = match language::parse(text, &self.limits.document) {
            Ok(document) => document
                .operations
                .iter()
                .map(|operation| operation.name.map(|name| name.text.to_owned()))
                .collect::<Vec<_>>(),
            Err(error) => return vec![compat::error(&error)],
        };
        // The rules for the whole document are told by any of its operations, and by none.
        let names = if names.is_empty() { vec![None] } else { names };
        let mut faults: Vec<ServerError> = Vec::new();
        for name in names {
            for error in self.faults_of(text, name.as_deref()) {
                if !faults.contains(&error) {
                    faults.push(error);
                }
            }
        }
        faults
    }

    fn faults_of(&self, text: &str, name: Option<&str>) -> Vec<ServerError> {
        let limits = &self.limits.document;
        let document = match CheckedDocument::check(&self.schema, text, name, limits) {
            Ok(document) => document,
            Err(errors) => return Refused::from(errors).errors,
        };
        // A variable without a default may have any value. Of those that decide what is selected, all
        // are true, then all are false.
        let with = |decision: bool| {
            let mut variables = Map::new();
            for variable in document.variables() {
                let decides = document.condition_variables().contains(&variable.name);
                let decision = decides.then_some(Json::Bool(decision));
                if let Some(value) = variable.default.clone().or(decision) {
                    variables.insert(variable.name.to_string(), value);
                }
            }
            let normalized = document.normalize(&self.schema, &variables, limits)?;
            let operation = Executable::new(&self.schema, &document, normalized);
            self.cost(&operation, &compat::variables(variables))
        };
        let refused = [true, false]
            .into_iter()
            .find_map(|decision| with(decision).err());
        refused.map(|refused| refused.errors).unwrap_or_default()
    }

    fn document(&self, text: &str, name: Option<&str>) -> Result<Arc<Document>, Refused> {
        let key = key(text, name, &[]);
        if let Some(Remembered::Document(document)) = self.documents().get(&key) {
            return Ok(document);
        }
        let limits = &self.limits.document;
        let checked = CheckedDocument::check(&self.schema, text, name, limits)?;
        let none = Map::new();
        let mut document = Document {
            checked,
            operation: None,
            cost: None,
        };
        let mut bytes = size_of::<Document>() + document.checked.size();
        if document.checked.dependencies(&none).is_empty() {
            let operation = self.normalize(&document.checked, &none)?;
            bytes += operation.size;
            let (cost, varies) = self.measure(&operation, &Variables::default());
            document.operation = Some(Arc::new(operation));
            if !varies {
                document.cost = Some(cost?);
            }
        }
        let document = Arc::new(document);
        let remembered = Remembered::Document(document.clone());
        self.documents().keep(&key, remembered, bytes);
        Ok(document)
    }

    /// The operation with these coerced variables.
    fn operation(
        &self,
        text: &str,
        name: Option<&str>,
        document: &CheckedDocument,
        variables: &Map<String, Json>,
    ) -> Result<Arc<Executable>, Refused> {
        let key = key(text, name, &document.dependencies(variables));
        if let Some(Remembered::Operation(operation)) = self.documents().get(&key) {
            return Ok(operation);
        }
        let operation = Arc::new(self.normalize(document, variables)?);
        let remembered = Remembered::Operation(operation.clone());
        self.documents().keep(&key, remembered, operation.size);
        Ok(operation)
    }

    fn normalize(
        &self,
        document: &CheckedDocument,
        variables: &Map<String, Json>,
    ) -> Result<Executable, Refused> {
        let normalized = document.normalize(&self.schema, variables, &self.limits.document)?;
        Ok(Executable::new(&self.schema, document, normalized))
    }

    fn cost(&self, operation: &Executable, variables: &Variables) -> Result<u64, Refused> {
        self.measure(operation, variables).0
    }

    /// The cost of an operation, and whether it depends on variables.
    fn measure(
        &self,
        operation: &Executable,
        variables: &Variables,
    ) -> (Result<u64, Refused>, bool) {
        let limits = &self.limits.document;
        let (measured, varies) = cost::cost(&self.schema, &operation.normalized, variables, limits);
        let cost = measured.map(|measured| measured.cost).map_err(|mut error| {
            if error.limit.is_some_and(|limit| limit.name == "cost") {
                let path = compat::path(&error.path);
                if !path.is_empty() {
                    error.message += &format!(" Most of them come from `{path}`.");
                }
                error.message +=
                    " Ask for smaller pages with `first`, or for fewer levels at once.";
            }
            Refused::from(error)
        });
        (cost, varies)
    }

    /// What the schema says of itself: the answers to `__schema` and `__type`, by the number of the
    /// field.
    pub(crate) fn introspect(&self, checked: &Checked) -> Result<Vec<(usize, Value)>, Refused> {
        let Some(variables) = &checked.introspection_variables else {
            return Ok(Vec::new());
        };
        let mut left = self.limits.answer_bytes;
        let mut answers = Vec::new();
        for field in checked.operation.normalized.introspection() {
            let text = language::introspect(&self.schema, field, variables, left);
            let text = text.map_err(|error| match error.stage {
                Stage::Limit => answer_too_large(self.limits.answer_bytes, None).into(),
                _ => Refused::from(error),
            })?;
            left -= text.len();
            answers.push((field.number, json::text(text.into_bytes())));
        }
        Ok(answers)
    }

    fn documents(&self) -> MutexGuard<'_, Kept<Remembered>> {
        self.documents
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The key under which something is remembered: the text alone, or behind a prefix that begins with a
/// digit, as no valid text does.
fn key<'a>(text: &'a str, name: Option<&str>, facts: &[bool]) -> Cow<'a, str> {
    if name.is_none() && facts.is_empty() {
        return Cow::Borrowed(text);
    }
    let name = name.unwrap_or_default();
    let facts: String = facts
        .iter()
        .map(|fact| if *fact { '+' } else { '-' })
        .collect();
    Cow::Owned([&name.len().to_string(), ":", name, &facts, "\0", text].concat())
}

impl Checked {
    /// Query, mutation or subscription.
    pub fn kind(&self) -> OperationType {
        self.operation.kind
    }

    /// The operation's name; absent from an anonymous one.
    pub fn operation_name(&self) -> Option<&str> {
        self.operation.name.as_deref()
    }
}

#[cfg(test)]
mod tests;
