//! The one error type of every stage, and the list that caps how many are reported.

use std::fmt;

use crate::ast::Position;

/// Errors reported for one document before validation stops.
pub const MAX_ERRORS: usize = 100;

/// The step that refused a document or its variables.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stage {
    /// The schema's own text cannot be used.
    Schema,
    /// The text is no document of the grammar (specification, section 2).
    Parse,
    /// The document breaks a validation rule (section 5), or has no such operation (section 6.1).
    Validate,
    /// The variables do not have the declared types (section 6.1.2).
    Coerce,
    /// The document is larger than a limit allows.
    Limit,
}

/// One step of a path: into an object or into a list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PathSegment {
    /// A response key, the name of a variable, or of an input field.
    Name(String),
    /// A place in a list, from 0.
    Index(usize),
}

/// The limit that a document exceeds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ExceededLimit {
    /// The field's name in [`DocumentLimits`](crate::DocumentLimits), or `max_bytes` of
    /// [`introspect`](crate::introspect()).
    pub name: &'static str,
    /// The largest number that is allowed.
    pub maximum: u64,
    /// The number found. Where counting stops at the limit, it is one more than the maximum.
    pub count: u64,
}

/// An error that a client can act on. The message never depends on values of other clients.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Diagnostic {
    /// The step that found the error.
    pub stage: Stage,
    /// One or more sentences that end with a full stop.
    pub message: String,
    /// Places in the document, the offending one first. Empty if no place applies.
    pub locations: Vec<Position>,
    /// In [`Stage::Coerce`] the variable and the way into its value; in [`Stage::Limit`] the
    /// response path of the field that is too expensive or too long. Empty otherwise.
    pub path: Vec<PathSegment>,
    /// Set in [`Stage::Limit`] only.
    pub limit: Option<ExceededLimit>,
}

impl Diagnostic {
    pub(crate) fn new(stage: Stage, message: impl Into<String>, at: Position) -> Self {
        Self {
            stage,
            message: message.into(),
            locations: vec![at],
            path: Vec::new(),
            limit: None,
        }
    }

    /// Adds a place.
    pub(crate) fn and_at(mut self, at: Position) -> Self {
        self.locations.push(at);
        self
    }

    pub(crate) fn syntax(message: impl fmt::Display, at: Position) -> Self {
        Self::new(Stage::Parse, format!("Syntax Error: {message}"), at)
    }

    /// `unit` is the plural noun of what is counted.
    pub(crate) fn exceeded(name: &'static str, maximum: usize, unit: &str, at: Position) -> Self {
        let message = format!("This operation has more than {maximum} {unit}.");
        let maximum = maximum as u64;
        Self::limit(name, maximum, maximum.saturating_add(1), message, at)
    }

    pub(crate) fn limit(
        name: &'static str,
        maximum: u64,
        count: u64,
        message: String,
        at: Position,
    ) -> Self {
        let limit = ExceededLimit {
            name,
            maximum,
            count,
        };
        Self {
            limit: Some(limit),
            ..Self::new(Stage::Limit, message, at)
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)?;
        match self.locations.first() {
            Some(at) => write!(formatter, " ({}:{})", at.line, at.column),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Diagnostic {}

/// Errors of one document. Messages are built only while there is room for them.
#[derive(Debug, Default)]
pub(crate) struct Report {
    errors: Vec<Diagnostic>,
}

impl Report {
    pub(crate) fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    pub(crate) fn push(&mut self, error: impl FnOnce() -> Diagnostic) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(error());
        } else if self.errors.len() == MAX_ERRORS {
            let last = "Too many errors: the rest are not reported.";
            let stage = self.errors[0].stage;
            let at = Position::default();
            let mut error = Diagnostic::new(stage, last, at);
            error.locations.clear();
            self.errors.push(error);
        }
    }

    pub(crate) fn invalid<M: Into<String>>(&mut self, at: Position, message: impl FnOnce() -> M) {
        self.push(|| Diagnostic::new(Stage::Validate, message(), at));
    }

    pub(crate) fn into_errors(self) -> Vec<Diagnostic> {
        self.errors
    }
}
