//! Chunks of immutable source objects, and what is derived from them, in
//! memory; each filled once however many ask for it at the same time.
//!
//! ```text
//! ask ──▶ memory (foyer) ── hit ──▶ answer
//!            │ miss
//!            ▼
//!         flight ── already filling ──▶ join, wait, answer
//!            │ first
//!            ▼
//!         fill: a task of its own ──▶ memory, then everyone who waits
//! ```
//!
//! # Invariants
//!
//! - A key names its bytes for ever: store, object, *version* and position
//!   ([`ChunkKey`]). A late fill can therefore never put stale bytes under a
//!   fresh name, and nothing needs to be invalidated.
//! - A fill belongs to nobody who asked. The first asker may leave; the fill
//!   runs on and reaches whoever still waits.
//! - A failed fill reaches everyone who waited for it and is forgotten: the
//!   next asker tries again. How long a failure is remembered is the caller's
//!   decision, made with [`NegativeCache`].
//! - Media never evicts indexes: a [`ChunkCache`] and each [`DerivedCache`]
//!   have budgets of their own.
//! - What is weighed is what is held: a [`Chunk`] owns an allocation of
//!   exactly its size, never a slice that keeps a larger buffer alive.

mod chunk;
mod chunks;
mod derived;
mod flight;
mod key;
mod metrics;
mod negative;

pub use chunk::{Chunk, ChunkBuilder, ChunkError};
pub use chunks::{ChunkCache, ChunkCacheConfig};
pub use derived::{DerivedCache, HeapSize};
pub use flight::{FillError, Looked, Outcome};
pub use key::{ChunkKey, ObjectKey};
pub use metrics::{CacheMetrics, Tier};
pub use negative::NegativeCache;
