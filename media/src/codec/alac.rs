//! Apple Lossless: `alac` in `alac`, its "magic cookie".

use super::bits::Bits;
use super::boxes::Boxes;
use super::{AudioDetails, ChannelLayout, Codec, CodecError, Finding, FourCc};

pub(super) fn read<'a>(
    four_cc: FourCc,
    boxes: &Boxes<'a>,
    details: &mut AudioDetails,
) -> Result<Finding<'a>, CodecError> {
    let record = boxes.require(four_cc, b"alac")?;
    let mut bits = Bits::new(FourCc(*b"alac"), record);
    bits.skip(32)?; // version, flags
    bits.skip(32 + 8 + 8 + 24)?; // frameLength, compatibleVersion, bitDepth, tuning
    details.channels = u16::from(bits.u8()?);
    bits.skip(16 + 32 + 32)?; // maxRun, maxFrameBytes, avgBitRate
    details.sample_rate = bits.read(32)?;
    details.layout = ChannelLayout::of_count(details.channels);
    Ok(Finding {
        codec: Codec::Alac,
        rfc6381: four_cc.to_string(),
        record,
    })
}
