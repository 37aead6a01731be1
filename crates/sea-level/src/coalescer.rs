//! Request coalescing: operations that look up single rows at the same time share statements.
//!
//! At most two statements of a kind run at once. Further lookups wait until one of them ends, and
//! then share the next statement, as transactions share a disk write in a group commit. A busy server
//! sends fewer statements; an idle one delays none. A statement starts after all its lookups were
//! requested, so that its rows are never older than the request.
//!
//! PostgreSQL, 64 connections, one employee by id: −63 % of the database's CPU (38 to 14 µs a request)
//! and −42 % of the server's; one connection alone pays about 3 %. See `bench/README.md`.

use std::{
    any::{Any, TypeId},
    future::Future,
    sync::{Arc, Mutex},
};

use tokio::{runtime::Handle, sync::oneshot};

use crate::{
    columns::ColumnSet,
    error::{Error, Result},
    mutex::lock,
    statement_log::StatementLog,
};

/// Statements of a kind that run at once.
const STATEMENTS_AT_ONCE: usize = 2;

/// Keys of one statement at most.
const MAX_KEYS: usize = 100;

/// Coalescers of all kinds. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Coalescers(Arc<Mutex<foldhash::HashMap<Kind, Arc<dyn Any + Send + Sync>>>>);

/// Type of the value of a statement, and its columns.
type Kind = (TypeId, ColumnSet);

impl Coalescers {
    /// Returns the coalescer of statements that load a `T` with these columns.
    pub(crate) fn of<T: Send + 'static>(&self, columns: ColumnSet) -> Arc<Coalescer<T>> {
        let mut kinds = lock(&self.0);
        let coalescer = kinds
            .entry((TypeId::of::<T>(), columns))
            .or_insert_with(|| Arc::new(Coalescer::<T>::default()));
        // The key holds the type.
        coalescer.clone().downcast().unwrap_or_default()
    }
}

/// Coalescer of one kind of lookups. All lookups of a statement get the same `T`.
pub(crate) struct Coalescer<T>(Mutex<State<T>>);

struct State<T> {
    running: usize,
    waiting: Vec<(i64, Option<StatementLog>, oneshot::Sender<Outcome<T>>)>,
}

/// Result of a statement, and the number of lookups that shared it.
type Outcome<T> = (Result<T>, usize);

impl<T> Default for Coalescer<T> {
    fn default() -> Self {
        Self(Mutex::new(State {
            running: 0,
            waiting: Vec::new(),
        }))
    }
}

impl<T: Clone + Send + 'static> Coalescer<T> {
    /// Looks up a key. If a shared statement fails for another reason than that the database is not
    /// available, each lookup sends a statement of its own: the failure of one key reaches no other. A
    /// shared statement is logged for each of its lookups that has a log.
    pub(crate) async fn load<F>(
        self: Arc<Self>,
        key: i64,
        log: Option<StatementLog>,
        statement: impl Fn(Vec<i64>, Option<StatementLog>) -> F + Clone + Send + Sync + 'static,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>> + Send,
    {
        let (sender, receiver) = oneshot::channel();
        let starts = {
            let mut state = lock(&self.0);
            state.waiting.push((key, log.clone(), sender));
            let starts = state.running < STATEMENTS_AT_ONCE;
            state.running += usize::from(starts);
            starts
        };
        if starts {
            self.start_next(statement.clone());
        }
        match receiver.await {
            Ok((Ok(value), _)) => Ok(value),
            Ok((Err(error), lookups)) if lookups == 1 || error == Error::Unavailable => Err(error),
            // A dropped sender is a panic of the statement's task, for which any key may be the reason.
            Ok((Err(_), _)) | Err(_) => statement(vec![key], log).await,
        }
    }

    /// Starts the next statement in a task of its own, because the operation of a lookup may be dropped
    /// or wait for its client.
    fn start_next<F>(
        self: Arc<Self>,
        statement: impl Fn(Vec<i64>, Option<StatementLog>) -> F + Clone + Send + Sync + 'static,
    ) where
        F: Future<Output = Result<T>> + Send,
    {
        let runtime = Handle::try_current();
        let next: Vec<_> = {
            let State { running, waiting } = &mut *lock(&self.0);
            waiting.retain(|(_, _, sender)| !sender.is_closed());
            let keys = match runtime {
                Ok(_) => waiting.len().min(MAX_KEYS),
                // The process ends.
                Err(_) => 0,
            };
            *running -= usize::from(keys == 0);
            waiting.drain(..keys).collect()
        };
        let (Ok(runtime), false) = (runtime, next.is_empty()) else {
            return;
        };
        // Frees the slot on every exit path, including panics.
        let slot = scopeguard::guard(self, {
            let statement = statement.clone();
            move |this| this.start_next(statement)
        });
        runtime.spawn(async move {
            let _slot = slot;
            let lookups = next.len();
            let log = StatementLog::of_all(next.iter().filter_map(|(_, log, _)| log.as_ref()));
            let next = next.into_iter().map(|(key, _, sender)| (key, sender));
            let (mut keys, mut senders): (Vec<_>, Vec<_>) = next.unzip();
            keys.sort_unstable();
            keys.dedup();
            let all_dropped = async {
                for sender in &mut senders {
                    sender.closed().await;
                }
            };
            let result = tokio::select! {
                biased;
                () = all_dropped => return,
                result = statement(keys, log) => result,
            };
            for sender in senders {
                // The receiver may have been dropped.
                let _ = sender.send((result.clone(), lookups));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::{future::pending, ops::RangeInclusive, time::Duration};

    use futures_util::future::join_all;
    use tokio::{
        sync::Semaphore,
        task::{JoinError, JoinHandle, yield_now},
        time::timeout,
    };

    use super::*;

    type Keys = Arc<Vec<i64>>;
    type Lookup = JoinHandle<Result<Keys>>;

    /// Key whose statements panic.
    const PANIC: i64 = 1_313;
    /// Key whose statements fail.
    const WRONG: i64 = 666;
    /// Key whose statements never end.
    const NEVER: i64 = 404;

    /// Database that answers when its gate opens.
    struct Fake {
        coalescer: Arc<Coalescer<Keys>>,
        gate: Arc<Semaphore>,
        sent: Arc<Mutex<Vec<Keys>>>,
    }

    impl Fake {
        fn new() -> Self {
            Self {
                coalescer: Arc::default(),
                gate: Arc::new(Semaphore::new(0)),
                sent: Arc::default(),
            }
        }

        /// Starts lookups one by one. Returns when all of them wait.
        async fn start(&self, keys: impl IntoIterator<Item = i64>) -> Vec<Lookup> {
            let (gate, sent) = (self.gate.clone(), self.sent.clone());
            let statement = move |keys: Vec<i64>, _| {
                let (gate, sent) = (gate.clone(), sent.clone());
                async move {
                    let keys = Arc::new(keys);
                    lock(&sent).push(keys.clone());
                    let _ = gate.acquire().await;
                    assert!(!keys.contains(&PANIC), "the panic of the test");
                    if keys.contains(&WRONG) {
                        return Err(Error::Internal);
                    }
                    if keys.contains(&NEVER) {
                        pending::<()>().await;
                    }
                    Ok(keys)
                }
            };
            let mut lookups = Vec::new();
            for key in keys {
                let lookup = self.coalescer.clone().load(key, None, statement.clone());
                lookups.push(tokio::spawn(lookup));
                yield_now().await;
            }
            // The tasks of the first statements start.
            yield_now().await;
            lookups
        }

        /// Opens the gate and returns the results.
        async fn finish(&self, lookups: Vec<Lookup>) -> Vec<Result<Result<Keys>, JoinError>> {
            self.gate.close();
            let results = timeout(Duration::from_secs(10), join_all(lookups)).await;
            yield_now().await;
            assert_eq!(lock(&self.coalescer.0).running, 0);
            results.expect("every lookup ends")
        }

        fn sent(&self) -> Vec<Vec<i64>> {
            lock(&self.sent).iter().map(|keys| keys.to_vec()).collect()
        }
    }

    #[tokio::test]
    async fn lookups_that_wait_for_two_statements_share_the_next_one() {
        let fake = Fake::new();
        // Three keys occur twice.
        let lookups = fake.start((1..=150).chain(3..=5)).await;
        let results = fake.finish(lookups).await;
        let keys = |keys: RangeInclusive<i64>| keys.collect::<Vec<_>>();
        let last = [keys(3..=5), keys(103..=150)].concat();
        assert_eq!(fake.sent(), [vec![1], vec![2], keys(3..=102), last]);
        for (key, result) in (1..=150).chain(3..=5).zip(results) {
            let keys = result.expect("no panic").expect("no error");
            assert!(keys.contains(&key), "{key}");
        }
    }

    #[tokio::test]
    async fn a_dropped_lookup_delays_no_other_and_its_key_is_not_sent() {
        let fake = Fake::new();
        let mut lookups = fake.start([NEVER, NEVER, 3, 4, 5]).await;
        // The two whose statements run, and one that waits.
        lookups.drain(..3).for_each(|lookup| lookup.abort());
        let results = fake.finish(lookups).await;
        assert_eq!(fake.sent(), [vec![NEVER], vec![NEVER], vec![4, 5]]);
        assert!(
            results
                .into_iter()
                .all(|result| matches!(result, Ok(Ok(_))))
        );
    }

    #[tokio::test]
    async fn the_failure_of_one_key_reaches_no_other_lookup_of_its_statement() {
        for bad in [WRONG, PANIC] {
            let fake = Fake::new();
            let lookups = fake.start([1, 2, 12, bad]).await;
            let results = fake.finish(lookups).await;
            let mut shared = vec![12, bad];
            shared.sort_unstable();
            assert_eq!(fake.sent()[..3], [vec![1], vec![2], shared]);
            let is_value: Vec<_> = results
                .into_iter()
                .map(|result| matches!(result, Ok(Ok(_))))
                .collect();
            assert_eq!(is_value, [true, true, true, false], "{bad}");
        }
    }

    #[test]
    fn lookups_go_on_in_another_runtime() {
        let fake = Fake::new();
        let runtime = || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            runtime.enable_time().build().expect("a runtime")
        };
        let first = runtime();
        drop(first.block_on(fake.start(1..=5)));
        drop(first);
        assert_eq!(lock(&fake.coalescer.0).running, 0);
        let results = runtime().block_on(async { fake.finish(fake.start([6]).await).await });
        assert!(matches!(&*results, [Ok(Ok(keys))] if **keys == [6]));
    }
}
