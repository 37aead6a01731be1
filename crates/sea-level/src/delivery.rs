//! Delivery of the events of a subscription. A bounded number of events is resolved at the same time;
//! an event that fails is resolved again after a pause, and ends its subscription after six failures.
//!
//! An event is never delivered in part: an event without its node means that the node was deleted.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore, SetOnce},
    time::{Instant, sleep, sleep_until},
};

use crate::mutex::lock;

/// Attempts to resolve an event before its subscription ends.
const ATTEMPTS: u32 = 6;

/// Time that one attempt may take.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// State of the event that a subscription resolves.
pub struct Delivery {
    /// One permit for each event that is resolved at the same time, shared by all subscriptions. A
    /// change with thousands of subscribers would otherwise make most of them wait too long for a
    /// connection.
    slots: Arc<Semaphore>,
    state: Mutex<DeliveryState>,
    has_begun: Notify,
    /// Set if the transport tells the client its position.
    position: Option<Arc<FeedPosition>>,
}

/// Position of a subscription in the feed that it follows, shared with the transport: the cursor after
/// which a client resumes when its connection broke.
#[derive(Debug, Default)]
pub struct FeedPosition {
    resume_after: Option<String>,
    start: SetOnce<String>,
    last: Mutex<Option<String>>,
}

impl FeedPosition {
    /// Creates a position. The feed begins after this cursor unless the operation names another.
    pub fn new(resume_after: Option<String>) -> Self {
        Self {
            resume_after,
            ..Self::default()
        }
    }

    /// Waits for the cursor after which the feed begins.
    pub async fn start(&self) -> &str {
        self.start.wait().await
    }

    /// Returns the cursor of the event that was handed to its resolvers last.
    pub fn last(&self) -> Option<String> {
        lock(&self.last).clone()
    }
}

#[derive(Default)]
struct DeliveryState {
    /// Held while the event is resolved, not while the client receives it.
    permit: Option<OwnedSemaphorePermit>,
    deadline: Option<Instant>,
    failures: u32,
    is_repeated: bool,
}

impl Delivery {
    pub(crate) fn new(slots: Arc<Semaphore>, position: Option<Arc<FeedPosition>>) -> Self {
        Self {
            slots,
            state: Mutex::default(),
            has_begun: Notify::new(),
            position,
        }
    }

    pub(crate) fn resume_after(&self) -> Option<&str> {
        self.position.as_ref()?.resume_after.as_deref()
    }

    /// Records the cursor after which the feed begins.
    pub(crate) fn start(&self, cursor: String) {
        if let Some(position) = &self.position {
            // A subscription has one field, so this is the only call.
            let _ = position.start.set(cursor);
        }
    }

    /// Records the cursor of an event that is handed to its resolvers.
    pub(crate) fn advance(&self, cursor: impl FnOnce() -> String) {
        if let Some(position) = &self.position {
            *lock(&position.last) = Some(cursor());
        }
    }

    /// Waits for a slot; `None` at the end of the process.
    pub(crate) async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        self.slots.clone().acquire_owned().await.ok()
    }

    /// Starts the event, or its next attempt.
    pub(crate) fn begin(&self, permit: OwnedSemaphorePermit) {
        let mut state = self.lock();
        state.permit = Some(permit);
        state.deadline = Some(Instant::now() + TIME_LIMIT);
        state.is_repeated = false;
        self.has_begun.notify_one();
    }

    /// True if the last event is resolved again.
    pub(crate) fn is_repeated(&self) -> bool {
        self.lock().is_repeated
    }

    /// Returns when the current event exceeds its time limit.
    pub(crate) async fn overdue(&self) {
        loop {
            let deadline = self.lock().deadline;
            match deadline {
                Some(deadline) if deadline <= Instant::now() => return,
                Some(deadline) => sleep_until(deadline).await,
                None => self.has_begun.notified().await,
            }
        }
    }

    /// Ends the event after success, or after a refusal before the first event.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        state.permit = None;
        state.deadline = None;
        state.failures = 0;
    }

    /// Waits before the next attempt. Returns false if the event failed too often or never began.
    pub(crate) async fn repeat(&self) -> bool {
        let mut pause = {
            let mut state = self.lock();
            let has_begun = state.deadline.take().is_some();
            state.permit = None;
            state.failures += 1;
            if !has_begun || state.failures >= ATTEMPTS {
                return false;
            }
            state.is_repeated = true;
            Backoff(state.failures - 1)
        };
        pause.wait().await;
        true
    }

    fn lock(&self) -> MutexGuard<'_, DeliveryState> {
        lock(&self.state)
    }
}

/// Pause after a failure: 100 ms, doubled each time, up to 2 s.
#[derive(Default)]
pub struct Backoff(u32);

impl Backoff {
    /// Waits, and lengthens the next pause.
    pub async fn wait(&mut self) {
        let pause = Duration::from_millis(100 << self.0.min(5)).min(Duration::from_secs(2));
        self.0 += 1;
        sleep(pause).await;
    }
}
