//! Lookups of one row that operations ask together, while the database is busy with others like them.
//!
//! A few statements of a kind run at once. Whoever comes meanwhile waits until one of them has ended,
//! and then all who wait are asked for by one statement, as transactions share a write to disk in a
//! group commit. So a busy server sends fewer statements, and an idle one keeps nobody waiting. A
//! statement is sent when all whose keys it has have asked: nobody reads what is older than the
//! question.

use std::{
    any::{Any, TypeId},
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{runtime::Handle, sync::oneshot};

use crate::{
    columns::ColumnSet,
    error::{Error, Result},
};

/// How many statements of a kind run at once: the keys for the next one gather meanwhile.
const AT_ONCE: usize = 2;

/// How many keys a statement has at most.
const MOST_KEYS: usize = 100;

/// The lookups of every kind. All clones are one.
#[derive(Clone, Default)]
pub struct Kinds(Arc<Mutex<foldhash::HashMap<Kind, Arc<dyn Any + Send + Sync>>>>);

/// What a statement gives, and of which columns.
type Kind = (TypeId, ColumnSet);

impl Kinds {
    /// The lookups that give an `A` of these columns.
    pub fn of<A: Send + 'static>(&self, columns: ColumnSet) -> Arc<Together<A>> {
        let mut kinds = lock(&self.0);
        let kind = (TypeId::of::<A>(), columns);
        let lookups = kinds
            .entry(kind)
            .or_insert_with(|| Arc::new(Together::<A>::default()));
        // A kind is told by its type.
        lookups.clone().downcast().unwrap_or_default()
    }
}

/// Lookups of one kind; each statement gives an `A`, the same to all who asked.
pub struct Together<A>(Mutex<State<A>>);

struct State<A> {
    running: usize,
    waiting: Vec<(i64, oneshot::Sender<Result<A>>)>,
}

impl<A> Default for Together<A> {
    fn default() -> Self {
        Self(Mutex::new(State {
            running: 0,
            waiting: Vec::new(),
        }))
    }
}

impl<A: Clone + Send + 'static> Together<A> {
    /// Looks up the key, with others if so many statements run already. What comes of it counts for
    /// nobody yet.
    pub async fn ask<F>(
        self: Arc<Self>,
        key: i64,
        look_up: impl Fn(Vec<i64>) -> F + Clone + Send + Sync + 'static,
    ) -> Result<A>
    where
        F: Future<Output = Result<A>> + Send,
    {
        let (tell, told) = oneshot::channel();
        let is_first = {
            let mut state = lock(&self.0);
            state.waiting.push((key, tell));
            let is_first = state.running < AT_ONCE;
            state.running += usize::from(is_first);
            is_first
        };
        if is_first {
            self.go_on(look_up);
        }
        // Nobody tells when it panicked.
        let told = told.await.unwrap_or(Err(Error::Internal));
        if matches!(told, Err(Error::Internal)) {
            // Why, the log says as well, but not of which requests.
            tracing::error!("a lookup that requests share failed");
        }
        told
    }

    /// Sends the next statement, in a task of its own: whoever asked may go away, or be slow to take
    /// another answer, and nobody else shall wait for that.
    fn go_on<F>(self: Arc<Self>, look_up: impl Fn(Vec<i64>) -> F + Clone + Send + Sync + 'static)
    where
        F: Future<Output = Result<A>> + Send,
    {
        let runtime = Handle::try_current();
        let next: Vec<_> = {
            let State { running, waiting } = &mut *lock(&self.0);
            waiting.retain(|(_, tell)| !tell.is_closed());
            let keys = match runtime {
                Ok(_) => waiting.len().min(MOST_KEYS),
                // The process ends.
                Err(_) => 0,
            };
            *running -= usize::from(keys == 0);
            waiting.drain(..keys).collect()
        };
        let (Ok(runtime), false) = (runtime, next.is_empty()) else {
            return;
        };
        // However it ends, it makes place for the next.
        let place = scopeguard::guard(self, {
            let look_up = look_up.clone();
            move |this| this.go_on(look_up)
        });
        runtime.spawn(async move {
            let _place = place;
            let (mut keys, mut waiting): (Vec<_>, Vec<_>) = next.into_iter().unzip();
            keys.sort_unstable();
            keys.dedup();
            let all_gone = async {
                for tell in &mut waiting {
                    tell.closed().await;
                }
            };
            let answer = tokio::select! {
                biased;
                () = all_gone => return,
                answer = look_up(keys) => answer,
            };
            for tell in waiting {
                // Some may have gone.
                let _ = tell.send(answer.clone());
            }
        });
    }
}

/// What is behind it is whole, whoever panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{future::pending, ops::RangeInclusive, time::Duration};

    use futures_util::future::join_all;
    use tokio::{
        sync::Semaphore,
        task::{JoinHandle, yield_now},
        time::timeout,
    };

    use super::*;

    type Keys = Arc<Vec<i64>>;
    type Asking = JoinHandle<Result<Keys>>;

    /// Who asks for it makes the database panic.
    const PANIC: i64 = 1_313;
    /// The database never answers.
    const NEVER: i64 = 404;

    /// A database that answers when it is let.
    struct Fake {
        together: Arc<Together<Keys>>,
        gate: Arc<Semaphore>,
        sent: Arc<Mutex<Vec<Keys>>>,
    }

    impl Fake {
        fn new() -> Self {
            Self {
                together: Arc::default(),
                gate: Arc::new(Semaphore::new(0)),
                sent: Arc::default(),
            }
        }

        /// Asks for the keys, one after the other, and returns when all wait.
        async fn ask(&self, keys: impl IntoIterator<Item = i64>) -> Vec<Asking> {
            let (gate, sent) = (self.gate.clone(), self.sent.clone());
            let look_up = move |keys: Vec<i64>| {
                let (gate, sent) = (gate.clone(), sent.clone());
                async move {
                    let keys = Arc::new(keys);
                    lock(&sent).push(keys.clone());
                    let _ = gate.acquire().await;
                    assert!(!keys.contains(&PANIC), "a panic that was asked for");
                    if keys.contains(&NEVER) {
                        pending::<()>().await;
                    }
                    Ok(keys)
                }
            };
            let mut asking = Vec::new();
            for key in keys {
                let ask = self.together.clone().ask(key, look_up.clone());
                asking.push(tokio::spawn(ask));
                yield_now().await;
            }
            // What was sent first is on its way.
            yield_now().await;
            asking
        }

        /// Lets the database answer, and tells what each was told.
        async fn finish(&self, asking: Vec<Asking>) -> Vec<Result<Keys>> {
            self.gate.close();
            let told = timeout(Duration::from_secs(10), join_all(asking)).await;
            let told = told.expect("nobody waits for ever").into_iter();
            yield_now().await;
            assert_eq!(lock(&self.together.0).running, 0);
            told.map(|told| told.expect("who asks does not panic"))
                .collect()
        }

        fn sent(&self) -> Vec<Vec<i64>> {
            lock(&self.sent).iter().map(|keys| keys.to_vec()).collect()
        }
    }

    #[tokio::test]
    async fn who_comes_while_two_run_is_asked_for_with_all_who_came() {
        let fake = Fake::new();
        // Some ask for the same.
        let asking = fake.ask((1..=150).chain(3..=5)).await;
        let told = fake.finish(asking).await;
        let keys = |keys: RangeInclusive<i64>| keys.collect::<Vec<_>>();
        let last = [keys(3..=5), keys(103..=150)].concat();
        assert_eq!(fake.sent(), [vec![1], vec![2], keys(3..=102), last]);
        for (key, told) in (1..=150).chain(3..=5).zip(told) {
            assert!(told.is_ok_and(|keys| keys.contains(&key)), "{key}");
        }
    }

    #[tokio::test]
    async fn who_goes_away_keeps_nobody_waiting_and_is_not_asked_for() {
        let fake = Fake::new();
        let mut asking = fake.ask([NEVER, NEVER, 3, 4, 5]).await;
        // Those whose statements run, and one who waits.
        asking.drain(..3).for_each(|gone| gone.abort());
        let told = fake.finish(asking).await;
        assert_eq!(fake.sent(), [vec![NEVER], vec![NEVER], vec![4, 5]]);
        assert!(told.iter().all(Result::is_ok));
    }

    #[tokio::test]
    async fn a_panic_is_told_to_all_who_share_the_statement_and_to_nobody_else() {
        let fake = Fake::new();
        let asking = fake.ask([1, 2, 12, PANIC]).await;
        let told = fake.finish(asking).await;
        assert_eq!(fake.sent(), [vec![1], vec![2], vec![12, PANIC]]);
        let errors: Vec<_> = told.into_iter().map(Result::err).collect();
        let internal = Some(Error::Internal);
        assert_eq!(errors, [None, None, internal.clone(), internal]);
    }

    #[test]
    fn the_end_of_a_runtime_is_not_the_end_of_the_lookups() {
        let fake = Fake::new();
        let runtime = || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            runtime.enable_time().build().expect("a runtime")
        };
        let first = runtime();
        drop(first.block_on(fake.ask(1..=5)));
        drop(first);
        assert_eq!(lock(&fake.together.0).running, 0);
        let told = runtime().block_on(async { fake.finish(fake.ask([6]).await).await });
        assert_eq!(told, [Ok(Arc::new(vec![6]))]);
    }
}
