//! Response of an operation, with its cost.

use async_graphql::{Response, ServerError, Value, value};

use crate::{
    error::{PLAIN_MESSAGE, code, set},
    guard::Refused,
};

/// Response of an operation, or one event of a subscription.
#[derive(Debug)]
pub struct OperationResponse {
    /// Data and errors; every error has an `extensions.code`.
    pub response: Response,
    /// True if execution began. Otherwise the response has no `data`, not even null.
    pub executed: bool,
    /// Cost, if it is known.
    pub cost: Option<Cost>,
}

/// Cost of an operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Objects that it can return at most.
    pub requested: u64,
    /// Limit of `requested`.
    pub limit: u64,
    /// Rows that it has loaded.
    pub loaded: usize,
    /// Statements that it has sent.
    pub statements: usize,
}

impl OperationResponse {
    /// Response to a request that was refused before execution.
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

    /// Response of the resolvers. An error without a path means that execution did not begin.
    pub fn ran(mut response: Response, cost: Cost) -> Self {
        let executed = response.data != Value::Null
            || response.errors.iter().any(|error| !error.path.is_empty());
        for error in &mut response.errors {
            restore_message(error);
            if error_code(error).is_none() {
                // A value that passed coercion and that the type of its argument refuses.
                set(error, "code", code::BAD_USER_INPUT);
            }
        }
        Self {
            response,
            executed,
            cost: Some(cost),
        }
    }

    /// Response of an operation that an error without a field ended.
    pub fn failed(error: ServerError, cost: Option<Cost>) -> Self {
        Self {
            response: Response::from_errors(vec![error]),
            executed: true,
            cost,
        }
    }

    /// Reduces the response to its first error with this code.
    pub fn keep_only(&mut self, kind: &str) {
        self.response.data = Value::Null;
        self.response
            .errors
            .retain(|error| error_code(error) == Some(kind));
        self.response.errors.truncate(1);
    }

    /// Adds the cost to the extensions of the response.
    pub fn add_cost(&mut self) {
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

    /// Codes of the errors.
    pub fn codes(&self) -> impl Iterator<Item = &str> {
        self.response.errors.iter().filter_map(error_code)
    }
}

/// Returns the `extensions.code` of an error.
pub fn error_code(error: &ServerError) -> Option<&str> {
    match error.extensions.as_ref()?.get("code")? {
        Value::String(code) => Some(code),
        _ => None,
    }
}

/// Replaces a message to which the library has added the names of the enclosing types.
fn restore_message(error: &mut ServerError) {
    let Some(extensions) = &mut error.extensions else {
        return;
    };
    if let Some(Value::String(message)) = extensions.get(PLAIN_MESSAGE) {
        error.message = message.clone();
        extensions.unset(PLAIN_MESSAGE);
    }
}
