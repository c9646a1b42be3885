//! What reading the fragments of a track takes beside the fragments themselves.

use std::sync::Arc;

/// How the `moof` boxes of a file are read for one track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FragmentLayout {
    /// The track's identifier in its file.
    pub track_id: u32,
    /// What fragments leave unsaid, of every track of the file: where one
    /// track's data starts may follow from another's.
    pub extends: Arc<[TrackExtends]>,
    /// What the times of Smooth Streaming's fragments mean.
    pub clock: FragmentClock,
    /// File offset of the first of them.
    pub start: u64,
    /// How far the fragments' earliest presentation times are behind their first
    /// decode times, when only an index says when they play; `None` when they say
    /// so themselves, or follow from each other.
    pub lag: Option<i64>,
    /// Number of sample entries.
    pub entry_count: u32,
    /// Bytes that hold most of the file's `moof` boxes, each: what is asked for
    /// before the size of one is known.
    pub head_size: u32,
    /// Size of the source file in bytes.
    pub file_size: u64,
}

/// A track's defaults for its fragments (`trex`, `ISO/IEC 14496-12 §8.8.3`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrackExtends {
    /// The track's identifier.
    pub track_id: u32,
    /// 1-based number of the sample entry.
    pub entry: u32,
    /// Duration of a sample in ticks.
    pub duration: u32,
    /// Size of a sample in bytes.
    pub size: u32,
    /// Flags of a sample (§8.8.3.1).
    pub flags: u32,
}

/// What the time of a `tfxd` box (`MS-SSTR §2.2.4.4`), which stands for a
/// missing `tfdt`, is the time of. Packagers differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FragmentClock {
    /// The decode time of the fragment's first sample.
    #[default]
    Decode,
    /// Its presentation time.
    Presentation,
}

impl FragmentLayout {
    /// The defaults of the track `id`; zeros where the file has none.
    #[must_use]
    pub fn extends_of(&self, id: u32) -> TrackExtends {
        let found = self.extends.iter().find(|extends| extends.track_id == id);
        found.copied().unwrap_or(TrackExtends {
            track_id: id,
            entry: 1,
            ..TrackExtends::default()
        })
    }
}
