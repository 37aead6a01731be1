//! Whether a document would run on this schema, told without a database: for documents that were
//! written down before, by clients that are out there.

use std::sync::Arc;

use async_graphql::{
    Response, ServerError, Value,
    extensions::{Extension, ExtensionContext, ExtensionFactory, NextExecute},
};
use futures_util::FutureExt;

use crate::{
    guard::Guard,
    limits::Limits,
    schema::{self, Built, Query},
};

/// Checks documents against the schema and the limits.
pub struct Documents {
    guard: Guard,
    schema: Built,
}

impl Documents {
    /// By these limits.
    pub fn new(limits: Limits) -> Self {
        Self {
            guard: Guard::new(&schema::sdl(), limits),
            schema: schema::builder(Query).extension(NeverRun).finish(),
        }
    }

    /// What keeps any operation of this text from running, whatever its variables are; nothing when
    /// all is well.
    pub fn faults(&self, text: &str) -> Vec<ServerError> {
        let operations = match self.guard.check_text(text) {
            Ok(operations) => operations,
            Err(refused) => return vec![*refused.error],
        };
        let mut faults: Vec<ServerError> = Vec::new();
        for operation in operations {
            let errors = match schema::once_each(&operation) {
                Ok(_) => {
                    let request = operation.to_request(operation.document().clone());
                    let validated = self.schema.execute(request).now_or_never();
                    // Nothing runs, so there is nothing to wait for.
                    validated.map(|response| response.errors)
                }
                Err(errors) => Some(errors),
            };
            for error in errors.unwrap_or_default() {
                // One that is in a fragment is an error of every operation.
                if !faults.contains(&error) {
                    faults.push(error);
                }
            }
        }
        faults
    }
}

/// Ends an operation when it has been validated.
struct NeverRun;

impl ExtensionFactory for NeverRun {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_graphql::async_trait::async_trait]
impl Extension for NeverRun {
    async fn execute(
        &self,
        _ctx: &ExtensionContext<'_>,
        _operation_name: Option<&str>,
        _next: NextExecute<'_>,
    ) -> Response {
        Response::new(Value::Null)
    }
}
