//! Samples, and the tables and fragments they come from.
//!
//! A title keeps no sample in memory. It keeps one [`Cursor`] a segment, and
//! reads the few table entries or fragment heads a segment needs from the source
//! file when the segment is asked for, so its memory does not follow its number
//! of samples.

mod cursor;
mod edges;
mod fragments;
mod layout;
mod map;
mod run;
mod table;

pub use cursor::{Cursor, FragmentPlace, Place, TablePlace};
pub(crate) use edges::{Edges, Head, Tail};
pub use fragments::{FragmentClock, FragmentLayout, TrackExtends};
pub use layout::{TableLayout, TableWalk};
pub(crate) use map::{Piece, SampleMap};
pub use run::Run;
pub use table::{Table, Window};

use thiserror::Error;

/// One access unit or audio frame, where it lies and when it plays
/// (`ISO/IEC 14496-12 §8.6, §8.7`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Byte offset in the source file.
    pub offset: u64,
    /// Size in bytes.
    pub size: u32,
    /// Duration in ticks of the track.
    pub duration: u32,
    /// Decode time in ticks: of the media as stored when it comes from a
    /// reader, of the output timeline in [`Samples`].
    pub decode_time: i64,
    /// Presentation time minus decode time, in ticks.
    pub composition_offset: i32,
    /// Decoding can start here.
    pub is_sync: bool,
    /// 0-based index into the track's sample entries.
    pub entry: u32,
}

impl Sample {
    /// When the sample is shown, on the same timeline as its decode time.
    #[must_use]
    pub fn presentation_time(&self) -> i64 {
        self.decode_time
            .saturating_add(i64::from(self.composition_offset))
    }

    /// The decode time of what follows.
    #[must_use]
    pub fn decode_end(&self) -> i64 {
        self.decode_time.saturating_add(i64::from(self.duration))
    }
}

/// The samples of one segment in decode order, times on the output timeline.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Samples(pub Vec<Sample>);

/// A sample table that does not hold together.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TableError {
    /// The boxes disagree on how many samples there are, or one of them ends
    /// early.
    #[error("{table} has no entry for sample {sample}")]
    Missing {
        /// Four-character code of the box.
        table: &'static str,
        /// 0-based sample index.
        sample: u32,
    },
    /// A sample lies outside the file.
    #[error("sample {sample} at offset {offset} with {size} bytes ends beyond the file's {file_size} bytes")]
    BeyondEnd {
        /// 0-based sample index.
        sample: u32,
        /// Byte offset of the sample.
        offset: u64,
        /// Size of the sample in bytes.
        size: u32,
        /// Size of the file in bytes.
        file_size: u64,
    },
    /// A sample belongs to a sample entry that is not there.
    #[error("sample {sample} uses sample entry {entry} of {count}")]
    NoEntry {
        /// 0-based sample index.
        sample: u32,
        /// 1-based number of the entry.
        entry: u32,
        /// Number of entries there are.
        count: u32,
    },
    /// Times or sizes grow beyond what 63 bits hold.
    #[error("sample {sample}: times or offsets overflow")]
    Overflow {
        /// 0-based sample index.
        sample: u32,
    },
}
