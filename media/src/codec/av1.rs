//! AV1 in ISO BMFF: `av01` and `av1C`, AV1 Codec ISO Media File Format Binding §2.3.

mod sequence_header;

use std::fmt::Write as _;

use super::bits::Bits;
use super::boxes::Boxes;
use super::{Codec, CodecError, Colour, Finding, FourCc, VideoDetails};

const AV1C: FourCc = FourCc(*b"av1C");

pub(super) fn read<'a>(
    four_cc: FourCc,
    boxes: &Boxes<'a>,
    details: &mut VideoDetails,
) -> Result<Finding<'a>, CodecError> {
    let record = boxes.require(four_cc, b"av1C")?;
    let rfc6381 = format!("{four_cc}.{}", read_record(record, details)?);
    Ok(Finding {
        codec: Codec::Av1,
        rfc6381,
        record,
    })
}

/// Reads an `AV1CodecConfigurationRecord`; answers with the `codecs` parameter
/// after its first dot, §5 of the binding. Chroma and colour are written when
/// any of them is not the default.
pub(super) fn read_record(record: &[u8], details: &mut VideoDetails) -> Result<String, CodecError> {
    let mut bits = Bits::new(AV1C, record);
    if bits.read(8)? != 0x81 {
        return Err(bits.invalid("a marker and version other than 0x81"));
    }
    let profile = bits.read(3)?;
    let level = bits.read(5)?;
    let tier = if bits.flag()? { 'H' } else { 'M' };
    let high_bitdepth = bits.flag()?;
    let bit_depth = match (high_bitdepth, bits.flag()?) {
        (false, _) => 8,
        (true, false) => 10,
        (true, true) => 12,
    };
    let monochrome = bits.read(1)?;
    let (subsampling_x, subsampling_y) = (bits.read(1)?, bits.read(1)?);
    let sample_position = bits.read(2)?;
    bits.skip(8)?; // initial_presentation_delay
    details.bit_depth = Some(bit_depth);
    details.parameter_sets_in_entry = true;
    if details.colour.is_none() {
        details.colour = sequence_header::colour(bits.rest()).filter(Colour::is_specified);
    }
    let colour = details.colour.unwrap_or(Colour::BT709);
    let mut text = format!("{profile}.{level:02}{tier}.{bit_depth:02}");
    // The sample position counts only where both directions are subsampled.
    let position = if subsampling_x == 1 && subsampling_y == 1 {
        sample_position
    } else {
        0
    };
    let chroma = (monochrome, subsampling_x, subsampling_y, position);
    if chroma != (0, 1, 1, 0) || colour != Colour::BT709 {
        let Colour {
            primaries,
            transfer,
            matrix,
            full_range,
        } = colour;
        let range = u8::from(full_range);
        // Writing to a String cannot fail.
        let _ = write!(text, ".{monochrome}.{subsampling_x}{subsampling_y}{position}");
        let _ = write!(text, ".{primaries:02}.{transfer:02}.{matrix:02}.{range}");
    }
    Ok(text)
}
