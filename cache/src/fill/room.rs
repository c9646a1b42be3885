//! Who fills, who follows, who waits.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::stream::{Filling, Follower, Interest, Land, Stream, StreamError};
use crate::flight::Outcome;
use crate::metrics::FillMetrics;

/// How many fills somebody waits for, one after the other, before giving up.
const FILLS_WAITED_FOR_MAX: u32 = 3;

/// Bounds on fills and on those who wait for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FillLimits {
    /// How long one waits for a fill's head before a new fill is started.
    pub wait: Duration,
    /// How many may wait for heads at a time.
    pub waiting_max: usize,
    /// A fill that nobody follows goes on to its end when no more than this
    /// many bytes remain.
    pub keep_bytes: u64,
}

impl Default for FillLimits {
    fn default() -> Self {
        Self {
            wait: Duration::from_secs(3),
            waiting_max: 16_384,
            keep_bytes: 1 << 20,
        }
    }
}

/// Where streams go when they are whole.
pub trait Keep<K, H>: Clone + Send + Sync + 'static {
    /// Whether the bytes of `key` are kept already.
    fn has(&self, key: &K) -> bool;

    /// Keeps the bytes of `key`. Called before anybody hears that they are
    /// whole; from then on [`Keep::has`] should say so.
    fn keep(&self, key: &K, head: &H, whole: &Bytes);
}

/// A follower, and how it came to be one.
#[derive(Debug)]
pub struct Joined<H: Clone, E: Clone> {
    /// Reads the stream.
    pub follower: Follower<H, E>,
    /// What is known before the bytes.
    pub head: H,
    /// [`Outcome::Miss`] for the one who started the fill, else
    /// [`Outcome::Joined`].
    pub outcome: Outcome,
}

/// The fills under way. Clones are the same.
pub struct Fills<K, H: Clone, E: Clone> {
    inner: Arc<Inner<K, H, E>>,
}

struct Inner<K, H: Clone, E: Clone> {
    under_way: Mutex<HashMap<K, Arc<Stream<H, E>>>>,
    waiting: AtomicUsize,
    limits: FillLimits,
    runtime: Handle,
    tasks: TaskTracker,
    metrics: FillMetrics,
}

impl<K, H: Clone, E: Clone> Clone for Fills<K, H, E> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<K, H, E> Fills<K, H, E>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    H: Clone + Send + Sync + 'static,
    E: Clone + Send + Sync + 'static,
{
    /// No fills; those to come run on `runtime`.
    #[must_use]
    pub fn new(limits: FillLimits, runtime: Handle, metrics: FillMetrics) -> Self {
        let tasks = TaskTracker::new();
        tasks.close();
        Self {
            inner: Arc::new(Inner {
                under_way: Mutex::default(),
                waiting: AtomicUsize::new(0),
                limits,
                runtime,
                tasks,
                metrics,
            }),
        }
    }

    /// Whether a fill of `key` is under way.
    #[must_use]
    pub fn is_filling(&self, key: &K) -> bool {
        self.inner.lock().contains_key(key)
    }

    /// Waits until no fill runs.
    pub async fn drain(&self) {
        self.inner.tasks.wait().await;
    }

    /// Follows the fill of `keys[0]`, or starts one of all `keys`, and waits for
    /// its head. `None` when a fill has put `keys[0]` into `keep` meanwhile.
    ///
    /// `keys` stand in the order of their bytes, each with its length if it is
    /// known. A fill that is started takes those up to the first that is kept or
    /// being filled already. `fill` brings the bytes, and may be asked again when
    /// no head came within the wait limit.
    ///
    /// # Errors
    /// The fill's, and those of the waiting room.
    pub async fn join<Fill, Fut>(
        &self,
        keys: &[(K, Option<u64>)],
        keep: &impl Keep<K, H>,
        fill: Fill,
    ) -> Result<Option<Joined<H, E>>, StreamError<E>>
    where
        Fill: Fn(Filling<K, H, E>) -> Fut,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let _seat = Seat::take(&self.inner)?;
        let limits = &self.inner.limits;
        let begun = Instant::now();
        let mut outcome = Outcome::Joined;
        let mut gave_up_on: Option<Follower<H, E>> = None;
        for _ in 0..FILLS_WAITED_FOR_MAX {
            let instead_of = gave_up_on.as_ref().map(Follower::stream);
            let Some((follower, started)) = self.follow_or_start(keys, instead_of, keep, &fill) else {
                return Ok(None);
            };
            if started {
                outcome = Outcome::Miss;
            }
            match timeout(limits.wait, follower.head()).await {
                Ok(head) => {
                    self.inner.metrics.waited(begun.elapsed());
                    return head.map(|head| {
                        Some(Joined {
                            follower,
                            head,
                            outcome,
                        })
                    });
                }
                Err(_elapsed) => {
                    self.inner.metrics.expired();
                    gave_up_on = Some(follower);
                }
            }
        }
        Err(StreamError::Waited {
            after: limits.wait,
            fills: FILLS_WAITED_FOR_MAX,
        })
    }

    /// Starts a fill of those of `keys` up to the first that is kept or being
    /// filled, which nobody follows yet: read-ahead. Tells how many that are.
    pub fn start<Fill, Fut>(&self, keys: &[(K, Option<u64>)], keep: &impl Keep<K, H>, fill: Fill) -> usize
    where
        Fill: FnOnce(Filling<K, H, E>) -> Fut,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let mut under_way = self.inner.lock();
        let started = self.register(&mut under_way, keys, keep);
        drop(under_way);
        let Some((filling, interest)) = started else {
            return 0;
        };
        let count = filling.keys().count();
        interest.is_pinned.store(true, Ordering::Release);
        self.spawn(fill(filling), interest, keys);
        count
    }

    /// A follower, and whether it started the fill; `None` when the first key
    /// is kept by now.
    fn follow_or_start<Fill, Fut>(
        &self,
        keys: &[(K, Option<u64>)],
        instead_of: Option<&Arc<Stream<H, E>>>,
        keep: &impl Keep<K, H>,
        fill: &Fill,
    ) -> Option<(Follower<H, E>, bool)>
    where
        Fill: Fn(Filling<K, H, E>) -> Fut,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let mut under_way = self.inner.lock();
        let (key, _) = keys.first()?;
        match under_way.get(key) {
            Some(stream) if instead_of.is_none_or(|other| !Arc::ptr_eq(other, stream)) => {
                return Some((stream.follow(), false));
            }
            // Everyone else who waits for it sees the new one in its place.
            Some(_) => drop(under_way.remove(key)),
            None => {}
        }
        let (filling, interest) = self.register(&mut under_way, keys, keep)?;
        // While the map is locked: nobody can have given up on it yet.
        let follower = under_way.get(key)?.follow();
        drop(under_way);
        self.spawn(fill(filling), interest, keys);
        Some((follower, true))
    }

    /// Puts new streams on the map; `None` when the first key is there or kept.
    fn register(
        &self,
        under_way: &mut HashMap<K, Arc<Stream<H, E>>>,
        keys: &[(K, Option<u64>)],
        keep: &impl Keep<K, H>,
    ) -> Option<(Filling<K, H, E>, Arc<Interest>)> {
        let interest = Arc::<Interest>::default();
        let mut streams = VecDeque::with_capacity(keys.len());
        for (key, length) in keys {
            let Entry::Vacant(place) = under_way.entry(key.clone()) else {
                break;
            };
            // A fill may have ended between the asker's look and this one.
            if keep.has(key) {
                break;
            }
            let stream = Stream::new(*length, Arc::clone(&interest));
            place.insert(Arc::clone(&stream));
            streams.push_back((key.clone(), stream));
        }
        if streams.is_empty() {
            return None;
        }
        let land = Arc::new(Landing {
            room: Arc::clone(&self.inner),
            streams: streams
                .iter()
                .map(|(key, stream)| (key.clone(), Arc::downgrade(stream)))
                .collect(),
            keep: keep.clone(),
        });
        Some((Filling::new(streams, land, Arc::clone(&interest)), interest))
    }

    fn spawn(
        &self,
        fill: impl Future<Output = ()> + Send + 'static,
        interest: Arc<Interest>,
        keys: &[(K, Option<u64>)],
    ) {
        let inner = Arc::clone(&self.inner);
        let keys: Vec<K> = keys.iter().map(|(key, _)| key.clone()).collect();
        let task = async move {
            tokio::select! {
                biased;
                () = fill => {}
                () = inner.abandoned(&interest, &keys) => inner.metrics.aborted(),
            }
        };
        self.inner.tasks.spawn_on(task, &self.inner.runtime);
    }
}

impl<K: Eq + Hash, H: Clone, E: Clone> Inner<K, H, E> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, Arc<Stream<H, E>>>> {
        // Only ever changed by single inserts and removes.
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nobody follows a fill any more and much of it remains; from
    /// then on nobody can join it.
    async fn abandoned(&self, interest: &Arc<Interest>, keys: &[K]) {
        loop {
            interest.left.notified().await;
            let mut under_way = self.lock();
            let is_wanted = 0 < interest.followers()
                || interest.is_pinned.load(Ordering::Acquire)
                || interest.remaining.load(Ordering::Acquire) <= self.limits.keep_bytes;
            if is_wanted {
                continue;
            }
            for key in keys {
                if under_way
                    .get(key)
                    .is_some_and(|stream| Arc::ptr_eq(&stream.interest, interest))
                {
                    under_way.remove(key);
                }
            }
            return;
        }
    }
}

/// Where the streams of one fill go when they end.
struct Landing<K, H: Clone, E: Clone, L> {
    room: Arc<Inner<K, H, E>>,
    /// Weak, so that a stream that has ended is not kept until all have.
    streams: HashMap<K, Weak<Stream<H, E>>>,
    keep: L,
}

impl<K, H, E, L> Land<K, H> for Landing<K, H, E, L>
where
    K: Eq + Hash + Send + Sync,
    H: Clone + Send + Sync,
    E: Clone + Send + Sync,
    L: Keep<K, H>,
{
    fn land(&self, key: &K, head: &H, whole: &Bytes) {
        self.keep.keep(key, head, whole);
    }

    fn failed(&self) {
        self.room.metrics.failed();
    }

    fn leave(&self, key: &K) {
        let mut under_way = self.room.lock();
        // Another fill may have taken its place.
        if let (Some(here), Some(mine)) = (under_way.get(key), self.streams.get(key))
            && Arc::as_ptr(here) == mine.as_ptr()
        {
            under_way.remove(key);
        }
    }
}

/// A place in the waiting room.
struct Seat<'a>(&'a AtomicUsize);

impl<'a> Seat<'a> {
    fn take<K, H: Clone, E: Clone>(inner: &'a Inner<K, H, E>) -> Result<Self, StreamError<E>> {
        let limit = inner.limits.waiting_max;
        if limit <= inner.waiting.fetch_add(1, Ordering::AcqRel) {
            inner.waiting.fetch_sub(1, Ordering::AcqRel);
            inner.metrics.crowded();
            return Err(StreamError::Crowded { limit });
        }
        Ok(Self(&inner.waiting))
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl<K, H: Clone, E: Clone> fmt::Debug for Fills<K, H, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fills")
            .field("waiting", &self.inner.waiting.load(Ordering::Relaxed))
            .field("limits", &self.inner.limits)
            .finish_non_exhaustive()
    }
}
