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
    Ok(Finding {
        codec: Codec::Avc,
        rfc6381: format!("{four_cc}.{}", hexadecimal(profile)),
        record,
    })
}

/// Profile, constraint flags and level as RFC 6381 §3.3 has them.
fn hexadecimal([profile_idc, constraints, level_idc]: [u8; 3]) -> String {
    format!("{profile_idc:02x}{constraints:02x}{level_idc:02x}")
}

/// What decoders of all `records` decode, as RFC 6381 writes it: the highest profile and
/// level, and the constraints they share. `None` when a record is too short.
pub(super) fn joint_profile<'a>(records: impl Iterator<Item = &'a [u8]>) -> Option<String> {
    let mut joint: Option<[u8; 3]> = None;
    for record in records {
        let &[profile_idc, constraints, level_idc] = record.get(1..)?.first_chunk()?;
        joint = Some(match joint {
            Some([profile, shared, level]) => [
                profile.max(profile_idc),
                shared & constraints,
                level.max(level_idc),
            ],
            None => [profile_idc, constraints, level_idc],
        });
    }
    joint.map(hexadecimal)
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
