//! What can befall a read.

use std::sync::Arc;
use std::time::Duration;

/// A request to a store that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{object}: {fault}")]
pub struct SourceError {
    /// The object asked for, relative to the store; empty for the store itself.
    pub object: Arc<str>,
    /// What went wrong.
    pub fault: SourceFault,
}

impl SourceError {
    /// `fault` befell a request for `object`.
    #[must_use]
    pub fn new(object: &str, fault: SourceFault) -> Self {
        Self {
            object: object.into(),
            fault,
        }
    }
}

/// What went wrong with a request to a store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceFault {
    /// No such object.
    #[error("not found")]
    NotFound,
    /// The object is of another version than the one asked for.
    #[error("changed while it was being read")]
    Changed,
    /// The store refuses to hand the object out.
    #[error("access denied: {reason}")]
    Denied {
        /// In the store's words.
        reason: Arc<str>,
    },
    /// The store cannot be reached, or says that it cannot serve.
    #[error("store unavailable: {reason}")]
    Unavailable {
        /// In the store's words, or the connection's.
        reason: Arc<str>,
    },
    /// The store asks for fewer requests: `503 SlowDown`.
    #[error("store busy: {reason}")]
    Busy {
        /// In the store's words.
        reason: Arc<str>,
    },
    /// The store took longer than a limit allows.
    #[error("store too slow: {limit} passed after {after:?}")]
    Slow {
        /// The limit's configuration key.
        limit: &'static str,
        /// The limit.
        after: Duration,
    },
    /// The answer had less, or more, bytes than it announced.
    #[error("broken answer: {reason}")]
    Broken {
        /// What is wrong with it.
        reason: Arc<str>,
    },
}

impl SourceFault {
    pub(crate) fn denied(reason: impl Into<Arc<str>>) -> Self {
        Self::Denied {
            reason: reason.into(),
        }
    }

    pub(crate) fn unavailable(reason: impl Into<Arc<str>>) -> Self {
        Self::Unavailable {
            reason: reason.into(),
        }
    }

    pub(crate) fn broken(reason: impl Into<Arc<str>>) -> Self {
        Self::Broken {
            reason: reason.into(),
        }
    }
}
