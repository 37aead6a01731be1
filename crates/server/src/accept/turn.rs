//! Fairness between connections: at most one request of a connection begins in one poll.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering},
};

/// Polls of one connection, each until the connection has to wait.
#[derive(Default)]
pub(super) struct Turns {
    /// True if a request has begun in the current poll. The next one begins in a later poll, so that a
    /// client that pipelines many requests does not delay other connections.
    has_begun: AtomicBool,
}

impl Turns {
    /// Drives the connection.
    pub(super) async fn take<C: Future>(&self, mut connection: Pin<&mut C>) -> C::Output {
        poll_fn(|context| {
            self.has_begun.store(false, Ordering::Relaxed);
            connection.as_mut().poll(context)
        })
        .await
    }

    /// Returns true if no request has begun in the current poll, and records that one has.
    pub(super) fn begin_request(&self) -> bool {
        !self.has_begun.swap(true, Ordering::Relaxed)
    }
}
