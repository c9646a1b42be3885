//! Opus: `dOps`, Encapsulation of Opus in ISO Base Media File Format §4.3.2.

use super::bits::Bits;
use super::boxes::Boxes;
use super::{AudioDetails, ChannelLayout, Codec, CodecError, Finding, FourCc};

/// Opus always decodes to this rate.
const SAMPLE_RATE: u32 = 48_000;

pub(super) fn read<'a>(
    four_cc: FourCc,
    boxes: &Boxes<'a>,
    details: &mut AudioDetails,
) -> Result<Finding<'a>, CodecError> {
    let record = boxes.require(four_cc, b"dOps")?;
    let mut bits = Bits::new(FourCc(*b"dOps"), record);
    if bits.u8()? != 0 {
        return Err(bits.invalid("a Version other than 0"));
    }
    details.channels = u16::from(bits.u8()?);
    bits.skip(16 + 32 + 16)?; // PreSkip, InputSampleRate, OutputGain
    details.layout = match (bits.u8()?, details.channels) {
        // Families 0 and 1 have the orders of Vorbis: seven are 6.1, eight are 7.1.
        (0 | 1, 7) => ChannelLayout::Cicp(11),
        (0 | 1, 8) => ChannelLayout::Cicp(12),
        (0 | 1, channels) => ChannelLayout::of_count(channels),
        _ => ChannelLayout::Unknown,
    };
    details.sample_rate = SAMPLE_RATE;
    Ok(Finding {
        codec: Codec::Opus,
        rfc6381: four_cc.to_string(),
        record,
    })
}
