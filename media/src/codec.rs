//! Sample entries: the bytes of one `stsd` entry → what manifests and writers
//! need to know of a codec. The entry itself is kept untouched.
//!
//! One file a codec family. Each reads its configuration box and states the
//! `codecs` string of RFC 6381; what all video (or all audio) entries share is
//! read once, in `visual.rs` and `sound.rs`.

mod aac;
mod ac3;
mod ac4;
mod alac;
mod av1;
mod avc;
mod bits;
mod boxes;
mod colour;
mod descriptor;
mod details;
mod dolby_vision;
mod dts;
mod error;
mod flac;
mod four_cc;
mod hevc;
pub(crate) mod jpeg;
mod mpeg_audio;
mod mpeg_h;
mod opus;
mod parameter_sets;
mod served;
mod sound;
mod text;
pub(crate) mod together;
mod visual;
mod vp9;

#[cfg(test)]
mod tests;

use bytes::Bytes;

pub use aac::AudioSpecificConfig;
pub use colour::{Colour, DynamicRange};
pub use details::{
    AudioDetails, ChannelLayout, DeclaredBitrate, Details, FrameRate, PixelAspect, VideoDetails,
};
pub use dolby_vision::DolbyVision;
pub use error::CodecError;
pub use four_cc::FourCc;
pub use mpeg_audio::MpegLayer;

/// Largest sample entry read, in bytes. Real ones take 100 bytes to a few KiB;
/// QuickTime sound entries with embedded atoms come to tens of KiB.
pub const SAMPLE_ENTRY_SIZE_MAX: usize = 256 * 1024;

/// What a track carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MediaKind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
    /// Timed text: subtitles and captions.
    Text,
}

/// A codec family: tracks of one family can stand in one adaptation set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Codec {
    /// H.264: `avc1`, `avc3`.
    Avc,
    /// H.265: `hvc1`, `hev1`.
    Hevc,
    /// AV1: `av01`.
    Av1,
    /// VP8: `vp08`.
    Vp8,
    /// VP9: `vp09`.
    Vp9,
    /// Dolby Vision without a base layer others can play: `dvh1`, `dvhe`, `dva1`, `dvav`, `dav1`.
    DolbyVision,
    /// AAC in all its object types: `mp4a`.
    Aac,
    /// MPEG-1 and MPEG-2 layer III: `mp4a` with object type 0x6B or 0x69, `.mp3`.
    Mp3,
    /// Layers I and II of these, which the frames tell apart from layer III.
    Mp2,
    /// Dolby Digital: `ac-3`.
    Ac3,
    /// Dolby Digital Plus: `ec-3`.
    Eac3,
    /// Dolby AC-4: `ac-4`.
    Ac4,
    /// Opus: `Opus`.
    Opus,
    /// FLAC: `fLaC`.
    Flac,
    /// Apple Lossless: `alac`.
    Alac,
    /// MPEG-H 3D Audio: `mha1`, `mhm1` and their multi-stream kin.
    MpegH,
    /// DTS and its successors: `dtsc`, `dtsh`, `dtse`, `dtsl`, `dtsx`.
    Dts,
    /// WebVTT in ISO BMFF: `wvtt`.
    Wvtt,
    /// TTML in ISO BMFF: `stpp`, and `dfxp` as Smooth Streaming has it.
    Stpp,
    /// 3GPP timed text: `tx3g`.
    Tx3g,
}

impl Codec {
    /// What a track of this codec carries.
    #[must_use]
    pub fn kind(self) -> MediaKind {
        match self {
            Self::Avc | Self::Hevc | Self::Av1 | Self::Vp8 | Self::Vp9 | Self::DolbyVision => {
                MediaKind::Video
            }
            Self::Aac
            | Self::Mp3
            | Self::Mp2
            | Self::Ac3
            | Self::Eac3
            | Self::Ac4
            | Self::Opus
            | Self::Flac
            | Self::Alac
            | Self::MpegH
            | Self::Dts => MediaKind::Audio,
            Self::Wvtt | Self::Stpp | Self::Tx3g => MediaKind::Text,
        }
    }

    /// A short lower-case name, unique to the family: `avc`, `eac3`, `wvtt`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Avc => "avc",
            Self::Hevc => "hevc",
            Self::Av1 => "av1",
            Self::Vp8 => "vp8",
            Self::Vp9 => "vp9",
            Self::DolbyVision => "dolby-vision",
            Self::Aac => "aac",
            Self::Mp3 => "mp3",
            Self::Mp2 => "mp2",
            Self::Ac3 => "ac3",
            Self::Eac3 => "eac3",
            Self::Ac4 => "ac4",
            Self::Opus => "opus",
            Self::Flac => "flac",
            Self::Alac => "alac",
            Self::MpegH => "mpegh",
            Self::Dts => "dts",
            Self::Wvtt => "wvtt",
            Self::Stpp => "stpp",
            Self::Tx3g => "tx3g",
        }
    }
}

/// Everything one sample entry says.
#[derive(Debug, Clone, PartialEq)]
pub struct CodecConfig {
    /// The family.
    pub codec: Codec,
    /// The `codecs` parameter, as in RFC 6381: `avc1.64001f`.
    pub rfc6381: String,
    /// An enhancement that players of the base codec may skip, as HLS'
    /// `SUPPLEMENTAL-CODECS` and DASH's `scte214:supplementalCodecs` write it: `dvh1.08.07/db1p`.
    pub supplemental: Option<String>,
    /// What the manifests state beside the codec.
    pub details: Details,
    /// The whole sample entry box as it stands in `stsd`, in memory of its own:
    /// holding it does not hold the file's header.
    pub entry: Bytes,
    /// The decoder configuration within [`Self::entry`]: the payload of `avcC`, `hvcC`, `av1C`
    /// and so on, for AAC the `AudioSpecificConfig`. Empty when the codec has none.
    pub record: Bytes,
}

impl CodecConfig {
    /// What the track carries.
    #[must_use]
    pub fn kind(&self) -> MediaKind {
        self.codec.kind()
    }

    /// The sample entry's four-character code.
    #[must_use]
    pub fn four_cc(&self) -> FourCc {
        match self.entry.get(4..8) {
            Some(&[a, b, c, d]) => FourCc([a, b, c, d]),
            _ => FourCc(*b"    "),
        }
    }

    /// Bytes held on the heap.
    #[must_use]
    pub fn heap_size(&self) -> usize {
        self.rfc6381.capacity() + self.supplemental.as_ref().map_or(0, String::capacity) + self.entry.len()
    }
}

/// What a codec's own file finds in its configuration box.
struct Finding<'a> {
    codec: Codec,
    rfc6381: String,
    record: &'a [u8],
}

/// Reads one sample entry: a whole box as it stands in `stsd`, under a track
/// whose `hdlr` states `handler`. `ISO/IEC 14496-12 §8.5.2`.
///
/// # Errors
///
/// [`CodecError::Unknown`] and [`CodecError::Encrypted`] say that the track has to be left out; the others that the entry is
/// malformed.
pub fn read_sample_entry(entry: &[u8], handler: FourCc) -> Result<CodecConfig, CodecError> {
    if entry.len() > SAMPLE_ENTRY_SIZE_MAX {
        return Err(CodecError::TooLarge { size: entry.len() });
    }
    let (four_cc, payload) = boxes::open(entry)?;
    let (finding, details, supplemental) = match &four_cc.0 {
        b"encv" | b"enca" | b"enct" | b"encs" | b"drms" | b"drmi" => {
            return Err(CodecError::Encrypted { four_cc });
        }
        _ => read_kind(four_cc, payload)?,
    };
    let expected = match &handler.0 {
        b"vide" | b"auxv" | b"pict" => MediaKind::Video,
        b"soun" => MediaKind::Audio,
        _ => MediaKind::Text,
    };
    if expected != finding.codec.kind() {
        return Err(CodecError::WrongHandler { four_cc, handler });
    }
    let copy = Bytes::copy_from_slice(entry);
    let record = position_in(entry, finding.record).map_or_else(Bytes::new, |range| copy.slice(range));
    Ok(CodecConfig {
        codec: finding.codec,
        rfc6381: finding.rfc6381,
        supplemental,
        details,
        entry: copy,
        record,
    })
}

/// As [`read_sample_entry`], for an entry that is served in the form players want:
/// `hvc1` rather than `hev1` when the parameter sets are in the entry, ISO's sound
/// entries rather than QuickTime's.
///
/// # Errors
///
/// As [`read_sample_entry`].
pub fn read_served_entry(entry: &[u8], handler: FourCc) -> Result<CodecConfig, CodecError> {
    let config = read_sample_entry(entry, handler)?;
    match served::entry(&config) {
        Some(entry) => read_sample_entry(&entry, handler),
        None => Ok(config),
    }
}

/// Whether `entry` says nothing of its decoder's configuration, so that its first sample
/// has to be looked at, see [`configured`].
pub(crate) fn is_unconfigured(entry: &[u8]) -> bool {
    entry.len() <= SAMPLE_ENTRY_SIZE_MAX && av1::is_unconfigured(entry)
}

/// Whether the layer of sound of `entry` is told by its samples only, see [`MpegLayer`].
pub(crate) fn has_layers(entry: &[u8]) -> bool {
    entry.len() <= SAMPLE_ENTRY_SIZE_MAX && mpeg_audio::has_layers(entry)
}

/// `entry` with the configuration that the start of its first sample tells; `None` when
/// that tells none.
pub(crate) fn configured(entry: &[u8], sample: &[u8]) -> Option<Vec<u8>> {
    av1::configured(entry, sample)
}

type Read<'a> = (Finding<'a>, Details, Option<String>);

/// Chooses the codec's file by the entry's four-character code.
fn read_kind(four_cc: FourCc, payload: &[u8]) -> Result<Read<'_>, CodecError> {
    match &four_cc.0 {
        b"avc1" | b"avc3" => video(four_cc, payload, avc::read),
        b"hvc1" | b"hev1" => video(four_cc, payload, hevc::read),
        b"av01" => video(four_cc, payload, av1::read),
        b"vp08" | b"vp09" => video(four_cc, payload, vp9::read),
        b"dvh1" | b"dvhe" | b"dva1" | b"dvav" | b"dav1" => video(four_cc, payload, dolby_vision::read),
        b"mp4a" => audio(four_cc, payload, descriptor::read),
        b".mp3" => audio(four_cc, payload, descriptor::read_quicktime_mp3),
        b"ac-3" => audio(four_cc, payload, ac3::read_ac3),
        b"ec-3" => audio(four_cc, payload, ac3::read_eac3),
        b"ac-4" => audio(four_cc, payload, ac4::read),
        b"Opus" => audio(four_cc, payload, opus::read),
        b"fLaC" => audio(four_cc, payload, flac::read),
        b"alac" => audio(four_cc, payload, alac::read),
        b"mha1" | b"mha2" | b"mhm1" | b"mhm2" => audio(four_cc, payload, mpeg_h::read),
        b"dtsc" | b"dtsh" | b"dtse" | b"dtsl" | b"dtsx" => audio(four_cc, payload, dts::read),
        b"wvtt" | b"stpp" | b"dfxp" | b"tx3g" => Ok((text::read(four_cc, payload)?, Details::Text, None)),
        _ => Err(CodecError::Unknown { four_cc }),
    }
}

fn video<'a>(
    four_cc: FourCc,
    payload: &'a [u8],
    read: fn(FourCc, &boxes::Boxes<'a>, &mut VideoDetails) -> Result<Finding<'a>, CodecError>,
) -> Result<Read<'a>, CodecError> {
    let (mut details, boxes) = visual::open(four_cc, payload)?;
    let finding = read(four_cc, &boxes, &mut details)?;
    let supplemental = details
        .dolby_vision
        .and_then(|vision| vision.supplemental(four_cc));
    Ok((finding, Details::Video(details), supplemental))
}

fn audio<'a>(
    four_cc: FourCc,
    payload: &'a [u8],
    read: fn(FourCc, &boxes::Boxes<'a>, &mut AudioDetails) -> Result<Finding<'a>, CodecError>,
) -> Result<Read<'a>, CodecError> {
    let (mut details, boxes) = sound::open(four_cc, payload)?;
    let finding = read(four_cc, &boxes, &mut details)?;
    Ok((finding, Details::Audio(details), None))
}

/// Where `part`, a slice of `whole`, stands in it.
fn position_in(whole: &[u8], part: &[u8]) -> Option<std::ops::Range<usize>> {
    let start = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
    let end = start.checked_add(part.len())?;
    (!part.is_empty() && end <= whole.len()).then_some(start..end)
}
