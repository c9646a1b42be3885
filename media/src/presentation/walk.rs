//! Places the samples of a track on its timeline, one by one.

use std::collections::VecDeque;
use std::time::Duration;

use super::edits::Stretch;
use super::timeline::Timeline;
use crate::codec::MediaKind;
use crate::read::mp4::{MovieTrack, ReadError};
use crate::sample::{Cursor, Run, Sample};

/// How far before its edit starts sound is kept, for decoders that need to warm
/// up: what lies before it is never needed.
const AUDIO_PREROLL: Duration = Duration::from_secs(1);

/// The same where it is heard, since the sound starts after the title does.
const AUDIO_PREROLL_HEARD: Duration = Duration::from_millis(100);

/// How far pictures may be shown before or after they are decoded.
const REORDER_MAX: Duration = Duration::from_secs(10);

/// Most samples behind the end of an edit that are looked at for one within.
const HELD_MAX: usize = 10_000;

/// Sync samples that are remembered to find the one before an edit: as many as
/// may be decoded before it and shown behind its start.
const RECENT_SYNCS: usize = 64;

/// Most samples played by the edits behind the first, so that a list that
/// repeats a long film a thousand times takes no hours to read.
const REPEATED_SAMPLES_MAX: u64 = 1 << 23;

/// Places what `stretches` play, at least one.
pub(super) fn place(track: &MovieTrack, stretches: &[Stretch]) -> Result<Timeline, ReadError> {
    let firsts = firsts(track, stretches)?;
    let mut timeline = Timeline::empty();
    let mut starts = Vec::new();
    let mut repeated = 0;
    for (index, (stretch, first)) in stretches.iter().zip(firsts).enumerate() {
        if stretch.is_held && track.kind != MediaKind::Video {
            continue;
        }
        if REPEATED_SAMPLES_MAX < repeated {
            timeline.not_followed += stretches.len() - index;
            break;
        }
        let before = timeline.sample_count;
        let mut placing = Placing::new(track, &mut timeline, stretch, index + 1 == stretches.len());
        let run = placing.walk(first)?;
        if index > 0 {
            repeated += timeline.sample_count - before;
        }
        if let Some(run) = run {
            timeline.runs.push(run);
            starts.push(stretch.at);
        }
    }
    limit_decoding(&mut timeline.runs, &starts);
    hold_still(&mut timeline, stretches);
    timeline.syncs.sort_unstable();
    Ok(timeline)
}

/// The place from which the samples of each stretch are sent: the last sync
/// sample at or before its start, for sound at the start of the title with a
/// warm-up before it.
fn firsts(track: &MovieTrack, stretches: &[Stretch]) -> Result<Vec<Cursor>, ReadError> {
    let mut samples = track.samples();
    let mut firsts = vec![samples.cursor(); stretches.len()];
    let mut targets: Vec<(i64, usize)> = Vec::new();
    for (index, stretch) in stretches.iter().enumerate() {
        let preroll = match track.kind {
            MediaKind::Audio if index == 0 && stretch.at == 0 => track.timescale.ticks_of(AUDIO_PREROLL),
            MediaKind::Audio if index == 0 => track.timescale.ticks_of(AUDIO_PREROLL_HEARD),
            _ => 0,
        };
        if stretch.start > 0 {
            targets.push((stretch.start.saturating_sub(preroll), index));
        }
    }
    targets.sort_unstable();
    let mut targets = targets.into_iter().peekable();
    let mut recent: VecDeque<(i64, Cursor)> = VecDeque::with_capacity(RECENT_SYNCS);
    while targets.peek().is_some() {
        let cursor = samples.cursor();
        let sample = samples.next().transpose()?;
        // Presentation may lag behind decoding, never the other way far enough to matter.
        let is_due = |wanted: i64| sample.is_none_or(|sample| wanted < sample.decode_time);
        while let Some((wanted, index)) = targets.next_if(|(wanted, _)| is_due(*wanted)) {
            let found = recent.iter().rev().find(|(shown, _)| *shown <= wanted);
            if let (Some((_, cursor)), Some(first)) = (found, firsts.get_mut(index)) {
                *first = *cursor;
            }
        }
        let Some(sample) = sample else { break };
        if sample.is_sync {
            if recent.len() == RECENT_SYNCS {
                recent.pop_front();
            }
            recent.push_back((sample.presentation_time(), cursor));
        }
    }
    Ok(firsts)
}

/// Places one stretch.
struct Placing<'a> {
    track: &'a MovieTrack,
    timeline: &'a mut Timeline,
    stretch: &'a Stretch,
    run: Run,
    /// A sample that is shown has been met.
    is_showing: bool,
    /// A sample starts before the stretch does.
    is_entered: bool,
    /// Samples behind the end, until one within follows them.
    held: Vec<Sample>,
}

impl<'a> Placing<'a> {
    fn new(track: &'a MovieTrack, timeline: &'a mut Timeline, stretch: &'a Stretch, is_last: bool) -> Self {
        // What plays before a run is not to be disturbed by what it only decodes;
        // a moment of sound before the title starts warms decoders up.
        let is_disturbing = match track.kind {
            MediaKind::Video => stretch.at > 0,
            MediaKind::Audio | MediaKind::Text => !timeline.runs.is_empty(),
        };
        let run = Run {
            opens: is_disturbing.then_some(stretch.at),
            closes: stretch.until.filter(|_| !is_last || stretch.is_held),
            is_held: stretch.is_held,
            ..Run::plain(Cursor::default(), Cursor::default(), stretch.shift())
        };
        Self {
            track,
            timeline,
            stretch,
            run,
            is_showing: false,
            is_entered: false,
            held: Vec::new(),
        }
    }

    /// Walks what is sent, from `first` on. Samples behind the end are dropped,
    /// unless one that is played follows them in decode order.
    fn walk(&mut self, first: Cursor) -> Result<Option<Run>, ReadError> {
        let reorder = self.track.timescale.ticks_of(REORDER_MAX);
        let end = self.stretch.end();
        let number = u32::try_from(self.timeline.runs.len()).unwrap_or(u32::MAX);
        self.run.first = first.in_run(number);
        self.run.end = self.run.first;
        let mut samples = self.track.samples().starting_at(first);
        while let Some(sample) = samples.next().transpose()? {
            match end {
                Some(end) if end <= sample.presentation_time() => {
                    let is_past = end.saturating_add(reorder) < sample.decode_time;
                    if is_past || self.held.len() == HELD_MAX {
                        break;
                    }
                    self.held.push(sample);
                }
                _ => {
                    for held in std::mem::take(&mut self.held) {
                        self.add(&held);
                    }
                    self.add(&sample);
                    self.run.end = samples.cursor().in_run(number);
                }
            }
        }
        if !self.is_entered {
            self.run.opens = None;
        }
        Ok(self.is_showing.then_some(self.run))
    }

    fn add(&mut self, sample: &Sample) {
        let is_shown = self.run.opens.is_none() && self.run.closes.is_none() || self.run.shows(sample);
        let start = sample.presentation_time().saturating_add(self.run.shift);
        let end = start.saturating_add(sample.duration.into());
        self.is_entered |= start < self.stretch.at;
        let shown = is_shown.then(|| {
            let start = self.run.opens.map_or(start, |opens| start.max(opens));
            let end = match self.run.closes {
                Some(closes) if self.run.is_held => closes,
                Some(closes) => end.min(closes),
                None => end,
            };
            (start, end)
        });
        // What a stretch only decodes first is a place to start from, too.
        let access = shown.or_else(|| {
            let opens = self.run.opens.filter(|_| !self.is_showing)?;
            Some((opens, opens))
        });
        if is_shown && !self.is_showing {
            self.is_showing = true;
            self.run.shown_decode_time = sample.decode_time.saturating_add(self.run.shift);
        }
        if !self.is_showing && self.run.opens.is_some() {
            self.run.lead_in += 1;
        }
        self.timeline.add(sample, access, self.track.kind);
    }
}

/// Lets the decoding of every run end before that of the next one, which starts
/// at the time of the same index in `starts`.
fn limit_decoding(runs: &mut [Run], starts: &[i64]) {
    let mut limit = i64::MAX;
    let mut next_start = None;
    for (run, start) in runs.iter_mut().zip(starts).rev() {
        run.decode_limit = limit;
        run.is_followed = next_start.is_some() && run.closes == next_start;
        limit = run.first_decode_time();
        next_start = Some(*start);
    }
}

/// A single picture without a duration is shown as long as the edit list says.
fn hold_still(timeline: &mut Timeline, stretches: &[Stretch]) {
    let until = stretches.last().and_then(|stretch| stretch.until);
    if let (Some(run), Some(until)) = (timeline.runs.last_mut(), until)
        && timeline.end <= timeline.start
        && timeline.start < until
    {
        run.closes = Some(until);
        run.is_held = true;
        timeline.end = until;
    }
}
