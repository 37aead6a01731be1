//! From the first signal to the last answer: who has asked the server to end, and how urgently.

use std::future;

use tokio::sync::watch;

use crate::error::Error;

/// How far the end has come; it never goes back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Running,
    /// Finish what runs, begin nothing.
    Draining,
    /// Not even that.
    Forced,
}

/// Tells everybody who holds a clone that the server is asked to end.
#[derive(Clone)]
pub struct Shutdown(watch::Sender<Stage>);

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl Shutdown {
    /// One that only [`Shutdown::begin`] sets off, for servers inside of tests.
    pub fn new() -> Self {
        Self(watch::Sender::new(Stage::Running))
    }

    /// One that SIGTERM or Ctrl-C sets off, and a second of them forces.
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
                shutdown.0.send_replace(Stage::Forced);
            }
        });
        Ok(shutdown)
    }

    /// Asks the server to end.
    pub fn begin(&self) {
        self.0.send_if_modified(|stage| {
            let begins = *stage == Stage::Running;
            if begins {
                *stage = Stage::Draining;
            }
            begins
        });
    }

    /// Whether the server has been asked to end.
    pub fn has_begun(&self) -> bool {
        *self.0.borrow() > Stage::Running
    }

    /// Waits until the server is asked to end.
    pub async fn begun(&self) {
        self.reached(Stage::Draining).await;
    }

    /// Waits until it is asked a second time.
    pub async fn forced(&self) {
        self.reached(Stage::Forced).await;
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
