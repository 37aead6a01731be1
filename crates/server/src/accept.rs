//! Accept loop, drain, and the lifetime of each connection.

mod timed;
mod turn;

use std::{
    convert::Infallible,
    future::poll_fn,
    io,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    http::{HeaderValue, Request, Response, StatusCode, header},
};
use hyper::{body::Incoming, server::conn::http1, service::Service};
use hyper_util::rt::TokioTimer;
#[cfg(target_os = "linux")]
use socket2::{SockFilter, SockRef};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::OwnedSemaphorePermit,
    task::yield_now,
    time::{sleep, timeout},
};

use self::{
    timed::{Phase, Timed},
    turn::Turns,
};
use crate::{app::App, background, config::seconds, error::Error, http};

/// Time for running requests after the grace: with the default grace the process ends within 10 s.
const DRAIN: Duration = Duration::from_secs(8);

/// Time in which a handshake that has begun is completed.
const HANDSHAKE: Duration = Duration::from_millis(50);

/// Pause after a failure to accept, as when the process has too many open files.
const PAUSE: Duration = Duration::from_millis(50);

/// Answers requests until the shutdown, then drains.
///
/// During the grace the listeners stay open and every answer closes its connection, so that a
/// client that keeps its connections open learns of the end from an answer. Hyper closes an idle
/// connection at once, even if a request is on the wire.
pub async fn serve(listeners: Vec<TcpListener>, app: App) -> Result<(), Error> {
    background::begin(&app);
    let others = http::others(&app);
    let grace = async {
        app.shutdown.begun().await;
        sleep(app.shutdown_grace).await;
    };
    tokio::select! {
        () = accept(&listeners, &others, &app) => {}
        () = grace => {}
        () = app.shutdown.forced() => return Err(Error::Forced),
    }
    refuse_new(&listeners);
    tokio::select! {
        () = accept(&listeners, &others, &app) => {}
        () = sleep(HANDSHAKE) => {}
    }
    app.shutdown.drain();
    accept_backlog(listeners, &others, &app);
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

async fn accept(listeners: &[TcpListener], others: &Router, app: &App) {
    loop {
        let Ok(permit) = app.connections.clone().acquire_owned().await else {
            return;
        };
        let accepted = poll_fn(|context| {
            let mut accepted = listeners
                .iter()
                .map(|listener| listener.poll_accept(context));
            accepted.find(Poll::is_ready).unwrap_or(Poll::Pending)
        });
        match accepted.await {
            Ok((stream, _)) => begin(stream, permit, others, app),
            Err(error) => {
                // The connection broke, or the process has too many open files.
                tracing::debug!(%error, "cannot accept a connection");
                sleep(PAUSE).await;
            }
        }
    }
}

/// Lets the kernel ignore new connections, while those whose handshake has begun still arrive: one
/// that is completed between the last accept and the end of its listener would be reset. Clients try
/// again and are refused. Elsewhere than on Linux that gap of some microseconds remains.
fn refuse_new(listeners: &[TcpListener]) {
    #[cfg(target_os = "linux")]
    for listener in listeners {
        // Of a TCP segment the flags are in byte 13, and SYN is their second bit: drop, or keep.
        let filter = [
            SockFilter::new(0x30, 0, 0, 13),
            SockFilter::new(0x45, 0, 1, 0x02),
            SockFilter::new(0x06, 0, 0, 0),
            SockFilter::new(0x06, 0, 0, u32::MAX),
        ];
        if let Err(error) = SockRef::from(listener).attach_filter(&filter) {
            tracing::debug!(%error, "new connections cannot be ignored");
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = listeners;
}

/// Accepts the connections that wait in the kernel, then closes the listeners. Closing them first
/// would reset these connections.
fn accept_backlog(listeners: Vec<TcpListener>, others: &Router, app: &App) {
    let accept = |listener: TcpListener| -> io::Result<()> {
        let listener = listener.into_std()?;
        while let Ok(permit) = app.connections.clone().try_acquire_owned() {
            let (stream, _) = listener.accept()?;
            stream.set_nonblocking(true)?;
            begin(TcpStream::from_std(stream)?, permit, others, app);
        }
        Ok(())
    };
    for listener in listeners {
        // The usual end: no connection is left to accept.
        if let Err(error) = accept(listener) {
            tracing::debug!(%error, "a listener is closed");
        }
    }
}

fn begin(stream: TcpStream, permit: OwnedSemaphorePermit, others: &Router, app: &App) {
    let connection = connection(stream, others.clone(), app.clone());
    tokio::spawn(async move {
        connection.await;
        drop(permit);
    });
}

/// Waits until every connection and every socket has ended.
async fn ended(app: &App) {
    let limits = &app.limits;
    let _connections = app.connections.acquire_many(limits.connections).await;
    let _sockets = app.sockets.acquire_many(limits.sockets).await;
}

async fn connection(stream: TcpStream, others: Router, app: App) {
    let limits = app.limits;
    // An answer is written in one piece, so nothing is gained by delaying it.
    let _ = stream.set_nodelay(true);
    let phase = Arc::new(Phase::default());
    let turns = Arc::new(Turns::default());
    let service = RequestService {
        app: app.clone(),
        others,
        phase: phase.clone(),
        turns: turns.clone(),
    };
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // From the last answer to the next request; a request that has begun has its own clock.
        .header_read_timeout(seconds(limits.idle_timeout))
        .max_buf_size(limits.header_size.max(8_192));
    let stream = Timed::new(stream, phase.clone(), &limits);
    let mut connection = pin!(builder.serve_connection(stream, service).with_upgrades());
    let may_close = async {
        app.shutdown.draining().await;
        // A request is expected or half sent: a new connection, or one that was idle.
        if phase.expects_head() {
            sleep(app.shutdown_grace).await;
        }
    };
    let ended = tokio::select! {
        // First, so that a request that has arrived is read before the connection counts as idle.
        biased;
        ended = turns.take(connection.as_mut()) => ended,
        () = may_close => {
            connection.as_mut().graceful_shutdown();
            turns.take(connection).await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}

/// HTTP service of one connection. Records the begin and the end of each request.
struct RequestService {
    app: App,
    /// See [`http::others`].
    others: Router,
    phase: Arc<Phase>,
    turns: Arc<Turns>,
}

impl Service<Request<Incoming>> for RequestService {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.phase.begin();
        let (app, others) = (self.app.clone(), self.others.clone());
        let (phase, turns) = (self.phase.clone(), self.turns.clone());
        // The future is large: it is built in the heap instead of being moved there.
        let place = Box::new_uninit();
        let answer = Box::write(place, async move {
            while !turns.begin_request() {
                yield_now().await;
            }
            let request = request.map(Body::new);
            let shutdown = app.shutdown.clone();
            let mut answer = http::answer(app, others, request).await;
            if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
                phase.switch();
                return Ok(answer);
            }
            phase.end();
            if shutdown.has_begun() {
                let headers = answer.headers_mut();
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(answer)
        });
        Box::into_pin(answer)
    }
}
