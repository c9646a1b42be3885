//! Chunks of immutable source objects, and what is derived from them, in memory
//! and on disk; each filled once however many ask for it at the same time.
//!
//! ```text
//! ask ──▶ memory (foyer) ── hit ──▶ answer
//!            │ miss
//!            ▼
//!         fill ── already under way ──▶ follow it: read what has arrived
//!            │ first
//!            ▼
//!         a task of its own ── disk (foyer) ── else the source ──▶ memory, disk
//! ```
//!
//! [`Fills`] streams bytes; values that are derived from them ([`DerivedCache`])
//! come whole.
//!
//! # Invariants
//!
//! - A key names its bytes for ever: store, object, *version* and position
//!   ([`ChunkKey`]). A late fill can therefore never put stale bytes under a
//!   fresh name, what a restart finds on disk is right, and nothing needs to be
//!   invalidated.
//! - A fill belongs to nobody who asked. The first asker may leave; the fill
//!   runs on and reaches whoever still waits.
//! - A failed fill reaches everyone who waited for it and is forgotten: the
//!   next asker tries again. How long a failure is remembered is the caller's
//!   decision, made with [`NegativeCache`].
//! - Media never evicts indexes: a [`ChunkCache`], each [`DerivedCache`] and each
//!   [`DiskTier`] have budgets of their own.
//! - What is weighed is what is held: a [`Chunk`] owns an allocation of
//!   exactly its size, never a slice that keeps a larger buffer alive.
//! - A hit in memory writes nothing to disk.

mod ahead;
mod chunk;
mod chunks;
mod derived;
mod disk;
mod fill;
mod flight;
mod key;
mod metrics;
mod negative;

pub use ahead::{Benefit, Runs, Worth};
pub use chunk::{Chunk, ChunkBuilder, ChunkError};
pub use chunks::{
    ChunkCache, ChunkCacheConfig, ChunkFilling, ChunkSpan, DiskAdmission, ENTRY_OVERHEAD_BYTES, Reading,
    chunk_shards,
};
pub use derived::{DERIVED_SHARDS, DerivedCache, HeapSize};
pub use disk::{
    DiskConfig, DiskState, DiskTier, Geometry, OpenError, Scan, ScannedKind, Trouble, clear, inspect, verify,
};
pub use fill::{FillLimits, Filling, Fills, Follower, Joined, Keep, StreamError};
pub use flight::{FillError, Looked, Outcome};
pub use key::{ChunkKey, DiskName, EntryKind, ObjectKey};
pub use metrics::{CacheMetrics, FillMetrics, Tier};
pub use negative::NegativeCache;
