//! The walk over the samples of a track in `moof` boxes at hand.

use std::sync::Arc;

use super::Moof;
use crate::read::mp4::ReadError;
use crate::sample::{Cursor, FragmentLayout, FragmentPlace, Place, Sample};

/// Walks samples in decode order. Ends after the last one or the first error.
#[derive(Clone, Debug)]
pub(in crate::read::mp4) struct FragmentWalk {
    layout: FragmentLayout,
    moofs: Arc<[Moof]>,
    /// Where the last fragment ends in the file.
    end: u64,
    /// The `moof` behind the one the walk is in.
    next: usize,
    /// Where that one starts.
    offset: u64,
    /// The samples of that one; empty at the end.
    samples: Vec<Sample>,
    /// How many of them have been given.
    used: usize,
    sample: u32,
    /// When what comes next is decoded if it does not say so.
    decode_time: i64,
    failed: Option<ReadError>,
}

impl FragmentWalk {
    /// The walk over all of `moofs`; the last fragment ends at `end`.
    pub(in crate::read::mp4) fn new(layout: FragmentLayout, moofs: Arc<[Moof]>, end: u64) -> Self {
        let mut walk = Self {
            layout,
            moofs,
            end,
            next: 0,
            offset: 0,
            samples: Vec::new(),
            used: 0,
            sample: 0,
            decode_time: 0,
            failed: None,
        };
        walk.fill();
        walk
    }

    /// Starts at the first fragment and counts on from `cursor`, behind the samples
    /// that precede the fragments.
    pub(in crate::read::mp4) fn go_behind(&mut self, cursor: &Cursor) {
        self.sample = cursor.sample;
        self.decode_time = cursor.decode_time;
        self.next = 0;
        self.samples.clear();
        self.used = 0;
        self.fill();
    }

    /// Where the walk stands.
    pub(in crate::read::mp4) fn cursor(&self) -> Cursor {
        let next = self.samples.get(self.used);
        let place = match next {
            Some(_) => FragmentPlace {
                offset: self.offset,
                used: u32::try_from(self.used).unwrap_or(u32::MAX),
            },
            None => FragmentPlace {
                offset: self.end,
                used: 0,
            },
        };
        Cursor {
            run: 0,
            sample: self.sample,
            decode_time: next.map_or(self.decode_time, |sample| sample.decode_time),
            place: Place::Fragment(place),
        }
    }

    /// Moves to `cursor`, which a walk over the same fragments has given.
    pub(in crate::read::mp4) fn go_to(&mut self, cursor: &Cursor) {
        let Place::Fragment(place) = cursor.place else {
            return;
        };
        self.next = self.moofs.partition_point(|moof| moof.offset < place.offset);
        self.samples.clear();
        self.used = 0;
        self.sample = cursor.sample;
        self.decode_time = cursor.decode_time;
        self.fill();
        self.used = usize::try_from(place.used).unwrap_or(usize::MAX);
        // The times of a fragment that does not state them follow from that of the
        // sample at the cursor.
        let found = self.samples.get(self.used).map(|sample| sample.decode_time);
        let drift = found.map_or(0, |found| cursor.decode_time.saturating_sub(found));
        for sample in &mut self.samples {
            sample.decode_time = sample.decode_time.saturating_add(drift);
        }
    }

    /// Enters the next `moof` with samples of the track when those of the last
    /// one are used up.
    fn fill(&mut self) {
        while self.samples.len() <= self.used {
            let Some(moof) = self.moofs.get(self.next) else {
                return;
            };
            self.next += 1;
            self.offset = moof.offset;
            self.used = 0;
            match moof.samples(&self.layout, self.decode_time) {
                Ok(samples) => self.samples = samples,
                Err(error) => {
                    self.failed = Some(error);
                    self.samples.clear();
                    self.moofs = Arc::default();
                }
            }
        }
    }
}

impl Iterator for FragmentWalk {
    type Item = Result<Sample, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Some(sample) = self.samples.get(self.used).copied() else {
            return self.failed.take().map(Err);
        };
        self.used += 1;
        self.sample = self.sample.saturating_add(1);
        self.decode_time = sample.decode_end();
        self.fill();
        Some(Ok(sample))
    }
}
