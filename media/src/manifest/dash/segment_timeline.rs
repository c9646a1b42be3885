//! Segment addressing by `SegmentTemplate` and `SegmentTimeline`,
//! `ISO/IEC 23009-1 §5.3.9.4` and `§5.3.9.6`.

use crate::track::Track;

use super::super::escape::path_segment;
use super::super::xml::Element;
use super::{Addressing, FIRST_SEGMENT_NUMBER, Names};

/// The template of the segments of `track`.
pub(super) fn template(names: Names<'_>, track: &Track) -> Element {
    let (name, suffix) = (path_segment(names.title), names.suffix);
    let (first, media) = match names.addressing {
        Addressing::Time => (None, "$Time$.dash"),
        Addressing::Number => (Some(FIRST_SEGMENT_NUMBER), "$Number$.m4s"),
    };
    Element::new("SegmentTemplate")
        .with("timescale", track.timescale.get())
        .with("presentationTimeOffset", track.presentation_time_offset)
        .with_some("startNumber", first)
        .with(
            "initialization",
            format_args!("{name}-$RepresentationID$.dash{suffix}"),
        )
        .with("media", format_args!("{name}-$RepresentationID$-{media}{suffix}"))
        .containing([timeline(track)])
}

/// Whether one template serves both tracks.
pub(super) fn is_shared(one: &Track, other: &Track) -> bool {
    let times = |track: &Track| {
        let segments = track
            .segments
            .iter()
            .map(|segment| (segment.start, segment.duration));
        segments.collect::<Vec<_>>()
    };
    one.timescale == other.timescale
        && one.presentation_time_offset == other.presentation_time_offset
        && times(one) == times(other)
}

/// Equal durations in a row are one `S` with a repeat count; a time is stated
/// where it does not follow from the entry before.
pub(super) fn timeline(track: &Track) -> Element {
    /// A run of segments of one duration.
    struct Run {
        start: u64,
        duration: u64,
        repeats: u64,
    }
    let mut runs: Vec<Run> = Vec::new();
    let mut expected = None;
    let mut stated = Vec::new();
    for segment in &track.segments {
        let follows = expected == Some(segment.start);
        expected = segment.start.checked_add(segment.duration);
        match runs
            .last_mut()
            .filter(|run| follows && run.duration == segment.duration)
        {
            Some(run) => run.repeats += 1,
            None => {
                runs.push(Run {
                    start: segment.start,
                    duration: segment.duration,
                    repeats: 0,
                });
                stated.push(!follows);
            }
        }
    }
    let entries = runs.iter().zip(stated).map(|(run, is_stated)| {
        Element::new("S")
            .with_some("t", is_stated.then_some(run.start))
            .with("d", run.duration)
            .with_some("r", Some(run.repeats).filter(|repeats| *repeats > 0))
    });
    Element::new("SegmentTimeline").containing(entries)
}
