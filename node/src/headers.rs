//! Header names that nodes say to each other.
//!
//! They are lower case, as HTTP/2 and [`http::HeaderName::from_static`] want them.

/// Which origin gave this answer: its configured name or its address.
pub const ORIGIN: &str = "x-strata-origin";

/// How many origins were asked until this answer came: `1` when the first one gave it.
pub const ATTEMPTS: &str = "x-strata-attempts";

/// Says that the fault behind an error answer is not the node's. See [`FAULT_SOURCE`].
pub const FAULT: &str = "x-strata-fault";

/// The value of [`FAULT`] on an answer that every node would repeat, because
/// the source itself is corrupt or incomplete.
///
/// Such an answer is never retried and never held against the node.
pub const FAULT_SOURCE: &str = "source";

/// What the origin holds and can take: see [`Load`](crate::agent::Load).
///
/// For balancers, which take it off before the client sees the answer.
pub const LOAD: &str = "x-strata-load";
