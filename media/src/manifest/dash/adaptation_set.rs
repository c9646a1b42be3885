//! `AdaptationSet` and `Representation`, `ISO/IEC 23009-1 §5.3.3` and `§5.3.5`.

use std::time::Duration;

use crate::codec::{FrameRate, MediaKind};
use crate::track::Track;

use super::super::rendition::Rendition;
use super::super::xml::Element;
use super::Names;
use super::descriptor::{self, Role};
use super::segment_timeline;

/// Boundaries of two renditions this near are the same: half a picture at 50
/// pictures a second. Clocks of different renditions round times differently.
const ALIGNMENT_TOLERANCE: Duration = Duration::from_millis(10);

/// The adaptation set with identifier `id` of the versions in `set`, of which
/// there is at least one; pictures have `captions` in them.
pub(super) fn element(
    id: usize,
    set: &[Rendition<'_>],
    role: Role,
    captions: &[Element],
    names: Names<'_>,
) -> Element {
    let first = set.first();
    let kind = first.map_or(MediaKind::Video, Rendition::kind);
    let content_type = match kind {
        MediaKind::Video => "video",
        MediaKind::Audio => "audio",
        MediaKind::Text => "text",
    };
    let mime_type = match kind {
        MediaKind::Video => "video/mp4",
        MediaKind::Audio => "audio/mp4",
        MediaKind::Text => "application/mp4",
    };
    let size =
        |dimension: fn(&(u32, u32)) -> u32| set.iter().filter_map(size_of).map(|size| dimension(&size)).max();
    let shared = first.map(|rendition| rendition.track).filter(|track| {
        set.iter()
            .all(|rendition| segment_timeline::is_shared(track, rendition.track))
    });
    let properties = first.map(set_descriptors).unwrap_or_default();
    let label = first.and_then(|rendition| rendition.track.audio.label.as_deref());
    let label = label.map(|label| Element::text("Label", label));
    let captions = if kind == MediaKind::Video { captions } else { &[] };
    Element::new("AdaptationSet")
        .with("id", id)
        .with("contentType", content_type)
        .with("mimeType", mime_type)
        .with_some("lang", first.and_then(|rendition| rendition.language.as_deref()))
        .with("segmentAlignment", is_aligned(set))
        .with("startWithSAP", 1)
        .with_some("par", picture_aspect(set))
        .with_some("maxWidth", size(|(width, _)| *width))
        .with_some("maxHeight", size(|(_, height)| *height))
        .with_some("maxFrameRate", fastest(set).map(frame_rate))
        .containing(properties)
        .containing(label)
        .containing(captions.iter().cloned())
        .containing(role.accessibility())
        .containing([role.element()])
        .containing(shared.map(|track| segment_timeline::template(names, track)))
        .containing(
            set.iter()
                .map(|rendition| representation(rendition, shared.is_none().then_some(names))),
        )
}

/// `own_names`: the names of its segments if it has a template of its own.
fn representation(rendition: &Rendition<'_>, own_names: Option<Names<'_>>) -> Element {
    let (track, size) = (rendition.track, size_of(rendition));
    let (supplemental, brand) = rendition
        .supplemental
        .and_then(|text| text.split_once('/'))
        .unzip();
    let sample_rate = rendition
        .audio()
        .map(|audio| audio.sample_rate)
        .filter(|rate| *rate != 0);
    Element::new("Representation")
        .with("id", &track.token)
        .with("bandwidth", track.bandwidth.peak)
        .with("codecs", &rendition.rfc6381)
        .with_some("scte214:supplementalCodecs", supplemental)
        .with_some("scte214:supplementalProfiles", brand)
        .with_some("width", size.map(|(width, _)| width))
        .with_some("height", size.map(|(_, height)| height))
        .with_some("frameRate", track.frame_rate.map(frame_rate))
        .with_some("sar", sample_aspect(rendition).map(|(a, b)| ratio(a, b)))
        .with_some("audioSamplingRate", sample_rate)
        .containing(rendition.audio().and_then(descriptor::channel_configuration))
        .containing(own_names.map(|names| segment_timeline::template(names, track)))
}

/// Properties all versions share.
pub(super) fn set_descriptors(rendition: &Rendition<'_>) -> Vec<Element> {
    let colour = rendition
        .video()
        .map(|video| descriptor::colour(video.colour))
        .unwrap_or_default();
    let objects = rendition
        .audio()
        .map(descriptor::joint_object_coding)
        .unwrap_or_default();
    colour.into_iter().chain(objects).collect()
}

/// Coded width and height, if it has any.
pub(super) fn size_of(rendition: &Rendition<'_>) -> Option<(u32, u32)> {
    rendition
        .video()
        .map(|video| (video.width, video.height))
        .filter(|(width, height)| *width != 0 && *height != 0)
}

/// The shape of a pixel, if there are any.
pub(super) fn sample_aspect(rendition: &Rendition<'_>) -> Option<(u64, u64)> {
    size_of(rendition)?;
    let aspect = rendition.video()?.pixel_aspect;
    Some(aspect.map_or((1, 1), |aspect| {
        (aspect.horizontal.into(), aspect.vertical.into())
    }))
}

/// The shape of the picture, if all versions have the same.
pub(super) fn picture_aspect(set: &[Rendition<'_>]) -> Option<String> {
    let shape = |rendition: &Rendition<'_>| {
        let (width, height) = size_of(rendition)?;
        let aspect = rendition.video()?.pixel_aspect;
        let (horizontal, vertical) = aspect.map_or((1, 1), |aspect| (aspect.horizontal, aspect.vertical));
        Some(ratio(
            u64::from(width) * u64::from(horizontal),
            u64::from(height) * u64::from(vertical),
        ))
    };
    let first = shape(set.first()?)?;
    set.iter()
        .all(|rendition| shape(rendition).as_ref() == Some(&first))
        .then_some(first)
}

/// `a:b` in lowest terms.
pub(super) fn ratio(a: u64, b: u64) -> String {
    let (mut divisor, mut rest) = (a, b);
    while rest != 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    let divisor = divisor.max(1);
    format!("{}:{}", a / divisor, b / divisor)
}

fn fastest(set: &[Rendition<'_>]) -> Option<FrameRate> {
    let exact = |rate: &FrameRate, other: &FrameRate| {
        let left = u128::from(rate.numerator) * u128::from(other.denominator);
        left.cmp(&(u128::from(other.numerator) * u128::from(rate.denominator)))
    };
    set.iter()
        .filter_map(|rendition| rendition.track.frame_rate)
        .max_by(exact)
}

/// `25`, `30000/1001`.
pub(super) fn frame_rate(rate: FrameRate) -> String {
    match rate.denominator {
        1 => rate.numerator.to_string(),
        denominator => format!("{}/{denominator}", rate.numerator),
    }
}

/// Whether all versions are cut at the same moments.
pub(super) fn is_aligned(set: &[Rendition<'_>]) -> bool {
    let Some((first, others)) = set.split_first() else {
        return true;
    };
    others.iter().all(|other| are_aligned(first.track, other.track))
}

fn are_aligned(one: &Track, other: &Track) -> bool {
    let moment = |track: &Track, start: u64| {
        let ticks = i64::try_from(start.saturating_sub(track.presentation_time_offset));
        track.timescale.instant(ticks.unwrap_or(i64::MAX))
    };
    one.segments.len() == other.segments.len()
        && one
            .segments
            .iter()
            .zip(&other.segments)
            .all(|(a, b)| moment(one, a.start).distance(moment(other, b.start)) <= ALIGNMENT_TOLERANCE)
}
