//! Adaptation sets of thumbnails, `DASH-IF IOP §6.2.6`.

use crate::presentation::Presentation;
use crate::thumbnail::Thumbnails;
use crate::track::Track;

use super::super::escape::path_segment;
use super::super::xml::Element;
use super::{FIRST_SEGMENT_NUMBER, segment_timeline};

/// The adaptation set with identifier `id` of `thumbnails` of `presentation`. Images
/// are named by their numbers, whatever names the other segments.
pub(super) fn element(id: usize, thumbnails: &Thumbnails, presentation: &Presentation) -> Element {
    let track = &thumbnails.track;
    let (width, height) = thumbnails.size;
    let layout = Element::new("EssentialProperty")
        .with("schemeIdUri", "http://dashif.org/guidelines/thumbnail_tile")
        .with("value", thumbnails.tiles);
    let representation = Element::new("Representation")
        .with("id", &track.token)
        .with("bandwidth", track.bandwidth.peak)
        .with("width", width)
        .with("height", height)
        .containing([layout]);
    Element::new("AdaptationSet")
        .with("id", id)
        .with("contentType", "image")
        .with("mimeType", "image/jpeg")
        .containing([template(track, presentation)])
        .containing([representation])
}

/// Images that all last equally long, to the end of the title, are told by how long:
/// what every player knows.
fn template(track: &Track, presentation: &Presentation) -> Element {
    let (name, suffix) = (path_segment(&presentation.name), &presentation.suffix);
    let end = presentation.duration();
    let starts = track.segments.first().map(|first| first.start);
    let ticks = track.segments.first().map_or(0, |first| first.duration);
    let ends = track
        .presentation_time_offset
        .saturating_add(end.on(track.timescale).max(0).unsigned_abs());
    let is_even = starts == Some(track.presentation_time_offset)
        && ends <= track.end()
        && track.segments.iter().all(|image| image.duration == ticks);
    Element::new("SegmentTemplate")
        .with("timescale", track.timescale.get())
        .with_some("duration", is_even.then_some(ticks))
        .with("presentationTimeOffset", track.presentation_time_offset)
        .with("startNumber", FIRST_SEGMENT_NUMBER)
        .with(
            "media",
            format_args!("../thumbnails/{name}-$RepresentationID$-$Number$.jpg{suffix}"),
        )
        .containing((!is_even).then(|| segment_timeline::timeline(track)))
}
