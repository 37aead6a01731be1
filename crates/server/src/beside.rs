//! What goes on beside the requests, until the shutdown begins: changes are handed to those who
//! listen, and old ones are deleted.

use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::{app::App, error::Reason};

/// How often old changes are deleted.
const PRUNING: Duration = Duration::from_secs(60 * 60);

/// After a panic, so that one that comes again and again does not keep a core.
const BREATH: Duration = Duration::from_secs(1);

/// Begins all of it.
pub fn begin(app: &App) {
    let app = app.clone();
    tokio::spawn(async move {
        tokio::select! {
            // First: the shutdown closes the database, which is no error.
            biased;
            // Subscriptions run on during the grace.
            () = app.shutdown.draining() => {}
            () = follow(&app) => {}
            () = prune(&app) => {}
        }
    });
}

/// For ever: whoever listens would wait in vain, and nobody would know why.
async fn follow(app: &App) {
    let feed = app.roster.feed();
    loop {
        let followed = AssertUnwindSafe(feed.follow()).catch_unwind().await;
        if followed.is_err() {
            tracing::error!("the reader of the change feed panicked and begins again");
        }
        sleep(BREATH).await;
        // What it was about to hand out.
        feed.wake();
    }
}

async fn prune(app: &App) {
    let age = Duration::from_secs(app.keep_changes * 24 * 60 * 60);
    let mut hours = interval(PRUNING);
    hours.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        hours.tick().await;
        match app.roster.feed().prune(age).await {
            Ok(0) => {}
            Ok(rows) => tracing::info!("deleted {rows} old changes from the feed"),
            // The next hour will do.
            Err(error) => tracing::warn!("old changes stay for now: {}", Reason::from(error)),
        }
    }
}
