//! Budget of one operation: rows, values and bytes. It bounds memory independently of the estimated
//! cost. Rows are charged before they are kept.

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
    /// Budget of the operation whose statement runs. Not an argument, because every loader would have
    /// to pass it to the few functions that receive rows.
    static CURRENT: Arc<OperationBudget>;
}

/// Budget of one operation, and the charges so far.
#[derive(Debug)]
pub struct OperationBudget {
    most_rows: usize,
    rows: AtomicUsize,
    most_values: usize,
    values: AtomicUsize,
    most_bytes: usize,
    bytes: AtomicUsize,
    exceeded: AtomicBool,
}

impl OperationBudget {
    /// Creates an unused budget.
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

    /// Resets the charges, for the next event of a subscription.
    pub fn reset(&self) {
        self.rows.store(0, Ordering::Relaxed);
        self.values.store(0, Ordering::Relaxed);
        self.bytes.store(0, Ordering::Relaxed);
        self.exceeded.store(false, Ordering::Relaxed);
    }

    /// Number of rows loaded so far.
    pub fn loaded(&self) -> usize {
        self.rows.load(Ordering::Relaxed)
    }

    /// Number of rows that may still be loaded.
    pub fn rows_left(&self) -> usize {
        self.most_rows.saturating_sub(self.loaded())
    }

    /// Adds rows that a mutation has loaded within [`rows_left`](Self::rows_left).
    pub fn count_rows(&self, count: usize) {
        self.rows.fetch_add(count, Ordering::Relaxed);
    }

    /// True if a charge was refused. The whole response is refused then.
    pub fn is_exceeded(&self) -> bool {
        self.exceeded.load(Ordering::Relaxed)
    }

    /// Charges loaded rows; refuses those beyond the budget.
    fn charge_rows(&self, count: usize) -> Result<()> {
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

    /// Charges values of the response.
    pub fn charge_values(&self, count: usize, pos: Pos) -> Result<(), ServerError> {
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

    /// Charges bytes of JSON as they are written. Bytes of nested objects are charged once, where they
    /// are written first.
    pub fn charge_bytes(&self, count: usize, pos: Pos) -> Result<(), ServerError> {
        let before = self.bytes.fetch_add(count, Ordering::Relaxed);
        self.check_bytes(before.saturating_add(count), Some(pos))
    }

    /// Refuses a response of more bytes than the budget. For the parts that async-graphql writes, which
    /// are not charged while they are written.
    pub fn check_bytes(&self, bytes: usize, pos: Option<Pos>) -> Result<(), ServerError> {
        if bytes <= self.most_bytes {
            return Ok(());
        }
        self.exceeded.store(true, Ordering::Relaxed);
        Err(answer_too_large(self.most_bytes, pos))
    }
}

/// Creates the error for a response of more than `most` bytes.
pub(crate) fn answer_too_large(most: usize, pos: Option<Pos>) -> ServerError {
    let message = format!(
        "This answer would be larger than {most} bytes. Ask for smaller pages with `first`, or for \
         fewer fields."
    );
    limit_error("answer_bytes", most as u64, message, pos)
}

/// Runs a statement within the budget of its operation.
pub(crate) async fn within<F: Future>(budget: Arc<OperationBudget>, statement: F) -> F::Output {
    CURRENT.scope(budget, statement).await
}

/// Returns the LIMIT of a statement of the current operation: one more than the rows that are left, so
/// that an excess shows. Without a limit outside of an operation.
pub(crate) fn row_limit() -> usize {
    CURRENT
        .try_with(|budget| budget.rows_left() + 1)
        .unwrap_or(usize::MAX)
}

/// Charges rows to the current operation.
pub(crate) fn charge_rows(count: usize) -> Result<()> {
    CURRENT
        .try_with(|budget| budget.charge_rows(count))
        .unwrap_or(Ok(()))
}
