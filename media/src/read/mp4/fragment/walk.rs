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
    /// The `moof` that comes next.
    next: usize,
    /// The samples of the one before it.
    samples: Vec<Sample>,
    /// How many of them have been given.
    used: usize,
    /// Where that one starts.
    offset: u64,
    sample: u32,
    decode_time: i64,
}

impl FragmentWalk {
    /// The walk over all of `moofs`; the last fragment ends at `end`.
    pub(in crate::read::mp4) fn new(layout: FragmentLayout, moofs: Arc<[Moof]>, end: u64) -> Self {
        Self {
            layout,
            moofs,
            end,
            next: 0,
            samples: Vec::new(),
            used: 0,
            offset: 0,
            sample: 0,
            decode_time: 0,
        }
    }

    /// Counts on from `cursor`, behind the samples that precede the fragments.
    pub(in crate::read::mp4) fn go_behind(&mut self, cursor: &Cursor) {
        self.sample = cursor.sample;
        self.decode_time = cursor.decode_time;
    }

    /// Where the walk stands.
    pub(in crate::read::mp4) fn cursor(&self) -> Cursor {
        let place = if self.used < self.samples.len() {
            FragmentPlace {
                offset: self.offset,
                used: u32::try_from(self.used).unwrap_or(u32::MAX),
            }
        } else {
            FragmentPlace {
                offset: self.moofs.get(self.next).map_or(self.end, |moof| moof.offset),
                used: 0,
            }
        };
        let stored = self.samples.get(self.used).map(|sample| sample.decode_time);
        Cursor {
            run: 0,
            sample: self.sample,
            decode_time: stored.unwrap_or(self.decode_time),
            place: Place::Fragment(place),
        }
    }

    /// Moves to `cursor`, which a walk over the same fragments has given.
    pub(in crate::read::mp4) fn go_to(&mut self, cursor: &Cursor) -> Result<(), ReadError> {
        let Place::Fragment(place) = cursor.place else {
            return Ok(());
        };
        self.next = self.moofs.partition_point(|moof| moof.offset < place.offset);
        self.samples.clear();
        self.used = 0;
        self.sample = cursor.sample;
        self.decode_time = cursor.decode_time;
        if place.used > 0 {
            let used = usize::try_from(place.used).unwrap_or(usize::MAX);
            self.enter()?;
            // The time of the first sample follows from that of the one at the
            // cursor when the fragment does not state it.
            let found = self.samples.get(used).map(|sample| sample.decode_time);
            let drift = found.map_or(0, |found| cursor.decode_time.saturating_sub(found));
            for sample in &mut self.samples {
                sample.decode_time = sample.decode_time.saturating_add(drift);
            }
            self.used = used;
        }
        Ok(())
    }

    /// Reads the next `moof`; whether there was one.
    fn enter(&mut self) -> Result<bool, ReadError> {
        let Some(moof) = self.moofs.get(self.next) else {
            return Ok(false);
        };
        self.next += 1;
        self.offset = moof.offset;
        self.used = 0;
        self.samples = moof.samples(&self.layout, self.decode_time)?;
        Ok(true)
    }

    fn read(&mut self) -> Result<Option<Sample>, ReadError> {
        while self.samples.len() <= self.used {
            if !self.enter()? {
                return Ok(None);
            }
        }
        let sample = self.samples.get(self.used).copied();
        if let Some(sample) = &sample {
            self.used += 1;
            self.sample = self.sample.saturating_add(1);
            self.decode_time = sample.decode_end();
        }
        Ok(sample)
    }
}

impl Iterator for FragmentWalk {
    type Item = Result<Sample, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let sample = self.read().transpose();
        if matches!(sample, Some(Err(_))) {
            self.moofs = Arc::default();
            self.samples.clear();
        }
        sample
    }
}
