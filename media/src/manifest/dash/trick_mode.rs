//! Adaptation sets of key frames, for players to seek and wind with: `DASH-IF IOP
//! §3.2.9`.
//!
//! A representation is named after the track with [`SUFFIX`] behind it, and its
//! segments are cut where the track's are:
//! `dash/film-video=401000-keyframes-0.dash` has the key frames of
//! `dash/film-video=401000-0.dash`.

use crate::codec::MediaKind;
use crate::track::Track;

use super::super::rendition::Rendition;
use super::super::xml::Element;
use super::adaptation_set::{
    frame_rate, is_aligned, picture_aspect, ratio, sample_aspect, set_descriptors, size_of,
};
use super::{Names, segment_timeline};

/// What stands behind the token of a track in the names of its key frames. Tokens
/// end with a number, so none is taken for another.
pub const SUFFIX: &str = "-keyframes";

/// Players that do not know it pass over the set, `ISO/IEC 23009-1 §5.8.4.8`.
const SCHEME: &str = "http://dashif.org/guidelines/trickmode";

/// Whether the key frames of `track` are offered.
#[must_use]
pub fn has_key_frames(track: &Track) -> bool {
    track.kind == MediaKind::Video && track.key_frame_count() > 0
}

/// The adaptation set with identifier `id` of the key frames of `set`, which has the
/// identifier `main`; `None` when there are none.
pub(super) fn element(id: usize, main: usize, set: &[Rendition<'_>], names: Names<'_>) -> Option<Element> {
    let set: Vec<Rendition<'_>> = set
        .iter()
        .filter(|rendition| has_key_frames(rendition.track))
        .cloned()
        .collect();
    let first = set.first()?;
    let shared = set
        .iter()
        .all(|rendition| segment_timeline::is_shared(first.track, rendition.track));
    let scheme = Element::new("EssentialProperty")
        .with("schemeIdUri", SCHEME)
        .with("value", main);
    let representations = set
        .iter()
        .map(|rendition| representation(rendition, (!shared).then_some(names)));
    let element = Element::new("AdaptationSet")
        .with("id", id)
        .with("contentType", "video")
        .with("mimeType", "video/mp4")
        .with("segmentAlignment", is_aligned(&set))
        .with("startWithSAP", 1)
        .with_some("par", picture_aspect(&set))
        .with("codingDependency", false)
        .containing([scheme])
        .containing(set_descriptors(first))
        .containing(shared.then(|| segment_timeline::template(names, first.track)))
        .containing(representations);
    Some(element)
}

/// `own_names`: the names of its segments if it has a template of its own.
fn representation(rendition: &Rendition<'_>, own_names: Option<Names<'_>>) -> Element {
    let (track, size) = (rendition.track, size_of(rendition));
    Element::new("Representation")
        .with("id", format_args!("{}{SUFFIX}", track.token))
        .with("bandwidth", track.key_frame_bandwidth().peak)
        .with("codecs", &rendition.rfc6381)
        .with_some("width", size.map(|(width, _)| width))
        .with_some("height", size.map(|(_, height)| height))
        .with_some("frameRate", track.key_frame_rate().map(frame_rate))
        .with_some("sar", sample_aspect(rendition).map(|(a, b)| ratio(a, b)))
        .with("maxPlayoutRate", track.pictures_per_key_frame())
        .containing(own_names.map(|names| segment_timeline::template(names, track)))
}
