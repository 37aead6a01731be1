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

/// What the statement gave that looked up a key.
pub enum Asked<A> {
    /// It was sent by who asked, for this key alone.
    Alone(A),
    /// It was sent for others too.
    Together(A),
}

impl<A: Clone + Send + 'static> Together<A> {
    /// Looks up the key, with others if so many statements run already.
    pub async fn ask<F>(
        self: Arc<Self>,
        key: i64,
        look_up: impl Fn(Vec<i64>) -> F + Clone + Send + Sync + 'static,
    ) -> Result<Asked<A>>
    where
        F: Future<Output = Result<A>> + Send,
    {
        let told = {
            let mut state = lock(&self.0);
            if state.running < AT_ONCE {
                state.running += 1;
                None
            } else {
                let (tell, told) = oneshot::channel();
                state.waiting.push((key, tell));
                Some(told)
            }
        };
        if let Some(told) = told {
            // Nobody tells when the statement panicked.
            let told = told.await.unwrap_or(Err(Error::Internal));
            return told.map(Asked::Together);
        }
        // However it ends.
        scopeguard::defer! { self.go_on(&look_up) }
        look_up(vec![key]).await.map(Asked::Alone)
    }

    /// When a statement has ended: sends the one for those who wait.
    fn go_on<F>(
        self: &Arc<Self>,
        look_up: &(impl Fn(Vec<i64>) -> F + Clone + Send + Sync + 'static),
    ) where
        F: Future<Output = Result<A>> + Send,
    {
        let mut state = lock(&self.0);
        let runtime = match Handle::try_current() {
            Ok(runtime) if !state.waiting.is_empty() => runtime,
            _ => {
                state.waiting.clear();
                state.running -= 1;
                return;
            }
        };
        let keys = state.waiting.len().min(MOST_KEYS);
        let (keys, waiting): (Vec<_>, Vec<_>) = state.waiting.drain(..keys).unzip();
        drop(state);
        let (this, look_up) = (self.clone(), look_up.clone());
        runtime.spawn(async move {
            scopeguard::defer! { this.go_on(&look_up) }
            let answer = look_up(keys).await;
            for tell in waiting {
                // Whoever has gone does not hear it.
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
    use std::time::Duration;

    use futures_util::future::join_all;
    use tokio::{sync::Semaphore, task::JoinHandle, time::timeout};

    use super::*;

    type Keys = Arc<Vec<i64>>;

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

        /// Begins to ask for the key, and returns when it waits.
        async fn ask(&self, key: i64) -> JoinHandle<Result<Asked<Keys>>> {
            let (gate, sent) = (self.gate.clone(), self.sent.clone());
            let look_up = move |keys: Vec<i64>| {
                let (gate, sent) = (gate.clone(), sent.clone());
                async move {
                    let keys = Arc::new(keys);
                    lock(&sent).push(keys.clone());
                    let _ = gate.acquire().await;
                    assert!(!keys.contains(&13), "a panic that was asked for");
                    Ok(keys)
                }
            };
            let asking = tokio::spawn(self.together.clone().ask(key, look_up));
            tokio::task::yield_now().await;
            asking
        }

        async fn ask_all(
            &self,
            keys: impl Iterator<Item = i64>,
        ) -> Vec<JoinHandle<Result<Asked<Keys>>>> {
            let mut asking = Vec::new();
            for key in keys {
                asking.push(self.ask(key).await);
            }
            asking
        }

        /// Lets the database answer, and tells the keys of each statement that was sent.
        async fn finish(
            &self,
            asking: Vec<JoinHandle<Result<Asked<Keys>>>>,
        ) -> (Vec<Option<Result<Asked<Keys>>>>, Vec<Vec<i64>>) {
            self.gate.close();
            let told = timeout(Duration::from_secs(10), join_all(asking)).await;
            let told = told.expect("nobody waits for ever");
            let sent = lock(&self.sent).iter().map(|keys| keys.to_vec()).collect();
            assert_eq!(lock(&self.together.0).running, 0);
            (told.into_iter().map(Result::ok).collect(), sent)
        }
    }

    #[tokio::test]
    async fn who_comes_while_two_run_is_asked_for_with_all_who_came() {
        let fake = Fake::new();
        let asking = fake.ask_all(100..250).await;
        let (told, sent) = fake.finish(asking).await;
        let together = |keys: std::ops::Range<i64>| keys.collect::<Vec<_>>();
        assert_eq!(
            sent,
            [vec![100], vec![101], together(102..202), together(202..250)]
        );
        for (key, told) in (100..).zip(told) {
            let is_told = match told {
                Some(Ok(Asked::Alone(keys))) => key < 102 && *keys == [key],
                Some(Ok(Asked::Together(keys))) => key >= 102 && keys.contains(&key),
                _ => false,
            };
            assert!(is_told, "{key}");
        }
    }

    #[tokio::test]
    async fn who_goes_away_keeps_nobody_waiting() {
        let fake = Fake::new();
        let mut asking = fake.ask_all(1..6).await;
        // Those whose statements run, and one who waits.
        asking.drain(..3).for_each(|gone| gone.abort());
        let (told, sent) = fake.finish(asking).await;
        assert_eq!(sent, [vec![1], vec![2], vec![3, 4, 5]]);
        assert!(told.iter().all(|told| matches!(told, Some(Ok(_)))));
    }

    #[tokio::test]
    async fn a_panic_is_told_to_all_who_share_the_statement_and_to_nobody_else() {
        let fake = Fake::new();
        let asking = fake.ask_all([1, 2, 12, 13].into_iter()).await;
        let (told, sent) = fake.finish(asking).await;
        assert_eq!(sent, [vec![1], vec![2], vec![12, 13]]);
        let of_all: Vec<_> = told.into_iter().flatten().map(|told| told.err()).collect();
        let internal = Some(Error::Internal);
        assert_eq!(of_all, [None, None, internal.clone(), internal]);
    }
}
