//! One operation of either transport: found, checked, run within its deadline, counted, answered.

use std::{
    collections::BTreeMap,
    future::ready,
    pin::pin,
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

use async_graphql::{
    ErrorExtensionValues, Response, ServerError, Value, parser::types::OperationType,
};
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use sea_level::{
    auth::Viewer,
    error::{code, coded},
    guard::{Checked, Request},
    json::{self, ObjectText},
    response::{OperationResponse, error_code},
};
use sha2::{Digest, Sha256};
use tokio::{sync::OwnedSemaphorePermit, task::JoinSet, time::timeout};

use crate::{
    app::{App, RequestId, Server},
    config::seconds,
    document_labels::DocumentLabel,
    envelope::Envelope,
    log, metrics,
    trace::TraceParent,
};

/// The server runs as many operations as it may. The client can try again soon.
pub struct Overloaded;

/// Checked operation with the label of its document.
pub struct LabelledOperation {
    /// The operation.
    pub checked: Checked,
    /// Label in the log and in metrics.
    pub label: Arc<DocumentLabel>,
}

impl Server {
    /// Finds, parses and checks the text of the operation.
    pub fn check(
        &self,
        envelope: Envelope,
        viewer: Viewer,
    ) -> Result<LabelledOperation, Box<OperationResponse>> {
        let Envelope {
            query,
            operation_name,
            variables,
            id,
            unknown_version,
        } = envelope;
        if let Some(version) = unknown_version {
            let message = format!("Persisted queries have `version` 1 here, not {version}.");
            return Err(Box::new(refused(coded("BAD_REQUEST", message, None))));
        }
        let trusted_id = self.trusted.as_ref().and(id.clone());
        let text = self
            .text(query, id)
            .map_err(|error| Box::new(refused(error)))?;
        // The check consumes the text, so the label is looked up first. Only a valid document gets one.
        let name = operation_name.as_deref();
        let document = self.documents.find(&text, name, trusted_id);
        let checked = self.roster.check(Request {
            text,
            operation_name,
            variables,
            viewer,
        });
        match checked {
            Ok(checked) => Ok(LabelledOperation {
                label: self.documents.label(document, checked.operation_name()),
                checked,
            }),
            Err(answer) => {
                metrics::refused(&answer);
                Err(answer)
            }
        }
    }

    /// Returns the text, or the stored text of the id.
    fn text(&self, query: Option<String>, id: Option<String>) -> Result<String, ServerError> {
        let unknown = || {
            // Clients compare this message.
            coded("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound", None)
        };
        if let Some(trusted) = &self.trusted {
            return match (query, id) {
                (None, Some(id)) => trusted.text(&id).map(str::to_owned).ok_or_else(unknown),
                _ => {
                    let message = "This server runs trusted documents only: send the id of one as \
                                   `documentId`, and no `query`.";
                    Err(coded("FORBIDDEN", message, None))
                }
            };
        }
        match (query, id.map(|hash| hash.to_ascii_lowercase())) {
            (Some(query), None) => Ok(query),
            (Some(query), Some(hash)) => {
                if format!("{:x}", Sha256::digest(&query)) != hash {
                    let message = "The hash of the persisted query is not that of `query`.";
                    return Err(coded("BAD_REQUEST", message, None));
                }
                self.persisted
                    .insert(&hash, Arc::from(&*query), query.len());
                Ok(query)
            }
            (None, Some(hash)) => self
                .persisted
                .get(&hash)
                .map(|text| text.to_string())
                .ok_or_else(unknown),
            (None, None) => Err(coded("BAD_REQUEST", "`query` is missing.", None)),
        }
    }

    /// Runs a query or a mutation unless too many run. The caller keeps the permit until the answer
    /// has been sent.
    pub async fn run(
        &self,
        id: &RequestId,
        operation: &LabelledOperation,
    ) -> Result<(OperationResponse, OwnedSemaphorePermit), Overloaded> {
        let Ok(permit) = self.operations.clone().try_acquire_owned() else {
            metrics::rejected("operations_at_once");
            return Err(Overloaded);
        };
        let start = Instant::now();
        // Pinned here: by value each wrapper would move the large future.
        let running = pin!(log::of_request(id, self.roster.run(&operation.checked)));
        let answer = match timeout(seconds(self.limits.execution_timeout), running).await {
            Ok(answer) => answer,
            Err(_) => {
                let message = format!(
                    "This operation took longer than {} s and was stopped.",
                    self.limits.execution_timeout
                );
                OperationResponse::failed(coded(code::TIMEOUT, message, None), None)
            }
        };
        self.record(id, operation, &answer, start.elapsed());
        Ok((answer, permit))
    }

    /// Counts and logs an operation that has ended.
    fn record(
        &self,
        id: &RequestId,
        LabelledOperation { checked, label }: &LabelledOperation,
        answer: &OperationResponse,
        took: Duration,
    ) {
        label.record(took, !answer.response.errors.is_empty());
        metrics::answered(checked.kind(), answer, took);
        let outcome = metrics::outcome(answer);
        let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let name = checked.operation_name().unwrap_or("-");
        let cost = answer.cost.unwrap_or_default();
        macro_rules! log_operation {
            ($level:ident, $message:literal) => {
                tracing::$level!(
                    request = id.as_str(),
                    trace_id = id.trace.as_ref().map(TraceParent::trace_id),
                    parent_id = id.trace.as_ref().map(TraceParent::parent_id),
                    document = &*label.hash,
                    kind = %checked.kind(),
                    operation = name,
                    outcome,
                    milliseconds,
                    statements = cost.statements,
                    rows = cost.loaded,
                    $message
                )
            };
        }
        if milliseconds >= self.slow_operation {
            log_operation!(warn, "slow operation");
        } else {
            log_operation!(debug, "operation");
        }
    }
}

/// Runs an operation whose results are streamed: returns the answer of a query or a mutation, or every event.
pub fn run_stream(
    app: &App,
    id: RequestId,
    operation: LabelledOperation,
) -> BoxStream<'static, OperationResponse> {
    let app = app.clone();
    if operation.checked.kind() == OperationType::Subscription {
        metrics::subscribed(&operation.checked);
        return app.roster.run_stream(operation.checked).boxed();
    }
    let once = async move {
        // A separate task, aborted when this future is dropped: an operation holds connections even
        // while the client does not read and the socket polls nothing.
        let mut task = JoinSet::new();
        task.spawn(async move { app.run(&id, &operation).await });
        match task.join_next().await {
            Some(Ok(Ok((answer, permit)))) => (answer, Some(permit)),
            _ => (refused(overloaded()), None),
        }
    };
    // The socket polls for the end after it has sent the answer. The permit is held until then.
    stream::once(once)
        .flat_map(|(answer, permit)| {
            let end = stream::poll_fn(move |_| {
                let _sent = &permit;
                Poll::Ready(None)
            });
            stream::once(ready(answer)).chain(end)
        })
        .boxed()
}

/// Returns the error for an operation that the busy server did not run.
pub fn overloaded() -> ServerError {
    let message = "The server has too much to do right now. Try again in a moment.";
    coded("UNAVAILABLE", message, None)
}

/// Returns the error that replaces an answer beyond the budget of unread answers.
pub fn too_much_unread() -> ServerError {
    metrics::rejected("unread_answers");
    let message = "Too many large answers wait to be read, so this one was dropped. If it was a \
                   mutation's, the mutation was carried out. Ask again in a moment, or for smaller \
                   pages with `first`.";
    coded("UNAVAILABLE", message, None)
}

/// Returns the answer of an operation that did not run.
pub fn refused(error: ServerError) -> OperationResponse {
    OperationResponse {
        response: Response::from_errors(vec![error]),
        executed: false,
        cost: None,
    }
}

/// Response in the form in which the client gets it.
pub struct ClientResponse<'a> {
    /// Errors, in the order of the answer.
    pub errors: &'a [ServerError],
    data: Option<&'a Value>,
    extensions: &'a BTreeMap<String, Value>,
}

impl ClientResponse<'_> {
    /// Returns the answer as JSON.
    pub fn to_json(&self) -> Vec<u8> {
        let Self {
            errors,
            data,
            extensions,
        } = self;
        let mut object = ObjectText::with_capacity(64 + data.map_or(0, json::length));
        if !errors.is_empty() {
            object.add("errors", errors);
        }
        if let Some(data) = data {
            object.add_value("data", data);
        }
        if !extensions.is_empty() {
            object.add("extensions", extensions);
        }
        object.finish()
    }
}

impl Server {
    /// Prepares the answer for the client: limits the number and the length of errors, and replaces
    /// internal errors by the request id that finds them in the log.
    pub fn client_response<'a>(
        &self,
        id: &RequestId,
        answer: &'a mut OperationResponse,
        wants_cost: bool,
    ) -> ClientResponse<'a> {
        if wants_cost || answer.codes().any(|code| code == "LIMIT_EXCEEDED") {
            answer.add_cost();
        }
        let OperationResponse {
            response, executed, ..
        } = answer;
        response.errors.truncate(self.limits.errors);
        for error in &mut response.errors {
            if error_code(error) == Some("INTERNAL") {
                let message = std::mem::replace(
                    &mut error.message,
                    "Something went wrong on the server.".to_owned(),
                );
                let trace = id.trace.as_ref();
                tracing::error!(
                    request = id.as_str(),
                    trace_id = trace.map(TraceParent::trace_id),
                    parent_id = trace.map(TraceParent::parent_id),
                    path = ?error.path,
                    message,
                    "internal error"
                );
                let extensions = error
                    .extensions
                    .get_or_insert_with(ErrorExtensionValues::default);
                extensions.set("requestId", id.as_str());
            }
            let most = self.limits.error_length;
            if let Some((end, _)) = error.message.char_indices().nth(most) {
                error.message.truncate(end);
                error.message.push('…');
            }
        }
        ClientResponse {
            errors: &response.errors,
            data: executed.then_some(&response.data),
            extensions: &response.extensions,
        }
    }
}
