//! The log: its filter, its form, and the id and the trace of the request in its lines.

use std::{
    env, fmt,
    future::Future,
    io::{self, IsTerminal},
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::task::futures::TaskLocalFuture;
use tracing::{Event, Subscriber};
use tracing_subscriber::{
    filter::Targets,
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    layer::SubscriberExt,
    registry::LookupSpan,
    util::SubscriberInitExt,
};

use crate::{app::RequestId, config::LogFormat};

/// Filter of the log unless RUST_LOG sets another.
const LOG: &str = "info,sea_orm_migration=warn,sqlx=warn";

tokio::task_local! {
    /// Id of the running request. A span would be created for each request and entered at each poll,
    /// although hardly any request logs a line.
    static REQUEST: RequestId;
}

/// Starts the log, on the standard error.
pub fn begin(format: LogFormat) {
    let wanted = env::var("RUST_LOG").ok();
    let filter: Targets = wanted
        .filter(|wanted| !wanted.is_empty())
        .and_then(|wanted| wanted.parse().ok())
        .or_else(|| LOG.parse().ok())
        .unwrap_or_default();
    let is_terminal = io::stderr().is_terminal();
    let log = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(is_terminal)
        .log_internal_errors(false);
    let registry = tracing_subscriber::registry().with(filter);
    match format {
        LogFormat::Text => registry
            .with(log.map_event_format(|text| WithRequestId {
                format: text.with_ansi(is_terminal),
                add: add_to_text,
            }))
            .init(),
        LogFormat::Json => registry
            .with(
                log.json()
                    .flatten_event(true)
                    .map_event_format(|json| WithRequestId {
                        format: json,
                        add: add_to_json,
                    }),
            )
            .init(),
    }
}

/// Adds the id and the trace of the request to the lines that the future logs.
pub fn of_request<F: Future>(id: &RequestId, future: F) -> TaskLocalFuture<RequestId, F> {
    REQUEST.scope(id.clone(), future)
}

/// Format of events that adds the id and the trace of the running request to each line.
struct WithRequestId<F> {
    format: F,
    add: fn(&str, &RequestId) -> Result<String, fmt::Error>,
}

fn add_to_text(line: &str, id: &RequestId) -> Result<String, fmt::Error> {
    let mut line = format!("{line} request={}", id.as_str());
    if let Some(trace) = &id.trace {
        line += &format!(
            " trace_id={} parent_id={}",
            trace.trace_id(),
            trace.parent_id()
        );
    }
    Ok(line)
}

fn add_to_json(line: &str, id: &RequestId) -> Result<String, fmt::Error> {
    #[derive(Serialize, Deserialize)]
    struct Line {
        timestamp: String,
        level: String,
        #[serde(flatten)]
        fields: Map<String, Value>,
    }
    let mut line: Line = serde_json::from_str(line).map_err(|_| fmt::Error)?;
    let mut add = |name: &str, value: &str| line.fields.insert(name.to_owned(), value.into());
    add("request", id.as_str());
    if let Some(trace) = &id.trace {
        add("trace_id", trace.trace_id());
        add("parent_id", trace.parent_id());
    }
    serde_json::to_string(&line).map_err(|_| fmt::Error)
}

impl<S, N, F> FormatEvent<S, N> for WithRequestId<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Self { format, add } = self;
        let Ok(id) = REQUEST.try_with(RequestId::clone) else {
            return format.format_event(ctx, writer, event);
        };
        let mut line = String::new();
        format.format_event(ctx, Writer::new(&mut line), event)?;
        writeln!(writer, "{}", add(line.trim_end(), &id)?)
    }
}
