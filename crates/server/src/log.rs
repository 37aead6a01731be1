//! The log: how much is told of what, in which form, and of which request.

use std::{
    env, fmt,
    future::Future,
    io::{self, IsTerminal},
};

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

/// What is logged unless `RUST_LOG` says otherwise.
const LOG: &str = "info,sea_orm_migration=warn,sqlx=warn";

tokio::task_local! {
    /// The request that is being answered. No span, which would be made and written down for each
    /// request and entered each time it is polled, though hardly any logs anything.
    static REQUEST: RequestId;
}

/// Begins to write the log to the standard error output.
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
            .with(log.map_event_format(|text| OfRequest {
                format: text.with_ansi(is_terminal),
                end: "",
                name: " request=",
                quote: "",
            }))
            .init(),
        LogFormat::Json => registry
            .with(
                log.json()
                    .flatten_event(true)
                    .map_event_format(|json| OfRequest {
                        format: json,
                        end: "}",
                        name: ",\"request\":",
                        quote: "\"",
                    }),
            )
            .init(),
    }
}

/// The same future, and whatever it logs is told to be of the request.
pub fn of_request<F: Future>(id: &RequestId, future: F) -> TaskLocalFuture<RequestId, F> {
    REQUEST.scope(id.clone(), future)
}

/// Tells at the end of what is logged of which request it is.
struct OfRequest<F> {
    format: F,
    end: &'static str,
    name: &'static str,
    quote: &'static str,
}

impl<S, N, F> FormatEvent<S, N> for OfRequest<F>
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
        let Self {
            format,
            end,
            name,
            quote,
        } = self;
        let Ok(id) = REQUEST.try_with(RequestId::clone) else {
            return format.format_event(ctx, writer, event);
        };
        let mut line = String::new();
        format.format_event(ctx, Writer::new(&mut line), event)?;
        let line = line.trim_end();
        let line = line.strip_suffix(end).unwrap_or(line);
        writeln!(writer, "{line}{name}{quote}{}{quote}{end}", id.as_str())
    }
}
