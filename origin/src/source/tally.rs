//! What one request has cost.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use strata_cache::Outcome;

/// Counts what is done on behalf of one request, for its access log line.
///
/// Work that several requests share is counted where it was started: the one
/// that led a fill has the store request, those that joined have none.
#[derive(Debug, Default)]
pub struct Tally {
    hits: AtomicU32,
    misses: AtomicU32,
    joined: AtomicU32,
    store_requests: AtomicU32,
    store_bytes: AtomicU64,
}

impl Tally {
    /// A lookup in the cache.
    pub fn looked(&self, outcome: Outcome) {
        let counter = match outcome {
            Outcome::Hit => &self.hits,
            Outcome::Miss => &self.misses,
            Outcome::Joined => &self.joined,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// A request to the store that brought `bytes`.
    pub fn asked_store(&self, bytes: u64) {
        self.store_requests.fetch_add(1, Ordering::Relaxed);
        self.store_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// More bytes of a request to the store that was counted when it was sent.
    pub fn received(&self, bytes: u64) {
        self.store_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Lookups answered from memory.
    pub fn hits(&self) -> u32 {
        self.hits.load(Ordering::Relaxed)
    }

    /// Lookups that led a fill.
    pub fn misses(&self) -> u32 {
        self.misses.load(Ordering::Relaxed)
    }

    /// Lookups that waited for another request's fill.
    pub fn joined(&self) -> u32 {
        self.joined.load(Ordering::Relaxed)
    }

    /// Requests sent to the store.
    pub fn store_requests(&self) -> u32 {
        self.store_requests.load(Ordering::Relaxed)
    }

    /// Bytes that the store sent.
    pub fn store_bytes(&self) -> u64 {
        self.store_bytes.load(Ordering::Relaxed)
    }
}
