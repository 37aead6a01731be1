//! Stages of the shutdown, from the first signal to the last answer.

use std::future;

use tokio::sync::watch;

use crate::error::Error;

/// Stage of the shutdown. It only advances.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Running,
    /// Requests are still answered, and each answer closes its connection.
    Grace,
    /// Running requests finish; no request begins.
    Draining,
    /// The process ends at once.
    Forced,
}

/// Broadcasts the stage of the shutdown to all clones.
#[derive(Clone)]
pub struct Shutdown(watch::Sender<Stage>);

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl Shutdown {
    /// Returns a shutdown that only [`Shutdown::begin`] starts, for servers inside of tests.
    pub fn new() -> Self {
        Self(watch::Sender::new(Stage::Running))
    }

    /// Returns a shutdown that SIGTERM or SIGINT starts and a second signal forces.
    pub fn on_signals() -> Result<Self, Error> {
        let shutdown = Self::new();
        let mut signals = Signals::new().map_err(|reason| Error::System {
            what: "listen for signals",
            reason,
        })?;
        tokio::spawn({
            let shutdown = shutdown.clone();
            async move {
                signals.next().await;
                tracing::info!("finishing what runs; a second signal ends it at once");
                shutdown.begin();
                signals.next().await;
                shutdown.advance(Stage::Forced);
            }
        });
        Ok(shutdown)
    }

    /// Starts the shutdown.
    pub fn begin(&self) {
        self.advance(Stage::Grace);
    }

    /// Ends the grace: idle connections may be closed.
    pub fn drain(&self) {
        self.advance(Stage::Draining);
    }

    /// Returns whether the shutdown has started.
    pub fn has_begun(&self) -> bool {
        *self.0.borrow() > Stage::Running
    }

    /// Waits for the start of the shutdown.
    pub async fn begun(&self) {
        self.reached(Stage::Grace).await;
    }

    /// Waits for the end of the grace.
    pub async fn draining(&self) {
        self.reached(Stage::Draining).await;
    }

    /// Waits for a second signal.
    pub async fn forced(&self) {
        self.reached(Stage::Forced).await;
    }

    fn advance(&self, to: Stage) {
        self.0.send_if_modified(|stage| {
            let is_later = *stage < to;
            *stage = to.max(*stage);
            is_later
        });
    }

    async fn reached(&self, wanted: Stage) {
        let mut stages = self.0.subscribe();
        if stages.wait_for(|stage| *stage >= wanted).await.is_err() {
            // Cannot be: we hold a sender. Then the stage is never reached.
            future::pending::<()>().await;
        }
    }
}

#[cfg(unix)]
struct Signals(tokio::signal::unix::Signal, tokio::signal::unix::Signal);

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self(
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
        ))
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            future::pending::<()>().await;
        }
    }
}
