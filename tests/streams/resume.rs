//! Cut streams: a client resumes behind the last event that it received.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use rand::Rng;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::support::{
    app::{TestApp, apps},
    client::succeeds,
    events::{CHANGES, EventSource},
    http::code,
    operations::CREATE,
};

#[tokio::test]
async fn a_stream_resumes_behind_last_event_id() {
    for app in apps().await {
        app.new_employee("Ann").await;
        let cursor = app.latest_cursor().await;
        let missed = app.new_employee("Bob").await;
        let mut events = EventSource::get(&app.url, CHANGES, Some(&cursor)).await;
        assert_eq!(events.start().await, cursor);
        assert_eq!(events.change().await["touchedIds"], json!([missed]));
    }
}

#[tokio::test]
async fn the_cursor_of_the_operation_overrides_last_event_id() {
    for app in apps().await {
        let first = app.latest_cursor().await;
        let ann = app.new_employee("Ann").await;
        let second = app.latest_cursor().await;
        let text = format!("subscription {{ changes(after: {first:?}) {{ touchedIds }} }}");
        let mut events = EventSource::get(&app.url, &text, Some(&second)).await;
        assert_eq!(events.start().await, first);
        assert_eq!(events.change().await["touchedIds"], json!([ann]));
    }
}

#[tokio::test]
async fn a_null_for_the_cursor_is_like_none() {
    for app in apps().await {
        let cursor = app.latest_cursor().await;
        let ann = app.new_employee("Ann").await;
        let text = "subscription { changes(after: null) { touchedIds } }";
        let mut events = EventSource::get(&app.url, text, Some(&cursor)).await;
        assert_eq!(events.start().await, cursor);
        assert_eq!(events.change().await["touchedIds"], json!([ann]));
    }
}

#[tokio::test]
async fn an_unknown_or_expired_last_event_id_gives_an_error_and_a_complete() {
    for app in apps().await {
        let before = app.latest_cursor().await;
        app.new_employee("Ann").await;
        let oldest = "DELETE FROM changes WHERE seq = 1";
        app.db().execute_unprepared(oldest).await.unwrap();
        for (id, expected) in [
            ("x", "BAD_USER_INPUT"),
            ("\u{e4}", "BAD_USER_INPUT"),
            (before.as_str(), "CURSOR_EXPIRED"),
        ] {
            let mut events = EventSource::get(&app.url, CHANGES, Some(id)).await;
            let result = events.result().await;
            assert_eq!(code(&result), expected, "{}: {result}", app.name());
            events.completes().await;
            assert_eq!(events.last_event_id, None);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_client_that_is_cut_off_200_times_receives_each_change_once() {
    const CUTS: usize = 200;
    for app in apps().await {
        let mut events = EventSource::get(&app.url, CHANGES, None).await;
        let mut last = events.start().await;
        let is_over = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..3)
            .map(|_| tokio::spawn(write_until(app.url.clone(), is_over.clone())))
            .collect();
        let mut received = Vec::new();
        for _ in 0..CUTS {
            // A cut may come before the first event, even before the answer begins.
            let wanted = rand::rng().random_range(0..4);
            for _ in 0..wanted {
                received.push(received_id(&events.change().await));
            }
            last = events.last_event_id.take().unwrap_or(last);
            drop(events);
            events = EventSource::get(&app.url, CHANGES, Some(&last)).await;
        }
        is_over.store(true, Ordering::Relaxed);
        let mut written = HashSet::new();
        for writer in writers {
            written.extend(writer.await.unwrap());
        }
        let marker = app.new_employee("Marker").await;
        loop {
            let id = received_id(&events.change().await);
            if id == marker {
                break;
            }
            received.push(id);
        }
        let distinct: HashSet<_> = received.iter().cloned().collect();
        assert_eq!(received.len(), distinct.len(), "{}: doubled", app.name());
        assert_eq!(distinct, written, "{}", app.name());
        assert!(written.len() > 50, "{} changes", written.len());
        assert_is_in_commit_order(&app, &received).await;
    }
}

fn received_id(change: &Value) -> String {
    change["touchedIds"][0].as_str().unwrap().to_owned()
}

/// Creates employees. Returns their ids.
async fn write_until(url: String, is_over: Arc<AtomicBool>) -> Vec<String> {
    let mut ids = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        let made = succeeds(&url, CREATE).await;
        let id = made["createEmployee"]["employee"]["id"].as_str();
        ids.push(id.unwrap().to_owned());
    }
    ids
}

async fn assert_is_in_commit_order(app: &TestApp, received: &[String]) {
    let feed = app.changes().await;
    let feed = feed.iter().filter_map(|line| line.split(' ').nth(2));
    let feed: Vec<_> = feed.take(received.len()).collect();
    assert_eq!(received, feed, "{}", app.name());
}
