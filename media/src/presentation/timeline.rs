//! A track's samples on the presentation's timeline, by its edit list.

use std::time::Duration;

use crate::codec::MediaKind;
use crate::read::mp4::{Edit, MovieTrack};
use crate::sample::{Cursor, Sample, TableError};
use crate::time::Timescale;

/// How far before its edit starts sound is kept, for decoders that need to warm
/// up: what lies before it is never needed.
const AUDIO_PREROLL: Duration = Duration::from_secs(1);

/// How far pictures may be shown before or after they are decoded.
const REORDER_MAX: Duration = Duration::from_secs(10);

/// Most samples behind the end of an edit that are looked at for one within.
const HELD_MAX: usize = 10_000;

/// What the edit list makes of a track. Times are ticks of the track from the
/// start of the presentation.
#[derive(Clone, Debug)]
pub(super) struct Timeline {
    /// Added to times as stored.
    pub(super) shift: i64,
    /// How far the stored decode times have to move back for no picture to be
    /// shown before it is decoded; 0 unless composition offsets are negative.
    pub(super) decode_lead: i32,
    /// Before the first sample that is sent.
    pub(super) first: Cursor,
    /// Behind the last one.
    pub(super) last: Cursor,
    /// The earliest decode time sent as stored, shifted.
    earliest_decode: i64,
    /// The earliest presentation time sent.
    pub(super) start: i64,
    /// The latest moment at which a sample's presentation ends.
    pub(super) end: i64,
    /// Presentation times of sync samples, ascending; only of video.
    pub(super) syncs: Vec<i64>,
    /// Bytes of media sent.
    pub(super) media_size: u64,
    /// Sum of the samples' durations.
    pub(super) media_duration: u64,
    /// Number of edits that are not followed.
    pub(super) edits_cut: usize,
    constant_duration: Option<u32>,
    last_duration: Option<u32>,
    is_variable: bool,
}

impl Timeline {
    fn starting_at(first: Cursor, played: &Played) -> Self {
        Self {
            shift: played.shift,
            decode_lead: 0,
            first,
            last: first,
            earliest_decode: i64::MAX,
            start: i64::MAX,
            end: i64::MIN,
            syncs: Vec::new(),
            media_size: 0,
            media_duration: 0,
            constant_duration: None,
            edits_cut: played.edits_cut,
            last_duration: None,
            is_variable: false,
        }
    }

    fn add(&mut self, sample: &Sample, kind: MediaKind) {
        let shown = sample.presentation_time().saturating_add(self.shift);
        let decoded = sample.decode_time.saturating_add(self.shift);
        self.earliest_decode = self.earliest_decode.min(decoded);
        self.decode_lead = self.decode_lead.max(sample.composition_offset.saturating_neg());
        self.start = self.start.min(shown);
        self.end = self.end.max(shown.saturating_add(i64::from(sample.duration)));
        self.media_size += u64::from(sample.size);
        self.media_duration += u64::from(sample.duration);
        if sample.is_sync && kind == MediaKind::Video {
            self.syncs.push(shown);
        }
        // The last sample's duration may differ, so each is judged by its successor.
        match (self.last_duration, self.constant_duration) {
            (Some(last), None) => self.constant_duration = Some(last),
            (Some(last), Some(constant)) => self.is_variable |= last != constant,
            (None, _) => {}
        }
        self.last_duration = Some(sample.duration);
    }

    /// The duration of every sample but the last, when it is the same.
    pub(super) fn constant_duration(&self) -> Option<u32> {
        self.constant_duration
            .or(self.last_duration)
            .filter(|_| !self.is_variable)
    }

    /// The earliest decode or presentation time sent.
    pub(super) fn earliest(&self) -> i64 {
        self.earliest_decode
            .saturating_sub(self.decode_lead.into())
            .min(self.start)
    }

    pub(super) fn sample_count(&self) -> u32 {
        self.last.sample.saturating_sub(self.first.sample)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sample_count() == 0 || self.end <= self.start
    }

    /// Half the mean duration of a sample.
    pub(super) fn half_frame(&self, timescale: Timescale) -> Duration {
        let ticks = self.media_duration / u64::from(self.sample_count().max(1)) / 2;
        Duration::from_micros(timescale.microseconds(ticks))
    }
}

/// The stretch of the media an edit list plays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Played {
    shift: i64,
    /// First media time played, as stored.
    start: i64,
    /// Media time behind the last one played; `None` for the track's end.
    end: Option<i64>,
    edits_cut: usize,
}

/// Reads a track's edit list and walks its samples once.
pub(super) fn read(track: &MovieTrack) -> Result<Timeline, TableError> {
    let played = played(&track.edits, track.movie_timescale, track.timescale);
    let first = first_sent(track, &played)?;
    walk(track, &played, first)
}

/// Leading pauses delay the media; what then plays in one stretch is taken.
fn played(edits: &[Edit], movie: Timescale, media: Timescale) -> Played {
    let in_media = |ticks: u64| media.rescale(i64::try_from(ticks).unwrap_or(i64::MAX), movie);
    let mut delay: i64 = 0;
    let mut played: Option<Played> = None;
    for (index, edit) in edits.iter().enumerate() {
        let duration = in_media(edit.duration);
        match (edit.media_time, &mut played) {
            (None, None) => delay = delay.saturating_add(duration),
            (Some(start), None) => {
                let end = (edit.duration > 0).then_some(start.saturating_add(duration));
                played = Some(Played {
                    shift: delay.saturating_sub(start),
                    start,
                    end,
                    edits_cut: 0,
                });
            }
            // Edits that follow on from each other are one, whatever rounding did.
            (Some(start), Some(Played { end: Some(end), .. }))
                if start.abs_diff(*end) <= in_media(2).unsigned_abs() =>
            {
                *end = start.saturating_add(duration);
            }
            (_, Some(played)) => {
                played.edits_cut = edits.len() - index;
                // What a later edit plays is better played at the wrong moment than not at all.
                played.end = None;
                break;
            }
        }
    }
    // A list of pauses only delays.
    played.unwrap_or(Played {
        shift: delay,
        ..Played::default()
    })
}

/// The place from which samples are sent: the last sync sample at or before
/// the start of the edit, for sound with a warm-up before it.
fn first_sent(track: &MovieTrack, played: &Played) -> Result<Cursor, TableError> {
    let mut first = Cursor::default();
    if played.start <= 0 {
        return Ok(first);
    }
    let preroll = match track.kind {
        MediaKind::Audio => track.timescale.ticks_of(AUDIO_PREROLL),
        MediaKind::Video | MediaKind::Text => 0,
    };
    let wanted = played.start.saturating_sub(preroll);
    let mut samples = track.samples();
    loop {
        let cursor = samples.cursor();
        let Some(sample) = samples.next().transpose()? else {
            return Ok(first);
        };
        if sample.is_sync && sample.presentation_time() <= wanted {
            first = cursor;
        }
        // Presentation may lag behind decoding, never the other way far enough to matter.
        if wanted < sample.decode_time {
            return Ok(first);
        }
    }
}

/// Walks what is sent. Samples behind the end of the edit are dropped, unless
/// one that is played follows them in decode order.
fn walk(track: &MovieTrack, played: &Played, first: Cursor) -> Result<Timeline, TableError> {
    let reorder = track.timescale.ticks_of(REORDER_MAX);
    let mut timeline = Timeline::starting_at(first, played);
    let mut held = Vec::new();
    let mut samples = track.samples().starting_at(first);
    while let Some(sample) = samples.next().transpose()? {
        match played.end {
            Some(end) if end <= sample.presentation_time() => {
                if end.saturating_add(reorder) < sample.decode_time || held.len() == HELD_MAX {
                    break;
                }
                held.push(sample);
            }
            _ => {
                for sample in held.drain(..).chain([sample]) {
                    timeline.add(&sample, track.kind);
                }
                timeline.last = samples.cursor();
            }
        }
    }
    timeline.syncs.sort_unstable();
    Ok(timeline)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(edits: &[(u64, Option<i64>)], expected: Played) {
        let edits: Vec<Edit> = edits
            .iter()
            .map(|(duration, media_time)| Edit {
                duration: *duration,
                media_time: *media_time,
            })
            .collect();
        let (movie, media) = (Timescale::new(1000).unwrap(), Timescale::new(12_800).unwrap());
        assert_eq!(played(&edits, movie, media), expected);
    }

    #[test]
    fn no_edit_list_plays_everything() {
        check(&[], Played::default());
    }

    #[test]
    fn a_media_time_moves_the_media_forward() {
        check(
            &[(2000, Some(1024))],
            Played {
                shift: -1024,
                start: 1024,
                end: Some(26_624),
                edits_cut: 0,
            },
        );
    }

    #[test]
    fn pauses_at_the_start_delay_the_media() {
        let expected = Played {
            shift: 19_200,
            start: 0,
            end: None,
            edits_cut: 0,
        };
        check(&[(1000, None), (500, None), (0, Some(0))], expected);
        check(
            &[(1500, None)],
            Played {
                shift: 19_200,
                ..Played::default()
            },
        );
    }

    #[test]
    fn a_negative_media_time_delays_the_media() {
        check(
            &[(0, Some(-256))],
            Played {
                shift: 256,
                start: -256,
                end: None,
                edits_cut: 0,
            },
        );
    }

    #[test]
    fn edits_that_follow_on_are_one() {
        let expected = Played {
            shift: 0,
            start: 0,
            end: Some(25_600),
            edits_cut: 0,
        };
        check(&[(1000, Some(0)), (1000, Some(12_800))], expected);
    }

    #[test]
    fn later_stretches_are_counted() {
        let expected = Played {
            shift: 0,
            start: 0,
            end: None,
            edits_cut: 2,
        };
        check(&[(1000, Some(0)), (1000, None), (1000, Some(64_000))], expected);
    }
}
