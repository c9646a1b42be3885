//! One list of fragments a stream: tracks that are cut elsewhere cannot be in it.

use std::time::Duration;

use super::super::rendition::Rendition;
use super::codec::Reason;
use super::streams::LeftOut;
use crate::track::Track;

/// Boundaries of two renditions this near are the same: half a picture at 50
/// pictures a second. Composition offsets make up for the difference.
const TOLERANCE: Duration = Duration::from_millis(10);

/// The largest part of `set` whose tracks are cut alike, of equally large ones
/// the first; the others are left out.
pub(super) fn largest<'a>(set: Vec<Rendition<'a>>, left_out: &mut Vec<LeftOut>) -> Vec<Rendition<'a>> {
    let mut parts: Vec<Vec<Rendition<'a>>> = Vec::new();
    for rendition in set {
        let part = parts.iter_mut().find(|part| {
            part.first()
                .is_some_and(|first| first_difference(first.track, rendition.track).is_none())
        });
        match part {
            Some(part) => part.push(rendition),
            None => parts.push(vec![rendition]),
        }
    }
    let mut largest: Vec<Rendition<'a>> = Vec::new();
    let mut rest = Vec::new();
    for part in parts {
        if largest.len() < part.len() {
            rest.append(&mut largest);
            largest = part;
        } else {
            rest.extend(part);
        }
    }
    for rendition in rest {
        let segment = largest
            .first()
            .and_then(|first| first_difference(first.track, rendition.track));
        left_out.push(LeftOut {
            track: rendition.index,
            reason: Reason::Unaligned {
                segment: segment.unwrap_or(0),
            },
        });
    }
    largest
}

/// The first segment that does not start at the same moment in both, or that
/// only one of them has.
fn first_difference(a: &Track, b: &Track) -> Option<usize> {
    let tolerance = a.timescale.ticks_of(TOLERANCE).unsigned_abs();
    let instant = |track: &Track, ticks: u64| {
        let ticks = i64::try_from(ticks).unwrap_or(i64::MAX);
        track.timescale.instant(ticks)
    };
    let is_apart = |a_start: u64, b_start: u64| {
        if a.timescale == b.timescale {
            tolerance < a_start.abs_diff(b_start)
        } else {
            TOLERANCE < instant(a, a_start).distance(instant(b, b_start))
        }
    };
    let pairs = a.segments.iter().zip(&b.segments);
    let differing = pairs
        .enumerate()
        .find(|(_, (a, b))| is_apart(a.start, b.start))
        .map(|(segment, _)| segment);
    let unpaired = || (a.segments.len() != b.segments.len()).then(|| a.segments.len().min(b.segments.len()));
    differing.or_else(unpaired)
}
