//! Request preparation: from text and variables to a checked operation.
//!
//! [`language`] parses, validates, coerces and normalizes. Valid documents and their operations are
//! cached by text, operation name and the facts about variables on which the operation depends.
//! [`Checked`] is created here only, and only [`crate::Engine`] runs one.

mod cost;

use std::{borrow::Cow, sync::Arc};

use async_graphql::{PathSegment, ServerError, Variables, parser::types::OperationType};
use language::{CheckedDocument, Diagnostic, Schema, Stage};
use serde_json::{Map, Value as Json};

use crate::{
    auth::{Role, Viewer},
    budget::answer_too_large,
    cache::Cache,
    compat::{self, DeclaredVariables, Executable, Introspection},
    delivery::FeedPosition,
    error::{code, coded},
    json,
    limits::Limits,
    scalar,
};

/// Checks requests. Caches checked documents.
pub struct Guard {
    limits: Limits,
    schema: Schema,
    cache: Cache<CacheEntry>,
}

/// Request with its text found, before any check.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The document.
    pub text: String,
    /// Name of the operation to run; absent if the document has only one.
    pub operation_name: Option<String>,
    /// Values of variables, as JSON.
    pub variables: Map<String, Json>,
    /// The client; may only read by default.
    pub viewer: Viewer,
}

#[derive(Clone)]
enum CacheEntry {
    Document(Arc<Document>),
    Operation(Arc<Executable>),
}

/// A valid document.
struct Document {
    checked: CheckedDocument,
    variables: Arc<DeclaredVariables>,
    /// The operation, if it is the same for all variables.
    operation: Option<Arc<Executable>>,
}

/// A request that is valid and within the limits.
pub struct Checked {
    pub(crate) executable: Arc<Executable>,
    pub(crate) variables: Variables,
    pub(crate) viewer: Viewer,
    /// The variables as JSON, if the operation selects introspection.
    introspection_variables: Option<Map<String, Json>>,
    /// Objects that the operation can return at most.
    pub cost: u64,
    /// Set if the transport tells the client its position in a feed.
    pub position: Option<Arc<FeedPosition>>,
    /// True if `extensions.explain` of the response lists the statements of the operation, by level: SQL
    /// with placeholders, number of rows, milliseconds. At most 200 statements; `false` by default.
    pub is_explained: bool,
}

/// Refusal of a request before execution.
#[derive(Debug)]
pub struct Refused {
    /// Errors for the client, never empty, each with an `extensions.code`.
    pub errors: Vec<ServerError>,
    /// Objects that the operation could return, if the cost was computed.
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
    /// Creates a guard for the schema with this text.
    pub fn new(sdl: &str, limits: Limits) -> Self {
        let schema = Schema::parse(sdl);
        let mut schema = schema.expect("async-graphql writes a valid schema");
        for (name, check) in scalar::CHECKS {
            schema.set_scalar_check(name, check);
        }
        Self {
            limits,
            schema,
            cache: Cache::new(limits.document_cache),
        }
    }

    /// The limits of requests.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Parses, validates, coerces, normalizes and measures a request.
    pub fn check(&self, request: Request) -> Result<Checked, Refused> {
        let limits = &self.limits.document;
        let name = request.operation_name.as_deref();
        let document = self.document(&request.text, name)?;
        let coerced = document
            .checked
            .coerce(&self.schema, request.variables, limits)?;
        let operation = match &document.operation {
            Some(operation) => operation.clone(),
            None => self.operation(&request.text, name, &document, &coerced)?,
        };
        let introspects = operation.normalized.introspection().next().is_some();
        let introspection_variables = introspects.then(|| coerced.clone());
        let variables = compat::variables(coerced);
        let cost = match operation.fixed_cost {
            Some(cost) => cost,
            None => self.measure(&operation, &variables).0?,
        };
        Ok(Checked {
            executable: operation,
            variables,
            viewer: request.viewer,
            introspection_variables,
            cost,
            position: None,
            is_explained: false,
        })
    }

    /// Returns the errors of all operations of a text, empty if each of them runs for all values of
    /// its variables. Of Boolean variables that decide `@skip` and `@include`, all combinations of up
    /// to six are tried.
    pub(crate) fn faults(&self, text: &str) -> Vec<ServerError> {
        let names = match language::parse(text, &self.limits.document) {
            Ok(document) => document
                .operations
                .iter()
                .map(|operation| operation.name.map(|name| name.text.to_owned()))
                .collect::<Vec<_>>(),
            Err(error) => return vec![compat::error(&error)],
        };
        // A document without operations breaks a rule, which any name reports.
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
        const MOST_CONDITIONS: usize = 6;
        let document = match self.checked_document(text, name) {
            Ok(document) => document,
            Err(refused) => return refused.errors,
        };
        let conditions = document.checked.condition_variables();
        let combinations = 1 << conditions.len().min(MOST_CONDITIONS);
        let refused = (0..combinations).find_map(|combination: usize| {
            let mut variables = Map::new();
            for variable in document.checked.variables() {
                let condition = conditions.iter().position(|name| *name == variable.name);
                let condition = condition
                    .map(|number| Json::Bool(combination >> (number % MOST_CONDITIONS) & 1 == 1));
                if let Some(value) = condition.or_else(|| variable.default.clone()) {
                    variables.insert(variable.name.to_string(), value);
                }
            }
            let operation = self.normalize(&document, &variables);
            let cost = operation.and_then(|operation| match operation.fixed_cost {
                Some(cost) => Ok(cost),
                None => self.measure(&operation, &compat::variables(variables)).0,
            });
            cost.err()
        });
        refused.map(|refused| refused.errors).unwrap_or_default()
    }

    fn document(&self, text: &str, name: Option<&str>) -> Result<Arc<Document>, Refused> {
        let key = cache_key(text, name, &[]);
        if let Some(CacheEntry::Document(document)) = self.cache.get(&key) {
            return Ok(document);
        }
        let mut document = self.checked_document(text, name)?;
        let mut bytes = size_of::<Document>()
            + document.checked.size()
            + compat::declared_size(&document.variables);
        let none = Map::new();
        if document.checked.dependencies(&none).is_empty() {
            let operation = self.normalize(&document, &none)?;
            bytes += operation.size;
            document.operation = Some(Arc::new(operation));
        }
        let document = Arc::new(document);
        let entry = CacheEntry::Document(document.clone());
        self.cache.insert(&key, entry, bytes);
        Ok(document)
    }

    fn checked_document(&self, text: &str, name: Option<&str>) -> Result<Document, Refused> {
        let limits = &self.limits.document;
        let checked = CheckedDocument::check(&self.schema, text, name, limits)?;
        Ok(Document {
            variables: compat::declared_variables(&checked),
            checked,
            operation: None,
        })
    }

    /// Returns the operation for these coerced variables.
    fn operation(
        &self,
        text: &str,
        name: Option<&str>,
        document: &Document,
        variables: &Map<String, Json>,
    ) -> Result<Arc<Executable>, Refused> {
        let key = cache_key(text, name, &document.checked.dependencies(variables));
        if let Some(CacheEntry::Operation(operation)) = self.cache.get(&key) {
            return Ok(operation);
        }
        let operation = Arc::new(self.normalize(document, variables)?);
        let entry = CacheEntry::Operation(operation.clone());
        // Its document may be evicted first.
        let bytes = operation.size + compat::declared_size(&document.variables);
        self.cache.insert(&key, entry, bytes);
        Ok(operation)
    }

    fn normalize(
        &self,
        document: &Document,
        variables: &Map<String, Json>,
    ) -> Result<Executable, Refused> {
        let limits = &self.limits.document;
        let normalized = document
            .checked
            .normalize(&self.schema, variables, limits)?;
        let declared = document.variables.clone();
        let mut operation = Executable::new(&self.schema, declared, normalized);
        let (cost, depends_on_variables) = self.measure(&operation, &Variables::default());
        if !depends_on_variables {
            operation.fixed_cost = Some(cost?);
        }
        Ok(operation)
    }

    /// Returns the cost of an operation, and whether the cost depends on variables.
    fn measure(
        &self,
        operation: &Executable,
        variables: &Variables,
    ) -> (Result<u64, Refused>, bool) {
        let limits = &self.limits.document;
        let (measured, depends_on_variables) =
            cost::cost(&self.schema, &operation.normalized, variables, limits);
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
        (cost, depends_on_variables)
    }

    /// Answers introspection. A null variable where an argument is required is an error of the field
    /// (specification, section 6.4.1).
    pub(crate) fn introspect(&self, checked: &Checked) -> Result<Introspection, Refused> {
        let Some(variables) = &checked.introspection_variables else {
            return Ok(Vec::new());
        };
        let mut left = self.limits.answer_bytes;
        let mut answers = Vec::new();
        for field in checked.executable.normalized.introspection() {
            let text = language::introspect(&self.schema, field, variables, left);
            let answer = match text {
                Ok(text) => {
                    left -= text.len();
                    Ok(json::text(text.into_bytes()))
                }
                Err(error) if error.stage == Stage::Limit => {
                    let at = Some(compat::pos(field.at));
                    return Err(answer_too_large(self.limits.answer_bytes, at).into());
                }
                Err(error) => Err(compat::error(&error)),
            };
            answers.push((field.number, answer));
        }
        Ok(answers)
    }
}

/// Key of a cache entry: the text alone, or the text behind a prefix that begins with a digit. A text
/// that itself begins with a digit gets the prefix, so that no two requests share a key.
fn cache_key<'a>(text: &'a str, name: Option<&str>, facts: &[bool]) -> Cow<'a, str> {
    let has_digit = text.starts_with(|first: char| first.is_ascii_digit());
    if name.is_none() && facts.is_empty() && !has_digit {
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
        self.executable.kind
    }

    /// The operation's name; absent from an anonymous one.
    pub fn operation_name(&self) -> Option<&str> {
        self.executable.name.as_deref()
    }

    /// Refuses the root fields that the client has no right to, each at its path. The right follows
    /// from the root type, so that no new field lacks a decision: fields of `Query` and `Subscription`
    /// are for viewers, fields of `Mutation` for editors.
    pub(crate) fn authorize(&self) -> Result<(), Vec<ServerError>> {
        let needed = match self.kind() {
            OperationType::Query | OperationType::Subscription => Role::Viewer,
            OperationType::Mutation => Role::Editor,
        };
        if self.viewer.role >= needed {
            return Ok(());
        }
        let fields = self
            .executable
            .root_fields()
            .map(|field| (&field.node, field.pos));
        let forbidden = fields.filter(|(field, _)| field.name.node != "__typename");
        let errors: Vec<_> = forbidden
            .map(|(field, at)| {
                let message = format!("`{}` needs the role editor.", field.name.node);
                let key = field.response_key().node.to_string();
                coded(code::FORBIDDEN, message, Some(at)).with_path(vec![PathSegment::Field(key)])
            })
            .collect();
        match errors.is_empty() {
            true => Ok(()),
            false => Err(errors),
        }
    }
}

#[cfg(test)]
mod tests;
