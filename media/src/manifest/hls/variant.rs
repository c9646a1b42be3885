//! Variant streams, RFC 8216bis §4.4.6.2.

use crate::track::Bandwidth;

use super::super::rendition::Rendition;
use super::Attributes;
use super::audio_group::AudioGroup;
use super::offer::Offer;

/// Writes one variant: `video` with `audio`, or either alone; `uri` names a
/// rendition's playlist.
pub(super) fn write(
    playlist: &mut String,
    uri: impl Fn(&Rendition<'_>) -> String,
    video: Option<&Rendition<'_>>,
    audio: Option<&AudioGroup<'_>>,
    offer: &Offer,
) {
    let sounds = audio.map(|group| group.renditions.as_slice()).unwrap_or_default();
    let Some(main) = video.or(sounds.first()) else {
        return;
    };
    let choices = [video.map(std::slice::from_ref).unwrap_or_default(), sounds];
    let bandwidth = choices.into_iter().fold(offer.bandwidth, |sum, choice| {
        let rates = choice.iter().map(|rendition| rendition.track.bandwidth);
        sum.and(highest(rates))
    });
    Variant {
        main,
        sounds,
        audio_group: audio.map(|group| group.id.as_str()),
        bandwidth,
        uri: uri(main),
    }
    .write(playlist, offer);
}

/// One `EXT-X-STREAM-INF` with its URI.
pub(super) struct Variant<'a> {
    /// What it is a variant of: pictures, or sound when there are none.
    pub(super) main: &'a Rendition<'a>,
    /// All sounds that can be played with it, or that it is.
    pub(super) sounds: &'a [Rendition<'a>],
    /// The group they can be chosen from.
    pub(super) audio_group: Option<&'a str>,
    /// Of the heaviest combination.
    pub(super) bandwidth: Bandwidth,
    pub(super) uri: String,
}

impl Variant<'_> {
    pub(super) fn write(&self, playlist: &mut String, offer: &Offer) {
        let mut codecs: Vec<&str> = vec![&self.main.rfc6381];
        let sounds = self.sounds.iter().map(|sound| &*sound.rfc6381);
        for other in sounds.chain(offer.codecs.iter().map(String::as_str)) {
            if !codecs.contains(&other) {
                codecs.push(other);
            }
        }
        let mut attributes = Attributes::of("#EXT-X-STREAM-INF")
            .plain("BANDWIDTH", self.bandwidth.peak)
            .plain("AVERAGE-BANDWIDTH", self.bandwidth.average)
            .quoted("CODECS", &codecs.join(","))
            .quoted_some("SUPPLEMENTAL-CODECS", self.main.supplemental);
        if let Some(details) = self.main.video() {
            if let (width @ 1.., height @ 1..) = details.display_size() {
                attributes = attributes.plain("RESOLUTION", format_args!("{width}x{height}"));
            }
            if let Some(rate) = self.main.track.frame_rate {
                attributes = attributes.plain("FRAME-RATE", thousandths(rate.numerator, rate.denominator));
            }
            attributes = attributes.plain("VIDEO-RANGE", details.dynamic_range().name());
        }
        let attributes = attributes.quoted_some("AUDIO", self.audio_group);
        offer.refer(attributes).write_to(playlist);
        playlist.push_str(&self.uri);
        playlist.push('\n');
    }
}

/// The highest rates of things of which one plays at a time.
pub(super) fn highest(rates: impl Iterator<Item = Bandwidth>) -> Bandwidth {
    rates.fold(Bandwidth::default(), |highest, rate| Bandwidth {
        peak: highest.peak.max(rate.peak),
        average: highest.average.max(rate.average),
    })
}

impl Bandwidth {
    /// The rates of both played together.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            peak: self.peak.saturating_add(other.peak),
            average: self.average.saturating_add(other.average),
        }
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
