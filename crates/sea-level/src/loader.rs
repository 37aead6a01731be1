//! Data loader: many loads of one operation become one statement.
//!
//! A resolver calls [`Dispatcher::load`] and waits. The [driver](Dispatcher::drive) polls the operation.
//! When it can go no further, all loads of the level are pending, and each group of equal
//! loaders becomes one statement with all its keys. There is no timer, no spawned task and no leader
//! among the resolvers: the number of statements depends on the shape of the query alone.
//!
//! Two rules make it exact. Resolvers of queries wait for nothing but loads. And the next level
//! starts only when all statements of this one have ended.

mod driver;
#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

use std::{
    any::Any,
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, AtomicUsize, Ordering},
    },
    task::{Poll, Waker},
};

use futures_util::{FutureExt, Stream, StreamExt, future::BoxFuture, stream, task::AtomicWaker};

use driver::Driver;

use crate::{
    budget::{OperationBudget, within},
    error::{Error, Result},
    key::Key,
    mutex::lock,
    sql::Reader,
    statement_log::StatementLog,
};

/// Statements of one level that run at once, so that one operation cannot take the whole pool.
const STATEMENTS_AT_ONCE: usize = 4;

/// Statement for many keys. Equal loaders share it.
pub trait Loader: Clone + PartialEq + Send + Sync + 'static {
    /// Key of a value, mostly the parent's primary key.
    type Key: Key;
    /// Value for one key.
    type Value: Send + Sync + 'static;

    /// True if the loader runs before the rest of its level, whose values are then at least as new.
    const COMES_FIRST: bool = false;

    /// False if the loader sends no statement.
    const IS_STATEMENT: bool = true;

    /// Adds the columns that an equal loader requests.
    fn join(&self, _other: &Self) {}

    /// Loads the values of all keys, in their order, by one statement.
    fn load(
        &self,
        db: &Reader,
        keys: &[Self::Key],
    ) -> impl Future<Output = Result<Vec<Self::Value>>> + Send;
}

/// Pending loads of one operation.
pub struct Dispatcher {
    /// Budget of the operation, to which its statements charge rows.
    pub budget: Arc<OperationBudget>,
    level: Mutex<Vec<Arc<dyn AnyBatch>>>,
    statements: AtomicUsize,
    pub(crate) log: Option<StatementLog>,
}

impl Dispatcher {
    /// Creates the dispatcher of an operation with this budget, which logs its statements here.
    pub(crate) fn new(budget: Arc<OperationBudget>, log: Option<StatementLog>) -> Self {
        Self {
            budget,
            level: Mutex::default(),
            statements: AtomicUsize::default(),
            log,
        }
    }

    /// Loads the value of a key, in one statement with the equal loaders of its level.
    pub async fn load<L: Loader>(&self, loader: &L, key: L::Key) -> Result<Arc<L::Value>> {
        let (batch, index) = self.register(loader, key);
        poll_fn(|context| {
            let mut state = lock(&batch.state);
            match &state.values {
                Some(Ok(values)) => Poll::Ready(values.get(index).cloned().ok_or(Error::Internal)),
                Some(Err(error)) => Poll::Ready(Err(error.clone())),
                None => {
                    let waker = context.waker();
                    if !state
                        .waiting
                        .last()
                        .is_some_and(|last| last.will_wake(waker))
                    {
                        state.waiting.push(waker.clone());
                    }
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Waits for the end of the current level, so that the next load shares a statement with those of
    /// the next level.
    pub async fn end_of_level(&self) -> Result<()> {
        self.load(&EndOfLevel, 0).await.map(drop)
    }

    /// Drops pending loads, for which a failed event does not wait any more, and empties the log.
    pub fn clear(&self) {
        lock(&self.level).clear();
        if let Some(log) = &self.log {
            log.clear();
        }
    }

    /// Number of statements sent so far.
    pub fn statements(&self) -> usize {
        self.statements.load(Ordering::Relaxed)
    }

    fn register<L: Loader>(&self, loader: &L, key: L::Key) -> (Arc<PendingBatch<L>>, usize) {
        let mut level = lock(&self.level);
        // From the back: consecutive loads mostly have the same loader.
        let batch = level.iter().rev().find_map(|batch| {
            let batch = batch.clone().as_any().downcast::<PendingBatch<L>>().ok()?;
            (batch.loader == *loader).then_some(batch)
        });
        if let Some(batch) = &batch {
            batch.loader.join(loader);
        }
        let batch = batch.unwrap_or_else(|| {
            let batch = Arc::new(PendingBatch {
                loader: loader.clone(),
                state: Mutex::default(),
            });
            level.push(batch.clone());
            batch
        });
        let index = {
            let state = &mut *lock(&batch.state);
            *state.index.entry(key).or_insert_with(|| {
                state.keys.push(key);
                state.keys.len() - 1
            })
        };
        (batch, index)
    }

    /// Runs the operation and its loads, level by level. Dropping the future drops both.
    pub async fn drive<F: Future>(&self, db: &Reader, operation: F) -> F::Output {
        let mut operation = pin!(operation);
        let mut driver = Driver::new();
        poll_fn(|context| {
            driver.poll(
                context,
                |context| operation.as_mut().poll(context),
                || self.next_level(db),
            )
        })
        .await
    }

    /// Runs a subscription and its loads, level by level.
    pub fn drive_stream<S: Stream + Unpin>(
        self: Arc<Self>,
        db: &Reader,
        mut operation: S,
    ) -> impl Stream<Item = S::Item> + use<S> {
        let mut driver = Driver::new();
        let db = db.clone();
        stream::poll_fn(move |context| {
            driver.poll(
                context,
                |context| operation.poll_next_unpin(context),
                || self.next_level(&db),
            )
        })
    }

    /// Takes all pending loads. Their statements run while the returned future is polled.
    fn next_level(&self, db: &Reader) -> Option<BoxFuture<'static, ()>> {
        let level = std::mem::take(&mut *lock(&self.level));
        if level.is_empty() {
            return None;
        }
        let statements = level.iter().filter(|batch| batch.is_statement()).count();
        self.statements.fetch_add(statements, Ordering::Relaxed);
        if let Some(log) = &self.log {
            log.begin_level();
        }
        let db = db.with_log(self.log.clone());
        Some(run_level(level, db, self.budget.clone()).boxed())
    }
}

async fn run_level(level: Vec<Arc<dyn AnyBatch>>, db: Reader, budget: Arc<OperationBudget>) {
    if let [batch] = &*level {
        return within(budget, batch.clone().run(&db)).await;
    }
    let (first, rest): (Vec<_>, Vec<_>) = level.into_iter().partition(|batch| batch.comes_first());
    for batches in [first, rest] {
        stream::iter(batches)
            .for_each_concurrent(STATEMENTS_AT_ONCE, |batch| {
                within(budget.clone(), batch.run(&db))
            })
            .await;
    }
}

/// Loader that waits for the other loaders of its level.
#[derive(Clone, PartialEq)]
struct EndOfLevel;

impl Loader for EndOfLevel {
    type Key = i64;
    type Value = ();

    const IS_STATEMENT: bool = false;

    async fn load(&self, _: &Reader, keys: &[i64]) -> Result<Vec<()>> {
        Ok(vec![(); keys.len()])
    }
}

/// Loads of one level with equal loaders.
struct PendingBatch<L: Loader> {
    loader: L,
    state: Mutex<BatchState<L>>,
}

struct BatchState<L: Loader> {
    keys: Vec<L::Key>,
    index: foldhash::HashMap<L::Key, usize>,
    waiting: Vec<Waker>,
    values: Option<Result<Vec<Arc<L::Value>>>>,
}

impl<L: Loader> Default for BatchState<L> {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            index: foldhash::HashMap::default(),
            waiting: Vec::new(),
            values: None,
        }
    }
}

/// Type-erased [`PendingBatch`].
trait AnyBatch: Send + Sync {
    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
    fn comes_first(&self) -> bool;
    fn is_statement(&self) -> bool;
    fn run(self: Arc<Self>, db: &Reader) -> BoxFuture<'_, ()>;
}

impl<L: Loader> AnyBatch for PendingBatch<L> {
    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }

    fn comes_first(&self) -> bool {
        L::COMES_FIRST
    }

    fn is_statement(&self) -> bool {
        L::IS_STATEMENT
    }

    fn run(self: Arc<Self>, db: &Reader) -> BoxFuture<'_, ()> {
        async move {
            let keys = std::mem::take(&mut lock(&self.state).keys);
            let values = self.loader.load(db, &keys).await;
            let waiting = {
                let mut state = lock(&self.state);
                state.values =
                    Some(values.map(|values| values.into_iter().map(Arc::new).collect()));
                std::mem::take(&mut state.waiting)
            };
            waiting.into_iter().for_each(Waker::wake);
        }
        .boxed()
    }
}
