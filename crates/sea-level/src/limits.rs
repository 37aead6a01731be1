//! Limits of one operation, with units and defaults.

use language::DocumentLimits;

/// Items of a page when neither `first` nor `last` is given.
pub(crate) const DEFAULT_PAGE: u64 = 20;
/// Items that a page may have.
pub(crate) const LARGEST_PAGE: i32 = 1000;

/// Limits of one operation. An operation over any of them is refused with `LIMIT_EXCEEDED`, and the
/// error names the field of this struct or of [`DocumentLimits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Size and shape of the document and its variables, and the objects that it can return.
    pub document: DocumentLimits,
    /// Relations that a filter may go through; SQLite's parser takes no more than about four.
    pub filter_hops: usize,
    /// Conditions in all filters of the operation together.
    pub filter_conditions: usize,
    /// Rows that the operation may load.
    pub loaded: usize,
    /// Values (fields of objects, counted once for each object) that an answer may hold.
    pub answer_values: usize,
    /// Bytes of JSON that the data of an answer may take.
    pub answer_bytes: usize,
    /// Events of all subscriptions of a server that are resolved at the same time.
    pub events_at_once: usize,
    /// Bytes that the checked documents kept for the next time may take; 0 keeps none.
    pub document_cache: usize,
}

impl Limits {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        document: DocumentLimits::DEFAULT,
        filter_hops: 3,
        filter_conditions: 100,
        loaded: 100_000,
        answer_values: 2_000_000,
        answer_bytes: 32 << 20,
        events_at_once: 64,
        document_cache: 32 << 20,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
