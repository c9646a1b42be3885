//! Single flight: however many ask for a key at once, one fill runs.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

/// How an answer came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was in memory.
    Hit,
    /// This asker's fill brought it.
    Miss,
    /// Another asker's fill, already under way, brought it.
    Joined,
}

/// An answer and how it came about.
#[derive(Clone, Debug)]
pub struct Looked<V> {
    /// What was asked for.
    pub value: V,
    /// Where it came from.
    pub outcome: Outcome,
}

/// Why a fill brought nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FillError<E> {
    /// The fill reported an error. All who waited get the same one.
    #[error("{0}")]
    Failed(E),
    /// The fill ended without a result: it panicked, or its runtime stopped.
    #[error("the fill ended without a result")]
    Lost,
}

type Landing<V, E> = Option<Result<V, FillError<E>>>;
type Boarding<K, V, E> = HashMap<K, watch::Receiver<Landing<V, E>>>;

/// The fills under way.
pub(crate) struct Flights<K, V, E> {
    under_way: Arc<Mutex<Boarding<K, V, E>>>,
    runtime: Handle,
    tasks: TaskTracker,
}

impl<K, V, E> Flights<K, V, E>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Clone + Send + Sync + 'static,
    E: Clone + Send + Sync + 'static,
{
    /// Fills run as tasks of `runtime`, whoever asks.
    pub(crate) fn new(runtime: Handle) -> Self {
        let tasks = TaskTracker::new();
        tasks.close();
        Self {
            under_way: Arc::default(),
            runtime,
            tasks,
        }
    }

    /// Joins the fill of `key`, or starts one.
    ///
    /// `peek` looks into the memory behind once more: between the asker's
    /// first look and this call a fill may have landed. `land` is called with
    /// the fill's result, before anyone who waits sees it; a success must be
    /// in memory when it returns.
    pub(crate) async fn get<F, Fut>(
        &self,
        key: &K,
        peek: impl FnOnce() -> Option<V>,
        fill: F,
        land: impl FnOnce(&K, &Result<V, FillError<E>>) + Send + 'static,
    ) -> Result<Looked<V>, FillError<E>>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<V, E>> + Send + 'static,
    {
        let (outcome, mut receiver) = match lock(&self.under_way).entry(key.clone()) {
            Entry::Occupied(flight) => (Outcome::Joined, flight.get().clone()),
            Entry::Vacant(place) => {
                if let Some(value) = peek() {
                    return Ok(Looked {
                        value,
                        outcome: Outcome::Hit,
                    });
                }
                let (sender, receiver) = watch::channel(None);
                place.insert(receiver.clone());
                self.start(key.clone(), fill, land, sender);
                (Outcome::Miss, receiver)
            }
        };
        let landed = match receiver.wait_for(Option::is_some).await {
            Ok(landing) => landing.clone().unwrap_or(Err(FillError::Lost)),
            Err(_closed) => Err(FillError::Lost),
        };
        landed.map(|value| Looked { value, outcome })
    }

    /// Waits until no fill runs.
    pub(crate) async fn drain(&self) {
        self.tasks.wait().await;
    }

    fn start<F, Fut>(
        &self,
        key: K,
        fill: F,
        land: impl FnOnce(&K, &Result<V, FillError<E>>) + Send + 'static,
        sender: watch::Sender<Landing<V, E>>,
    ) where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<V, E>> + Send + 'static,
    {
        // The entry leaves the map however the task ends: by return, panic,
        // or being dropped with its runtime.
        let entry = OnBoard {
            under_way: Arc::clone(&self.under_way),
            key,
        };
        let task = async move {
            let result = fill().await.map_err(FillError::Failed);
            land(&entry.key, &result);
            // Off the map before anyone hears of a failure, so that a waiter
            // who tries again starts a new fill instead of joining this one.
            drop(entry);
            let _ = sender.send(Some(result));
        };
        self.tasks.spawn_on(task, &self.runtime);
    }
}

impl<K, V, E> fmt::Debug for Flights<K, V, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flights")
            .field("under_way", &lock(&self.under_way).len())
            .finish_non_exhaustive()
    }
}

struct OnBoard<K: Eq + Hash, V, E> {
    under_way: Arc<Mutex<Boarding<K, V, E>>>,
    key: K,
}

impl<K: Eq + Hash, V, E> Drop for OnBoard<K, V, E> {
    fn drop(&mut self) {
        lock(&self.under_way).remove(&self.key);
    }
}

/// The map is only ever changed by single inserts and removes, so a panic
/// elsewhere cannot leave it half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
