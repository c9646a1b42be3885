//! Fills that are shared while they run.
//!
//! ```text
//! first asker ──▶ lead ──▶ a task of its own ── head, then bytes ──▶ stream (append-only)
//!                                                                      │  │  │
//! others ───────▶ join ── waiting room until the head ──────────────▶ followers, each at its own place
//! ```
//!
//! Nothing in here knows what is filled or from where: a key names the bytes,
//! a head is whatever is known before them (of a response: its status and
//! headers; of a chunk: nothing), and the bytes come from a closure.
//!
//! # Invariants
//!
//! - A fill belongs to nobody who asked: the first asker's slowness or
//!   departure changes nothing for the others, and no follower, however slow,
//!   holds back the fill or another follower.
//! - What a follower was given never changes, and the end of a stream is
//!   either all of it or an error; a short body never looks like a whole one.
//! - Nobody waits for a head for ever, or in a crowd without bound. When the
//!   wait ends, one of those who wait starts a new fill and the others join it.
//! - A fill that nobody follows any more is given up, unless little of it
//!   remains.

mod room;
mod stream;

pub use room::{FillLimits, Fills, Joined, Keep};
pub use stream::{Filling, Follower, StreamError};

#[cfg(test)]
mod tests;
