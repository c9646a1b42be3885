//! DASH: the Media Presentation Description, `ISO/IEC 23009-1:2022`.
//!
//! Segments are named by their time: `dash/film-video=401000-0.dash` starts at
//! tick 0 of the output timeline, `dash/film-video=401000.dash` initializes. Or by
//! their number: `dash/film-video=401000-1.m4s` is the first.

mod adaptation_set;
mod descriptor;
mod segment_timeline;
mod text;
mod thumbnail_tile;
pub mod trick_mode;

use crate::codec::Codec;
use crate::presentation::Presentation;
use crate::shape::Suffix;
use crate::time::Instant;

use super::rendition::{Rendition, sets};
use super::xml::Element;

/// What a player buffers before it starts, in seconds: bandwidths are peaks of
/// whole segments, so a couple of seconds cover the swings within one.
const MIN_BUFFER_SECONDS: u32 = 2;

/// Whether DASH can carry the codec; the others are left out of the manifest.
#[must_use]
pub fn allows(codec: Codec) -> bool {
    // It has no DASH profile. Texts are converted where that is needed.
    codec != Codec::Alac
}

/// The number of the first segment; the others follow.
pub const FIRST_SEGMENT_NUMBER: usize = 1;

/// How an MPD names segments. Their times and durations are stated either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Addressing {
    /// By the time they start at: `$Time$`.
    Time,
    /// By their number, from [`FIRST_SEGMENT_NUMBER`]: `$Number$`.
    Number,
}

/// What the names of segments are made of.
#[derive(Clone, Copy, Debug)]
struct Names<'a> {
    /// The title's name.
    title: &'a str,
    addressing: Addressing,
    /// Behind every one of them.
    suffix: &'a Suffix,
}

/// The MPD of a title, in which segments are named by their times.
#[must_use]
pub fn mpd(presentation: &Presentation) -> String {
    mpd_with(presentation, Addressing::Time)
}

/// The MPD of a title.
#[must_use]
pub fn mpd_with(presentation: &Presentation, addressing: Addressing) -> String {
    let names = Names {
        title: &presentation.name,
        addressing,
        suffix: &presentation.suffix,
    };
    let tracks = presentation.tracks.iter().enumerate();
    let renditions = tracks.filter_map(|(index, track)| Rendition::new(index, track));
    let sets = sets(renditions.filter(|rendition| allows(rendition.codec)).collect());
    let has_supplemental = sets
        .iter()
        .flatten()
        .any(|rendition| rendition.supplemental.is_some());
    let roles = descriptor::roles(&sets);
    let adaptation_sets = sets.iter().zip(roles).enumerate();
    let captions = text::closed_captions(&presentation.closed_captions);
    let adaptation_sets = adaptation_sets
        .map(|(index, (set, role))| adaptation_set::element(index + 1, set, role, &captions, names));
    let texts = (sets.len() + 1..).zip(&presentation.texts);
    let texts = texts.map(|(id, track)| text::element(id, track, names));
    let mut free_ids = sets.len() + presentation.texts.len() + 1..;
    let trick_modes: Vec<Element> = (1..)
        .zip(&sets)
        .filter(|(_, set)| {
            set.iter()
                .any(|rendition| trick_mode::has_key_frames(rendition.track))
        })
        .filter_map(|(main, set)| trick_mode::element(free_ids.next()?, main, set, names))
        .collect();
    let thumbnails: Vec<Element> = presentation
        .thumbnails
        .iter()
        .filter_map(|found| Some(thumbnail_tile::element(free_ids.next()?, found, presentation)))
        .collect();
    let duration = iso_duration(presentation.duration());
    let period = Element::new("Period")
        .with("id", 1)
        .with("start", "PT0S")
        .with("duration", &duration)
        .containing([Element::text("BaseURL", "dash/")])
        .containing(adaptation_sets)
        .containing(texts)
        .containing(trick_modes)
        .containing(thumbnails);
    Element::new("MPD")
        .with("xmlns", "urn:mpeg:dash:schema:mpd:2011")
        .with_some(
            "xmlns:scte214",
            has_supplemental.then_some("urn:scte:dash:scte214-extensions"),
        )
        .with(
            "profiles",
            "urn:mpeg:dash:profile:isoff-live:2011,urn:mpeg:dash:profile:cmaf:2019",
        )
        .with("type", "static")
        .with("mediaPresentationDuration", &duration)
        .with("minBufferTime", format_args!("PT{MIN_BUFFER_SECONDS}S"))
        .containing([period])
        .into_document()
}

/// A duration as `ISO 8601` and XML have it, to the microsecond: `PT1H0M2.04S`.
fn iso_duration(duration: Instant) -> String {
    let scale = i128::from(duration.timescale.get());
    let micros = (i128::from(duration.ticks.max(0)) * 1_000_000 + scale / 2) / scale;
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let mut text = String::from("PT");
    if hours > 0 {
        text.push_str(&format!("{hours}H"));
    }
    if hours > 0 || minutes > 0 {
        text.push_str(&format!("{minutes}M"));
    }
    let fraction = format!("{fraction:06}");
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    text.push_str(&format!("{seconds}{point}{fraction}S"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timescale;

    fn check(ticks: i64, timescale: u32, expected: &str) {
        assert_eq!(
            iso_duration(Timescale::new(timescale).unwrap().instant(ticks)),
            expected
        );
    }

    #[test]
    fn durations_are_exact_to_the_microsecond() {
        check(0, 1, "PT0S");
        check(60, 1, "PT1M0S");
        check(768_000, 12_800, "PT1M0S");
        check(2_881_024, 48_000, "PT1M0.021333S");
        check(7_200_500, 1000, "PT2H0M0.5S");
        check(-1, 1, "PT0S");
    }
}
