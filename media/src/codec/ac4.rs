//! AC-4: `dac4`, `ETSI TS 103 190-2 Annex E`.

use super::bits::Bits;
use super::boxes::Boxes;
use super::{AudioDetails, ChannelLayout, Codec, CodecError, Finding, FourCc};

const DAC4: FourCc = FourCc(*b"dac4");

/// `presentation_config_v1` of a presentation that is only a container for other data.
const EMDF_ONLY: u32 = 6;
/// Groups of `presentation_channel_mask_v1` that stand for a pair of loudspeakers.
const PAIRS: u32 =
    1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 13 | 1 << 16 | 1 << 17 | 1 << 18;

/// What the first presentation says; a second one repeats it for older decoders.
struct Presentation {
    version: u8,
    compatibility: u8,
    channel_mask: Option<u32>,
}

pub(super) fn read<'a>(
    four_cc: FourCc,
    boxes: &Boxes<'a>,
    details: &mut AudioDetails,
) -> Result<Finding<'a>, CodecError> {
    let record = boxes.require(four_cc, b"dac4")?;
    let mut bits = Bits::new(DAC4, record);
    bits.skip(3)?; // ac4_dsi_version
    let bitstream_version = bits.small(7)?;
    details.sample_rate = if bits.flag()? { 48_000 } else { 44_100 };
    bits.skip(4)?; // frame_rate_index
    let presentations = bits.read(9)?;
    // Before version 2 presentations were laid out otherwise; no such streams were distributed.
    if bitstream_version < 2 || presentations == 0 {
        return Err(bits.invalid("no presentation of bitstream version 2"));
    }
    if bits.flag()? {
        bits.skip(16)?; // short_program_id
        if bits.flag()? {
            bits.skip(128)?; // program_uuid
        }
    }
    bits.skip(2 + 32 + 32)?; // bit_rate_mode, bit_rate, bit_rate_precision
    bits.align();
    let presentation = read_presentation(&mut bits)?;
    if let Some(mask) = presentation.channel_mask {
        let channels = mask.count_ones() + (mask & PAIRS).count_ones();
        details.channels = u16::try_from(channels).unwrap_or(0);
        details.layout = ChannelLayout::DolbyAc4(mask);
    }
    let Presentation {
        version,
        compatibility,
        ..
    } = presentation;
    let rfc6381 = format!("{four_cc}.{bitstream_version:02}.{version:02}.{compatibility:02}");
    Ok(Finding {
        codec: Codec::Ac4,
        rfc6381,
        record,
    })
}

/// Reads the start of `ac4_presentation_v1_dsi`, §E.10.
fn read_presentation(bits: &mut Bits<'_>) -> Result<Presentation, CodecError> {
    let version = bits.u8()?;
    if !matches!(version, 1 | 2) {
        return Err(bits.invalid("a presentation_version other than 1 and 2"));
    }
    if bits.read(8)? == 255 {
        bits.skip(16)?; // add_pres_bytes
    }
    let mut presentation = Presentation {
        version,
        compatibility: 0,
        channel_mask: None,
    };
    if bits.read(5)? == EMDF_ONLY {
        return Ok(presentation);
    }
    presentation.compatibility = bits.small(3)?;
    if bits.flag()? {
        bits.skip(5)?; // presentation_id
    }
    bits.skip(2 + 2 + 5 + 10)?; // frame rate multiply and fraction, presentation_emdf_version, key_id
    if bits.flag()? {
        let mode = bits.read(5)?;
        if matches!(mode, 11..=14) {
            bits.skip(1 + 2)?; // pres_b_4_back_channels_present, pres_top_channel_pairs
        }
        presentation.channel_mask = Some(bits.read(24)?);
    }
    Ok(presentation)
}
