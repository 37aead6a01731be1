//! State of one operation, or of one event of a subscription, that resolvers share.

use std::{
    any::Any,
    collections::HashMap,
    ops::Deref,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use async_graphql::{Context, ServerError, Value};
use chrono::SubsecRound;
use futures_util::{Stream, StreamExt, stream};
use tokio::sync::Semaphore;

use crate::{
    auth::Viewer,
    budget::OperationBudget,
    coalescer::Coalescers,
    compat::{Executable, Introspection, Plan, number},
    delivery::{Delivery, FeedPosition},
    error::{Error, Result},
    limits::Limits,
    loader::Dispatcher,
    mutex::lock,
    scalar::DateTime,
    statement_log::StatementLog,
    written::WrittenRows,
};

/// State of one operation. Dereferences to the `Dispatcher`, which loads.
pub struct Operation {
    pub(crate) dispatcher: Arc<Dispatcher>,
    limits: Limits,
    clock: Mutex<DateTime>,
    /// The client.
    pub viewer: Viewer,
    written: Mutex<WrittenRows>,
    has_vanished: AtomicBool,
    filter_checks: Mutex<FilterChecks>,
    pub(crate) shortcuts: Shortcuts,
    pub(crate) coalescers: Coalescers,
    executable: Arc<Executable>,
    introspection: Introspection,
    /// Objects made from the arguments of a field, shared by its parents, by number of the field.
    shared: Mutex<foldhash::HashMap<usize, Arc<dyn Any + Send + Sync>>>,
    pub(crate) delivery: Delivery,
}

/// Optimizations that leave the response unchanged. Tests switch them off and compare.
///
/// The figures are from `bench instructions` (callgrind, x86-64, 10,000 employees) with one switch off.
#[derive(Clone, Copy, Debug)]
pub struct Shortcuts {
    /// Objects are written as JSON while they are resolved: without it, a thousand employees take 147 % more
    /// instructions of the server on PostgreSQL, 70 % on SQLite.
    pub text: bool,
    /// Columns and cursors are written without a future and a value: since then a thousand employees with their
    /// cursors take half the instructions of before, fifty projects with their assignments two thirds.
    pub fields: bool,
    /// Statements bring only the columns that the selection reads: without it, the assignments of fifty
    /// projects take 28 % more instructions on SQLite, 5 % on PostgreSQL.
    pub columns: bool,
    /// A page is read from its position in an index, where the link has a copy of the sort column: without
    /// it, pages of 40 teams of 200 take 10 times the CPU of PostgreSQL and 8 times that of SQLite, with a
    /// filter that most members meet.
    pub listed: bool,
    /// Loads of single rows are coalesced with those of other operations.
    pub together: bool,
    /// A mutation of one row takes no transaction on PostgreSQL: two round trips instead of five, and 17 % fewer
    /// instructions of the server.
    pub optimistic: bool,
}

impl Shortcuts {
    /// All optimizations.
    pub const ALL: Self = Self {
        text: true,
        fields: true,
        columns: true,
        listed: true,
        together: true,
        optimistic: true,
    };
}

/// Results of filter checks by number of the field, and the conditions of all filters together.
#[derive(Default)]
struct FilterChecks {
    fields: HashMap<usize, Result<()>>,
    conditions: usize,
}

/// Parts of the engine that operations share.
#[derive(Clone)]
pub(crate) struct Environment {
    pub(crate) limits: Limits,
    pub(crate) shortcuts: Shortcuts,
    pub(crate) coalescers: Coalescers,
    /// One permit for each event that is resolved at the same time.
    pub(crate) event_slots: Arc<Semaphore>,
}

impl Operation {
    /// Creates the state of an operation.
    pub(crate) fn new(
        environment: &Environment,
        executable: Arc<Executable>,
        introspection: Introspection,
        viewer: Viewer,
        position: Option<Arc<FeedPosition>>,
        log: Option<StatementLog>,
    ) -> Self {
        let budget = Arc::new(OperationBudget::new(&environment.limits));
        Self {
            dispatcher: Arc::new(Dispatcher::new(budget, log)),
            limits: environment.limits,
            clock: Mutex::new(now()),
            viewer,
            written: Mutex::default(),
            has_vanished: AtomicBool::default(),
            filter_checks: Mutex::default(),
            shortcuts: environment.shortcuts,
            coalescers: environment.coalescers.clone(),
            executable,
            introspection,
            shared: Mutex::default(),
            delivery: Delivery::new(environment.event_slots.clone(), position),
        }
    }

    /// Returns the operation's clock: one instant (UTC, microseconds) for all fields.
    pub fn now(&self) -> DateTime {
        *lock(&self.clock)
    }

    /// Returns the cursor to resume after when the operation gives none.
    pub fn resume_after(&self) -> Option<&str> {
        self.delivery.resume_after()
    }

    /// Resets the state of the operation (clock, budget, pending loads, log) for the next event of a
    /// subscription.
    pub(crate) fn reset_for_next_event(&self) {
        *lock(&self.clock) = now();
        self.budget.reset();
        self.dispatcher.clear();
        lock(&self.shared).clear();
        *lock(&self.filter_checks) = FilterChecks::default();
    }

    /// Replaces the rows that payloads do not read again.
    pub(crate) fn set_written(&self, rows: WrittenRows) {
        *lock(&self.written) = rows;
    }

    /// Returns the row of entity `E` with this key, if the mutation touched it. Waits for the end of the
    /// level, so that its fields share statements with those of other rows.
    pub(crate) async fn written<E: 'static, T: Any + Send + Sync>(
        &self,
        key: i64,
    ) -> Result<Option<Arc<T>>> {
        let row = lock(&self.written).get::<E, T>(key);
        if row.is_some() {
            self.end_of_level().await?;
        }
        Ok(row)
    }

    /// Returns the plan of the selection set of the field with this number.
    pub(crate) fn plan(&self, number: usize) -> &Plan {
        &self.executable.plans[number]
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
    pub(crate) fn shared<S: Any + Send + Sync>(&self, ctx: &Context<'_>) -> Option<Arc<S>> {
        let shared = lock(&self.shared).get(&field_number(ctx))?.clone();
        shared.downcast().ok()
    }

    /// Keeps an object made from the arguments of this field for the other parents.
    pub(crate) fn share<S: Any + Send + Sync>(&self, ctx: &Context<'_>, object: Arc<S>) {
        lock(&self.shared).insert(field_number(ctx), object);
    }

    /// Returns the object shared by all parents of the field, made by the first of them.
    pub(crate) fn shared_or<S: Any + Send + Sync>(
        &self,
        ctx: &Context<'_>,
        make: impl FnOnce() -> S,
    ) -> Arc<S> {
        self.shared(ctx).unwrap_or_else(|| {
            let object = Arc::new(make());
            self.share(ctx, object.clone());
            object
        })
    }

    /// Checks the filters of a field before its first statement, once for all parents. `check` returns
    /// the number of conditions of the filter in each argument.
    pub(crate) fn check_filters<'a>(
        &self,
        ctx: &Context<'_>,
        check: impl FnOnce(&Limits) -> Result<Vec<(&'a str, usize)>>,
    ) -> Result<()> {
        let FilterChecks { fields, conditions } = &mut *lock(&self.filter_checks);
        let most = self.limits.filter_conditions;
        let check = || {
            for (argument, count) in check(&self.limits)? {
                *conditions += count;
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

    /// Records that a row vanished which a row loaded before refers to. Returns the error.
    pub fn vanished(&self) -> Error {
        self.has_vanished.store(true, Ordering::Relaxed);
        Error::Vanished
    }

    /// True if a row vanished, so that a query is worth another run.
    pub(crate) fn should_retry(&self) -> bool {
        self.has_vanished.load(Ordering::Relaxed)
    }
}

/// Turns a source of events into the stream of a subscription field. Each event is an operation of its
/// own, with a new clock and budget. An error of the source ends the stream. `start` is the cursor
/// behind which the events begin, and `cursor` returns that of an event.
pub fn deliver<T: Clone + Send>(
    operation: Arc<Operation>,
    start: String,
    events: impl Stream<Item = Result<T>> + Send,
    cursor: fn(&T) -> String,
) -> impl Stream<Item = Result<T>> + Send {
    operation.delivery.start(start);
    let state = Some((Box::pin(events), None::<T>));
    stream::unfold((operation, state), move |(operation, state)| async move {
        let (mut events, mut last) = state?;
        if !operation.delivery.is_repeated() {
            last = match events.next().await? {
                Ok(event) => Some(event),
                Err(error) => return Some((Err(error), (operation, None))),
            };
        }
        let event = last.clone()?;
        let permit = operation.delivery.slot().await?;
        operation.reset_for_next_event();
        operation.delivery.advance(|| cursor(&event));
        operation.delivery.begin(permit);
        Some((Ok(event), (operation, Some((events, last)))))
    })
}

impl Deref for Operation {
    type Target = Dispatcher;

    fn deref(&self) -> &Dispatcher {
        &self.dispatcher
    }
}

/// Returns the running operation.
pub fn operation<'a>(ctx: &Context<'a>) -> &'a Arc<Operation> {
    ctx.data_unchecked::<Arc<Operation>>()
}

/// Returns the number of the field in its operation.
fn field_number(ctx: &Context<'_>) -> usize {
    number(&ctx.item.node.selection_set)
}

fn now() -> DateTime {
    DateTime(chrono::Utc::now().trunc_subsecs(6))
}
