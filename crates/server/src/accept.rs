//! The loop that accepts connections, and the clock behind each of them.

use std::{
    convert::Infallible,
    future::poll_fn,
    io,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    http::{Request, Response, StatusCode},
};
use hyper::{
    body::Incoming,
    rt::{Read, ReadBufCursor, Write},
    server::conn::http1,
    service::Service,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    task::yield_now,
    time::{Instant, Sleep, sleep, sleep_until, timeout},
};

use crate::{app::App, beside, config::seconds, error::Error, http};

/// How long a drain waits for requests, so that the process ends within ten seconds.
const DRAIN: Duration = Duration::from_secs(9);

/// After a failure to accept, as when the process has too many files open.
const BREATH: Duration = Duration::from_millis(50);

/// Answers until the shutdown begins, then finishes what runs, for some seconds at most.
pub async fn serve(listener: TcpListener, app: App) -> Result<(), Error> {
    beside::begin(&app);
    tokio::select! {
        () = accept(listener, &app) => {}
        () = app.shutdown.begun() => {}
    }
    // The listener is closed by now: nobody is let in to wait.
    tokio::select! {
        drained = timeout(DRAIN, ended(&app)) => {
            if drained.is_err() {
                tracing::warn!("ended with requests still running");
            }
            Ok(())
        }
        () = app.shutdown.forced() => Err(Error::Forced),
    }
}

async fn accept(listener: TcpListener, app: &App) {
    let others = http::others(app);
    loop {
        let Ok(permit) = app.connections.clone().acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let connection = connection(stream, others.clone(), app.clone());
                tokio::spawn(async move {
                    connection.await;
                    drop(permit);
                });
            }
            Err(error) => {
                // Somebody else's connection broke, or there are too many.
                tracing::debug!(%error, "cannot accept a connection");
                sleep(BREATH).await;
            }
        }
    }
}

/// Waits until every connection and every socket has ended.
async fn ended(app: &App) {
    let limits = &app.limits;
    let _connections = app.connections.acquire_many(limits.max_connections).await;
    let _sockets = app.sockets.acquire_many(limits.max_sockets).await;
}

async fn connection(stream: TcpStream, others: Router, app: App) {
    let limits = app.limits;
    // An answer is written at once, and the next one waits for it.
    let _ = stream.set_nodelay(true);
    let phase = Arc::new(Phase::default());
    let stream = Timed {
        stream: TokioIo::new(stream),
        phase: phase.clone(),
        head: Clock::new(seconds(limits.header_timeout)),
        unread: Clock::new(seconds(limits.write_timeout)),
    };
    let service = Phased {
        app: app.clone(),
        others,
        phase: phase.clone(),
    };
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // From the last answer to the next request; a request that has begun has its own clock.
        .header_read_timeout(seconds(limits.idle_timeout))
        .max_buf_size(limits.max_header_size.max(8_192));
    let mut connection = pin!(builder.serve_connection(stream, service).with_upgrades());
    let ended = tokio::select! {
        ended = in_turns(connection.as_mut(), &phase) => ended,
        () = app.shutdown.begun() => {
            connection.as_mut().graceful_shutdown();
            in_turns(connection, &phase).await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}

/// Polls a connection, and tells when a turn of it begins: until it has to wait, or to let others.
async fn in_turns<C: Future>(mut connection: Pin<&mut C>, phase: &Phase) -> C::Output {
    poll_fn(|context| {
        phase.has_begun.store(false, Ordering::Relaxed);
        connection.as_mut().poll(context)
    })
    .await
}

/// Where a connection is between two requests.
#[derive(Default)]
struct Phase {
    now: AtomicU8,
    /// Whether a request has been begun in this turn. The next one is for another turn: who sends
    /// many at once shall not keep others waiting for all of them.
    has_begun: AtomicBool,
}

/// The head of a request is on its way; so it is expected of a new connection.
const HEAD: u8 = 0;
/// A request is being answered, or the connection has become a WebSocket.
const SERVING: u8 = 1;
/// Nothing has come since the last answer.
const IDLE: u8 = 2;

/// What answers, telling when a request has come and when it is answered.
struct Phased {
    app: App,
    /// See [`http::others`].
    others: Router,
    phase: Arc<Phase>,
}

impl Service<Request<Incoming>> for Phased {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.phase.now.store(SERVING, Ordering::Relaxed);
        let (app, others) = (self.app.clone(), self.others.clone());
        let phase = self.phase.clone();
        // The future is large: it is made where it stays.
        let place = Box::new_uninit();
        let answer = Box::write(place, async move {
            if phase.has_begun.swap(true, Ordering::Relaxed) {
                yield_now().await;
                phase.has_begun.store(true, Ordering::Relaxed);
            }
            let answer = http::answer(app, others, request.map(Body::new)).await;
            if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
                phase.now.store(IDLE, Ordering::Relaxed);
            }
            Ok(answer)
        });
        Box::into_pin(answer)
    }
}

/// A time that begins when it is first asked about.
struct Clock {
    time: Duration,
    running: Option<Pin<Box<Sleep>>>,
}

impl Clock {
    fn new(time: Duration) -> Self {
        Self {
            time,
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

/// A stream whose peer must send what it has begun to send, and take what it has asked for.
struct Timed {
    stream: TokioIo<TcpStream>,
    phase: Arc<Phase>,
    head: Clock,
    unread: Clock,
}

impl Timed {
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
        match (this.phase.now.load(Ordering::Relaxed), read.is_ready()) {
            (SERVING, _) => this.head.stop(),
            (IDLE, true) => {
                this.phase.now.store(HEAD, Ordering::Relaxed);
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
