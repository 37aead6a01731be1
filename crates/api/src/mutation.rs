//! How a mutation runs: one root field, one transaction, which writes all of it or nothing.
//!
//! Input objects say in [`Mutation::run`] what they do, with a [`Write`] in their hands: look at the
//! input, load and lock what they touch, write, and [record](Write::record) what has changed. Begin, retry, the change feed,
//! commit and the wake-up of the subscribers are here, and nowhere else.
//!
//! Locks, on PostgreSQL, are taken in one order, so that mutations wait for each other and do not
//! meet head-on: employees, projects, meetings, assignments, each by ascending id. Whoever writes
//! an assignment holds its employee, and whoever renames one, by a trigger, its assignments; whoever
//! makes or removes a link to a meeting holds the meeting. SQLite has one writer, and `BEGIN IMMEDIATE`
//! makes it wait at the beginning.

mod write;

use std::{
    future::Future,
    hash::{BuildHasher, Hasher, RandomState},
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use async_graphql::Context;
use entity::change::Kind;
use futures_util::{FutureExt, future::BoxFuture};
use sea_orm::{DbErr, IntoActiveModel, RuntimeErr, SqlxError};
use tokio::runtime::Handle;

use crate::{
    allowance::Allowance,
    changes::NewChange,
    context::{Database, Record, batch, find},
    error::Result,
    feed::Feed,
    known::Known,
    nodes::Object,
    pool::Fault,
    scalar::DateTime,
    schema::Node,
    user_error::UserError,
};

pub use write::{Wanted, Write, same};

/// How often a transaction is tried that others get in the way of.
const TRIES: u32 = 3;

/// An input object that knows how to carry itself out.
pub trait Mutation: Send + Sync + 'static {
    /// What the payload is made of.
    type Done: Send + 'static;

    /// Does it, or says why not. May be run again from the start, in another transaction.
    fn run(&self, write: &mut Write<'_>) -> impl Future<Output = Result<Self::Done, Stop>> + Send;
}

/// What came of a mutation: it was done, or here is why it was refused.
pub type Outcome<T> = Result<T, Vec<UserError>>;

/// Why a transaction ends without a commit.
pub enum Stop {
    /// The user can put it right: see the errors of the [`Write`].
    Refused,
    /// The database failed.
    Failed(DbErr),
}

impl From<DbErr> for Stop {
    fn from(error: DbErr) -> Self {
        Self::Failed(error)
    }
}

/// An entity that mutations change.
pub trait Versioned: Record<Object: Into<Node>, Model: IntoActiveModel<Self::ActiveModel>> {
    /// What a person calls it.
    const NAME: &'static str;

    /// The version of a row.
    fn version(model: &mut Self::Model) -> &mut i32;

    /// What the feed says of it.
    fn change(kind: Kind, model: &Self::Model) -> NewChange;
}

/// Carries out a mutation; what it returns has been committed, or refused.
///
/// A client that goes away, or a timeout, does not cut the transaction between its writes and the
/// word that they are safe.
pub async fn mutate<M: Mutation>(ctx: &Context<'_>, input: M) -> Result<Outcome<M::Done>> {
    let batch = batch(ctx);
    // Fields run one after the other: the payload of the one before has been answered.
    batch.know(Known::default());
    let writer = Writer {
        database: ctx.data_unchecked::<Database>().clone(),
        feed: ctx.data_unchecked::<Feed>().clone(),
        now: batch.now(),
        allowance: batch.allowance.clone(),
    };
    let carried_out = async move { writer.carry_out(&input).await };
    let (outcome, known) = ToTheEnd(Some(carried_out.boxed())).await?;
    batch.know(known);
    Ok(outcome)
}

/// What goes on in a task of its own when nobody waits for it any more.
struct ToTheEnd<T: Send + 'static>(Option<BoxFuture<'static, T>>);

impl<T: Send> Future for ToTheEnd<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<T> {
        // Taken out, so that it does not go on when it panics.
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

impl<T: Send> Drop for ToTheEnd<T> {
    fn drop(&mut self) {
        if let (Some(future), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(future);
        }
    }
}

struct Writer {
    database: Database,
    feed: Feed,
    now: DateTime,
    allowance: Arc<Allowance>,
}

impl Writer {
    async fn carry_out<M: Mutation>(&self, input: &M) -> Result<(Outcome<M::Done>, Known), DbErr> {
        let mut tries = 1;
        loop {
            match self.attempt(input).await {
                Err(error) if tries < TRIES && was_in_the_way(&error) => {
                    // Of two that met, one shall be quicker this time.
                    let jitter = RandomState::new().build_hasher().finish() % 20;
                    let pause = Duration::from_millis(u64::from(tries) * 10 + jitter);
                    tokio::time::sleep(pause).await;
                    tries += 1;
                }
                outcome => return outcome,
            }
        }
    }

    async fn attempt<M: Mutation>(&self, input: &M) -> Result<(Outcome<M::Done>, Known), DbErr> {
        let mut write = Write {
            transaction: self.database.transactions.begin().await?,
            transactions: &self.database.transactions,
            now: self.now,
            errors: Vec::new(),
            changes: Vec::new(),
            known: Known::default(),
            rows_left: self.allowance.rows_left(),
            loaded: 0,
        };
        let done = match input.run(&mut write).await {
            Ok(done) => done,
            Err(Stop::Refused) => {
                write.transaction.rollback().await?;
                return Ok((Err(write.errors), Known::default()));
            }
            Err(Stop::Failed(error)) => {
                // A dead connection is closed, which rolls back, too, without another wait.
                if Fault::of_db(&error) == Fault::Statement {
                    let _ = write.transaction.rollback().await;
                }
                return Err(error);
            }
        };
        if write.changes.is_empty() {
            write.transaction.rollback().await?;
        } else {
            NewChange::append(&write.changes, &write.transaction).await?;
            let committed = write.transaction.commit().await;
            self.allowance.count_rows(write.loaded);
            // After an error it may have been committed all the same.
            self.feed.wake();
            committed?;
        }
        Ok((Ok(done), write.known))
    }
}

/// Whether the same transaction may succeed when it is run again: it met another one, another one
/// wrote between its look and its write, or its connection has plans older than the tables.
fn was_in_the_way(error: &DbErr) -> bool {
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

/// What a mutation wrote, as it left it. What it touched without having its row in its hands is read
/// after the commit; null when someone has deleted it since.
pub async fn written<E: Record>(
    ctx: &Context<'_>,
    key: Option<i64>,
) -> Option<Result<Object<E::Object>>> {
    let found = find::<E>(ctx, key?).await.transpose()?;
    Some(found.map(|found| Object(found.into())))
}

/// The same for many, without those that are gone.
pub async fn all_written<E: Record>(
    ctx: &Context<'_>,
    keys: &[i64],
) -> Result<crate::nodes::Nodes<E::Object>> {
    let found = keys.iter().map(|key| find::<E>(ctx, *key));
    let found = futures_util::future::try_join_all(found).await?;
    Ok(crate::nodes::Nodes(
        found.into_iter().flatten().map(Into::into).collect(),
    ))
}

/// The payload of a mutation: `userErrors`, and what it has of its own.
macro_rules! payload {
    (
        $(#[$doc:meta])*
        $name:ident of $done:ty {
            $($own:tt)*
        }
    ) => {
        $(#[$doc])*
        pub struct $name($crate::mutation::Outcome<$done>);

        impl From<$crate::mutation::Outcome<$done>> for $name {
            fn from(outcome: $crate::mutation::Outcome<$done>) -> Self {
                Self(outcome)
            }
        }

        #[async_graphql::Object]
        $(#[$doc])*
        impl $name {
            $($own)*

            /// Why it was refused; empty when it was done.
            async fn user_errors(&self) -> &[$crate::user_error::UserError] {
                self.0.as_ref().err().map_or(&[], Vec::as_slice)
            }
        }
    };
}
pub(crate) use payload;
