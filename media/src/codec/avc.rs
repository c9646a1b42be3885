//! H.264 in ISO BMFF: `avc1`, `avc3` and `avcC`, `ISO/IEC 14496-15 §5.3.3`.

mod sequence_parameter_set;

use super::bits::{Bits, unescape};
use super::boxes::Boxes;
use super::{Codec, CodecError, Finding, FourCc, VideoDetails};
use sequence_parameter_set::SequenceParameterSet;
pub(super) use sequence_parameter_set::{read_colour, read_pixel_aspect};

const AVCC: FourCc = FourCc(*b"avcC");

pub(super) fn read<'a>(
    four_cc: FourCc,
    boxes: &Boxes<'a>,
    details: &mut VideoDetails,
) -> Result<Finding<'a>, CodecError> {
    let record = boxes.require(four_cc, b"avcC")?;
    let profile = read_record(record, details)?;
    // RFC 6381 §3.3: profile, constraint flags and level in hexadecimal.
    let [profile_idc, constraints, level_idc] = profile;
    let rfc6381 = format!("{four_cc}.{profile_idc:02x}{constraints:02x}{level_idc:02x}");
    Ok(Finding {
        codec: Codec::Avc,
        rfc6381,
        record,
    })
}

/// Reads an `AVCDecoderConfigurationRecord`. A parameter set that cannot be
/// read costs its hints (colour, shape), not the track: decoders are more
/// tolerant than its grammar.
pub(super) fn read_record(record: &[u8], details: &mut VideoDetails) -> Result<[u8; 3], CodecError> {
    let mut bits = Bits::new(AVCC, record);
    if bits.u8()? != 1 {
        return Err(bits.invalid("a configurationVersion other than 1"));
    }
    let profile = [bits.u8()?, bits.u8()?, bits.u8()?];
    bits.skip(6)?;
    let length_size = bits.small(2)? + 1;
    if length_size == 3 {
        return Err(bits.invalid("NAL unit lengths of 3 bytes"));
    }
    details.nal_length_size = Some(length_size);
    bits.skip(3)?;
    let sequence_count = bits.read(5)?;
    let mut first = None;
    for _ in 0..sequence_count {
        let size = usize::from(bits.u16()?);
        let nal = bits.bytes(size)?;
        first = first.or(Some(nal));
    }
    let picture_count = bits.u8()?;
    for _ in 0..picture_count {
        let size = usize::from(bits.u16()?);
        bits.bytes(size)?;
    }
    details.parameter_sets_in_entry = sequence_count > 0 && picture_count > 0;
    if let Some(set) = first.and_then(|nal| SequenceParameterSet::read(&unescape(nal)).ok()) {
        set.fill(details);
    }
    Ok(profile)
}
