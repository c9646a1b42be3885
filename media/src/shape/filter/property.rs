//! What a filter can ask of a track.

use crate::codec::{Codec, CodecConfig, Details, MediaKind};
use crate::language::bcp47;
use crate::track::Track;

/// Something known of a track, by the name server manifests have for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Property {
    /// `audio`, `video`, or `textstream` (also `text`).
    Type,
    /// The track's identifier in its file.
    TrackId,
    /// The token's part before the `=`.
    TrackName,
    /// The token's part behind the `=`.
    SystemBitrate,
    /// A language, by any of its codes.
    SystemLanguage,
    /// The code of the codec: that of the sample entry, or the one of server
    /// manifests.
    FourCc,
    /// Width of the coded picture in pixels.
    MaxWidth,
    /// Height of the coded picture in pixels.
    MaxHeight,
    /// Width of the picture as it is shown.
    DisplayWidth,
    /// Height of the picture as it is shown.
    DisplayHeight,
    /// Samples of sound a second.
    SamplingRate,
    /// Number of channels.
    Channels,
}

impl Property {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Type,
        Self::TrackId,
        Self::TrackName,
        Self::SystemBitrate,
        Self::SystemLanguage,
        Self::FourCc,
        Self::MaxWidth,
        Self::MaxHeight,
        Self::DisplayWidth,
        Self::DisplayHeight,
        Self::SamplingRate,
        Self::Channels,
    ];

    /// Its name in an expression.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::TrackId => "trackID",
            Self::TrackName => "trackName",
            Self::SystemBitrate => "systemBitrate",
            Self::SystemLanguage => "systemLanguage",
            Self::FourCc => "FourCC",
            Self::MaxWidth => "MaxWidth",
            Self::MaxHeight => "MaxHeight",
            Self::DisplayWidth => "DisplayWidth",
            Self::DisplayHeight => "DisplayHeight",
            Self::SamplingRate => "SamplingRate",
            Self::Channels => "channels",
        }
    }

    /// The property called `name`, in any case.
    pub(super) fn named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|property| property.name().eq_ignore_ascii_case(name))
    }

    /// Whether it is a text, and not a number.
    #[must_use]
    pub fn is_text(self) -> bool {
        matches!(
            self,
            Self::Type | Self::TrackName | Self::SystemLanguage | Self::FourCc
        )
    }

    /// Its number for `track`; `None` when it has none.
    pub(super) fn number(self, track: &Track) -> Option<u64> {
        let (video, audio) = match track.codec().map(|codec| &codec.details) {
            Some(Details::Video(video)) => (Some(video), None),
            Some(Details::Audio(audio)) => (None, Some(audio)),
            Some(Details::Text) | None => (None, None),
        };
        let shown = video.map(|video| match track.display_size {
            (0, _) | (_, 0) => video.display_size(),
            size => size,
        });
        match self {
            Self::TrackId => Some(track.source_id.into()),
            Self::SystemBitrate => Some(track.bitrate),
            Self::MaxWidth => video.map(|video| video.width.into()),
            Self::MaxHeight => video.map(|video| video.height.into()),
            Self::DisplayWidth => shown.map(|(width, _)| width.into()),
            Self::DisplayHeight => shown.map(|(_, height)| height.into()),
            Self::SamplingRate => audio.map(|audio| audio.sample_rate.into()),
            Self::Channels => audio.map(|audio| audio.channels.into()),
            Self::Type | Self::TrackName | Self::SystemLanguage | Self::FourCc => None,
        }
    }

    /// Whether its text for `track` is `value`.
    pub(super) fn equals(self, track: &Track, value: &str) -> bool {
        match self {
            Self::Type => {
                let names: &[&str] = match track.kind {
                    MediaKind::Video => &["video"],
                    MediaKind::Audio => &["audio"],
                    MediaKind::Text => &["textstream", "text"],
                };
                names.iter().any(|name| value.eq_ignore_ascii_case(name))
            }
            Self::TrackName => track.name == value,
            Self::SystemLanguage => track.language.as_deref().is_some_and(|language| {
                let tag = bcp47(value);
                language.eq_ignore_ascii_case(value) || tag.is_some() && bcp47(language) == tag
            }),
            Self::FourCc => track.codec().is_some_and(|codec| has_code(codec, value)),
            _ => false,
        }
    }
}

/// Whether `code` is one of those that sample entries, server manifests and
/// client manifests have for the codec.
fn has_code(codec: &CodecConfig, code: &str) -> bool {
    if codec.four_cc().0.eq_ignore_ascii_case(code.as_bytes()) {
        return true;
    }
    let is_replicated = match &codec.details {
        Details::Audio(audio) => audio.aac.is_some_and(|aac| aac.spectral_band_replication),
        Details::Video(_) | Details::Text => false,
    };
    let others: &[&str] = match codec.codec {
        Codec::Avc => &["AVC1", "H264"],
        Codec::Hevc => &["HVC1", "HEV1", "HEVC"],
        Codec::Aac if is_replicated => &["AACH"],
        Codec::Aac => &["AACL"],
        Codec::Stpp => &["TTML", "STPP"],
        Codec::Wvtt => &["WVTT"],
        _ => &[],
    };
    others.iter().any(|other| other.eq_ignore_ascii_case(code))
}
