//! A place between two samples of a track.

/// Where every sample table stands before one sample, so that reading can
/// start there without walking the tables from their beginning.
///
/// Positions are 0-based entry indices; `*_used` count what the entry has
/// already given. About 60 bytes, a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// Index of the sample that comes next.
    pub sample: u32,
    /// Its decode time in ticks of the media as stored.
    pub decode_time: i64,
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
