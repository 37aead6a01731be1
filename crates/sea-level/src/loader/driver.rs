//! Polls one operation, and runs its statements level by level.
//!
//! Owns the order of polls and wake-ups. Knows neither loads nor databases, and takes its atomics
//! from the parent module, so that a test can model the interleavings of threads.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, Wake, Waker},
};

use futures_util::{FutureExt, future::BoxFuture};

use super::{AtomicU8, AtomicWaker};

/// Polls in a row before other tasks of the thread run. An operation that wakes itself for ever
/// would otherwise hold the thread, and no timeout could end it.
const POLLS_AT_ONCE: usize = 64;

/// Driver of one operation. Dropping it drops the statements of the current level.
pub(super) struct Driver {
    level: Option<BoxFuture<'static, ()>>,
    signal: Arc<Signal>,
    waker: Waker,
}

impl Driver {
    pub(super) fn new() -> Self {
        let signal = Arc::new(Signal::default());
        Self {
            level: None,
            waker: Waker::from(signal.clone()),
            signal,
        }
    }

    /// Polls the operation until it is ready or waits for something else than its loads.
    ///
    /// `next_level` returns the statements of all pending loads, or `None` if there are none. It is
    /// called only when the operation can go no further without them.
    pub(super) fn poll<T>(
        &mut self,
        context: &mut Context<'_>,
        mut operation: impl FnMut(&mut Context<'_>) -> Poll<T>,
        mut next_level: impl FnMut() -> Option<BoxFuture<'static, ()>>,
    ) -> Poll<T> {
        self.signal.task.register(context.waker());
        for _ in 0..POLLS_AT_ONCE {
            if let Some(mut level) = self.level.take() {
                // A statement that ends wakes the operation, which waits for the others of the level.
                self.signal.set(POLLING);
                if level.poll_unpin(context).is_pending() {
                    self.level = Some(level);
                    self.signal.set(IDLE);
                    return Poll::Pending;
                }
            }
            self.signal.set(POLLING);
            // An operation that has used up tokio's cooperative budget would look idle.
            let polled = pin!(tokio::task::unconstrained(poll_fn(&mut operation)))
                .poll(&mut Context::from_waker(&self.waker));
            if polled.is_ready() {
                return polled;
            }
            if self.signal.is_woken() {
                continue;
            }
            self.level = next_level();
            if self.level.is_none() && self.signal.to_idle() {
                // It waits for something else, as a mutation does for its transaction.
                return Poll::Pending;
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

const IDLE: u8 = 0;
const POLLING: u8 = 1;
const WOKEN: u8 = 2;

/// Waker of the operation. Remembers a wake-up during a poll and passes on one that comes later.
#[derive(Default)]
struct Signal {
    state: AtomicU8,
    task: AtomicWaker,
}

impl Signal {
    /// Reads the state that it replaces: what happened before a wake-up is then visible to the next
    /// poll, which a plain store does not guarantee.
    fn set(&self, state: u8) {
        self.state.swap(state, Ordering::SeqCst);
    }

    fn is_woken(&self) -> bool {
        self.state.load(Ordering::SeqCst) == WOKEN
    }

    /// Returns false if a wake-up came during the poll.
    fn to_idle(&self) -> bool {
        self.state
            .compare_exchange(POLLING, IDLE, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        if self.state.swap(WOKEN, Ordering::SeqCst) == IDLE {
            self.task.wake();
        }
    }
}
