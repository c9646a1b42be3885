//! Fragments (`ISO/IEC 14496-12 §8.8`): `moof` boxes, and the indexes that say
//! where they lie.

mod calibration;
mod index;
mod indexer;
mod moof;
mod random_access;
mod scan;
mod segment_index;
mod span;
mod stretch;
mod walk;

pub use index::{FragmentIndex, IndexFault, IndexedFragment};
pub(super) use indexer::Indexer;
pub(super) use moof::{Moof, track_extends};
pub(super) use span::SpanReader;
pub(super) use stretch::{StretchReader, Told};
pub(super) use walk::FragmentWalk;
