//! Engine: checks requests and runs operations.

use std::{future::ready, panic::AssertUnwindSafe, sync::Arc};

use async_graphql::{Response, ServerError, Value, parser::types::OperationType};
use futures_util::{
    FutureExt, StreamExt,
    stream::{self, BoxStream},
};
use tokio::{sync::Semaphore, task::JoinSet};

use crate::{
    coalescer::Coalescers,
    compat::Introspection,
    error::{Vanished, code, coded},
    executor::{Domain, Executor, sdl},
    guard::{Checked, Guard, Refused, Request},
    json,
    limits::Limits,
    operation::{Environment, Operation, Shortcuts},
    response::{Cost, OperationResponse, error_code},
    sql::Database,
    statement_log::StatementLog,
};

/// Runs the operations of a domain on a database. The schema itself is not accessible: all requests
/// pass [`check`](Self::check).
pub struct Engine<D: Domain> {
    executor: Executor<D>,
    database: Database,
    guard: Arc<Guard>,
    environment: Environment,
}

impl<D: Domain> Clone for Engine<D> {
    fn clone(&self) -> Self {
        Self {
            executor: self.executor.clone(),
            database: self.database.clone(),
            guard: self.guard.clone(),
            environment: self.environment.clone(),
        }
    }
}

impl<D: Domain> Engine<D> {
    /// Creates an engine whose mutations append to `log`. Resolvers find `data` in their context.
    pub fn new<T: Send + Sync + 'static>(
        database: Database,
        limits: Limits,
        log: D::Log,
        data: T,
    ) -> Self {
        Self {
            executor: Executor::new(database.clone(), log, data),
            database,
            guard: Arc::new(Guard::new(&sdl::<D>(), limits)),
            environment: Environment {
                limits,
                shortcuts: Shortcuts::ALL,
                coalescers: Coalescers::default(),
                event_slots: Arc::new(Semaphore::new(limits.events_at_once)),
            },
        }
    }

    /// Leaves out optimizations, for tests.
    #[must_use]
    pub fn with_shortcuts(mut self, shortcuts: Shortcuts) -> Self {
        self.environment.shortcuts = shortcuts;
        self
    }

    /// Checks a request before execution.
    pub fn check(&self, request: Request) -> Result<Checked, Box<OperationResponse>> {
        let checked = self.guard.check(request);
        checked.map_err(|refused| Box::new(self.refuse(refused)))
    }

    fn refuse(&self, refused: Refused) -> OperationResponse {
        OperationResponse::refused(refused, self.guard.limits().document.cost)
    }

    /// Runs a query or a mutation.
    pub async fn run(&self, checked: &Checked) -> OperationResponse {
        if let Err(errors) = checked.authorize() {
            return OperationResponse::ran(Response::from_errors(errors), self.cost(checked, None));
        }
        match AssertUnwindSafe(self.try_to_run(checked))
            .catch_unwind()
            .await
        {
            Ok(response) => response,
            Err(_) => self.panicked(checked),
        }
    }

    /// Runs any operation. A subscription has a response for each event.
    pub fn run_stream(&self, checked: Checked) -> BoxStream<'static, OperationResponse> {
        let engine = self.clone();
        if checked.kind() != OperationType::Subscription {
            return async move { engine.run(&checked).await }
                .into_stream()
                .boxed();
        }
        if let Err(errors) = checked.authorize() {
            let refused =
                OperationResponse::ran(Response::from_errors(errors), self.cost(&checked, None));
            return ready(refused).into_stream().boxed();
        }
        let operation = self.operation(&checked, Vec::new());
        let events = self.executor.subscribe(&checked, operation.clone());
        let dispatcher = operation.dispatcher.clone();
        let events = dispatcher.drive_stream(&self.database.reader, events);
        let subscription = RunningSubscription {
            engine,
            checked,
            operation,
            events: events.boxed(),
        };
        stream::unfold(Some(subscription), |subscription| async move {
            let mut subscription = subscription?;
            // A task of its own, which ends when this stream is dropped: an event that is being resolved
            // holds connections, even if the client does not read and the stream is not polled.
            let mut task = JoinSet::new();
            task.spawn(async move { (subscription.next().await, subscription) });
            let (response, subscription) = task.join_next().await?.ok()?;
            let response = response?;
            // A response that was not executed is the last one.
            let next = response.executed.then_some(subscription);
            Some((response, next))
        })
        .boxed()
    }

    async fn try_to_run(&self, checked: &Checked) -> OperationResponse {
        // Each statement sees its own snapshot, so that a row may vanish between two statements. A query
        // can run again from the start; a mutation cannot.
        let attempts = match checked.kind() {
            OperationType::Query => ATTEMPTS,
            _ => 1,
        };
        let introspection = match self.guard.introspect(checked) {
            Ok(responses) => responses,
            Err(refused) => return self.refuse(refused),
        };
        let mut attempt = 1;
        loop {
            let operation = self.operation(checked, introspection.clone());
            let run = self.executor.execute(checked, operation.clone());
            let response = operation.drive(&self.database.reader, run).await;
            if attempt < attempts && operation.should_retry() {
                attempt += 1;
                continue;
            }
            return self.respond(checked, response, &operation);
        }
    }

    fn respond(
        &self,
        checked: &Checked,
        mut response: Response,
        operation: &Operation,
    ) -> OperationResponse {
        if checked.kind() != OperationType::Query && response.data != Value::Null {
            // A mutation or an event cannot run again: a nullable field whose row vanished is null, as
            // for a deleted row.
            let vanished = |error: &ServerError| error.source::<Vanished>().is_some();
            response.errors.retain(|error| !vanished(error));
        }
        let length = json::length(&response.data);
        if let Err(error) = operation.budget.check_bytes(length, None) {
            response.errors.push(error);
        }
        let mut response = OperationResponse::ran(response, self.cost(checked, Some(operation)));
        if operation.budget.is_exceeded() {
            response.keep_only(code::LIMIT_EXCEEDED);
        }
        if let Some(log) = &operation.log {
            let extensions = &mut response.response.extensions;
            extensions.insert("explain".to_owned(), log.to_value());
        }
        response
    }

    fn panicked(&self, checked: &Checked) -> OperationResponse {
        tracing::error!("a resolver panicked");
        let error = coded(code::INTERNAL, "Something went wrong on the server.", None);
        OperationResponse::failed(error, Some(self.cost(checked, None)))
    }

    fn cost(&self, checked: &Checked, operation: Option<&Operation>) -> Cost {
        Cost {
            requested: checked.cost,
            limit: self.guard.limits().document.cost,
            loaded: operation.map_or(0, |operation| operation.budget.loaded()),
            statements: operation.map_or(0, |operation| operation.statements()),
        }
    }

    fn operation(&self, checked: &Checked, introspection: Introspection) -> Arc<Operation> {
        Arc::new(Operation::new(
            &self.environment,
            checked.executable.clone(),
            introspection,
            checked.viewer.clone(),
            checked.position.clone(),
            checked.is_explained.then(StatementLog::new),
        ))
    }
}

/// Subscription with its stream of events.
struct RunningSubscription<D: Domain> {
    engine: Engine<D>,
    checked: Checked,
    operation: Arc<Operation>,
    events: BoxStream<'static, Response>,
}

impl<D: Domain> RunningSubscription<D> {
    /// Returns the response to the next event. An event that failed is resolved again or ends the
    /// subscription, so that the client resumes at its last cursor.
    async fn next(&mut self) -> Option<OperationResponse> {
        let Self {
            engine,
            checked,
            operation,
            events,
        } = self;
        loop {
            let event = tokio::select! {
                biased;
                event = AssertUnwindSafe(events.next()).catch_unwind() => event,
                () = operation.delivery.overdue() => {
                    let message = "This event took too long to read. Resume after the last one.";
                    let error = coded(code::TIMEOUT, message, None);
                    return Some(ended(engine.cost(checked, Some(operation)), error));
                }
            };
            let mut response = match event {
                Ok(response) => engine.respond(checked, response?, operation),
                Err(_) => engine.panicked(checked),
            };
            let failed = |error: &ServerError| {
                matches!(
                    error_code(error),
                    Some(code::UNAVAILABLE | code::TIMEOUT | code::INTERNAL)
                )
            };
            let Some(error) = response.response.errors.iter().position(failed) else {
                operation.delivery.end();
                return Some(response);
            };
            let error = response.response.errors.swap_remove(error);
            if error_code(&error) == Some(code::INTERNAL) || !operation.delivery.repeat().await {
                return Some(ended(response.cost.unwrap_or_default(), error));
            }
        }
    }
}

/// Last response of a subscription that an error ends.
fn ended(cost: Cost, error: ServerError) -> OperationResponse {
    OperationResponse {
        executed: false,
        ..OperationResponse::failed(error, Some(cost))
    }
}

/// Runs of a query whose rows vanish while it reads.
const ATTEMPTS: usize = 3;
