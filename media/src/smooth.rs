//! Smooth Streaming (`[MS-SSTR]`): what its manifest and its fragments agree on.
//!
//! # The time of a fragment
//!
//! One number names a fragment: it is `t` in the manifest, stands in the URL and
//! in the fragment's `tfxd`. Here it is the *decode* time of the fragment's first
//! sample, on a clock of 100 ns all streams of the title share. `[MS-SSTR]`
//! calls it the time stamp of the first sample; dash.js, shaka-player, `ExoPlayer`
//! and `GStreamer` all add sample durations and composition offsets to it to learn
//! when a picture is shown. With the earliest *presentation* time in its place,
//! pictures that are reordered would be shown late, against sound.
//!
//! Times count from the start of the presentation, moved later by the smallest
//! amount that leaves no fragment of any stream with a negative time: as much as
//! pictures are decoded before they are shown, or as the priming of the sound
//! takes. Priming frames are sent, as in the other formats, since a decoder needs
//! them; they lie before the moment at which the pictures start.
//!
//! Text is shown when it is decoded. It comes as documents, one a fragment, whose
//! times count from the start of the fragment.
//!
//! Every time is rounded from its own exact value, and durations are differences
//! of rounded times, so nothing drifts.

use crate::codec::MediaKind;
use crate::time::Timescale;
use crate::track::Track;

/// Ticks a second of all times: 10 MHz.
pub const TIMESCALE: Timescale = Timescale::HUNDRED_NANOSECONDS;

/// What of a fragment is asked for (`[MS-SSTR] §2.2.3`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Noun {
    /// `Fragments`: all of it.
    Fragments,
    /// `KeyFrames`: the samples that can be decoded by themselves.
    KeyFrames,
    /// `FragmentInfo`: the `moof`, without media.
    FragmentInfo,
    /// `RawFragments`: the samples' bytes, without any box.
    RawFragments,
}

/// One fragment of one track, found by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// What its track carries.
    pub kind: MediaKind,
    /// Position of its track in the presentation: among the texts for a text, else
    /// among the tracks.
    pub track: usize,
    /// 0-based segment of that track.
    pub segment: usize,
    /// Its time in ticks of [`TIMESCALE`]: the one in manifest, URL and `tfxd`.
    pub start: u64,
    /// Ticks until the next fragment's time, or until the last picture or sound
    /// of the stream has been played.
    pub duration: u64,
    /// The next fragment's time; `None` for the last one.
    pub next: Option<u64>,
    /// Added to times from the start of the presentation.
    pub(crate) shift: i64,
}

impl Fragment {
    /// `ticks` of `track` on the output timeline as ticks of the stream.
    pub(crate) fn time(&self, track: &Track, ticks: i64) -> i64 {
        presentation_time(track, ticks).saturating_add(self.shift)
    }
}

/// `ticks` of `track` on the output timeline as ticks of [`TIMESCALE`] from the
/// start of the presentation.
pub(crate) fn presentation_time(track: &Track, ticks: i64) -> i64 {
    let offset = i64::try_from(track.presentation_time_offset).unwrap_or(i64::MAX);
    TIMESCALE.rescale(ticks.saturating_sub(offset), track.timescale)
}
