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
use sea_orm::DbErr;
use tokio::runtime::Handle;

use super::{Abort, EventLog, Mutation, Outcome, Write, optimistic::Optimistic};
use crate::{
    auth::Viewer,
    budget::OperationBudget,
    error::database_code,
    scalar::DateTime,
    sql::{Transaction, Transactions, pool::Fault},
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
    /// Whether mutations of one row are carried out without a transaction where that is possible.
    pub(super) is_optimistic: bool,
}

impl<L: EventLog> Writer<L> {
    pub(super) async fn run<M: Mutation<Log = L>>(
        &self,
        mutation: &M,
    ) -> Result<(Outcome<M>, WrittenRows), DbErr> {
        if self.is_optimistic
            && mutation.writes_one_row()
            && let Some(connection) = self.transactions.without_transaction().await?
            && let Some(outcome) = self.attempt_without_transaction(mutation, connection).await
        {
            return outcome;
        }
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
        let mut write = self.write(self.transactions.begin().await?, None);
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

    /// Carries out a mutation of one row by statements that commit by themselves. `None` if nothing was written
    /// and it must run in a transaction.
    async fn attempt_without_transaction<M: Mutation<Log = L>>(
        &self,
        mutation: &M,
        connection: Transaction,
    ) -> Option<Result<(Outcome<M>, WrittenRows), DbErr>> {
        let optimistic = Optimistic {
            actor: self.viewer.subject.as_deref().map(str::to_owned),
            ..Optimistic::default()
        };
        let mut write = self.write(connection, Some(optimistic));
        let done = mutation.run(&mut write).await;
        let Write {
            transaction,
            events,
            written,
            loaded,
            optimistic,
            ..
        } = write;
        let may_be_written = optimistic.is_some_and(|optimistic| optimistic.may_be_written);
        match &done {
            // A dead connection is closed instead.
            Err(Abort::Failed(error)) if Fault::of_db(error) != Fault::Statement => {}
            _ => transaction.release(),
        }
        if may_be_written {
            self.budget.count_rows(loaded);
            // After an error the outcome is unknown.
            self.log.wake();
        }
        match done {
            Ok(done) if events.is_empty() => Some(Ok((Ok(done), written))),
            Err(Abort::Refused(refusal)) => Some(Ok((Err(refusal), WrittenRows::default()))),
            Err(Abort::Failed(error)) if may_be_written => Some(Err(error)),
            Ok(_) if may_be_written => {
                let message = "an event was recorded beside the row that was written";
                Some(Err(DbErr::Custom(message.to_owned())))
            }
            _ => None,
        }
    }

    fn write(&self, transaction: Transaction, optimistic: Option<Optimistic>) -> Write<L> {
        Write {
            transaction,
            transactions: self.transactions.clone(),
            now: self.now,
            events: Vec::new(),
            written: WrittenRows::default(),
            rows_left: self.budget.rows_left(),
            loaded: 0,
            optimistic,
        }
    }
}

/// True if another attempt may succeed: the transaction conflicted with another one, another one wrote
/// between its read and its write, or the connection has plans older than the tables.
pub(super) fn is_retryable(error: &DbErr) -> bool {
    // Serialisation failure and deadlock; unique and foreign key violation; “cached plan must not
    // change result type”. SQLite's codes have other forms, and it has one writer.
    database_code(error)
        .is_some_and(|code| matches!(&*code, "40001" | "40P01" | "23505" | "23503" | "0A000"))
}
