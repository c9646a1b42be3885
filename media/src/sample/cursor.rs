//! A place between two samples of a track.

/// Where reading stands before one sample of what a track plays, so that it can
/// start there without walking the track from its beginning. About 70 bytes, a
/// segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// 0-based run of the track that the sample is played in, see [`super::Run`].
    pub run: u32,
    /// 0-based number of the sample in the media as stored; counted from the
    /// start of the segment where nobody has counted those before it.
    pub sample: u32,
    /// Its decode time in ticks of the media as stored.
    pub decode_time: i64,
    /// Where it is found.
    pub place: Place,
}

/// Where a sample is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// By the sample tables of the `moov`.
    Tables(TablePlace),
    /// In a fragment.
    Fragment(FragmentPlace),
}

impl Default for Place {
    fn default() -> Self {
        Self::Tables(TablePlace::default())
    }
}

/// Where every sample table stands before a sample. Positions are 0-based entry
/// indices; `*_used` count what the entry has already given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TablePlace {
    pub(super) stts_entry: u32,
    pub(super) stts_used: u32,
    pub(super) ctts_entry: u32,
    pub(super) ctts_used: u32,
    pub(super) stsc_entry: u32,
    pub(super) chunk: u32,
    pub(super) chunk_samples_used: u32,
    pub(super) stss_entry: u32,
    pub(super) chunk_bytes_used: u64,
}

/// A sample in a fragment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FragmentPlace {
    /// File offset at which reading starts: of the fragment's `moof`, or of a
    /// box before it; behind the last fragment, where that one ends.
    pub offset: u64,
    /// Number of the track's samples in that `moof` that come before.
    pub used: u32,
}

impl Cursor {
    /// Before the first sample of the fragment that starts at `offset`.
    #[must_use]
    pub fn at_fragment(offset: u64, sample: u32, decode_time: i64) -> Self {
        Self {
            run: 0,
            sample,
            decode_time,
            place: Place::Fragment(FragmentPlace { offset, used: 0 }),
        }
    }

    /// The same place in another run.
    #[must_use]
    pub fn in_run(self, run: u32) -> Self {
        Self { run, ..self }
    }
}
