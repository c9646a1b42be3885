//! MPEG-4 elementary stream descriptors: `mp4a` and `esds`, `ISO/IEC 14496-14 §6.7.2`
//! and `ISO/IEC 14496-1 §7.2.6`. Which codec an `mp4a` entry holds stands here.

use super::bits::Bits;
use super::boxes::Boxes;
use super::{
    AudioDetails, AudioSpecificConfig, ChannelLayout, Codec, CodecError, DeclaredBitrate, Finding, FourCc,
};

const ESDS: FourCc = FourCc(*b"esds");

/// Descriptor tags, `ISO/IEC 14496-1 Table 1`.
const ES_DESCRIPTOR: u8 = 3;
const DECODER_CONFIG: u8 = 4;
const DECODER_SPECIFIC_INFO: u8 = 5;

/// What a `DecoderConfigDescriptor` says.
struct DecoderConfig<'a> {
    object_type: u8,
    bitrate: DeclaredBitrate,
    /// `DecoderSpecificInfo`; empty when absent.
    specific: &'a [u8],
}

pub(super) fn read<'a>(
    four_cc: FourCc,
    boxes: &Boxes<'a>,
    details: &mut AudioDetails,
) -> Result<Finding<'a>, CodecError> {
    let config = read_esds(boxes.require(four_cc, b"esds")?)?;
    if config.bitrate != (DeclaredBitrate { max: 0, average: 0 }) {
        details.bitrate = details.bitrate.or(Some(config.bitrate));
    }
    let record = config.specific;
    // Object types as registered at mp4ra.org. RFC 6381 writes them in hexadecimal.
    match config.object_type {
        0x40 => {
            let aac = AudioSpecificConfig::read(record)?;
            fill(details, aac);
            let rfc6381 = format!("{four_cc}.40.{}", aac.signalled_object_type());
            Ok(Finding {
                codec: Codec::Aac,
                rfc6381,
                record,
            })
        }
        // MPEG-2 AAC: main, low complexity, scalable sampling rate.
        object_type @ 0x66..=0x68 => {
            if !record.is_empty() {
                fill(details, AudioSpecificConfig::read(record)?);
            }
            Ok(Finding {
                codec: Codec::Aac,
                rfc6381: format!("{four_cc}.{object_type:X}"),
                record,
            })
        }
        0x69 => Ok(Finding {
            codec: Codec::Mp3,
            rfc6381: format!("{four_cc}.69"),
            record,
        }),
        0x6B => Ok(Finding {
            codec: Codec::Mp3,
            rfc6381: format!("{four_cc}.6B"),
            record,
        }),
        0xA5 => Ok(Finding {
            codec: Codec::Ac3,
            rfc6381: format!("{four_cc}.A5"),
            record,
        }),
        0xA6 => Ok(Finding {
            codec: Codec::Eac3,
            rfc6381: format!("{four_cc}.A6"),
            record,
        }),
        0xA9 => Ok(Finding {
            codec: Codec::Dts,
            rfc6381: format!("{four_cc}.A9"),
            record,
        }),
        object_type => Err(CodecError::UnknownObjectType { object_type }),
    }
}

/// The `objectTypeIndication` of an `esds`.
pub(super) fn object_type(esds: &[u8]) -> Result<u8, CodecError> {
    read_esds(esds).map(|config| config.object_type)
}

/// QuickTime's `.mp3`, which has no configuration.
pub(super) fn read_quicktime_mp3<'a>(
    _: FourCc,
    _: &Boxes<'a>,
    _: &mut AudioDetails,
) -> Result<Finding<'a>, CodecError> {
    Ok(Finding {
        codec: Codec::Mp3,
        rfc6381: "mp3".to_owned(),
        record: &[],
    })
}

/// Takes rate and channels from the configuration: the entry's own fields are
/// often those of the core decoder, or fixed at 2 channels.
fn fill(details: &mut AudioDetails, aac: AudioSpecificConfig) {
    details.sample_rate = aac.sample_rate;
    if aac.channels != 0 {
        details.channels = aac.channels;
        details.layout = match aac.channel_configuration {
            0 => ChannelLayout::of_count(aac.channels),
            _ if aac.parametric_stereo => ChannelLayout::Cicp(2),
            configuration => ChannelLayout::Cicp(configuration),
        };
    }
    details.aac = Some(aac);
}

fn read_esds(payload: &[u8]) -> Result<DecoderConfig<'_>, CodecError> {
    let mut bits = Bits::new(ESDS, payload);
    bits.skip(32)?; // version, flags
    let stream = find(&mut bits, ES_DESCRIPTOR)?.ok_or_else(|| bits.invalid("no ES_Descriptor"))?;
    let mut bits = Bits::new(ESDS, stream);
    bits.skip(16)?; // ES_ID
    let (depends, has_url, has_clock) = (bits.flag()?, bits.flag()?, bits.flag()?);
    bits.skip(5)?; // streamPriority
    if depends {
        bits.skip(16)?; // dependsOn_ES_ID
    }
    if has_url {
        let size = bits.u8()?;
        bits.bytes(usize::from(size))?;
    }
    if has_clock {
        bits.skip(16)?; // OCR_ES_Id
    }
    let config =
        find(&mut bits, DECODER_CONFIG)?.ok_or_else(|| bits.invalid("no DecoderConfigDescriptor"))?;
    let mut bits = Bits::new(ESDS, config);
    let object_type = bits.u8()?;
    bits.skip(8 + 24)?; // streamType, upStream, bufferSizeDB
    let bitrate = DeclaredBitrate {
        max: bits.read(32)?,
        average: bits.read(32)?,
    };
    let specific = find(&mut bits, DECODER_SPECIFIC_INFO)?.unwrap_or_default();
    Ok(DecoderConfig {
        object_type,
        bitrate,
        specific,
    })
}

/// The payload of the next descriptor with this tag.
fn find<'a>(bits: &mut Bits<'a>, wanted: u8) -> Result<Option<&'a [u8]>, CodecError> {
    while bits.remaining() >= 16 {
        let tag = bits.u8()?;
        let mut size = 0;
        // Seven bits a byte, at most four bytes, ISO/IEC 14496-1 §8.3.3.
        for _ in 0..4 {
            let more = bits.flag()?;
            size = size << 7 | bits.read(7)?;
            if !more {
                break;
            }
        }
        // Writers in the wild overstate the outer sizes: what is there counts.
        let available = bits.remaining() / 8;
        let payload = bits.bytes(usize::try_from(size).unwrap_or(available).min(available))?;
        if tag == wanted {
            return Ok(Some(payload));
        }
    }
    Ok(None)
}
