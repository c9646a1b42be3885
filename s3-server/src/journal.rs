//! What was asked of the server: counts by operation and the last requests.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::StatusCode;

use crate::operation::{OPERATION_COUNT, Operation};

/// How many requests the journal remembers; older ones are forgotten first,
/// the counts go on.
pub const JOURNAL_ENTRIES_MAX: usize = 16_384;

/// One request and how it was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What was asked for.
    pub operation: Operation,
    /// `bucket/key`.
    pub path: String,
    /// The Range header as it came, `bytes=0-99`.
    pub range: Option<String>,
    /// The connection it came over: connections are numbered from 1 on, as they
    /// are accepted.
    pub connection: u64,
    /// The status answered; `None` when the connection was broken instead.
    pub status: Option<StatusCode>,
}

/// What one operation has cost so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Requests that arrived, whatever became of them.
    pub requests: u64,
    /// Of these, answered with a status of 400 or above, or not answered.
    pub failures: u64,
    /// Body bytes handed to the connections.
    pub bytes_sent: u64,
}

/// Counts since the start and the last [`JOURNAL_ENTRIES_MAX`] requests.
#[derive(Debug, Default)]
pub struct Journal {
    counters: [Counters; OPERATION_COUNT],
    entries: Mutex<VecDeque<Entry>>,
}

#[derive(Debug, Default)]
struct Counters {
    requests: AtomicU64,
    failures: AtomicU64,
    bytes_sent: Arc<AtomicU64>,
}

impl Journal {
    /// What this operation has cost since the start or the last reset.
    pub fn count(&self, operation: Operation) -> Count {
        self.counters
            .get(operation as usize)
            .map_or_else(Count::default, |counters| Count {
                requests: counters.requests.load(Ordering::Relaxed),
                failures: counters.failures.load(Ordering::Relaxed),
                bytes_sent: counters.bytes_sent.load(Ordering::Relaxed),
            })
    }

    /// The last requests, oldest first.
    pub fn entries(&self) -> Vec<Entry> {
        self.entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .cloned()
            .collect()
    }

    /// How many of the last requests were this operation on this `bucket/key`.
    pub fn count_of(&self, operation: Operation, path: &str) -> usize {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries
            .iter()
            .filter(|entry| entry.operation == operation && entry.path == path)
            .count()
    }

    /// Forgets everything, so that a test counts from zero.
    pub fn reset(&self) {
        self.entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        for counters in &self.counters {
            counters.requests.store(0, Ordering::Relaxed);
            counters.failures.store(0, Ordering::Relaxed);
            counters.bytes_sent.store(0, Ordering::Relaxed);
        }
    }

    pub(crate) fn record(&self, entry: Entry) {
        if let Some(counters) = self.counters.get(entry.operation as usize) {
            counters.requests.fetch_add(1, Ordering::Relaxed);
            if entry.status.is_none_or(|status| 400 <= status.as_u16()) {
                counters.failures.fetch_add(1, Ordering::Relaxed);
            }
        }
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if JOURNAL_ENTRIES_MAX <= entries.len() {
            entries.pop_front();
        }
        entries.push_back(entry);
    }

    /// The counter a response body adds its bytes to as they leave.
    pub(crate) fn bytes_sent(&self, operation: Operation) -> Arc<AtomicU64> {
        self.counters
            .get(operation as usize)
            .map(|counters| Arc::clone(&counters.bytes_sent))
            .unwrap_or_default()
    }
}
