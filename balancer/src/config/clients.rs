//! Section `clients`: what clients may do.

use std::num::NonZeroUsize;
use std::time::Duration;

use strata_node::config::{ByteSize, Section};

use super::TIME_MAX;
pub use crate::front::head::HeadLimits;

/// Largest head that may be allowed.
const HEAD_BYTES_MAX: ByteSize = ByteSize::kib(256);

/// Most fields that may be allowed: as many as pingora reads.
const HEAD_FIELDS_MAX: usize = 256;

/// What clients may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientLimits {
    /// Connections at once; more wait in the system's queue. Key
    /// `connections`; default 10000.
    pub connections: NonZeroUsize,
    /// Connections at once from one address, or one /64 of IPv6; others are
    /// closed. Key `per_address`; default 0, any number: behind a load balancer
    /// without the PROXY protocol all come from one.
    pub per_address: usize,
    /// How large a request's head may be. Keys `head_size`, default `16KiB`,
    /// and `head_fields`, default 100.
    pub heads: HeadLimits,
    /// Time for a request's head to arrive, from the connection or from the
    /// first byte after an idle spell on. Key `head`; default `10s`.
    pub head: Duration,
    /// How long an idle connection is kept, at least a second. Key `idle`;
    /// default `60s`.
    pub idle: Duration,
    /// How long a client may take nothing of its answer. Key `send`; default
    /// `30s`.
    pub send: Duration,
    /// Bytes a second that a client that is behind must take, on average over
    /// `send`. Key `rate`; default `1KiB`; 0: as few as it likes.
    pub rate: u64,
}

pub(super) fn read(mut section: Section<'_>) -> ClientLimits {
    let second = Duration::from_secs(1);
    let connections = NonZeroUsize::new(10_000).unwrap_or(NonZeroUsize::MIN);
    ClientLimits {
        connections: section.or("connections", connections),
        per_address: section.or("per_address", 0),
        heads: HeadLimits {
            bytes: section
                .within("head_size", ByteSize::kib(16), ByteSize::kib(1)..=HEAD_BYTES_MAX)
                .as_usize(),
            fields: section.within("head_fields", 100, 1..=HEAD_FIELDS_MAX),
        },
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
        rate: section.or("rate", ByteSize::kib(1)).0,
    }
}
