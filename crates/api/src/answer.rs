//! What comes back from an operation: the response, whether it ran, and what it took.

use async_graphql::{Response, ServerError, Value, value};

use crate::{
    error::{NO_NULL, set},
    guard::Refused,
};

/// The answer to an operation, or one event of a subscription.
#[derive(Debug)]
pub struct Answer {
    /// Data and errors; every error has an `extensions.code`.
    pub response: Response,
    /// Whether execution began. When not, there is no data to speak of, not even null.
    pub executed: bool,
    /// What it took, where that is known.
    pub cost: Option<Cost>,
}

/// What an operation takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// How many objects it can return at most.
    pub requested: u64,
    /// How many objects it may be able to return.
    pub limit: u64,
    /// How many rows it has loaded.
    pub loaded: usize,
    /// How many statements that took.
    pub statements: usize,
}

impl Answer {
    /// Nothing ran.
    pub fn refused(refused: Refused, limit: u64) -> Self {
        Self {
            response: Response::from_errors(refused.errors),
            executed: false,
            cost: refused.cost.map(|requested| Cost {
                requested,
                limit,
                ..Cost::default()
            }),
        }
    }

    /// What the resolvers answered. An error without a path is one that kept everything from running.
    pub fn ran(mut response: Response, cost: Cost) -> Self {
        let executed = response.data != Value::Null
            || response.errors.iter().any(|error| !error.path.is_empty());
        for error in &mut response.errors {
            // The library tells every type on the way, outermost first: it says nothing more.
            if error.message.contains(NO_NULL) {
                NO_NULL.clone_into(&mut error.message);
            }
            if code(error).is_none() {
                set(error, "code", missing_code(&error.message));
            }
        }
        Self {
            response,
            executed,
            cost: Some(cost),
        }
    }

    /// Ended by an error that belongs to no field, while it ran.
    pub fn failed(error: ServerError, cost: Option<Cost>) -> Self {
        Self {
            response: Response::from_errors(vec![error]),
            executed: true,
            cost,
        }
    }

    /// Takes everything back but the first error of this kind.
    pub fn keep_only(&mut self, kind: &str) {
        self.response.data = Value::Null;
        self.response
            .errors
            .retain(|error| code(error) == Some(kind));
        self.response.errors.truncate(1);
    }

    /// Puts the cost into the response.
    pub fn tell_cost(&mut self) {
        if let Some(cost) = self.cost {
            let cost = value!({
                "requested": cost.requested,
                "limit": cost.limit,
                "loaded": cost.loaded,
                "statements": cost.statements,
            });
            self.response.extensions.insert("cost".to_owned(), cost);
        }
    }

    /// The codes of its errors.
    pub fn codes(&self) -> impl Iterator<Item = &str> {
        self.response.errors.iter().filter_map(code)
    }
}

/// What kind of failure the error says it is.
pub fn code(error: &ServerError) -> Option<&str> {
    match error.extensions.as_ref()?.get("code")? {
        Value::String(code) => Some(code),
        _ => None,
    }
}

fn missing_code(message: &str) -> &'static str {
    if message.starts_with("internal:") {
        "INTERNAL"
    } else {
        // A value of an argument that its type does not take.
        "BAD_USER_INPUT"
    }
}
