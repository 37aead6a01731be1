//! Checks of documents without a database, such as those of a manifest of trusted documents.

use async_graphql::ServerError;

use crate::{
    executor::{Domain, sdl},
    guard::Guard,
    limits::Limits,
};

/// Checks documents against a schema and limits.
pub struct Documents(Guard);

impl Documents {
    /// Creates the checks of a domain's schema.
    pub fn new<D: Domain>(limits: Limits) -> Self {
        Self(Guard::new(&sdl::<D>(), limits))
    }

    /// Returns the errors that keep an operation of the text from running, whatever its variables are.
    pub fn faults(&self, text: &str) -> Vec<ServerError> {
        self.0.faults(text)
    }
}
