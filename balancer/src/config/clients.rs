//! Section `clients`: what clients may do.

use std::num::NonZeroUsize;
use std::time::Duration;

use strata_node::config::Section;

use super::TIME_MAX;

/// What clients may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientLimits {
    /// Connections at once; more wait in the system's queue. Key
    /// `connections`; default 10000.
    pub connections: NonZeroUsize,
    /// Time for a request's head to arrive, from the connection or from the
    /// first byte after an idle spell on. Key `head`; default `10s`.
    pub head: Duration,
    /// How long an idle connection is kept, at least a second. Key `idle`;
    /// default `60s`.
    pub idle: Duration,
    /// How long a client may take nothing of its answer. Key `send`; default
    /// `30s`.
    pub send: Duration,
}

pub(super) fn read(mut section: Section<'_>) -> ClientLimits {
    let second = Duration::from_secs(1);
    let connections = NonZeroUsize::new(10_000).unwrap_or(NonZeroUsize::MIN);
    ClientLimits {
        connections: section.or("connections", connections),
        head: section.within(
            "head",
            Duration::from_secs(10),
            Duration::from_millis(10)..=TIME_MAX,
        ),
        idle: section.within("idle", Duration::from_secs(60), second..=TIME_MAX),
        send: section.within(
            "send",
            Duration::from_secs(30),
            Duration::from_millis(10)..=TIME_MAX,
        ),
    }
}
