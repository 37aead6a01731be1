//! How much an operation may still load and answer: what protects memory, whatever the estimate
//! said. Rows are counted before they are kept.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use async_graphql::{Pos, ServerError};

use crate::{
    error::{Error, Result, limit_error},
    limits::Limits,
};

tokio::task_local! {
    /// Of the operation whose statement runs. Not an argument, because every question would have
    /// to hand it through to the few places that know about rows.
    static CURRENT: Arc<Allowance>;
}

/// What one operation has taken of what it may.
#[derive(Debug)]
pub struct Allowance {
    most_rows: usize,
    rows: AtomicUsize,
    most_values: usize,
    values: AtomicUsize,
    most_bytes: usize,
    bytes: AtomicUsize,
    exceeded: AtomicBool,
}

impl Allowance {
    /// All of it is left.
    pub fn new(limits: &Limits) -> Self {
        Self {
            most_rows: limits.loaded,
            rows: AtomicUsize::default(),
            most_values: limits.answer_values,
            values: AtomicUsize::default(),
            most_bytes: limits.answer_bytes,
            bytes: AtomicUsize::default(),
            exceeded: AtomicBool::default(),
        }
    }

    /// All of it is left again, for the next event of a subscription.
    pub fn renew(&self) {
        self.rows.store(0, Ordering::Relaxed);
        self.values.store(0, Ordering::Relaxed);
        self.bytes.store(0, Ordering::Relaxed);
        self.exceeded.store(false, Ordering::Relaxed);
    }

    /// Rows loaded so far.
    pub fn loaded(&self) -> usize {
        self.rows.load(Ordering::Relaxed)
    }

    /// How many rows may still be loaded.
    pub fn rows_left(&self) -> usize {
        self.most_rows.saturating_sub(self.loaded())
    }

    /// Counts rows that a mutation has loaded, after it has compared them with what was left.
    pub fn count_rows(&self, count: usize) {
        self.rows.fetch_add(count, Ordering::Relaxed);
    }

    /// Whether something was refused; then the whole answer is.
    pub fn is_exceeded(&self) -> bool {
        self.exceeded.load(Ordering::Relaxed)
    }

    /// Counts rows that were loaded; an error when they are too many to be kept.
    fn take_rows(&self, count: usize) -> Result<()> {
        let before = self.rows.fetch_add(count, Ordering::Relaxed);
        if before.saturating_add(count) <= self.most_rows {
            return Ok(());
        }
        self.exceeded.store(true, Ordering::Relaxed);
        Err(Error::LimitExceeded {
            limit: "loaded",
            most: self.most_rows,
            message: format!(
                "This operation loads more than {} rows. Ask for smaller pages with `first`, or \
                 for fewer levels at once.",
                self.most_rows
            ),
        })
    }

    /// Counts values that are about to be answered.
    pub fn take_values(&self, count: usize, pos: Pos) -> Result<(), ServerError> {
        let before = self.values.fetch_add(count, Ordering::Relaxed);
        if before.saturating_add(count) <= self.most_values {
            return Ok(());
        }
        self.exceeded.store(true, Ordering::Relaxed);
        let message = format!(
            "This answer would hold more than {} values. Ask for smaller pages with `first`, or \
             for fewer fields.",
            self.most_values
        );
        Err(limit_error(
            "answer_values",
            self.most_values as u64,
            message,
            Some(pos),
        ))
    }

    /// Counts bytes of JSON as they are written. The bytes of nested objects count once, where they
    /// are written first.
    pub fn take_bytes(&self, count: usize, pos: Pos) -> Result<(), ServerError> {
        let before = self.bytes.fetch_add(count, Ordering::Relaxed);
        self.check_bytes(before.saturating_add(count), Some(pos))
    }

    /// Refuses an answer of this many bytes if they are too many. For the parts that async-graphql
    /// writes, which are not counted while they are written.
    pub fn check_bytes(&self, bytes: usize, pos: Option<Pos>) -> Result<(), ServerError> {
        if bytes <= self.most_bytes {
            return Ok(());
        }
        self.exceeded.store(true, Ordering::Relaxed);
        Err(answer_too_large(self.most_bytes, pos))
    }
}

/// An answer would have more than `most` bytes.
pub fn answer_too_large(most: usize, pos: Option<Pos>) -> ServerError {
    let message = format!(
        "This answer would be larger than {most} bytes. Ask for smaller pages with `first`, or for \
         fewer fields."
    );
    limit_error("answer_bytes", most as u64, message, pos)
}

/// Runs a statement of the operation that this belongs to.
pub async fn within<F: Future>(allowance: Arc<Allowance>, statement: F) -> F::Output {
    CURRENT.scope(allowance, statement).await
}

/// How many rows the statement may bring, for its LIMIT: one more tells that it was too few.
/// Outside of an operation it may bring any number.
pub fn most_rows() -> usize {
    CURRENT
        .try_with(|allowance| allowance.rows_left() + 1)
        .unwrap_or(usize::MAX)
}

/// Counts rows that the statement has brought.
pub fn take_rows(count: usize) -> Result<()> {
    CURRENT
        .try_with(|allowance| allowance.take_rows(count))
        .unwrap_or(Ok(()))
}
