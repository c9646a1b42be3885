//! What manifests state of a codec beside its name.

use super::{Colour, DolbyVision, DynamicRange, aac::AudioSpecificConfig};

/// What manifests state of a track beside its codec.
#[derive(Debug, Clone, PartialEq)]
pub enum Details {
    /// Of a video track.
    Video(VideoDetails),
    /// Of an audio track.
    Audio(AudioDetails),
    /// Text has none.
    Text,
}

/// Details of a video sample entry.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VideoDetails {
    /// Picture width in luma samples, from the entry, or from the sequence
    /// parameter set where the entry says 0.
    pub width: u32,
    /// Picture height in luma samples.
    pub height: u32,
    /// The shape of one sample, from `pasp` or the stream. Absent: square, or not said.
    pub pixel_aspect: Option<PixelAspect>,
    /// From `colr` or the stream.
    pub colour: Option<Colour>,
    /// Bits of a luma sample.
    pub bit_depth: Option<u8>,
    /// Bytes of the length before each NAL unit: 1, 2 or 4. Absent for codecs without NAL units.
    pub nal_length_size: Option<u8>,
    /// What the stream says of its rate. The samples' durations are the truth.
    pub frame_rate: Option<FrameRate>,
    /// From `btrt`.
    pub bitrate: Option<DeclaredBitrate>,
    /// From `dvcC`, `dvvC` or `dvwC`.
    pub dolby_vision: Option<DolbyVision>,
    /// Whether the entry itself has all parameter sets a decoder needs to start
    /// (always so for `hvc1` and `avc1`; an `hev1` with them can be offered as `hvc1`).
    pub parameter_sets_in_entry: bool,
}

impl VideoDetails {
    /// What the picture needs of a display.
    #[must_use]
    pub fn dynamic_range(&self) -> DynamicRange {
        match (self.colour, self.dolby_vision) {
            // Profile 5 has no base layer another decoder could show, and may leave its colour unsaid.
            (_, Some(vision)) if vision.profile == 5 => DynamicRange::Pq,
            (Some(colour), _) => colour.dynamic_range(),
            (None, _) => DynamicRange::Sdr,
        }
    }

    /// Width and height in square pixels: what a player shows.
    #[must_use]
    pub fn display_size(&self) -> (u32, u32) {
        let Some(aspect) = self.pixel_aspect else {
            return (self.width, self.height);
        };
        let wide = u64::from(self.width) * u64::from(aspect.horizontal);
        let vertical = u64::from(aspect.vertical);
        let width = wide
            .saturating_add(vertical / 2)
            .checked_div(vertical)
            .unwrap_or(0);
        (u32::try_from(width).unwrap_or(self.width), self.height)
    }
}

/// Relative width and height of one sample, `ISO/IEC 14496-12 §12.1.4`. Neither is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PixelAspect {
    /// `hSpacing`.
    pub horizontal: u32,
    /// `vSpacing`.
    pub vertical: u32,
}

impl PixelAspect {
    /// `None` when either is 0.
    pub(super) fn new(horizontal: u32, vertical: u32) -> Option<Self> {
        (horizontal != 0 && vertical != 0).then_some(Self { horizontal, vertical })
    }
}

/// Frames a second, as a fraction. Neither part is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameRate {
    /// Frames…
    pub numerator: u64,
    /// …in so many seconds.
    pub denominator: u64,
}

impl FrameRate {
    /// In lowest terms; of two zeros, 0.
    pub(crate) fn reduced(numerator: u64, denominator: u64) -> Self {
        let (mut a, mut b) = (numerator, denominator);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        Self {
            numerator: numerator / a.max(1),
            denominator: denominator / a.max(1),
        }
    }
}

/// Bitrates the entry claims, `ISO/IEC 14496-12 §8.5.2`: `btrt`, or the decoder configuration descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeclaredBitrate {
    /// Peak over one second, in bits a second. 0: not said.
    pub max: u32,
    /// Average over the whole track, in bits a second. 0: not said.
    pub average: u32,
}

/// Details of an audio sample entry.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AudioDetails {
    /// Samples a second at the decoder's output, spectral band replication included.
    pub sample_rate: u32,
    /// Channels at the decoder's output, parametric stereo and LFE included. 0: not said.
    pub channels: u16,
    /// Which loudspeakers the channels are for.
    pub layout: ChannelLayout,
    /// From `btrt` or the decoder configuration descriptor.
    pub bitrate: Option<DeclaredBitrate>,
    /// Joint object coding (Dolby Atmos) in E-AC-3, with its complexity index, `ETSI TS 103 420`.
    pub joc_complexity: Option<u8>,
    /// AAC's configuration.
    pub aac: Option<AudioSpecificConfig>,
}

/// Which loudspeakers channels are for, each in the words of the codec family that says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChannelLayout {
    /// Not said: only the count is known.
    #[default]
    Unknown,
    /// `ChannelConfiguration` of `ISO/IEC 23091-3`: 2 is stereo, 6 is 5.1, 7 and 12 are 7.1, 19 is 7.1.4.
    Cicp(u8),
    /// Dolby Digital's mask, `ETSI TS 102 366 §I.1.2.1`: 0xF801 is 5.1.
    Dolby(u16),
    /// AC-4's 24-bit mask, `ETSI TS 103 190-2 §G.3.1`.
    DolbyAc4(u32),
    /// DTS' mask, `ETSI TS 102 114 §E.2`.
    Dts(u32),
}

impl ChannelLayout {
    /// The layout a bare count of channels means: one to six are the same in every numbering.
    pub(super) fn of_count(channels: u16) -> Self {
        match u8::try_from(channels) {
            Ok(count @ 1..=6) => Self::Cicp(count),
            _ => Self::Unknown,
        }
    }
}
