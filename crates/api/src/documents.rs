//! Whether a document would run on this schema, told without a database: for documents that were
//! written down before, by clients that are out there.

use async_graphql::ServerError;

use crate::{guard::Guard, limits::Limits, schema};

/// Checks documents against the schema and the limits.
pub struct Documents(Guard);

impl Documents {
    /// By these limits.
    pub fn new(limits: Limits) -> Self {
        Self(Guard::new(&schema::sdl(), limits))
    }

    /// What keeps any operation of this text from running, whatever its variables are; nothing when
    /// all is well.
    pub fn faults(&self, text: &str) -> Vec<ServerError> {
        self.0.faults(text)
    }
}
