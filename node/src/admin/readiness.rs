//! Whether a node wants requests, and why not.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The parts of a node that keep it from being ready. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    reasons: Arc<Mutex<BTreeMap<&'static str, String>>>,
}

impl Readiness {
    /// Ready, until a part says otherwise.
    pub fn new() -> Self {
        Self::default()
    }

    /// A part of the node (`store`, `pool`, …) cannot serve, and why, in words for the operator.
    pub fn unready(&self, part: &'static str, reason: impl Into<String>) {
        self.lock().insert(part, reason.into());
    }

    /// A part of the node can serve (again).
    pub fn ready(&self, part: &'static str) {
        self.lock().remove(part);
    }

    /// Whether no part keeps the node from serving.
    pub fn is_ready(&self) -> bool {
        self.lock().is_empty()
    }

    /// Why the node is not ready, one `part: reason` each; empty when it is.
    pub fn reasons(&self) -> Vec<String> {
        self.lock()
            .iter()
            .map(|(part, reason)| format!("{part}: {reason}"))
            .collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, String>> {
        // The map is whole whenever the lock is free: nothing in between can panic.
        self.reasons.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
