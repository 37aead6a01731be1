//! Trusted documents: a server with a manifest runs only the documents in it.
//!
//! graphql-codegen's client preset and the Relay compiler write the manifest: a JSON object of the
//! text of each document by its id. Instead of a text a value may be an object of `text` and
//! `description`, which `roster check-documents` shows. The server does not interpret ids.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use api::StaffingDomain;
use async_graphql::ServerError;
use sea_level::{Documents, Limits};
use serde::Deserialize;
use serde_json::Value;

use crate::{envelope, error::Error};

/// The documents of a manifest.
pub struct Trusted {
    path: PathBuf,
    documents: BTreeMap<String, TrustedDocument>,
}

/// One document of a manifest.
#[derive(Deserialize)]
#[serde(untagged)]
enum TrustedDocument {
    Text(String),
    Described {
        text: String,
        #[serde(default)]
        description: String,
    },
}

impl TrustedDocument {
    fn text(&self) -> &str {
        let (Self::Text(text) | Self::Described { text, .. }) = self;
        text
    }
}

/// A document that does not run.
pub struct FaultyDocument<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its description; empty if the manifest has none.
    pub description: &'a str,
    /// The reasons.
    pub errors: Vec<ServerError>,
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
        let documents = documents.into_iter().map(|(id, value)| {
            let document = serde_json::from_value(value).map_err(|_| {
                unusable(format!(
                    "the value of {id:?} is neither a text nor an object with `text`"
                ))
            })?;
            Ok((id, document))
        });
        let documents = documents.collect::<Result<_, Error>>()?;
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
        self.documents.get(id).map(TrustedDocument::text)
    }

    /// Returns the documents that do not run on this schema and within these limits.
    pub fn faults(&self, limits: Limits) -> Vec<FaultyDocument<'_>> {
        let check = Documents::new::<StaffingDomain>(limits);
        let documents = self.documents.iter();
        documents
            .map(|(id, document)| FaultyDocument {
                id,
                description: match document {
                    TrustedDocument::Text(_) => "",
                    TrustedDocument::Described { description, .. } => description,
                },
                errors: check.faults(document.text()),
            })
            .filter(|document| !document.errors.is_empty())
            .collect()
    }

    /// Logs the number of documents, and of those that will fail.
    pub fn announce(&self, limits: Limits) {
        let path = self.path.display();
        tracing::info!(
            "only the {} documents of {path} run; text is refused, also that of the explorer and \
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
