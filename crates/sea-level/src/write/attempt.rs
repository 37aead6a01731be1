//! Attempts of a transaction: begin, retry, event log, commit.

use std::{
    future::Future,
    hash::{BuildHasher, Hasher, RandomState},
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use futures_util::future::BoxFuture;
use sea_orm::{DbErr, RuntimeErr, SqlxError};
use tokio::runtime::Handle;

use super::{Abort, EventLog, Mutation, Outcome, Write};
use crate::{
    auth::Viewer,
    budget::OperationBudget,
    scalar::DateTime,
    sql::{Transactions, pool::Fault},
    written::WrittenRows,
};

/// Attempts of a transaction that conflicts with others.
const ATTEMPTS: u32 = 3;

/// Future that moves itself to a spawned task when dropped, so that a started transaction always
/// completes.
pub(super) struct SpawnOnDrop<T: Send + 'static>(pub(super) Option<BoxFuture<'static, T>>);

impl<T: Send> Future for SpawnOnDrop<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<T> {
        // Taken out, so that a panic ends it.
        let Some(mut future) = self.0.take() else {
            return Poll::Pending;
        };
        let polled = future.as_mut().poll(context);
        if polled.is_pending() {
            self.0 = Some(future);
        }
        polled
    }
}

impl<T: Send> Drop for SpawnOnDrop<T> {
    fn drop(&mut self) {
        if let (Some(future), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(future);
        }
    }
}

pub(super) struct Writer<L> {
    pub(super) transactions: Transactions,
    pub(super) log: L,
    pub(super) viewer: Viewer,
    pub(super) now: DateTime,
    pub(super) budget: Arc<OperationBudget>,
}

impl<L: EventLog> Writer<L> {
    pub(super) async fn run<M: Mutation<Log = L>>(
        &self,
        mutation: &M,
    ) -> Result<(Outcome<M>, WrittenRows), DbErr> {
        let mut attempt = 1;
        loop {
            match self.attempt(mutation).await {
                Err(error) if attempt < ATTEMPTS && is_retryable(&error) => {
                    // Jitter lets one of two conflicting transactions go first.
                    let jitter = RandomState::new().build_hasher().finish() % 20;
                    let pause = Duration::from_millis(u64::from(attempt) * 10 + jitter);
                    tokio::time::sleep(pause).await;
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    async fn attempt<M: Mutation<Log = L>>(
        &self,
        mutation: &M,
    ) -> Result<(Outcome<M>, WrittenRows), DbErr> {
        let mut write = Write {
            transaction: self.transactions.begin().await?,
            transactions: self.transactions.clone(),
            now: self.now,
            events: Vec::new(),
            written: WrittenRows::default(),
            rows_left: self.budget.rows_left(),
            loaded: 0,
        };
        let done = match mutation.run(&mut write).await {
            Ok(done) => done,
            Err(Abort::Refused(refusal)) => {
                write.transaction.rollback().await?;
                return Ok((Err(refusal), WrittenRows::default()));
            }
            Err(Abort::Failed(error)) => {
                // Closing a dead connection rolls back too, without another wait.
                if Fault::of_db(&error) == Fault::Statement {
                    let _ = write.transaction.rollback().await;
                }
                return Err(error);
            }
        };
        if write.events.is_empty() {
            write.transaction.rollback().await?;
        } else {
            L::append(&write.events, &self.viewer, &write.transaction).await?;
            let committed = write.transaction.commit().await;
            self.budget.count_rows(write.loaded);
            // After an error the outcome is unknown.
            self.log.wake();
            committed?;
        }
        Ok((Ok(done), write.written))
    }
}

/// True if another attempt may succeed: the transaction conflicted with another one, another one wrote
/// between its read and its write, or the connection has plans older than the tables.
fn is_retryable(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) =
        error
    else {
        return false;
    };
    let SqlxError::Database(error) = &**error else {
        return false;
    };
    // Serialisation failure and deadlock; unique and foreign key violation; “cached plan must not
    // change result type”. SQLite's codes have other forms, and it has one writer.
    error
        .code()
        .is_some_and(|code| matches!(&*code, "40001" | "40P01" | "23505" | "23503" | "0A000"))
}
