//! A fragmented track as an index of the file describes it.

use std::fmt;

use crate::codec::FourCc;
use crate::read::mp4::ReadError;
use crate::sample::Sample;

/// An index of fragments that is not used: the fragments are found in another way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexFault {
    /// `sidx` or `mfra`.
    pub kind: FourCc,
    /// What is wrong with it, or with what it points at; `None` when it says something
    /// else than the fragments do.
    pub error: Option<ReadError>,
}

impl fmt::Display for IndexFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.error {
            Some(error) => write!(f, "its {} is wrong: {error}", self.kind),
            None => write!(
                f,
                "its {} is wrong: the fragments are elsewhere, or at other times",
                self.kind
            ),
        }
    }
}

/// Where the fragments of a track start and when they are shown, by a `sidx` or
/// an `mfra`, checked against the first and the last of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FragmentIndex {
    /// The fragments in time order, at least one. An entry may stand for several
    /// `moof` boxes in a row.
    pub fragments: Vec<IndexedFragment>,
    /// File offset behind the last fragment.
    pub end: u64,
    /// When the last sample's presentation ends, in ticks of the media as stored.
    pub end_time: i64,
    /// The first sample, as stored.
    pub first_sample: Sample,
    /// How far composition offsets of the first fragment are negative; 0 unless
    /// they are.
    pub decode_lead: i32,
    /// Duration in ticks of the samples of the first fragment but the last, when
    /// it is the same.
    pub constant_duration: Option<u32>,
    /// Mean duration in ticks of the samples of the first fragment, at least 1.
    pub mean_duration: u32,
    /// Of so many bytes of the file…
    pub share_of: u64,
    /// …the track takes this many, by the first fragments.
    pub share: u64,
    /// Of so many bytes of the track's media…
    pub key_frame_share_of: u64,
    /// …this many are its first sync sample, by the first and the last fragment.
    pub key_frame_share: u64,
}

/// One entry of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexedFragment {
    /// File offset at which reading starts.
    pub offset: u64,
    /// Earliest presentation time in ticks of the media as stored.
    pub time: i64,
    /// Decoding can start here.
    pub is_sync: bool,
}

impl FragmentIndex {
    /// Bytes of the track's media in `size` bytes of the file.
    #[must_use]
    pub fn media_size(&self, size: u64) -> u64 {
        share(size, self.share, self.share_of)
    }

    /// Bytes of the first sync sample of a fragment with `media_size` bytes of media.
    #[must_use]
    pub fn key_frame_size(&self, media_size: u64) -> u64 {
        share(media_size, self.key_frame_share, self.key_frame_share_of)
    }

    /// The first decode time of the fragment `entry` where it states none
    /// itself: as far from its presentation time as the first one's.
    #[must_use]
    pub fn decode_time(&self, entry: &IndexedFragment) -> i64 {
        self.decode_time_at(entry.time)
    }

    /// The same for a fragment that is shown from `time` on.
    pub(crate) fn decode_time_at(&self, time: i64) -> i64 {
        let first = self.fragments.first().map_or(0, |first| first.time);
        let lag = first.saturating_sub(self.first_sample.decode_time);
        time.saturating_sub(lag)
    }
}

/// `share` of `of`, of `size`.
fn share(size: u64, share: u64, of: u64) -> u64 {
    let part = u128::from(size) * u128::from(share) / u128::from(of.max(1));
    u64::try_from(part).unwrap_or(u64::MAX)
}
