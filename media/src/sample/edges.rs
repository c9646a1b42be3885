//! What a clip leaves of the first and of the last segment of a track.

use super::Sample;

/// What a clip cuts off a track; nothing by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Edges {
    /// Of the first segment.
    pub(crate) head: Option<Head>,
    /// Of the last one.
    pub(crate) tail: Option<Tail>,
}

/// How a track begins within its first segment. Times are ticks on the output
/// timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// Samples that are left out at the start.
    pub(crate) skipped: u32,
    /// Where the clip begins, when nothing may be shown before it.
    pub(crate) opens: Option<i64>,
    /// Samples at the start that are decoded before the first one that is shown.
    pub(crate) lead_in: u32,
    /// When the first sample is decoded.
    pub(crate) decode_time: i64,
}

/// How a track ends within its last segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tail {
    /// Samples that are left out at the end.
    pub(crate) dropped: u32,
    /// Where the clip ends, when nothing may be shown from there on.
    pub(crate) closes: Option<i64>,
    /// When what would follow the last sample is decoded.
    pub(crate) decode_end: i64,
}

/// A sample that is sent to be decoded, and not to be seen, may take this share of
/// its duration at most for it to be hurried along.
const HURRY_DIVISOR: i64 = 4;

impl Head {
    /// How a track with pictures begins at `at` in a segment of `samples`: with the
    /// last sync sample that is shown there or before.
    ///
    /// What has to be decoded before the first picture of the clip comes a tick
    /// apart: it is shown for that long, since players that are told of times
    /// before the start throw such samples away, and with them all that refer
    /// to them. It is decoded as shortly before the start as the sync sample is before
    /// it is shown: players of HLS take the first decode time for the start. Where a
    /// tick lasts too long for all that, samples keep their times.
    pub(crate) fn of_pictures(samples: &[Sample], at: i64) -> Self {
        let starts = |sample: &Sample| sample.is_sync && sample.presentation_time() <= at;
        let first = samples.iter().rposition(starts).unwrap_or(0);
        let sent = samples.get(first..).unwrap_or_default();
        let is_hidden = |sample: &&Sample| !is_shown_from(sample, at);
        let hidden = sent.iter().filter(is_hidden).count();
        let lead_in = sent.iter().take_while(is_hidden).count();
        let longest = sent.iter().map(|sample| i64::from(sample.duration)).max();
        let can_hurry = count(hidden) <= longest.unwrap_or(0).saturating_mul(HURRY_DIVISOR);
        let mut head = Self {
            skipped: u32::try_from(first).unwrap_or(u32::MAX),
            opens: can_hurry.then_some(at),
            lead_in: u32::try_from(lead_in).unwrap_or(u32::MAX),
            decode_time: sent.first().map_or(at, |sample| sample.decode_time),
        };
        let mut sent = sent.to_vec();
        head.place(&mut sent, None);
        head.decode_time = sent.first().map_or(at, |sample| sample.decode_time);
        head
    }

    /// How a track with sound begins at `at`: with the sample that is heard there,
    /// and `warm_up` ones before it for the decoder. All keep their times.
    pub(crate) fn of_sound(samples: &[Sample], at: i64, warm_up: usize) -> Self {
        let is_before = |sample: &Sample| sample.presentation_time() <= at;
        let heard = samples.iter().rposition(is_before).unwrap_or(0);
        let from = heard.saturating_sub(warm_up);
        let before = samples.get(..=from).unwrap_or_default();
        let first = before.iter().rposition(|sample| sample.is_sync).unwrap_or(0);
        Self {
            skipped: u32::try_from(first).unwrap_or(u32::MAX),
            opens: None,
            lead_in: 0,
            decode_time: samples.get(first).map_or(at, |sample| sample.decode_time),
        }
    }

    /// Gives the samples that are sent their times; `closes` is that of the tail, when
    /// the clip ends in the same segment.
    fn place(&self, samples: &mut [Sample], closes: Option<i64>) {
        let Some(opens) = self.opens else { return };
        let lead_in = usize::try_from(self.lead_in).unwrap_or(usize::MAX);
        let lag = samples
            .first()
            .map_or(0, |first| i64::from(first.composition_offset));
        let mut order: Vec<(i64, usize)> = samples
            .iter()
            .enumerate()
            .map(|(index, sample)| (sample.presentation_time(), index))
            .collect();
        order.sort_unstable();
        let mut presentation = vec![0; samples.len()];
        let mut earliest = opens;
        for (own, index) in order {
            let time = own.max(earliest);
            earliest = time.saturating_add(1);
            if let Some(slot) = presentation.get_mut(index) {
                *slot = time;
            }
        }
        // The latest time to begin at from which each can follow a tick behind the one
        // before, none of them after it is shown, nor after what follows the segment.
        let decode_end = samples.last().map_or(opens, Sample::decode_end);
        let latest = closes.map_or(decode_end, |closes| closes.min(decode_end));
        let follows = (0..)
            .zip(&presentation)
            .map(|(index, time)| time.saturating_sub(index));
        let begin = follows
            .chain([
                opens.saturating_sub(lag),
                latest.saturating_sub(count(samples.len())),
            ])
            .min()
            .unwrap_or(opens);
        let mut next = decode_end;
        for (index, (sample, time)) in samples.iter_mut().zip(presentation).enumerate().rev() {
            let earliest = begin.saturating_add(count(index));
            sample.decode_time = match index < lead_in {
                true => earliest,
                false => sample.decode_time.max(earliest),
            };
            let duration = next.saturating_sub(sample.decode_time).max(0);
            sample.duration = u32::try_from(duration).unwrap_or(u32::MAX);
            next = sample.decode_time;
            sample.show_at(time);
        }
    }
}

impl Tail {
    /// How a track ends at `at` in a segment of `samples`: behind the last one, as
    /// they are decoded, that is shown before. `hides` what is only decoded.
    pub(crate) fn of(samples: &[Sample], at: i64, hides: bool) -> Self {
        let is_played = |sample: &Sample| sample.presentation_time() < at;
        let kept = samples.iter().rposition(is_played).map_or(0, |last| last + 1);
        let mut tail = Self {
            dropped: u32::try_from(samples.len() - kept).unwrap_or(u32::MAX),
            closes: hides.then_some(at),
            decode_end: at,
        };
        let mut sent = samples.get(..kept).unwrap_or_default().to_vec();
        tail.place(&mut sent);
        tail.decode_end = sent.last().map_or(at, Sample::decode_end);
        tail
    }

    /// Number of samples of `samples` that are left.
    pub(crate) fn kept(&self, samples: &[Sample]) -> usize {
        let dropped = usize::try_from(self.dropped).unwrap_or(usize::MAX);
        samples.len().saturating_sub(dropped)
    }

    fn place(&self, samples: &mut [Sample]) {
        let Some(closes) = self.closes else { return };
        let mut order: Vec<(i64, usize)> = samples
            .iter()
            .enumerate()
            .map(|(index, sample)| (sample.presentation_time(), index))
            .collect();
        order.sort_unstable();
        let mut latest = closes.saturating_sub(1);
        for (own, index) in order.into_iter().rev() {
            if own <= latest {
                break;
            }
            if let Some(sample) = samples.get_mut(index) {
                let time = latest.max(sample.decode_time);
                sample.show_at(time);
            }
            latest = latest.saturating_sub(1);
        }
        if let Some(last) = samples.last_mut() {
            let left = closes.saturating_sub(last.presentation_time()).max(1);
            last.duration = last.duration.min(u32::try_from(left).unwrap_or(u32::MAX));
        }
    }
}

impl Edges {
    /// Leaves of `samples`, all those of a segment that has these edges, what the
    /// clip has of them.
    pub(crate) fn cut(&self, samples: &mut Vec<Sample>) {
        if let Some(tail) = self.tail {
            samples.truncate(tail.kept(samples));
        }
        if let Some(head) = self.head {
            let skipped = usize::try_from(head.skipped).unwrap_or(usize::MAX);
            samples.drain(..skipped.min(samples.len()));
            head.place(samples, self.tail.and_then(|tail| tail.closes));
        }
        if let Some(tail) = self.tail {
            tail.place(samples);
        }
    }
}

impl Sample {
    /// Moves when it is shown, not when it is decoded.
    fn show_at(&mut self, time: i64) {
        let offset = time.saturating_sub(self.decode_time);
        self.composition_offset =
            i32::try_from(offset).unwrap_or(if offset < 0 { i32::MIN } else { i32::MAX });
    }
}

/// Whether the sample is still shown at `at` or later.
fn is_shown_from(sample: &Sample, at: i64) -> bool {
    let start = sample.presentation_time();
    at <= start || at < start.saturating_add(sample.duration.into())
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples of 10 ticks, decoded from 0 on, shown `offsets` later; those at `syncs`
    /// are sync samples.
    fn samples(offsets: &[i32], syncs: &[usize]) -> Vec<Sample> {
        let sample = |(index, offset): (usize, &i32)| Sample {
            offset: 0,
            size: 1,
            duration: 10,
            decode_time: count(index) * 10,
            composition_offset: *offset,
            is_sync: syncs.contains(&index),
            entry: 0,
        };
        offsets.iter().enumerate().map(sample).collect()
    }

    /// Decode time, presentation time and duration of each sample left.
    fn cut(edges: Edges, mut samples: Vec<Sample>) -> Vec<(i64, i64, u32)> {
        edges.cut(&mut samples);
        let times = samples
            .iter()
            .map(|sample| (sample.decode_time, sample.presentation_time(), sample.duration));
        times.collect()
    }

    fn head(samples: &[Sample], at: i64) -> Edges {
        let head = Some(Head::of_pictures(samples, at));
        Edges { head, tail: None }
    }

    #[test]
    fn a_clip_starts_at_a_sync_sample_where_one_is() {
        let all = samples(&[0; 6], &[0, 3]);
        assert_eq!(
            cut(head(&all, 30), all),
            [(30, 30, 10), (40, 40, 10), (50, 50, 10)]
        );
    }

    #[test]
    fn what_is_only_decoded_takes_a_tick() {
        let all = samples(&[0; 6], &[0, 3]);
        let edges = head(&all, 55);
        assert_eq!(cut(edges, all), [(55, 55, 1), (56, 56, 1), (57, 57, 3)]);
        assert_eq!(edges.head.unwrap().decode_time, 55);
    }

    #[test]
    fn reordered_pictures_are_hurried_in_the_order_they_are_shown_in() {
        // I P B B P B B: shown 10, 40, 20, 30, 70, 50, 60.
        let all = samples(&[10, 30, 0, 0, 30, 0, 0], &[0]);
        let left = cut(head(&all, 30), all);
        let shown: Vec<i64> = left.iter().map(|(_, shown, _)| *shown).collect();
        assert_eq!(shown, [30, 40, 31, 32, 70, 50, 60]);
        // As long before the start as the first is before it is shown.
        assert_eq!(left[0].0, 20);
        assert!(
            left.iter().all(|(decoded, shown, _)| decoded <= shown),
            "{left:?}"
        );
        assert!(left.windows(2).all(|pair| pair[0].0 < pair[1].0), "{left:?}");
        assert!(
            left.windows(2)
                .all(|pair| pair[0].0 + i64::from(pair[0].2) == pair[1].0)
        );
    }

    #[test]
    fn a_clock_too_slow_to_hurry_keeps_its_times() {
        let mut all = samples(&[0; 10], &[0]);
        for (index, sample) in all.iter_mut().enumerate() {
            (sample.decode_time, sample.duration) = (count(index), 1);
        }
        let left = cut(head(&all, 8), all);
        assert_eq!(left.len(), 10);
        assert_eq!(left[0], (0, 0, 1));
    }

    #[test]
    fn sound_keeps_what_its_decoder_needs() {
        let all = samples(&[0; 6], &[0, 1, 2, 3, 4, 5]);
        let head = Some(Head::of_sound(&all, 35, 1));
        let edges = Edges { head, tail: None };
        assert_eq!(cut(edges, all)[0], (20, 20, 10));
    }

    #[test]
    fn a_clip_ends_behind_the_last_sample_that_is_shown_in_it() {
        let all = samples(&[0; 6], &[0]);
        let tail = Tail::of(&all, 25, true);
        let edges = Edges {
            head: None,
            tail: Some(tail),
        };
        assert_eq!(cut(edges, all), [(0, 0, 10), (10, 10, 10), (20, 20, 5)]);
        assert_eq!(tail.decode_end, 25);
    }

    #[test]
    fn pictures_behind_the_end_that_others_refer_to_are_not_seen() {
        // I P B B: shown 10, 40, 20, 30; the clip ends before the P.
        let all = samples(&[10, 30, 0, 0], &[0]);
        let tail = Some(Tail::of(&all, 40, true));
        let edges = Edges { head: None, tail };
        assert_eq!(
            cut(edges, all),
            [(0, 10, 10), (10, 39, 10), (20, 20, 10), (30, 30, 10)]
        );
    }

    #[test]
    fn a_clip_of_one_picture_is_one_picture() {
        let all = samples(&[0; 6], &[0]);
        let edges = Edges {
            head: Some(Head::of_pictures(&all, 31)),
            tail: Some(Tail::of(&all, 33, true)),
        };
        let left = cut(edges, all);
        assert_eq!(left.len(), 4);
        assert_eq!(left.last().unwrap().1, 32);
    }
}
