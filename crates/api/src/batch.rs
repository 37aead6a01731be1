//! How many lookups become one statement: the driver and its lots.
//!
//! Resolvers ask [`Batch::load`] and wait. The [driver](Batch::drive) polls the operation; when it
//! can go no further, every lookup of the level has been asked, and each lot, which holds the
//! lookups that differ in their key only, becomes one statement. No timer, no spawned task, no
//! leader among the resolvers: the number of statements depends on the shape of the query alone. A
//! single row may be [looked up with those of other operations](crate::together).
//!
//! Two rules make it exact. Resolvers of queries wait for nothing but lookups. And the next level
//! starts only when every statement of this one has ended.

mod driver;
#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

use std::{
    any::Any,
    collections::HashMap,
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering},
    },
    task::{Poll, Waker},
};

use async_graphql::{Context, ServerError, Value};
use chrono::SubsecRound;
use futures_util::{FutureExt, Stream, StreamExt, future::BoxFuture, stream, task::AtomicWaker};

use driver::Driver;

use crate::{
    allowance::{Allowance, within},
    compat::{Executable, Introspection, Plan, number},
    context::{Found, Record},
    error::{Error, Result},
    feed::Delivery,
    filter::{AnyFilter, FilterLimits},
    known::Known,
    limits::Limits,
    reader::Reader,
    rows::Key,
    scalar::DateTime,
};

/// How many statements of one level run at once, so that one operation cannot take the whole pool.
const STATEMENTS_AT_ONCE: usize = 4;

/// What is asked of the database for many keys at once. Questions that are equal share a statement.
pub trait Question: Clone + PartialEq + Send + Sync + 'static {
    /// What the answers are told apart by, most often the parent's key.
    type Key: Key;
    /// What is found for one key.
    type Answer: Send + Sync + 'static;

    /// Whether it is asked before the rest of its level, which is then at least as new.
    const COMES_FIRST: bool = false;

    /// Whether the database is asked at all.
    const IS_STATEMENT: bool = true;

    /// Another one asks the same, and may want more of each answer.
    fn join(&self, _other: &Self) {}

    /// The answers for all keys, in their order, by ONE statement.
    fn ask(
        &self,
        db: &Reader,
        keys: &[Self::Key],
    ) -> impl Future<Output = Result<Vec<Self::Answer>>> + Send;
}

/// The lookups of one operation.
pub struct Batch {
    now: Mutex<DateTime>,
    known: Mutex<Known>,
    level: Mutex<Vec<Arc<dyn AnyLot>>>,
    statements: AtomicUsize,
    vanished: AtomicBool,
    /// What the operation may still load.
    pub allowance: Arc<Allowance>,
    filter_limits: FilterLimits,
    filtered_fields: Mutex<FilteredFields>,
    /// What may be left out on the way to the same answer.
    pub shortcuts: Shortcuts,
    operation: Arc<Executable>,
    introspection: Introspection,
    /// Objects made from the arguments of a field, shared by its parents, by number of the field.
    shared: Mutex<foldhash::HashMap<usize, Arc<dyn Any + Send + Sync>>>,
    /// The event that is being resolved, of a subscription.
    pub delivery: Delivery,
}

/// What makes answers fast and not different, so that it can be left out to see that it does not.
#[derive(Clone, Copy, Debug)]
pub struct Shortcuts {
    /// Scalar fields are read on the spot.
    pub leaves: bool,
    /// Objects become text as they are read.
    pub text: bool,
    /// Columns that nothing selected reads are left out.
    pub columns: bool,
    /// A page is read from its place, where the links have a copy of what it is sorted by.
    pub listed: bool,
    /// Single rows are looked up together with other operations.
    pub together: bool,
}

impl Shortcuts {
    /// As operations run.
    pub const ALL: Self = Self {
        leaves: true,
        text: true,
        columns: true,
        listed: true,
        together: true,
    };
}

/// Results of the filter checks by number of the field, and conditions of all filters together.
#[derive(Default)]
struct FilteredFields {
    fields: HashMap<usize, Result<()>>,
    conditions: usize,
}

impl Batch {
    /// Of an operation with these limits.
    pub fn new(
        limits: &Limits,
        shortcuts: Shortcuts,
        operation: Arc<Executable>,
        introspection: Introspection,
    ) -> Self {
        Self {
            now: Mutex::new(clock()),
            known: Mutex::default(),
            level: Mutex::default(),
            statements: AtomicUsize::default(),
            vanished: AtomicBool::default(),
            allowance: Arc::new(Allowance::new(limits)),
            filter_limits: FilterLimits {
                hops: limits.filter_hops,
                conditions: limits.filter_conditions,
            },
            filtered_fields: Mutex::default(),
            shortcuts,
            operation,
            introspection,
            shared: Mutex::default(),
            delivery: Delivery::default(),
        }
    }

    /// «Now» is one instant for the whole operation.
    pub fn now(&self) -> DateTime {
        *lock(&self.now)
    }

    /// Resets the state of the operation (clock, row budget, pending loads) for the next event of a
    /// subscription.
    pub fn reset_for_next_event(&self) {
        *lock(&self.now) = clock();
        self.allowance.renew();
        // What an event that failed has asked and no longer waits for.
        lock(&self.level).clear();
        lock(&self.shared).clear();
        *lock(&self.filtered_fields) = FilteredFields::default();
    }

    /// From here on these rows are known, and no others.
    pub fn know(&self, rows: Known) {
        *lock(&self.known) = rows;
    }

    /// The row with this key, if it is known, at the time at which others are read: what is asked of
    /// it next shares a statement with what is asked of them.
    pub async fn known<E: Record>(&self, key: i64) -> Result<Option<Found<E>>> {
        let row = lock(&self.known).get(key);
        if row.is_some() {
            self.load(&EndOfLevel, 0).await?;
        }
        Ok(row)
    }

    /// Returns the plan of the selection set of the field with this number.
    pub(crate) fn plan(&self, number: usize) -> &Plan {
        &self.operation.plans[number]
    }

    /// Returns the answer to `__schema` or `__type` in this field.
    pub(crate) fn introspected(&self, ctx: &Context<'_>) -> Option<&Result<Value, ServerError>> {
        let number = field_number(ctx);
        let mut answers = self.introspection.iter();
        answers
            .find(|(field, _)| *field == number)
            .map(|(_, answer)| answer)
    }

    /// Returns the object that another parent has made from the arguments of this field.
    pub fn shared<S: Any + Send + Sync>(&self, ctx: &Context<'_>) -> Option<Arc<S>> {
        let shared = lock(&self.shared).get(&field_number(ctx))?.clone();
        shared.downcast().ok()
    }

    /// Keeps an object made from the arguments of this field for the other parents.
    pub fn share<S: Any + Send + Sync>(&self, ctx: &Context<'_>, made: Arc<S>) {
        lock(&self.shared).insert(field_number(ctx), made);
    }

    /// Returns the object shared by all parents of the field, made by the first of them.
    pub fn shared_or<S: Any + Send + Sync>(
        &self,
        ctx: &Context<'_>,
        make: impl FnOnce() -> S,
    ) -> Arc<S> {
        self.shared(ctx).unwrap_or_else(|| {
            let made = Arc::new(make());
            self.share(ctx, made.clone());
            made
        })
    }

    /// Refuses filters that are wrong or too large before a statement is sent. A field is looked at
    /// once, however many parents it has.
    pub fn check_filters(
        &self,
        ctx: &Context<'_>,
        filters: [Option<(&str, &dyn AnyFilter)>; 2],
    ) -> Result<()> {
        if filters.iter().all(Option::is_none) {
            return Ok(());
        }
        let FilteredFields { fields, conditions } = &mut *lock(&self.filtered_fields);
        let most = self.filter_limits.conditions;
        let check = || {
            for (argument, filter) in filters.into_iter().flatten() {
                *conditions += filter.check(argument, self.filter_limits)?;
                if *conditions > most {
                    return Err(Error::bad_input(
                        argument,
                        format!(
                            "The filters of one operation can have at most {most} conditions in all."
                        ),
                    ));
                }
            }
            Ok(())
        };
        fields
            .entry(field_number(ctx))
            .or_insert_with(check)
            .clone()
    }

    /// The answer to the question for this key, once the level has been asked.
    pub async fn load<Q: Question>(&self, question: &Q, key: Q::Key) -> Result<Arc<Q::Answer>> {
        let (lot, index) = self.register(question, key);
        poll_fn(|context| {
            let mut state = lock(&lot.state);
            match &state.answers {
                Some(Ok(answers)) => {
                    Poll::Ready(answers.get(index).cloned().ok_or(Error::Internal))
                }
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

    /// A row is gone that another row, read before, refers to.
    pub fn vanished(&self) -> Error {
        self.vanished.store(true, Ordering::Relaxed);
        Error::Vanished
    }

    /// Whether the operation is worth running again.
    pub fn something_vanished(&self) -> bool {
        self.vanished.load(Ordering::Relaxed)
    }

    /// How many statements have been sent so far.
    pub fn statements(&self) -> usize {
        self.statements.load(Ordering::Relaxed)
    }

    fn register<Q: Question>(&self, question: &Q, key: Q::Key) -> (Arc<Lot<Q>>, usize) {
        let mut level = lock(&self.level);
        // From the back: the lot asked last is most often the one.
        let lot = level.iter().rev().find_map(|lot| {
            let lot = lot.clone().as_any().downcast::<Lot<Q>>().ok()?;
            (lot.question == *question).then_some(lot)
        });
        if let Some(lot) = &lot {
            lot.question.join(question);
        }
        let lot = lot.unwrap_or_else(|| {
            let lot = Arc::new(Lot {
                question: question.clone(),
                state: Mutex::default(),
            });
            level.push(lot.clone());
            lot
        });
        let index = {
            let state = &mut *lock(&lot.state);
            *state.index.entry(key).or_insert_with(|| {
                state.keys.push(key);
                state.keys.len() - 1
            })
        };
        (lot, index)
    }

    /// Runs the operation to its end, and every lookup it asks, level by level.
    ///
    /// Dropping the future drops the operation and its statements with it, unless others share one.
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

    /// The same for an operation that answers more than once.
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
        let statements = level.iter().filter(|lot| lot.is_statement()).count();
        self.statements.fetch_add(statements, Ordering::Relaxed);
        Some(run_level(level, db.clone(), self.allowance.clone()).boxed())
    }
}

async fn run_level(level: Vec<Arc<dyn AnyLot>>, db: Reader, allowance: Arc<Allowance>) {
    if let [lot] = &*level {
        return within(allowance, lot.clone().run(&db)).await;
    }
    let (first, rest): (Vec<_>, Vec<_>) = level.into_iter().partition(|lot| lot.comes_first());
    for lots in [first, rest] {
        stream::iter(lots)
            .for_each_concurrent(STATEMENTS_AT_ONCE, |lot| {
                within(allowance.clone(), lot.run(&db))
            })
            .await;
    }
}

/// Waits for the others of its level.
#[derive(Clone, PartialEq)]
struct EndOfLevel;

impl Question for EndOfLevel {
    type Key = i64;
    type Answer = ();

    const IS_STATEMENT: bool = false;

    async fn ask(&self, _: &Reader, keys: &[i64]) -> Result<Vec<()>> {
        Ok(vec![(); keys.len()])
    }
}

/// The number of the field in its operation.
fn field_number(ctx: &Context<'_>) -> usize {
    number(&ctx.item.node.selection_set)
}

fn clock() -> DateTime {
    DateTime(chrono::Utc::now().trunc_subsecs(6))
}

/// The lookups of one level that differ in their key only.
struct Lot<Q: Question> {
    question: Q,
    state: Mutex<LotState<Q>>,
}

struct LotState<Q: Question> {
    keys: Vec<Q::Key>,
    index: foldhash::HashMap<Q::Key, usize>,
    waiting: Vec<Waker>,
    answers: Option<Result<Vec<Arc<Q::Answer>>>>,
}

impl<Q: Question> Default for LotState<Q> {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            index: foldhash::HashMap::default(),
            waiting: Vec::new(),
            answers: None,
        }
    }
}

/// A lot whose question is not known by type.
trait AnyLot: Send + Sync {
    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
    fn comes_first(&self) -> bool;
    fn is_statement(&self) -> bool;
    fn run(self: Arc<Self>, db: &Reader) -> BoxFuture<'_, ()>;
}

impl<Q: Question> AnyLot for Lot<Q> {
    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }

    fn comes_first(&self) -> bool {
        Q::COMES_FIRST
    }

    fn is_statement(&self) -> bool {
        Q::IS_STATEMENT
    }

    fn run(self: Arc<Self>, db: &Reader) -> BoxFuture<'_, ()> {
        async move {
            let keys = std::mem::take(&mut lock(&self.state).keys);
            let answers = self.question.ask(db, &keys).await;
            let waiting = {
                let mut state = lock(&self.state);
                state.answers =
                    Some(answers.map(|answers| answers.into_iter().map(Arc::new).collect()));
                std::mem::take(&mut state.waiting)
            };
            waiting.into_iter().for_each(Waker::wake);
        }
        .boxed()
    }
}

/// A poisoned lock means that a resolver panicked; the lookups themselves are whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
