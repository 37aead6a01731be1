//! The dispatcher, one poll at a time, with loaders that answer without a database.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::Duration,
};

use futures_util::{
    StreamExt,
    future::{join, join_all, pending},
    stream,
};
use sea_orm::sqlx::{Sqlite, sqlite::SqliteConnectOptions};
use tokio::sync::Notify;

use super::*;
use crate::{
    limits::Limits,
    sql::pool::{Connector, Pool, PoolSettings},
};

/// Loader that answers with the squares of its keys. A gate holds its statement back.
#[derive(Clone)]
struct Squares {
    name: &'static str,
    log: Log,
    gate: Option<Arc<Notify>>,
}

/// Each statement that was sent: the name of its loader and the keys.
type Log = Arc<Mutex<Vec<(&'static str, Vec<i64>)>>>;

impl Squares {
    fn new(name: &'static str, log: &Log) -> Self {
        Self {
            name,
            log: log.clone(),
            gate: None,
        }
    }

    fn gated(name: &'static str, log: &Log) -> (Self, Arc<Notify>) {
        let gate = Arc::<Notify>::default();
        let loader = Self {
            gate: Some(gate.clone()),
            ..Self::new(name, log)
        };
        (loader, gate)
    }
}

impl PartialEq for Squares {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Loader for Squares {
    type Key = i64;
    type Value = i64;

    async fn load(&self, _: &Reader, keys: &[i64]) -> Result<Vec<i64>> {
        lock(&self.log).push((self.name, keys.to_vec()));
        if let Some(gate) = &self.gate {
            gate.notified().await;
        }
        Ok(keys.iter().map(|key| key * key).collect())
    }
}

#[tokio::test]
async fn all_loads_of_a_level_become_one_statement_per_loader() {
    let (dispatcher, db, log) = fixture();
    let (first, second) = (Squares::new("first", &log), Squares::new("second", &log));
    let other = Squares::new("other", &log);
    let pairs = (1..=3).map(async |key| {
        let square = *dispatcher.load(&first, key).await?;
        dispatcher.load(&second, square).await
    });
    let operation = join(join_all(pairs), dispatcher.load(&other, 7));
    let (pairs, other) = dispatcher.drive(&db, operation).await;
    let pairs: Vec<i64> = pairs.into_iter().map(|pair| *pair.unwrap()).collect();
    assert_eq!((pairs, *other.unwrap()), (vec![1, 16, 81], 49));
    assert_eq!(
        *lock(&log),
        [
            ("first", vec![1, 2, 3]),
            ("other", vec![7]),
            ("second", vec![1, 4, 9])
        ]
    );
    assert_eq!(dispatcher.statements(), 3);
}

#[tokio::test]
async fn the_next_level_starts_when_all_statements_of_this_one_have_ended() {
    let (dispatcher, db, log) = fixture();
    let (slow, gate) = Squares::gated("slow", &log);
    let (quick, next) = (Squares::new("quick", &log), Squares::new("next", &log));
    let operation = join(dispatcher.load(&slow, 1), async {
        let square = *dispatcher.load(&quick, 2).await?;
        dispatcher.load(&next, square).await
    });
    let mut driven = pin!(dispatcher.drive(&db, operation));
    let level = [("slow", vec![1]), ("quick", vec![2])];
    for _ in 0..3 {
        assert!(poll_once(driven.as_mut()).is_pending());
        assert_eq!(*lock(&log), level);
    }
    gate.notify_one();
    assert!(poll_once(driven.as_mut()).is_ready());
    assert_eq!(lock(&log)[2..], [("next", vec![4])]);
}

#[tokio::test]
async fn an_operation_that_is_dropped_drops_its_statements() {
    let (dispatcher, db, log) = fixture();
    let (slow, gate) = Squares::gated("slow", &log);
    let mut driven = Box::pin(dispatcher.drive(&db, dispatcher.load(&slow, 1)));
    assert!(poll_once(driven.as_mut()).is_pending());
    drop(driven);
    drop(slow);
    assert_eq!(Arc::strong_count(&gate), 1, "the statement is still there");
    assert_eq!(*lock(&log), [("slow", vec![1])]);

    let other = Squares::new("other", &log);
    let square = dispatcher.drive(&db, dispatcher.load(&other, 3)).await;
    assert_eq!(*square.unwrap(), 9);
}

#[tokio::test]
async fn an_operation_that_wakes_itself_is_polled_again_before_its_loads_are_sent() {
    let (dispatcher, db, log) = fixture();
    let loader = Squares::new("squares", &log);
    let late = async {
        for _ in 0..5 {
            yield_once().await;
        }
        dispatcher.load(&loader, 2).await
    };
    dispatcher
        .drive(&db, join(dispatcher.load(&loader, 1), late))
        .await
        .1
        .unwrap();
    assert_eq!(*lock(&log), [("squares", vec![1, 2])]);
}

#[tokio::test]
async fn an_operation_that_wakes_itself_for_ever_lets_other_tasks_run() {
    let (dispatcher, db, log) = fixture();
    let loader = Squares::new("squares", &log);
    let operation = join(dispatcher.load(&loader, 1), async {
        loop {
            yield_once().await;
        }
    });
    let wakes = Arc::new(Wakes::default());
    let mut driven: Pin<Box<dyn Future<Output = ((), ())> + Send>> = Box::pin(async {
        dispatcher.drive(&db, operation).await;
        unreachable!("the operation has no end")
    });
    for polls in 1..=3 {
        let waker = Waker::from(wakes.clone());
        let polled = driven.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        assert_eq!(wakes.0.load(Ordering::SeqCst), polls);
    }
    assert!(lock(&log).is_empty(), "a load was sent early");
}

#[tokio::test]
async fn wake_ups_of_other_threads_are_not_lost() {
    let (dispatcher, db, log) = fixture();
    let loader = Squares::new("squares", &log);
    for key in 0..1_000 {
        let operation = async {
            OtherThread::default().await;
            let square = *dispatcher.load(&loader, key).await.unwrap();
            OtherThread::default().await;
            square
        };
        assert_eq!(dispatcher.drive(&db, operation).await, key * key);
    }
}

#[tokio::test]
async fn a_stream_loads_level_by_level_for_each_event() {
    let (dispatcher, db, log) = fixture();
    let (first, second) = (Squares::new("first", &log), Squares::new("second", &log));
    let dispatcher = Arc::new(dispatcher);
    let loads = dispatcher.clone();
    let events = stream::iter(1..=2).then(move |event| {
        let (dispatcher, first, second) = (loads.clone(), first.clone(), second.clone());
        async move {
            let squares = [event, 10 * event].map(async |key| {
                let square = *dispatcher.load(&first, key).await?;
                yield_once().await;
                dispatcher.load(&second, square).await
            });
            join_all(squares).await.len()
        }
    });
    let events = dispatcher.drive_stream(&db, events.boxed());
    assert_eq!(events.collect::<Vec<_>>().await, [2, 2]);
    assert_eq!(
        *lock(&log),
        [
            ("first", vec![1, 10]),
            ("second", vec![1, 100]),
            ("first", vec![2, 20]),
            ("second", vec![4, 400])
        ]
    );
}

#[tokio::test]
async fn a_stream_that_is_dropped_drops_its_statements() {
    let (dispatcher, db, log) = fixture();
    let (slow, gate) = Squares::gated("slow", &log);
    let dispatcher = Arc::new(dispatcher);
    let loads = dispatcher.clone();
    let event = stream::once(async move { *loads.load(&slow, 1).await.unwrap() });
    let mut events = Box::pin(dispatcher.drive_stream(&db, event.boxed()));
    assert!(poll_once(events.next()).is_pending());
    drop(events);
    assert_eq!(Arc::strong_count(&gate), 1, "the statement is still there");
}

#[tokio::test]
async fn a_panic_leaves_the_batch_usable() {
    let (dispatcher, db, log) = fixture();
    let loader = Squares::new("squares", &log);
    let panics = || -> () { panic!("a resolver panics, as the test wants it to") };
    let operation = join(dispatcher.load(&loader, 1), async { panics() });
    let mut driven = Box::pin(dispatcher.drive(&db, operation));
    let caught = catch_unwind(AssertUnwindSafe(|| poll_once(driven.as_mut()).is_ready()));
    assert!(caught.is_err());
    drop(driven);

    dispatcher.clear();
    let square = dispatcher.drive(&db, dispatcher.load(&loader, 2)).await;
    assert_eq!(*square.unwrap(), 4);
    assert_eq!(*lock(&log), [("squares", vec![2])]);
}

#[tokio::test]
async fn an_operation_without_loads_is_woken_as_any_future() {
    let (dispatcher, db, _) = fixture();
    let mut driven = pin!(dispatcher.drive(&db, pending::<()>()));
    assert!(poll_once(driven.as_mut()).is_pending());
    assert_eq!(dispatcher.statements(), 0);
}

/// A dispatcher, a reader whose database is never opened, and an empty log.
fn fixture() -> (Dispatcher, Reader, Log) {
    let settings = PoolSettings {
        size: 1,
        acquire: Duration::ZERO,
        statement: Duration::ZERO,
        lock: Duration::ZERO,
    };
    let connector = Connector::<Sqlite>::new(SqliteConnectOptions::new(), "", settings);
    let pool = Pool::new(connector).unwrap();
    let budget = OperationBudget::new(&Limits::DEFAULT);
    (
        Dispatcher::new(Arc::new(budget), None),
        Reader::new(pool),
        Log::default(),
    )
}

fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Wakes the task while it is polled, as `FuturesUnordered` does.
async fn yield_once() {
    let mut has_yielded = false;
    poll_fn(|context| {
        if has_yielded {
            return Poll::Ready(());
        }
        has_yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Counts its wake-ups.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Future that another thread completes.
#[derive(Default)]
struct OtherThread {
    is_started: bool,
    is_done: Arc<AtomicBool>,
}

impl Future for OtherThread {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if !self.is_started {
            self.is_started = true;
            let (is_done, waker) = (self.is_done.clone(), context.waker().clone());
            thread::spawn(move || {
                is_done.store(true, Ordering::Release);
                waker.wake();
            });
        }
        match self.is_done.load(Ordering::Acquire) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}
