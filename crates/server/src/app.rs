//! What every request finds: the API, the limits, who may ask, and how far the end has come.

use std::{
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use api::{Roster, kept::Kept};
use tokio::sync::Semaphore;

use crate::{
    config::{LimitSettings, Settings, seconds},
    cross_site::Sites,
    error::Error,
    identity::Verifier,
    shutdown::Shutdown,
    trusted::Trusted,
    unread::Unread,
};

/// The server, cheap to clone.
pub type App = Arc<Server>;

/// The server.
pub struct Server {
    /// The API.
    pub roster: Roster,
    /// For probes and figures.
    pub database: api::Database,
    /// How far the end has come.
    pub shutdown: Shutdown,
    /// Time between the start of the shutdown and the end of idle connections.
    pub shutdown_grace: Duration,
    /// Every limit.
    pub limits: LimitSettings,
    /// How tokens are checked, when they are asked for.
    pub verifier: Option<Verifier>,
    /// Which pages and names requests may come by.
    pub sites: Sites,
    /// One for each connection that may be open.
    pub connections: Arc<Semaphore>,
    /// One for each WebSocket that may be open.
    pub sockets: Arc<Semaphore>,
    /// One for each operation that may run, held until its answer has been sent.
    pub operations: Arc<Semaphore>,
    /// The bytes of answers that wait to be read.
    pub unread: Unread,
    /// The documents that alone may run, when that was asked for.
    pub trusted: Option<Trusted>,
    /// Automatic persisted queries, by their hash.
    pub persisted: Mutex<Kept<Arc<str>>>,
    /// How many days a change stays in the feed.
    pub keep_changes: u64,
    /// From how many milliseconds on an operation is worth a warning.
    pub slow_operation: u64,
}

impl Server {
    /// The server of this database.
    pub fn new(
        database: &api::Database,
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
            operations: Arc::new(Semaphore::new(limits.operations_at_once as usize)),
            unread: Unread::new(limits.unread_answers),
            trusted,
            persisted: Mutex::new(Kept::new(limits.persisted_queries)),
            keep_changes: settings.keep_changes,
            slow_operation: settings.log.slow_operation,
        }))
    }
}

/// What a request is called in the log and in the answer to whoever has to report an error.
#[derive(Clone, Debug)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// Different from all others, of other processes too.
    pub fn next() -> Self {
        use std::hash::{BuildHasher, RandomState};
        static PROCESS: LazyLock<String> =
            LazyLock::new(|| format!("{:08x}-", RandomState::new().hash_one(0) as u32));
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self([PROCESS.as_str(), &number.to_string()].concat().into())
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
