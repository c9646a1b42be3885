//! Which codecs HLS carries in transport streams, and how.

use thiserror::Error;

use crate::codec::{AudioSpecificConfig, Codec, CodecConfig, Details};
use crate::track::Track;

/// How a transport stream carries a codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carriage {
    /// H.264 as a byte stream (`ISO/IEC 13818-1 §2.14`).
    Avc,
    /// H.265 as a byte stream (§2.17). Apple's players want it in fragmented MP4 only.
    Hevc,
    /// AAC with an ADTS header a frame (`ISO/IEC 13818-7 §6.2`).
    Adts(AdtsProfile),
    /// MPEG-1, of any layer.
    Mpeg1Audio,
    /// MPEG-2, of any layer: low sampling rates.
    Mpeg2Audio,
    /// Dolby Digital (`ATSC A/52 Annex A`).
    Ac3,
    /// Dolby Digital Plus (`ATSC A/52 Annex G`).
    Eac3,
}

/// What an ADTS header says of every frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdtsProfile {
    /// Object type of the core, less one: 0 to 3.
    pub profile: u8,
    /// `sampling_frequency_index` of the core: 0 to 12.
    pub sampling_frequency_index: u8,
    /// `channel_configuration`: 1 to 7.
    pub channel_configuration: u8,
}

/// Why a codec is left out of transport streams.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Exclusion {
    /// HLS does not carry the codec in them.
    #[error("HLS does not carry {} in transport streams", .0.name())]
    Codec(Codec),
    /// The sample entry has no configuration to make headers from.
    #[error("its AudioSpecificConfig is absent, so its frames cannot have ADTS headers")]
    NoConfiguration,
    /// Neither Main, LC, SSR nor LTP.
    #[error("ADTS headers cannot say audio object type {0}")]
    ObjectType(u8),
    /// A rate that has no index.
    #[error("ADTS headers cannot say a sampling rate of {0} Hz")]
    SampleRate(u32),
    /// Channels by a `program_config_element`, or a configuration of four bits.
    #[error("ADTS headers cannot say channel configuration {0}")]
    ChannelConfiguration(u8),
    /// Frames of other than 1024 samples.
    #[error("ADTS headers cannot say frames of {0} samples")]
    FrameLength(u16),
    /// Its sample entries differ in how they would be carried.
    #[error("its sample entries are of different codecs")]
    MixedEntries,
}

/// How `codec` is carried in a transport stream.
///
/// # Errors
/// Why it is not.
pub fn carriage(codec: &CodecConfig) -> Result<Carriage, Exclusion> {
    match (codec.codec, &codec.details) {
        (Codec::Avc, _) => Ok(Carriage::Avc),
        (Codec::Hevc, _) => Ok(Carriage::Hevc),
        (Codec::Aac, Details::Audio(details)) => {
            let config = details.aac.as_ref().ok_or(Exclusion::NoConfiguration)?;
            Ok(Carriage::Adts(adts_profile(config)?))
        }
        // MPEG-2 has the half and quarter rates only, MPEG-1 the others.
        (Codec::Mp3 | Codec::Mp2, Details::Audio(details)) if details.sample_rate >= 32_000 => {
            Ok(Carriage::Mpeg1Audio)
        }
        (Codec::Mp3 | Codec::Mp2, _) => Ok(Carriage::Mpeg2Audio),
        (Codec::Ac3, _) => Ok(Carriage::Ac3),
        (Codec::Eac3, _) => Ok(Carriage::Eac3),
        (other, _) => Err(Exclusion::Codec(other)),
    }
}

/// How all sample entries of `track` are carried: as one stream of one type.
/// AAC's configuration may change from one to the next, every frame states it.
///
/// # Errors
/// Why they are not.
pub fn carriage_of(track: &Track) -> Result<Carriage, Exclusion> {
    let mut carriages = track.codecs.iter().map(carriage);
    let first = carriages.next().unwrap_or(Err(Exclusion::NoConfiguration))?;
    for other in carriages {
        if std::mem::discriminant(&other?) != std::mem::discriminant(&first) {
            return Err(Exclusion::MixedEntries);
        }
    }
    Ok(first)
}

/// HE-AAC is carried as its core: decoders find its extensions in the frames,
/// whichever way the configuration signals them.
fn adts_profile(config: &AudioSpecificConfig) -> Result<AdtsProfile, Exclusion> {
    let profile = match config.object_type {
        object_type @ 1..=4 => object_type - 1,
        other => return Err(Exclusion::ObjectType(other)),
    };
    if config.core_samples_per_frame != 1024 {
        return Err(Exclusion::FrameLength(config.core_samples_per_frame));
    }
    let sampling_frequency_index = config
        .sampling_frequency_index()
        .ok_or(Exclusion::SampleRate(config.core_sample_rate))?;
    match config.channel_configuration {
        channel_configuration @ 1..=7 => Ok(AdtsProfile {
            profile,
            sampling_frequency_index,
            channel_configuration,
        }),
        other => Err(Exclusion::ChannelConfiguration(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An `AudioSpecificConfig`, and what its ADTS headers say.
    fn check(record: &[u8], expected: Result<(u8, u8, u8), Exclusion>) {
        let config = AudioSpecificConfig::read(record).unwrap();
        let said = adts_profile(&config).map(|adts| {
            (
                adts.profile,
                adts.sampling_frequency_index,
                adts.channel_configuration,
            )
        });
        assert_eq!(said, expected, "{record:02x?}");
    }

    #[test]
    fn low_complexity_is_said_as_it_is() {
        check(&[0x11, 0x90], Ok((1, 3, 2))); // LC, 48 kHz, stereo
        check(&[0x12, 0x10], Ok((1, 4, 2))); // LC, 44.1 kHz
    }

    #[test]
    fn a_rate_written_out_is_found_in_the_table() {
        // LC, index 15, 44 100 in 24 bits, stereo.
        check(&[0x17, 0x80, 0x56, 0x22, 0x10], Ok((1, 4, 2)));
        check(
            &[0x17, 0x80, 0x56, 0x22, 0x90],
            Err(Exclusion::SampleRate(44_101)),
        );
    }

    #[test]
    fn extensions_by_object_type_or_behind_it_leave_the_core() {
        check(&[0x2b, 0x11, 0x88, 0x00], Ok((1, 6, 2))); // SBR, 24 → 48 kHz, LC
        check(&[0xeb, 0x09, 0x88, 0x00], Ok((1, 6, 1))); // PS over SBR
        check(&[0x13, 0x10, 0x56, 0xe5, 0x98], Ok((1, 6, 2))); // LC with a sync extension
    }

    #[test]
    fn what_adts_cannot_say_is_left_out() {
        check(&[0x11, 0x94], Err(Exclusion::FrameLength(960)));
        check(&[0x11, 0xe0], Err(Exclusion::ChannelConfiguration(12))); // 7.1
        check(&[0xb9, 0x90, 0x00], Err(Exclusion::ObjectType(23))); // low delay
    }

    #[test]
    fn reasons_name_the_codec() {
        assert_eq!(
            Exclusion::Codec(Codec::Av1).to_string(),
            "HLS does not carry av1 in transport streams"
        );
    }
}
