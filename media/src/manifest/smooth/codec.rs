//! Which codecs Smooth Streaming can name, and how.

use thiserror::Error;

use crate::codec::{Codec, CodecConfig, Details};
use crate::track::Track;

/// Why a track cannot be offered over Smooth Streaming.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Reason {
    /// Players share no code for the codec.
    #[error("Smooth Streaming has no code for {codec}")]
    NoCode {
        /// [`Codec::name`].
        codec: &'static str,
    },
    /// AAC of another kind than low complexity and its high-efficiency extensions.
    #[error("Smooth Streaming has no code for AAC of object type {object_type}")]
    AacObjectType {
        /// `ISO/IEC 14496-3 Table 1.17`.
        object_type: u8,
    },
    /// AAC without a configuration.
    #[error("it has no AudioSpecificConfig for the manifest to state")]
    NoConfiguration,
    /// Parameter sets that only the samples have.
    #[error("its parameter sets are in its samples, and the manifest has to state them")]
    ParameterSetsInSamples,
    /// A manifest states one configuration a track.
    #[error("it has {count} sample entries that differ, and the manifest can state one")]
    SampleEntries {
        /// Their number.
        count: usize,
    },
    /// It is cut elsewhere than the other tracks of its stream.
    #[error("its segment {segment} does not start when that of the other tracks of its stream does")]
    Unaligned {
        /// 0-based, the first one.
        segment: usize,
    },
}

/// `AudioTag` of AAC without framing, and its `FourCC`s.
const RAW_AAC: u32 = 255;
/// `WAVE_FORMAT_MPEGLAYER3`.
const MPEG_LAYER_3: u32 = 85;
/// `WAVE_FORMAT_EXTENSIBLE`.
const EXTENSIBLE: u32 = 65_534;

/// How a manifest names a codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Coding {
    pub(super) four_cc: &'static str,
    /// `AudioTag`; `None` unless sound.
    pub(super) audio_tag: Option<u32>,
}

/// Whether Smooth Streaming can carry a track of this configuration.
///
/// # Errors
/// The reason why it cannot.
pub fn allows(config: &CodecConfig) -> Result<(), Reason> {
    coding(config).map(|_| ())
}

pub(super) fn allows_track(track: &Track) -> Result<(), Reason> {
    let entries = &track.codecs;
    let count = entries.len();
    let (first, others) = entries.split_first().ok_or(Reason::SampleEntries { count })?;
    // Entries may differ in what no manifest states.
    let is_alike = |other: &CodecConfig| first.four_cc() == other.four_cc() && first.record == other.record;
    if others.iter().all(is_alike) {
        allows(first)
    } else {
        Err(Reason::SampleEntries { count })
    }
}

pub(super) fn coding(config: &CodecConfig) -> Result<Coding, Reason> {
    match config.codec {
        Codec::Avc => video(config, "H264"),
        Codec::Hevc if &config.four_cc().0 == b"hev1" => video(config, "HEV1"),
        Codec::Hevc => video(config, "HVC1"),
        Codec::Aac => aac(config),
        Codec::Mp3 => Ok(audio("MP3", MPEG_LAYER_3)),
        Codec::Ac3 => Ok(audio("AC-3", EXTENSIBLE)),
        Codec::Eac3 => Ok(audio("EC-3", EXTENSIBLE)),
        // Each is sent as TTML.
        Codec::Stpp | Codec::Wvtt | Codec::Tx3g => Ok(Coding {
            four_cc: "TTML",
            audio_tag: None,
        }),
        codec => Err(Reason::NoCode { codec: codec.name() }),
    }
}

fn video(config: &CodecConfig, four_cc: &'static str) -> Result<Coding, Reason> {
    match &config.details {
        Details::Video(video) if video.parameter_sets_in_entry => Ok(Coding {
            four_cc,
            audio_tag: None,
        }),
        _ => Err(Reason::ParameterSetsInSamples),
    }
}

fn audio(four_cc: &'static str, tag: u32) -> Coding {
    Coding {
        four_cc,
        audio_tag: Some(tag),
    }
}

fn aac(config: &CodecConfig) -> Result<Coding, Reason> {
    let aac = match &config.details {
        Details::Audio(audio) => audio.aac,
        Details::Video(_) | Details::Text => None,
    };
    match aac.ok_or(Reason::NoConfiguration)? {
        aac if aac.object_type != 2 => Err(Reason::AacObjectType {
            object_type: aac.object_type,
        }),
        aac if aac.spectral_band_replication => Ok(audio("AACH", RAW_AAC)),
        _ => Ok(audio("AACL", RAW_AAC)),
    }
}
