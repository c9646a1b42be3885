//! Variant streams, RFC 8216bis §4.4.6.2, and the subtitles they offer.

use crate::track::Bandwidth;

use super::super::rendition::Rendition;
use super::audio_group::{AudioGroup, unique_names, yes_or_no};
use super::{Attributes, playlist_uri};

/// The one group of subtitles.
const SUBTITLES: &str = "subtitles";

/// Writes one variant: `video` with `audio`, or either alone.
pub(super) fn write(
    playlist: &mut String,
    name: &str,
    video: Option<&Rendition<'_>>,
    audio: Option<&AudioGroup<'_>>,
    texts: &[Rendition<'_>],
) {
    let sounds = audio.map(|group| group.renditions.as_slice()).unwrap_or_default();
    let Some(main) = video.or(sounds.first()) else {
        return;
    };
    let sizes = [video.map(std::slice::from_ref).unwrap_or_default(), sounds, texts];
    let bandwidth = sizes.iter().fold(Bandwidth::default(), |sum, choice| {
        let most = |rate: fn(&Bandwidth) -> u64| {
            choice
                .iter()
                .map(|rendition| rate(&rendition.track.bandwidth))
                .max()
                .unwrap_or(0)
        };
        Bandwidth {
            peak: sum.peak.saturating_add(most(|bandwidth| bandwidth.peak)),
            average: sum.average.saturating_add(most(|bandwidth| bandwidth.average)),
        }
    });
    let mut codecs: Vec<&str> = Vec::new();
    for rendition in sizes.iter().copied().flatten() {
        if !codecs.contains(&rendition.rfc6381) {
            codecs.push(rendition.rfc6381);
        }
    }
    let mut attributes = Attributes::of("#EXT-X-STREAM-INF")
        .plain("BANDWIDTH", bandwidth.peak)
        .plain("AVERAGE-BANDWIDTH", bandwidth.average)
        .quoted("CODECS", &codecs.join(","))
        .quoted_some("SUPPLEMENTAL-CODECS", main.supplemental);
    if let Some(details) = video.and_then(Rendition::video) {
        if let (width @ 1.., height @ 1..) = details.display_size() {
            attributes = attributes.plain("RESOLUTION", format_args!("{width}x{height}"));
        }
        if let Some(rate) = main.track.frame_rate {
            attributes = attributes.plain("FRAME-RATE", thousandths(rate.numerator, rate.denominator));
        }
        attributes = attributes.plain("VIDEO-RANGE", details.dynamic_range().name());
    }
    attributes
        .quoted_some("AUDIO", audio.map(|group| group.id.as_str()))
        .quoted_some("SUBTITLES", (!texts.is_empty()).then_some(SUBTITLES))
        .write_to(playlist);
    playlist.push_str(&playlist_uri(name, main));
    playlist.push('\n');
}

/// Writes an `EXT-X-MEDIA` for each text.
pub(super) fn write_subtitles(playlist: &mut String, name: &str, texts: &[Rendition<'_>]) {
    for (index, (text, display_name)) in texts.iter().zip(unique_names(texts)).enumerate() {
        let is_first_of_language = texts
            .iter()
            .take(index)
            .all(|other| other.language != text.language);
        Attributes::of("#EXT-X-MEDIA")
            .plain("TYPE", "SUBTITLES")
            .quoted("GROUP-ID", SUBTITLES)
            .quoted_some("LANGUAGE", text.language.as_deref())
            .quoted("NAME", &display_name)
            .plain("DEFAULT", "NO")
            .plain("AUTOSELECT", yes_or_no(is_first_of_language))
            .quoted("URI", &playlist_uri(name, text))
            .write_to(playlist);
    }
}

/// A fraction with three decimals, rounded: `29.970`.
fn thousandths(numerator: u64, denominator: u64) -> String {
    let denominator = u128::from(denominator.max(1));
    let value = (u128::from(numerator) * 1000 + denominator / 2) / denominator;
    format!("{}.{:03}", value / 1000, value % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_rates_have_three_decimals() {
        assert_eq!(thousandths(30_000, 1001), "29.970");
        assert_eq!(thousandths(24_000, 1001), "23.976");
        assert_eq!(thousandths(25, 1), "25.000");
        assert_eq!(thousandths(u64::MAX, 0), "18446744073709551615.000");
    }
}
