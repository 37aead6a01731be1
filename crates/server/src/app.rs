//! State that all requests share: the API, limits, permits, access, the stage of the shutdown.

use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use api::Roster;
use sea_level::cache::Cache;
use tokio::sync::Semaphore;

use crate::{
    config::{LimitSettings, Settings, seconds},
    cross_site::Sites,
    document_labels::DocumentLabels,
    error::Error,
    identity::Verifier,
    shutdown::Shutdown,
    trace::TraceParent,
    trusted::Trusted,
    unread::Unread,
};

/// The server, cheap to clone.
pub type App = Arc<Server>;

/// The server.
pub struct Server {
    /// The GraphQL API.
    pub roster: Roster,
    /// The database, for health checks and metrics.
    pub database: sea_level::Database,
    /// Stage of the shutdown.
    pub shutdown: Shutdown,
    /// Time between the start of the shutdown and the end of idle connections.
    pub shutdown_grace: Duration,
    /// Every limit.
    pub limits: LimitSettings,
    /// Verifier of tokens; `None` if the server requires none.
    pub verifier: Option<Verifier>,
    /// Allowed origins and hosts.
    pub sites: Sites,
    /// A permit for each connection that may be open.
    pub connections: Arc<Semaphore>,
    /// A permit for each WebSocket that may be open.
    pub sockets: Arc<Semaphore>,
    /// A permit for each subscription that may be streamed over HTTP.
    pub streams: Arc<Semaphore>,
    /// A permit for each operation that may run, held until its answer is sent.
    pub operations: Arc<Semaphore>,
    /// Byte budget of unread answers.
    pub unread: Unread,
    /// True if clients may see the SQL of their operations. Like introspection, never with trusted
    /// documents.
    pub has_explain: bool,
    /// Trusted documents; `None` if any document may run.
    pub trusted: Option<Trusted>,
    /// Automatic persisted queries, by their hash.
    pub persisted: Cache<Arc<str>>,
    /// Labels of documents in the log and in metrics.
    pub documents: DocumentLabels,
    /// Days that a change stays in the feed.
    pub keep_changes: u64,
    /// Milliseconds from which an operation is logged as a warning.
    pub slow_operation: u64,
}

impl Server {
    /// Returns a server of this database.
    pub fn new(
        database: &sea_level::Database,
        settings: &Settings,
        shutdown: &Shutdown,
    ) -> Result<App, Error> {
        let limits = settings.limits;
        let trusted = settings.trusted_documents.as_deref().map(Trusted::read);
        let trusted = trusted.transpose()?;
        if let Some(trusted) = &trusted {
            trusted.announce(limits.operation);
        }
        Ok(Arc::new(Self {
            roster: Roster::with_limits(database.clone(), limits.operation),
            database: database.clone(),
            shutdown: shutdown.clone(),
            shutdown_grace: seconds(settings.shutdown_grace),
            limits,
            verifier: Verifier::new(&settings.access)?,
            sites: Sites::new(&settings.access, &settings.host),
            connections: Arc::new(Semaphore::new(limits.connections as usize)),
            sockets: Arc::new(Semaphore::new(limits.sockets as usize)),
            streams: Arc::new(Semaphore::new(limits.streams as usize)),
            operations: Arc::new(Semaphore::new(limits.operations_at_once as usize)),
            unread: Unread::new(limits.unread_answers),
            has_explain: settings.explain && trusted.is_none(),
            trusted,
            persisted: Cache::new(limits.persisted_queries),
            documents: DocumentLabels::default(),
            keep_changes: settings.keep_changes,
            slow_operation: settings.log.slow_operation,
        }))
    }
}

/// Identifier of a request in the log and in the answer, for reports of errors, and its trace.
#[derive(Clone, Debug)]
pub struct RequestId {
    id: Arc<str>,
    /// Set if the sender of the request traces it.
    pub trace: Option<TraceParent>,
}

impl RequestId {
    /// Returns an id that no other request has, in other processes neither.
    pub fn next() -> Self {
        use std::hash::{BuildHasher, RandomState};
        static PROCESS: LazyLock<String> =
            LazyLock::new(|| format!("{:08x}-", RandomState::new().hash_one(0) as u32));
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self {
            id: [PROCESS.as_str(), &number.to_string()].concat().into(),
            trace: None,
        }
    }

    /// As [`RequestId::next`], with the trace of the request.
    pub fn traced(trace: Option<TraceParent>) -> Self {
        Self {
            trace,
            ..Self::next()
        }
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.id
    }
}
