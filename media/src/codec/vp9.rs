//! VP8 and VP9 in ISO BMFF: `vp08`, `vp09` and `vpcC`, VP Codec ISO Media File Format Binding.

use super::bits::Bits;
use super::boxes::Boxes;
use super::{Codec, CodecError, Colour, Finding, FourCc, VideoDetails};

/// Reads a `VPCodecConfigurationRecord` of version 1. The `codecs` string has
/// all its fields: either all optional ones are there or none.
pub(super) fn read<'a>(
    four_cc: FourCc,
    boxes: &Boxes<'a>,
    details: &mut VideoDetails,
) -> Result<Finding<'a>, CodecError> {
    let record = boxes.require(four_cc, b"vpcC")?;
    let mut bits = Bits::new(FourCc(*b"vpcC"), record);
    if bits.u8()? != 1 {
        return Err(bits.invalid("a version other than 1"));
    }
    bits.skip(24)?; // flags
    let (profile, level) = (bits.u8()?, bits.u8()?);
    let bit_depth = bits.small(4)?;
    let chroma = bits.read(3)?;
    let full_range = bits.flag()?;
    let (primaries, transfer, matrix) = (bits.u8()?, bits.u8()?, bits.u8()?);
    let stated = Colour {
        primaries,
        transfer,
        matrix,
        full_range,
    };
    details.bit_depth = Some(bit_depth);
    details.colour = details.colour.or(Some(stated).filter(Colour::is_specified));
    details.parameter_sets_in_entry = true;
    let codec = if four_cc.0 == *b"vp08" {
        Codec::Vp8
    } else {
        Codec::Vp9
    };
    let range = u8::from(full_range);
    let rfc6381 = format!(
        "{four_cc}.{profile:02}.{level:02}.{bit_depth:02}.{chroma:02}.{primaries:02}.{transfer:02}.{matrix:02}.{range:02}"
    );
    Ok(Finding {
        codec,
        rfc6381,
        record,
    })
}
