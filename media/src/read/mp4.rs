//! Reader of MP4 files (`ISO/IEC 14496-12`): progressive ones with the `moov`
//! first or last, and fragmented ones with or without an index.
//!
//! [`Reader`] reads what a title is laid out by; [`SegmentReader`] the samples of
//! one segment of it.

mod boxes;
mod edit;
mod entries;
mod error;
mod fragment;
mod movie;
mod outline;
mod reader;
mod sample_table;
mod samples;
mod segment_reader;
mod track_box;
mod windows;

pub use edit::{Edit, EditRate};
pub use error::ReadError;
pub use fragment::{FragmentIndex, IndexFault, IndexedFragment};
pub use movie::{Movie, MovieTrack, RefusedTrack};
pub use outline::{MoovPlace, MoovSearch, MoovStep};
pub use reader::{Reader, Step};
pub use samples::MovieSamples;
pub use segment_reader::{SegmentReader, SegmentStep};
