//! FLAC: `dfLa`, Encapsulation of FLAC in ISO Base Media File Format §3.3.2.

use super::bits::Bits;
use super::boxes::Boxes;
use super::{AudioDetails, ChannelLayout, Codec, CodecError, Finding, FourCc};

/// Type of the first metadata block.
const STREAMINFO: u32 = 0;

pub(super) fn read<'a>(
    four_cc: FourCc,
    boxes: &Boxes<'a>,
    details: &mut AudioDetails,
) -> Result<Finding<'a>, CodecError> {
    let record = boxes.require(four_cc, b"dfLa")?;
    let mut bits = Bits::new(FourCc(*b"dfLa"), record);
    bits.skip(32 + 1)?; // version, flags, LastMetadataBlockFlag
    if bits.read(7)? != STREAMINFO {
        return Err(bits.invalid("a first metadata block other than STREAMINFO"));
    }
    bits.skip(24)?; // Length
    bits.skip(16 + 16 + 24 + 24)?; // block and frame sizes
    details.sample_rate = bits.read(20)?;
    details.channels = u16::from(bits.small(3)?) + 1;
    details.layout = ChannelLayout::of_count(details.channels);
    Ok(Finding {
        codec: Codec::Flac,
        rfc6381: four_cc.to_string(),
        record,
    })
}
