//! Background tasks, until the drain begins: delivery of changes to subscribers, deletion of old
//! changes.

use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::{app::App, error::Reason};

/// Interval of the deletion of old changes.
const PRUNING: Duration = Duration::from_secs(60 * 60);

/// Pause after a panic, so that a panic in each round does not keep a core busy.
const PAUSE: Duration = Duration::from_secs(1);

/// Spawns the background tasks.
pub fn begin(app: &App) {
    let app = app.clone();
    tokio::spawn(async move {
        tokio::select! {
            // First: the drain closes the database, which is no error.
            biased;
            // Subscriptions continue during the grace.
            () = app.shutdown.draining() => {}
            () = follow(&app) => {}
            () = prune(&app) => {}
        }
    });
}

/// Follows the feed and restarts after a panic: without it subscribers would wait without an error.
async fn follow(app: &App) {
    let feed = app.roster.feed();
    loop {
        let followed = AssertUnwindSafe(feed.follow()).catch_unwind().await;
        if followed.is_err() {
            tracing::error!("the reader of the change feed panicked and restarts");
        }
        sleep(PAUSE).await;
        // Delivers the changes that the panic held up.
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
            // The next round tries again.
            Err(error) => tracing::warn!("old changes stay for now: {}", Reason::from(error)),
        }
    }
}
