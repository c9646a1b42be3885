//! A stretch of media that plays in one go, as an edit list has it.

use super::{Cursor, Sample};

/// A stretch of a track's media on the output timeline
/// (`ISO/IEC 14496-12 §8.6.6`). A track without an edit list is one run.
///
/// A run may start between two sync samples. What has to be decoded before its
/// first picture, and is not to be seen, then takes no time: such samples come
/// one tick apart, right before the run starts. The same goes for pictures
/// behind its end that others within it refer to. Times of all other samples
/// are those of the media, moved by [`Run::shift`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// Before the first sample that is sent.
    pub first: Cursor,
    /// Behind the last one.
    pub end: Cursor,
    /// Added to times as stored.
    pub shift: i64,
    /// Where the run starts on the output timeline, in ticks; `None` when what
    /// comes before its start may be sent with its own times, since nothing
    /// else plays there.
    pub opens: Option<i64>,
    /// Where it ends; `None` when nothing plays behind it.
    pub closes: Option<i64>,
    /// Number of samples at the start that are decoded and not shown; 0 when
    /// `opens` is `None`.
    pub lead_in: u32,
    /// Decode time on the output timeline of the first sample behind them.
    pub shown_decode_time: i64,
    /// Decode time on the output timeline of what follows the run, which its own
    /// samples come before; `i64::MAX` when nothing follows.
    pub decode_limit: i64,
    /// What follows the run starts where it ends.
    pub is_followed: bool,
    /// The last sample is held until the run ends.
    pub is_held: bool,
    /// Media time from which on trailing samples are left out when a segment is
    /// read, where they have not been left out by `end`.
    pub media_end: Option<i64>,
}

impl Run {
    /// A run that plays the media as it is stored, moved by `shift`.
    #[must_use]
    pub fn plain(first: Cursor, end: Cursor, shift: i64) -> Self {
        Self {
            first,
            end,
            shift,
            decode_limit: i64::MAX,
            ..Self::default()
        }
    }

    /// Number of samples; 0 where nobody has counted them.
    #[must_use]
    pub fn sample_count(&self) -> u32 {
        self.end.sample.saturating_sub(self.first.sample)
    }

    /// The run later by `ticks`.
    #[must_use]
    pub fn later(mut self, ticks: i64) -> Self {
        self.shift = self.shift.saturating_add(ticks);
        self.opens = self.opens.map(|at| at.saturating_add(ticks));
        self.closes = self.closes.map(|at| at.saturating_add(ticks));
        self.shown_decode_time = self.shown_decode_time.saturating_add(ticks);
        if self.decode_limit != i64::MAX {
            self.decode_limit = self.decode_limit.saturating_add(ticks);
        }
        self
    }

    /// Moves the sample that is number `index` of the run from the times of the
    /// media to those of the output timeline.
    #[must_use]
    pub fn place(&self, sample: Sample, index: u32) -> Sample {
        if self.is_plain() {
            let decode_time = sample.decode_time.saturating_add(self.shift);
            return Sample {
                decode_time,
                ..sample
            };
        }
        let decode_time = self.decode_time(sample.decode_time, index);
        let presentation_time = self.presentation_time(&sample, index, decode_time);
        let end = if index.saturating_add(1) < self.sample_count() {
            self.decode_time(sample.decode_end(), index.saturating_add(1))
        } else {
            self.last_end(&sample, decode_time, presentation_time)
        };
        let duration = end.saturating_sub(decode_time).max(0);
        let offset = presentation_time.saturating_sub(decode_time);
        Sample {
            decode_time,
            duration: u32::try_from(duration).unwrap_or(u32::MAX),
            composition_offset: i32::try_from(offset).unwrap_or(if offset < 0 { i32::MIN } else { i32::MAX }),
            ..sample
        }
    }

    /// The decode time on the output timeline of the first sample, which is
    /// stored with `decode_time`.
    #[must_use]
    pub fn first_decode_time(&self) -> i64 {
        self.decode_time(self.first.decode_time, 0)
    }

    /// Whether the sample is shown, and not only decoded.
    #[must_use]
    pub fn shows(&self, sample: &Sample) -> bool {
        let shown = sample.presentation_time().saturating_add(self.shift);
        let end = shown.saturating_add(i64::from(sample.duration));
        self.opens.is_none_or(|opens| opens <= shown || opens < end)
            && self.closes.is_none_or(|closes| shown < closes)
    }

    fn is_plain(&self) -> bool {
        self.opens.is_none() && self.closes.is_none() && self.decode_limit == i64::MAX
    }

    /// The decode time on the output timeline of the sample that is number `index`
    /// of the run and stored with the decode time `stored`.
    #[must_use]
    pub fn decode_time(&self, stored: i64, index: u32) -> i64 {
        let own = match (self.opens, self.lead_in.checked_sub(index)) {
            (Some(opens), Some(before @ 1..)) => opens
                .min(self.shown_decode_time)
                .saturating_sub(i64::from(before)),
            _ => stored.saturating_add(self.shift),
        };
        // Where runs overlap in decoding, the end of the first one comes earlier.
        let left = self.sample_count().saturating_sub(index);
        match self.decode_limit {
            i64::MAX => own,
            limit => own.min(limit.saturating_sub(i64::from(left))),
        }
    }

    fn presentation_time(&self, sample: &Sample, index: u32, decode_time: i64) -> i64 {
        let own = sample.presentation_time().saturating_add(self.shift);
        if self.shows(sample) {
            return self.opens.map_or(own, |opens| own.max(opens));
        }
        let hidden = match (self.opens, self.lead_in.checked_sub(index), self.closes) {
            (Some(opens), Some(before @ 1..), _) => opens.saturating_sub(i64::from(before)),
            (Some(opens), _, _) if own < opens => opens.saturating_sub(1),
            (_, _, Some(closes)) => closes.saturating_sub(1),
            _ => own,
        };
        hidden.max(decode_time)
    }

    /// Where the last sample's duration ends.
    fn last_end(&self, sample: &Sample, decode_time: i64, presentation_time: i64) -> i64 {
        let own = decode_time.saturating_add(i64::from(sample.duration));
        match self.closes {
            // Rounding, or a picture cut off, is no reason for a gap.
            _ if self.is_followed && self.decode_limit.saturating_sub(own) <= i64::from(sample.duration) => {
                self.decode_limit
            }
            Some(closes) => {
                let left = closes.saturating_sub(presentation_time).max(1);
                let end = decode_time.saturating_add(left);
                if self.is_held { end } else { end.min(own) }
            }
            None => own,
        }
        .min(self.decode_limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(decode_time: i64, composition_offset: i32) -> Sample {
        Sample {
            offset: 0,
            size: 1,
            duration: 10,
            decode_time,
            composition_offset,
            is_sync: false,
            entry: 0,
        }
    }

    fn cursor(sample: u32, decode_time: i64) -> Cursor {
        Cursor {
            sample,
            decode_time,
            ..Cursor::default()
        }
    }

    /// Decode time, presentation time and duration of each sample of a run.
    fn placed(run: &Run, samples: &[Sample]) -> Vec<(i64, i64, u32)> {
        let placed = samples.iter().zip(0..).map(|(sample, index)| {
            let sample = run.place(*sample, index);
            (sample.decode_time, sample.presentation_time(), sample.duration)
        });
        placed.collect()
    }

    #[test]
    fn a_plain_run_is_only_moved() {
        let run = Run::plain(cursor(0, 0), cursor(2, 20), 100);
        assert_eq!(
            placed(&run, &[sample(0, 20), sample(10, -5)]),
            [(100, 120, 10), (110, 105, 10)]
        );
    }

    #[test]
    fn what_is_only_decoded_takes_no_time() {
        // Samples of 10 ticks from 0 on; the run shows 20 to 50 from 1000 on.
        let run = Run {
            first: cursor(0, 0),
            end: cursor(5, 50),
            shift: 980,
            opens: Some(1000),
            closes: Some(1030),
            lead_in: 2,
            shown_decode_time: 1000,
            decode_limit: 1030,
            is_followed: true,
            ..Run::default()
        };
        let samples: Vec<Sample> = (0..5).map(|index| sample(index * 10, 0)).collect();
        assert_eq!(
            placed(&run, &samples),
            [
                (998, 998, 1),
                (999, 999, 1),
                (1000, 1000, 10),
                (1010, 1010, 10),
                (1020, 1020, 10)
            ]
        );
    }

    #[test]
    fn the_first_and_the_last_sample_are_trimmed() {
        // The run shows 5 to 25 from 100 on, and a pause follows.
        let run = Run {
            first: cursor(0, 0),
            end: cursor(3, 30),
            shift: 95,
            opens: Some(100),
            closes: Some(120),
            shown_decode_time: 95,
            decode_limit: 200,
            ..Run::default()
        };
        let samples: Vec<Sample> = (0..3).map(|index| sample(index * 10, 0)).collect();
        assert_eq!(
            placed(&run, &samples),
            [(95, 100, 10), (105, 105, 10), (115, 115, 5)]
        );
    }

    #[test]
    fn a_run_that_is_decoded_too_late_for_the_next_one_hurries() {
        let run = Run {
            closes: Some(30),
            decode_limit: 15,
            is_followed: true,
            ..Run::plain(cursor(0, 0), cursor(3, 30), 0)
        };
        let samples: Vec<Sample> = (0..3).map(|index| sample(index * 10, 0)).collect();
        assert_eq!(placed(&run, &samples), [(0, 0, 10), (10, 10, 4), (14, 20, 1)]);
    }

    #[test]
    fn pictures_behind_the_end_that_others_refer_to_are_not_seen() {
        // I P B: the run ends before the P is shown.
        let run = Run {
            closes: Some(20),
            decode_limit: 100,
            ..Run::plain(cursor(0, 0), cursor(3, 30), 0)
        };
        let samples = [sample(0, 0), sample(10, 10), sample(20, -10)];
        assert_eq!(placed(&run, &samples), [(0, 0, 10), (10, 19, 10), (20, 10, 10)]);
    }
}
