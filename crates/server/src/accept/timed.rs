//! TCP stream with timeouts for slow peers and a lingering close.

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
    io::{AsyncRead, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep_until},
};

use crate::config::{LimitSettings, seconds};

/// Limit in seconds of the lingering close.
const LINGER: u64 = 1;
/// Limit in bytes of the lingering close.
const LINGER_BYTES: usize = 8 << 20;

/// Phase of a connection.
#[derive(Default)]
pub(super) struct Phase(AtomicU8);

/// The head of a request is expected or half sent. A new connection begins here.
const HEAD: u8 = 0;
/// A request is being answered, or the connection has become a WebSocket.
const SERVING: u8 = 1;
/// No byte has arrived since the last answer.
const IDLE: u8 = 2;
/// The answer that begins a WebSocket is about to be written.
const SWITCHING: u8 = 3;

impl Phase {
    /// Records that a request has arrived.
    pub(super) fn begin(&self) {
        self.0.store(SERVING, Ordering::Relaxed);
    }

    /// Records that the request is answered.
    pub(super) fn end(&self) {
        self.0.store(IDLE, Ordering::Relaxed);
    }

    /// Marks the next write as the head of a 101 answer.
    pub(super) fn switch(&self) {
        self.0.store(SWITCHING, Ordering::Relaxed);
    }

    /// Returns whether a request is expected or half sent.
    pub(super) fn expects_head(&self) -> bool {
        self.0.load(Ordering::Relaxed) == HEAD
    }

    fn is_switching(&self) -> bool {
        self.0.load(Ordering::Relaxed) == SWITCHING
    }
}

/// TCP stream with the timeouts of its connection.
pub(super) struct Timed {
    stream: TokioIo<TcpStream>,
    phase: Arc<Phase>,
    /// Timeout of the head of a request that has begun.
    head: Clock,
    /// Timeout of an answer that the peer does not read.
    unread: Clock,
    /// Timeout of the lingering close.
    linger: Clock,
    /// Bytes that the lingering close may still read; `None` before the close.
    linger_bytes: Option<usize>,
}

impl Timed {
    /// Wraps the stream with the timeouts of these limits.
    pub(super) fn new(stream: TcpStream, phase: Arc<Phase>, limits: &LimitSettings) -> Self {
        Self {
            stream: TokioIo::new(stream),
            phase,
            head: Clock::new(limits.header_timeout),
            unread: Clock::new(limits.write_timeout),
            linger: Clock::new(LINGER),
            linger_bytes: None,
        }
    }

    /// Discards what the peer still sends. Closing a socket with unread bytes resets the
    /// connection, and a reset discards the last answer before the peer has read it.
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut bytes = [0; 8 << 10];
        while let Some(left) = self.linger_bytes.filter(|left| *left > 0) {
            let mut buffer = ReadBuf::new(&mut bytes);
            let read = Pin::new(self.stream.inner_mut()).poll_read(context, &mut buffer);
            match read {
                Poll::Pending => return self.linger.poll(context),
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    self.linger_bytes = Some(left.saturating_sub(buffer.filled().len()));
                }
                Poll::Ready(_) => break,
            }
        }
        Poll::Ready(())
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
            (SERVING | SWITCHING, _) => this.head.stop(),
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
        // While an earlier answer is still being written, the head follows later.
        let written = if self.phase.is_switching() && bytes.starts_with(b"HTTP/1.1 101") {
            let head = with_handshake_names(bytes);
            let written = Pin::new(&mut self.stream).poll_write(context, &head);
            if written.is_ready() {
                self.phase.begin();
            }
            written
        } else {
            Pin::new(&mut self.stream).poll_write(context, bytes)
        };
        self.within(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.within(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.linger_bytes.is_none() {
            let shut = Pin::new(&mut self.stream).poll_shutdown(context);
            ready!(self.within(context, shut))?;
            self.linger_bytes = Some(LINGER_BYTES);
        }
        self.poll_linger(context).map(Ok)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.phase.is_switching() {
            let head = bytes.iter().find(|part| !part.is_empty());
            return self.poll_write(context, head.map_or(&[], |part| part));
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.within(context, written)
    }
}

/// Returns the head with its header names in the case of RFC 6455. Names are case-insensitive,
/// but Python's gql looks for exactly `Sec-WebSocket-Protocol`; hyper writes lower case.
fn with_handshake_names(head: &[u8]) -> Vec<u8> {
    let mut head = head.to_vec();
    for line in head.split_mut(|byte| *byte == b'\n') {
        let name = line.iter().position(|byte| *byte == b':').unwrap_or(0);
        let name = &mut line[..name];
        for part in name.split_mut(|byte| *byte == b'-') {
            if let Some(first) = part.first_mut() {
                first.make_ascii_uppercase();
            }
        }
        if name.starts_with(b"Sec-Websocket-") {
            name[7] = b'S';
        }
    }
    head
}

/// Timeout that starts at its first poll.
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
