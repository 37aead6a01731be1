//! When a connection is polled, and what it is not polled for.

use std::{
    cell::Cell,
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use axum::body::HttpBody;
use bytes::Bytes;
use futures_util::task::AtomicWaker;
use hyper::body::{Frame, Incoming, SizeHint};

/// The turns of a connection, each until it has to wait, or to let others.
#[derive(Default)]
pub struct Turns {
    /// Whether a request has been begun in this turn. The next one is for another turn: who sends
    /// many at once shall not keep others waiting for all of them.
    has_begun: AtomicBool,
    task: AtomicWaker,
}

impl Turns {
    /// Polls the connection, and tells when a turn of it begins.
    pub async fn take<C: Future>(self: &Arc<Self>, mut connection: Pin<&mut C>) -> C::Output {
        let waker = Waker::from(self.clone());
        poll_fn(|context| {
            self.has_begun.store(false, Ordering::Relaxed);
            self.task.register(context.waker());
            connection.as_mut().poll(&mut Context::from_waker(&waker))
        })
        .await
    }

    /// Begins a request, if none has been begun in this turn.
    pub fn begin_request(&self) -> bool {
        !self.has_begun.swap(true, Ordering::Relaxed)
    }
}

impl Wake for Turns {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        match HEARD.get() {
            None => self.task.wake(),
            Some(_) => HEARD.set(Some(true)),
        }
    }
}

thread_local! {
    /// While a [`Quiet`] body is read on this thread: whether the connection was woken.
    static HEARD: Cell<Option<bool>> = const { Cell::new(None) };
}

/// While it is there, a connection that is woken on this thread is not.
struct Hush;

impl Hush {
    fn begin() -> Self {
        HEARD.set(Some(false));
        Self
    }

    /// Whether a connection was woken.
    fn end(self) -> bool {
        HEARD.take() == Some(true)
    }
}

impl Drop for Hush {
    fn drop(&mut self) {
        HEARD.set(None);
    }
}

/// A body whose end wakes nobody. When a part of it is taken, hyper wakes the connection to bring the
/// next one, even if there is none: for each request it would be polled once more, and another thread
/// be told that there is something to do.
pub struct Quiet {
    body: Incoming,
    turns: Arc<Turns>,
}

impl Quiet {
    /// The body of a request of this connection.
    pub fn new(body: Incoming, turns: Arc<Turns>) -> Self {
        Self { body, turns }
    }
}

impl HttpBody for Quiet {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let hush = Hush::begin();
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if hush.end() && !self.body.is_end_stream() {
            self.turns.wake_by_ref();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Task(AtomicUsize);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn only_what_is_woken_while_a_body_is_read_is_not() {
        let (task, turns) = (Arc::new(Task::default()), Arc::new(Turns::default()));
        let wakes = |hushed: bool| {
            let before = task.0.load(Ordering::Relaxed);
            turns.task.register(&Waker::from(task.clone()));
            let hush = hushed.then(Hush::begin);
            turns.wake_by_ref();
            if let Some(hush) = hush {
                assert!(hush.end(), "it is told afterwards");
            }
            task.0.load(Ordering::Relaxed) - before
        };
        assert_eq!(wakes(false), 1);
        assert_eq!(wakes(true), 0);
        assert_eq!(wakes(false), 1);
        let elsewhere = || std::thread::scope(|scope| scope.spawn(|| wakes(false)).join().unwrap());
        let hush = Hush::begin();
        assert_eq!(elsewhere(), 1, "other threads are not meant");
        assert!(!hush.end());
    }
}
