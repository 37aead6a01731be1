//! Trusted documents: a server with a manifest runs only the documents in it.
//!
//! graphql-codegen's client preset and the Relay compiler write the manifest: a JSON object of the
//! text of each document by its id. The server does not interpret ids.

use std::{
    fs,
    path::{Path, PathBuf},
};

use api::StaffingDomain;
use async_graphql::ServerError;
use sea_level::{Documents, Limits};
use serde_json::{Map, Value};

use crate::{envelope, error::Error};

/// The documents of a manifest.
pub struct Trusted {
    path: PathBuf,
    documents: Map<String, Value>,
}

impl Trusted {
    /// Reads a manifest.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let unusable = |reason: String| Error::UnusableDocuments {
            path: path.to_owned(),
            reason,
        };
        let bytes = fs::read(path).map_err(|reason| unusable(reason.to_string()))?;
        let documents = match envelope::read(&bytes, 2).map_err(unusable)? {
            Value::Object(documents) if !documents.is_empty() => documents,
            Value::Object(_) => return Err(unusable("it is empty".to_owned())),
            _ => return Err(unusable("it is no object".to_owned())),
        };
        if let Some((id, _)) = documents.iter().find(|(_, value)| !value.is_string()) {
            return Err(unusable(format!("the value of {id:?} is no text")));
        }
        Ok(Self {
            path: path.to_owned(),
            documents,
        })
    }

    /// Returns the number of documents.
    pub fn count(&self) -> usize {
        self.documents.len()
    }

    /// Returns the document with this id.
    pub fn text(&self, id: &str) -> Option<&str> {
        self.documents.get(id)?.as_str()
    }

    /// Returns the documents that do not run on this schema and within these limits, with the errors.
    pub fn faults(&self, limits: Limits) -> Vec<(&str, Vec<ServerError>)> {
        let check = Documents::new::<StaffingDomain>(limits);
        let documents = self.documents.iter();
        documents
            .map(|(id, value)| {
                (
                    id.as_str(),
                    check.faults(value.as_str().unwrap_or_default()),
                )
            })
            .filter(|(_, faults)| !faults.is_empty())
            .collect()
    }

    /// Logs the number of documents, and of those that will fail.
    pub fn announce(&self, limits: Limits) {
        let path = self.path.display();
        tracing::info!(
            "only the {} documents of {path} run; text is refused, also that of the playground and \
             of introspection",
            self.count()
        );
        let faults = self.faults(limits).len();
        if faults > 0 {
            tracing::warn!(
                "{faults} of these documents will fail: `roster check-documents {path}` says why"
            );
        }
    }
}
