//! The loop that accepts connections; the clocks and the turns of each.

mod timed;
mod turn;

use std::{
    convert::Infallible,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    http::{Request, Response, StatusCode},
};
use hyper::{body::Incoming, server::conn::http1, service::Service};
use hyper_util::rt::TokioTimer;
use tokio::{
    net::{TcpListener, TcpStream},
    task::yield_now,
    time::{sleep, timeout},
};

use self::{
    timed::{Phase, Timed},
    turn::{Quiet, Turns},
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
    let turns = Arc::new(Turns::default());
    let service = Phased {
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
        .max_buf_size(limits.max_header_size.max(8_192));
    let stream = Timed::new(stream, phase, &limits);
    let mut connection = pin!(builder.serve_connection(stream, service).with_upgrades());
    let ended = tokio::select! {
        ended = turns.take(connection.as_mut()) => ended,
        () = app.shutdown.begun() => {
            connection.as_mut().graceful_shutdown();
            turns.take(connection).await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}

/// What answers, telling when a request has come and when it is answered.
struct Phased {
    app: App,
    /// See [`http::others`].
    others: Router,
    phase: Arc<Phase>,
    turns: Arc<Turns>,
}

impl Service<Request<Incoming>> for Phased {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.phase.begin();
        let (app, others) = (self.app.clone(), self.others.clone());
        let (phase, turns) = (self.phase.clone(), self.turns.clone());
        // The future is large: it is made where it stays.
        let place = Box::new_uninit();
        let answer = Box::write(place, async move {
            while !turns.begin_request() {
                yield_now().await;
            }
            let request = request.map(|body| Body::new(Quiet::new(body, turns)));
            let answer = http::answer(app, others, request).await;
            if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
                phase.end();
            }
            Ok(answer)
        });
        Box::into_pin(answer)
    }
}
