//! Names of documents in the log and in metrics: the hash of the document and the name of its operation.
//!
//! Metrics keep a series for each label, and a client may send any number of documents. So only trusted
//! documents and the first others get a label, and the rest share one.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Arc, OnceLock, PoisonError, RwLock},
    time::Duration,
};

use metrics::{Counter, Histogram, counter, histogram};
use sha2::{Digest, Sha256};

/// Labels of documents that are not trusted ones.
const MOST: usize = 200;

/// Value of both labels for all other documents.
const OTHER: &str = "other";

/// Labels of the documents that ran.
#[derive(Default)]
pub struct DocumentLabels {
    hasher: RandomState,
    /// By a keyed hash of text and name: texts may be long. Two texts that collide would share a label.
    labels: RwLock<Labels>,
    other: OnceLock<Arc<DocumentMetrics>>,
}

type Labels = HashMap<u64, Arc<DocumentLabel>>;

/// Label of an operation.
pub struct DocumentLabel {
    /// The id of a trusted document in its manifest, or else the SHA-256 of the text in hexadecimal.
    pub hash: Box<str>,
    figures: Arc<DocumentMetrics>,
}

/// Metrics of the operations with one label.
struct DocumentMetrics {
    seconds: Histogram,
    errors: Counter,
}

/// Document of a request, before its check.
pub enum LabelLookup {
    /// The document has run before.
    Known(Arc<DocumentLabel>),
    /// The document has no label yet.
    New {
        /// Key of its label.
        key: u64,
        /// See [`DocumentLabel::hash`].
        hash: String,
        /// True for a trusted document.
        is_trusted: bool,
    },
}

impl DocumentLabels {
    /// Looks up a document and the operation that the request names. `id` is that of a trusted document.
    pub fn find(&self, text: &str, name: Option<&str>, id: Option<String>) -> LabelLookup {
        let key = self.hasher.hash_one((text, name));
        let label = {
            let labels = self.labels.read().unwrap_or_else(PoisonError::into_inner);
            labels.get(&key).cloned()
        };
        if let Some(label) = label {
            return LabelLookup::Known(label);
        }
        let is_trusted = id.is_some();
        let hash = id.unwrap_or_else(|| format!("{:x}", Sha256::digest(text)));
        LabelLookup::New {
            key,
            hash,
            is_trusted,
        }
    }

    /// Returns the label of a document that runs, and of its operation.
    pub fn label(&self, document: LabelLookup, operation: Option<&str>) -> Arc<DocumentLabel> {
        let (key, hash, is_trusted) = match document {
            LabelLookup::Known(label) => return label,
            LabelLookup::New {
                key,
                hash,
                is_trusted,
            } => (key, hash, is_trusted),
        };
        let is_full = |labels: &Labels| !is_trusted && labels.len() >= MOST;
        let other = |hash: String| {
            let other = self
                .other
                .get_or_init(|| Arc::new(DocumentMetrics::new(OTHER, OTHER)));
            Arc::new(DocumentLabel {
                hash: hash.into(),
                figures: other.clone(),
            })
        };
        // Most documents beyond the first ones take the lock for reading only.
        if is_full(&self.labels.read().unwrap_or_else(PoisonError::into_inner)) {
            return other(hash);
        }
        let mut labels = self.labels.write().unwrap_or_else(PoisonError::into_inner);
        if is_full(&labels) {
            return other(hash);
        }
        // Another thread may have added it since.
        let label = labels.entry(key).or_insert_with(|| {
            Arc::new(DocumentLabel {
                figures: Arc::new(DocumentMetrics::new(&hash, operation.unwrap_or("-"))),
                hash: hash.into(),
            })
        });
        label.clone()
    }
}

impl DocumentLabel {
    /// Counts an operation.
    pub fn record(&self, took: Duration, has_errors: bool) {
        self.figures.seconds.record(took);
        if has_errors {
            self.figures.errors.increment(1);
        }
    }
}

impl DocumentMetrics {
    fn new(document: &str, operation: &str) -> Self {
        let labels = [
            ("document", document.to_owned()),
            ("operation", operation.to_owned()),
        ];
        Self {
            seconds: histogram!("roster_document_seconds", &labels),
            errors: counter!("roster_document_errors_total", &labels),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{DocumentLabels, MOST};

    #[test]
    fn trusted_documents_and_the_first_others_have_a_label_of_their_own() {
        let labels = DocumentLabels::default();
        let label = |text: &str, name, id: Option<&str>| {
            labels.label(labels.find(text, name, id.map(str::to_owned)), name)
        };
        let first = label("{ a }", None, None);
        assert_eq!(first.hash.len(), 64);
        assert!(Arc::ptr_eq(&first, &label("{ a }", None, None)));
        let named = label("{ a }", Some("A"), None);
        assert!(!Arc::ptr_eq(&first.figures, &named.figures));
        for number in 0..MOST {
            label(&number.to_string(), None, None);
        }
        let (late, later) = (label("x", None, None), label("y", None, None));
        assert!(Arc::ptr_eq(&late.figures, &later.figures));
        assert_ne!(late.hash, later.hash, "the log tells them apart");
        let trusted = label("z", None, Some("id"));
        assert_eq!(&*trusted.hash, "id");
        assert!(!Arc::ptr_eq(&trusted.figures, &late.figures));
        assert!(Arc::ptr_eq(&trusted, &label("z", None, Some("id"))));
    }
}
