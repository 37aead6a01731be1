//! Model of the driver: loom runs the interleavings of its threads one by one.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll, Waker},
};

use futures_util::FutureExt;
use loom::{
    future::block_on,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    thread,
};

// The file of the program, with the atomics of this module.
#[path = "driver.rs"]
#[expect(clippy::duplicate_mod, reason = "each has other atomics")]
mod driver;

use driver::Driver;

/// Stands for the one of `futures-util`, which loom cannot see into.
#[derive(Default)]
struct AtomicWaker(Mutex<Option<Waker>>);

impl AtomicWaker {
    fn register(&self, waker: &Waker) {
        *self.0.lock().unwrap() = Some(waker.clone());
    }

    fn wake(&self) {
        let waker = self.0.lock().unwrap().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Future that another thread completes. The flag is relaxed: only the wake-up makes it visible.
#[derive(Clone, Default)]
struct Remote {
    is_started: bool,
    is_done: Arc<AtomicBool>,
}

impl Future for Remote {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if !self.is_started {
            self.is_started = true;
            let (is_done, waker) = (self.is_done.clone(), context.waker().clone());
            thread::spawn(move || {
                is_done.store(true, Ordering::Relaxed);
                waker.wake();
            });
        }
        match self.is_done.load(Ordering::Relaxed) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

/// Two preemptions find nearly every fault of this kind; all of them would take minutes.
fn model(run: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(run);
}

#[test]
fn a_wake_up_of_another_thread_is_never_lost() {
    model(|| {
        let mut driver = Driver::new();
        let mut operation = Remote::default();
        block_on(poll_fn(|context| {
            driver.poll(context, |context| operation.poll_unpin(context), || None)
        }));
    });
}

#[test]
fn two_wake_ups_are_never_lost() {
    model(|| {
        let mut driver = Driver::new();
        let (mut first, mut second) = (Remote::default(), Remote::default());
        block_on(poll_fn(|context| {
            let operation = |context: &mut Context<'_>| {
                let first = first.poll_unpin(context);
                let second = second.poll_unpin(context);
                match first.is_ready() && second.is_ready() {
                    true => Poll::Ready(()),
                    false => Poll::Pending,
                }
            };
            driver.poll(context, operation, || None)
        }));
    });
}

#[test]
fn a_wake_up_while_a_level_runs_is_never_lost() {
    model(|| {
        let mut driver = Driver::new();
        let (mut operation, level) = (Remote::default(), Remote::default());
        let is_level_done = level.is_done.clone();
        let mut level = Some(level.boxed());
        block_on(poll_fn(|context| {
            driver.poll(
                context,
                |context| operation.poll_unpin(context),
                || level.take(),
            )
        }));
        assert!(level.is_some() || is_level_done.load(Ordering::Relaxed));
    });
}

#[test]
fn a_wake_up_after_the_driver_is_dropped_does_nothing() {
    model(|| {
        let mut operation = Remote::default();
        let mut driver = Driver::new();
        block_on(poll_fn(|context| {
            let _ = driver.poll(context, |context| operation.poll_unpin(context), || None);
            Poll::Ready(())
        }));
        drop(driver);
    });
}
