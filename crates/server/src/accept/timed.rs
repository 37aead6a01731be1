//! A stream whose peer must send what it has begun to send, and take what it has asked for.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    time::{Instant, Sleep, sleep_until},
};

use crate::config::{LimitSettings, seconds};

/// Where a connection is between two requests.
#[derive(Default)]
pub struct Phase(AtomicU8);

/// The head of a request is on its way; so it is expected of a new connection.
const HEAD: u8 = 0;
/// A request is being answered, or the connection has become a WebSocket.
const SERVING: u8 = 1;
/// Nothing has come since the last answer.
const IDLE: u8 = 2;

impl Phase {
    /// A request has come.
    pub fn begin(&self) {
        self.0.store(SERVING, Ordering::Relaxed);
    }

    /// It is answered.
    pub fn end(&self) {
        self.0.store(IDLE, Ordering::Relaxed);
    }
}

/// A stream with its clocks.
pub struct Timed {
    stream: TokioIo<TcpStream>,
    phase: Arc<Phase>,
    /// For the head of a request that has begun.
    head: Clock,
    /// For an answer that waits to be taken.
    unread: Clock,
}

impl Timed {
    /// Within these limits.
    pub fn new(stream: TcpStream, phase: Arc<Phase>, limits: &LimitSettings) -> Self {
        Self {
            stream: TokioIo::new(stream),
            phase,
            head: Clock::new(limits.header_timeout),
            unread: Clock::new(limits.write_timeout),
        }
    }

    fn within<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.unread.stop();
            return written;
        }
        ready!(self.unread.poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl Read for Timed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        match (this.phase.0.load(Ordering::Relaxed), read.is_ready()) {
            (SERVING, _) => this.head.stop(),
            (IDLE, true) => {
                this.phase.0.store(HEAD, Ordering::Relaxed);
                this.head.stop();
            }
            (IDLE, false) => this.head.stop(),
            _ => {
                if this.head.poll(context).is_ready() {
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
            }
        }
        read
    }
}

impl Write for Timed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.within(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.within(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.within(context, shut)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.within(context, written)
    }
}

/// A time that begins when it is first asked about.
struct Clock {
    time: Duration,
    running: Option<Pin<Box<Sleep>>>,
}

impl Clock {
    fn new(time: u64) -> Self {
        Self {
            time: seconds(time),
            running: None,
        }
    }

    fn stop(&mut self) {
        self.running = None;
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let running = self
            .running
            .get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + self.time)));
        running.as_mut().poll(context)
    }
}
