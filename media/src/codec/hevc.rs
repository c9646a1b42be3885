//! H.265 in ISO BMFF: `hvc1`, `hev1` and `hvcC`, `ISO/IEC 14496-15 §8.3.3`.

mod sequence_parameter_set;

use std::fmt;

use super::bits::{Bits, unescape};
use super::boxes::Boxes;
use super::{Codec, CodecError, Finding, FourCc, VideoDetails};
use sequence_parameter_set::SequenceParameterSet;

const HVCC: FourCc = FourCc(*b"hvcC");

/// `nal_unit_type` of the parameter sets, `ITU-T H.265 Table 7-1`.
const VIDEO_PARAMETER_SET: u32 = 32;
const SEQUENCE_PARAMETER_SET: u32 = 33;
const PICTURE_PARAMETER_SET: u32 = 34;

pub(super) fn read<'a>(
    four_cc: FourCc,
    boxes: &Boxes<'a>,
    details: &mut VideoDetails,
) -> Result<Finding<'a>, CodecError> {
    let record = boxes.require(four_cc, b"hvcC")?;
    let profile = read_record(record, details)?;
    Ok(Finding {
        codec: Codec::Hevc,
        rfc6381: format!("{four_cc}.{profile}"),
        record,
    })
}

/// Reads an `HEVCDecoderConfigurationRecord`; answers with the profile, tier,
/// level and constraints as `ISO/IEC 14496-15 Annex E.3` writes them: `1.6.L93.B0`.
pub(super) fn read_record(record: &[u8], details: &mut VideoDetails) -> Result<String, CodecError> {
    let mut bits = Bits::new(HVCC, record);
    // 0 stands in files made before the specification was final.
    if bits.u8()? > 1 {
        return Err(bits.invalid("a configurationVersion other than 1"));
    }
    let profile = Profile::read(&mut bits)?.to_string();
    bits.skip(4 + 12 + 6 + 2 + 6 + 2)?; // min_spatial_segmentation_idc, parallelismType, chromaFormat
    bits.skip(5)?;
    details.bit_depth = Some(8 + bits.small(3)?);
    bits.skip(8 + 16)?; // bitDepthChromaMinus8, avgFrameRate
    bits.skip(2 + 3 + 1)?; // constantFrameRate, numTemporalLayers, temporalIdNested
    let length_size = bits.small(2)? + 1;
    if length_size == 3 {
        return Err(bits.invalid("NAL unit lengths of 3 bytes"));
    }
    details.nal_length_size = Some(length_size);
    read_parameter_sets(&mut bits, details)?;
    Ok(profile)
}

/// Profile, tier, level and constraints.
#[derive(Clone, Copy)]
struct Profile {
    space: u8,
    is_high_tier: bool,
    idc: u8,
    /// The first flag is the highest bit.
    compatibility: u32,
    constraints: [u8; 6],
    level_idc: u8,
}

impl Profile {
    fn read(bits: &mut Bits<'_>) -> Result<Self, CodecError> {
        Ok(Self {
            space: bits.small(2)?,
            is_high_tier: bits.flag()?,
            idc: bits.small(5)?,
            compatibility: bits.read(32)?,
            constraints: [
                bits.u8()?,
                bits.u8()?,
                bits.u8()?,
                bits.u8()?,
                bits.u8()?,
                bits.u8()?,
            ],
            level_idc: bits.u8()?,
        })
    }

    /// What decoders of both decode.
    fn and(self, other: Self) -> Self {
        let mut constraints = self.constraints;
        for (shared, also) in constraints.iter_mut().zip(other.constraints) {
            *shared &= also;
        }
        Self {
            space: self.space.max(other.space),
            is_high_tier: self.is_high_tier || other.is_high_tier,
            idc: self.idc.max(other.idc),
            compatibility: self.compatibility & other.compatibility,
            constraints,
            level_idc: self.level_idc.max(other.level_idc),
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let space = match self.space {
            0 => "",
            1 => "A",
            2 => "B",
            _ => "C",
        };
        let tier = if self.is_high_tier { 'H' } else { 'L' };
        // The compatibility flags are written with the first flag as the lowest bit.
        let compatibility = self.compatibility.reverse_bits();
        write!(
            f,
            "{space}{}.{compatibility:X}.{tier}{}",
            self.idc, self.level_idc
        )?;
        let significant = self
            .constraints
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |last| last + 1);
        self.constraints
            .iter()
            .take(significant)
            .try_for_each(|byte| write!(f, ".{byte:X}"))
    }
}

/// What decoders of all `records` decode, as RFC 6381 writes it. `None` when a record is
/// too short.
pub(super) fn joint_profile<'a>(records: impl Iterator<Item = &'a [u8]>) -> Option<String> {
    let mut joint: Option<Profile> = None;
    for record in records {
        let profile = Profile::read(&mut Bits::new(HVCC, record.get(1..)?)).ok()?;
        joint = Some(joint.map_or(profile, |joint| joint.and(profile)));
    }
    joint.map(|joint| joint.to_string())
}

fn read_parameter_sets(bits: &mut Bits<'_>, details: &mut VideoDetails) -> Result<(), CodecError> {
    let (mut has_video, mut has_picture, mut sequence) = (false, false, None);
    for _ in 0..bits.u8()? {
        bits.skip(2)?; // array_completeness, reserved
        let nal_type = bits.read(6)?;
        for _ in 0..bits.u16()? {
            let size = usize::from(bits.u16()?);
            let nal = bits.bytes(size)?;
            match nal_type {
                VIDEO_PARAMETER_SET => has_video = true,
                SEQUENCE_PARAMETER_SET => sequence = sequence.or(Some(nal)),
                PICTURE_PARAMETER_SET => has_picture = true,
                _ => {}
            }
        }
    }
    details.parameter_sets_in_entry = has_video && has_picture && sequence.is_some();
    // As with H.264, a set that cannot be read costs its hints only.
    if let Some(set) = sequence.and_then(|nal| SequenceParameterSet::read(&unescape(nal)).ok()) {
        set.fill(details);
    }
    Ok(())
}
