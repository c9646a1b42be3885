//! All cues of a text, and what they refer to.

use std::time::Duration;

use super::{Cue, Percent};

/// A text as it was read from a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// The cues by their starts; those that start together in the order of the file.
    pub cues: Vec<Cue>,
    /// Regions that cues refer to.
    pub regions: Vec<Region>,
    /// Style sheets in CSS, as WebVTT has them.
    pub style_sheets: Vec<String>,
    /// The language it says it is in.
    pub language: Option<String>,
    /// How its times map to an MPEG-2 clock, when it is a segment of HLS. Cues
    /// have their times before this mapping.
    pub timestamp_map: Option<TimestampMap>,
}

/// A part of the picture for cues, `WebVTT §3.4`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// What cues refer to it by, without spaces.
    pub id: String,
    /// Its width, a share of the picture's.
    pub width: Percent,
    /// Its height in lines.
    pub lines: u16,
    /// The point of the region, across and down, that is put on `viewport_anchor`.
    pub region_anchor: (Percent, Percent),
    /// The point of the picture, across and down.
    pub viewport_anchor: (Percent, Percent),
    /// Whether lines scroll up as new ones come.
    pub scrolls: bool,
}

impl Default for Region {
    fn default() -> Self {
        Self {
            id: String::new(),
            width: Percent::FULL,
            lines: 3,
            region_anchor: (Percent::default(), Percent::FULL),
            viewport_anchor: (Percent::default(), Percent::FULL),
            scrolls: false,
        }
    }
}

/// Moments that are the same on two clocks, `RFC 8216 §3.5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampMap {
    /// On the clock of MPEG-2 time stamps, 33 bits of 1/90 000 s.
    pub mpegts: u64,
    /// On the clock of the cues.
    pub local: Duration,
}

impl Document {
    /// The cues that are shown within `start..end`.
    pub fn shown_within(&self, start: Duration, end: Duration) -> impl Iterator<Item = &Cue> {
        let started = self.cues.partition_point(|cue| cue.start < end);
        let started = self.cues.get(..started).unwrap_or_default();
        started.iter().filter(move |cue| cue.is_shown_within(start, end))
    }

    /// Puts the cues in order and leaves out those nobody can see.
    pub(crate) fn sort(&mut self) {
        self.cues.retain(|cue| !cue.is_blank());
        self.cues.sort_by_key(|cue| cue.start);
    }

    /// Ends every cue at `end` at the latest.
    pub(crate) fn end_at(&mut self, end: Duration) {
        self.cues.retain(|cue| cue.start < end);
        for cue in &mut self.cues {
            cue.end = cue.end.min(end);
        }
    }

    /// Leaves what is shown from `begin` on, which becomes the start.
    pub(crate) fn begin_at(&mut self, begin: Duration) {
        self.cues.retain(|cue| begin < cue.end);
        for cue in &mut self.cues {
            cue.earlier(begin);
        }
    }

    /// Bytes held on the heap.
    #[must_use]
    pub fn heap_size(&self) -> usize {
        let cues: usize = self.cues.iter().map(Cue::heap_size).sum();
        let regions: usize = self.regions.iter().map(|region| region.id.capacity()).sum();
        let styles: usize = self.style_sheets.iter().map(String::capacity).sum();
        cues + self.cues.capacity() * size_of::<Cue>()
            + regions
            + self.regions.capacity() * size_of::<Region>()
            + styles
            + self.language.as_ref().map_or(0, String::capacity)
    }
}

/// Makes one cue of those that follow each other and show the same, as a cue cut
/// at the borders of samples does.
pub(crate) fn join(cues: Vec<Cue>) -> Vec<Cue> {
    let mut joined: Vec<Cue> = Vec::with_capacity(cues.len());
    for cue in cues {
        let is_continued = |earlier: &&mut Cue| earlier.end == cue.start && earlier.shows_what(&cue);
        // Only the last few can end where this one starts.
        match joined.iter_mut().rev().take(JOIN_REACH).find(is_continued) {
            Some(earlier) => earlier.end = cue.end,
            None => joined.push(cue),
        }
    }
    joined
}

/// How many cues back one is looked for that goes on: those shown together.
const JOIN_REACH: usize = 16;
