//! Roles, channel configurations and properties, `ISO/IEC 23009-1 §5.8`.

use crate::codec::{AudioDetails, ChannelLayout, Colour, MediaKind};

use super::super::rendition::Rendition;
use super::super::xml::Element;
use crate::track::AudioPurpose;

/// A role of `urn:mpeg:dash:role:2011`, `§5.8.5.5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Main,
    Alternate,
    Dub,
    Commentary,
    Description,
    EnhancedIntelligibility,
    Supplementary,
    Subtitle,
}

impl Role {
    pub(super) fn element(self) -> Element {
        let value = match self {
            Self::Main => "main",
            Self::Alternate => "alternate",
            Self::Dub => "dub",
            Self::Commentary => "commentary",
            Self::Description => "description",
            Self::EnhancedIntelligibility => "enhanced-audio-intelligibility",
            Self::Supplementary => "supplementary",
            Self::Subtitle => "subtitle",
        };
        Element::new("Role")
            .with("schemeIdUri", "urn:mpeg:dash:role:2011")
            .with("value", value)
    }
}

impl Role {
    /// Of a sound that the server manifest gives a purpose.
    fn stated(purpose: AudioPurpose) -> Option<Self> {
        Some(match purpose {
            AudioPurpose::Unstated => return None,
            AudioPurpose::Main => Self::Main,
            AudioPurpose::Alternate => Self::Alternate,
            AudioPurpose::Dub => Self::Dub,
            AudioPurpose::Commentary => Self::Commentary,
            AudioPurpose::Description => Self::Description,
            AudioPurpose::EnhancedIntelligibility => Self::EnhancedIntelligibility,
            AudioPurpose::Supplementary => Self::Supplementary,
        })
    }

    /// Whom it helps, `DVB BlueBook A168 §6.1.2`.
    pub(super) fn accessibility(self) -> Option<Element> {
        let value = match self {
            Self::Description => 1,
            Self::EnhancedIntelligibility => 8,
            _ => return None,
        };
        let element = Element::new("Accessibility");
        Some(
            element
                .with("schemeIdUri", "urn:tva:metadata:cs:AudioPurposeCS:2007")
                .with("value", value),
        )
    }
}

/// The role of each set: the one that is stated, or else a guess. The first audio set's language is the title's own; of
/// its sets, those that differ by codec or channels are main too, while one more
/// with the same of both is something else, such as a commentary.
pub(super) fn roles(sets: &[Vec<Rendition<'_>>]) -> Vec<Role> {
    let audio: Vec<_> = sets
        .iter()
        .filter_map(|set| set.first())
        .filter(|rendition| rendition.kind() == MediaKind::Audio)
        .collect();
    let guess = |rendition: &Rendition<'_>| match rendition.kind() {
        MediaKind::Video => Role::Main,
        MediaKind::Text => Role::Subtitle,
        MediaKind::Audio => {
            let is_own_language = audio
                .first()
                .is_some_and(|first| first.language == rendition.language);
            let kin = audio.iter().find(|other| {
                other.language == rendition.language
                    && other.codec == rendition.codec
                    && other.channels() == rendition.channels()
            });
            let is_first_of_kin = kin.is_some_and(|first| first.index == rendition.index);
            if is_own_language && is_first_of_kin {
                Role::Main
            } else {
                Role::Alternate
            }
        }
    };
    let role = |rendition: &Rendition<'_>| {
        Role::stated(rendition.track.audio.purpose).unwrap_or_else(|| guess(rendition))
    };
    sets.iter().filter_map(|set| set.first()).map(role).collect()
}

/// The `AudioChannelConfiguration` of an audio track, if its layout is known.
pub(super) fn channel_configuration(audio: &AudioDetails) -> Option<Element> {
    let (scheme, value) = match audio.layout {
        // One to six channels are numbered alike everywhere; the older scheme is known to more players.
        ChannelLayout::Cicp(value @ 1..=6) => (
            "urn:mpeg:dash:23003:3:audio_channel_configuration:2011",
            value.to_string(),
        ),
        ChannelLayout::Cicp(value) => ("urn:mpeg:mpegB:cicp:ChannelConfiguration", value.to_string()),
        ChannelLayout::Dolby(mask) => (
            "tag:dolby.com,2014:dash:audio_channel_configuration:2011",
            format!("{mask:04X}"),
        ),
        ChannelLayout::DolbyAc4(mask) => (
            "tag:dolby.com,2015:dash:audio_channel_configuration:2015",
            format!("{mask:06X}"),
        ),
        ChannelLayout::Dts(mask) => (
            "tag:dts.com,2018:uhd:audio_channel_configuration",
            format!("{mask:08X}"),
        ),
        ChannelLayout::Unknown => return None,
    };
    let element = Element::new("AudioChannelConfiguration");
    Some(element.with("schemeIdUri", scheme).with("value", value))
}

/// Joint object coding, Dolby's "Dolby Digital Plus with Dolby Atmos in DASH".
pub(super) fn joint_object_coding(audio: &AudioDetails) -> Vec<Element> {
    let Some(complexity) = audio.joc_complexity else {
        return Vec::new();
    };
    let property = |scheme: &str, value: &str| {
        Element::new("SupplementalProperty")
            .with("schemeIdUri", scheme)
            .with("value", value)
    };
    vec![
        property("tag:dolby.com,2018:dash:EC3_ExtensionType:2018", "JOC"),
        property(
            "tag:dolby.com,2018:dash:EC3_ExtensionComplexityIndex:2018",
            &complexity.to_string(),
        ),
    ]
}

/// Colour that is not BT.709, `ISO/IEC 23091-2` code points by `DASH-IF IOP §10.2`.
pub(super) fn colour(colour: Option<Colour>) -> Vec<Element> {
    let Some(colour) =
        colour.filter(|colour| (colour.primaries, colour.transfer, colour.matrix) != (1, 1, 1))
    else {
        return Vec::new();
    };
    let codes = [
        ("urn:mpeg:mpegB:cicp:ColourPrimaries", colour.primaries),
        ("urn:mpeg:mpegB:cicp:TransferCharacteristics", colour.transfer),
        ("urn:mpeg:mpegB:cicp:MatrixCoefficients", colour.matrix),
    ];
    let property = |(scheme, code): (&str, u8)| {
        Element::new("SupplementalProperty")
            .with("schemeIdUri", scheme)
            .with("value", code)
    };
    codes.into_iter().map(property).collect()
}
