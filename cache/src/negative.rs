//! Failures remembered for a moment.

use std::fmt;
use std::time::{Duration, Instant};

use foyer::{Cache, CacheBuilder, FifoConfig};

/// Remembers that a key could not be had, so that a crowd asking for it costs
/// the store one request per `lifetime` instead of one each.
///
/// Which failures are worth remembering is the caller's choice: absence is;
/// a store that is down is not.
pub struct NegativeCache<E: Send + Sync + 'static> {
    memory: Cache<String, Remembered<E>>,
    lifetime: Duration,
}

#[derive(Clone)]
struct Remembered<E> {
    until: Instant,
    error: E,
}

impl<E: Clone + Send + Sync + 'static> NegativeCache<E> {
    /// Remembers up to `count_max` keys for `lifetime` each; a zero lifetime
    /// remembers nothing.
    #[must_use]
    pub fn new(count_max: usize, lifetime: Duration) -> Self {
        let memory = CacheBuilder::new(count_max)
            .with_name("negative")
            .with_shards(1)
            .with_eviction_config(FifoConfig::default())
            .build();
        Self { memory, lifetime }
    }

    /// Remembers that `key` failed with `error` at `now`.
    pub fn remember(&self, key: &str, error: E, now: Instant) {
        if !self.lifetime.is_zero() {
            self.memory.insert(
                key.to_owned(),
                Remembered {
                    until: now + self.lifetime,
                    error,
                },
            );
        }
    }

    /// The failure of `key`, while it is remembered and not older than `since`.
    #[must_use]
    pub fn recall(&self, key: &str, now: Instant, since: Option<Instant>) -> Option<E> {
        let entry = self.memory.get(key)?;
        let Remembered { until, error } = entry.value();
        let is_older = since.is_some_and(|since| *until < since + self.lifetime);
        if now < *until && !is_older {
            return Some(error.clone());
        }
        self.memory.remove(key);
        None
    }
}

impl<E: Send + Sync + 'static> fmt::Debug for NegativeCache<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NegativeCache")
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_forgotten_when_its_lifetime_ends() {
        let cache = NegativeCache::new(8, Duration::from_secs(1));
        let start = Instant::now();
        cache.remember("film.ism", "absent", start);
        assert_eq!(cache.recall("film.ism", start, None), Some("absent"));
        assert_eq!(cache.recall("other.ism", start, None), None);
        assert_eq!(
            cache.recall("film.ism", start + Duration::from_secs(1), None),
            None
        );
    }

    #[test]
    fn a_failure_of_before_a_purge_is_forgotten() {
        let cache = NegativeCache::new(8, Duration::from_secs(60));
        let start = Instant::now();
        cache.remember("film.ism", "absent", start);
        assert!(cache.recall("film.ism", start, Some(start)).is_some());
        let purged = start + Duration::from_secs(1);
        assert_eq!(cache.recall("film.ism", purged, Some(purged)), None);
    }

    #[test]
    fn the_number_of_remembered_failures_is_bounded() {
        let cache = NegativeCache::new(8, Duration::from_secs(1));
        let start = Instant::now();
        for index in 0..1_000 {
            cache.remember(&format!("{index}.ism"), (), start);
        }
        let kept = (0..1_000)
            .filter(|index| cache.recall(&format!("{index}.ism"), start, None).is_some())
            .count();
        assert_eq!(kept, 8);
    }
}
