//! Dolby Vision, Dolby Vision Streams Within the ISO Base Media File Format 2.x:
//! its own sample entries, and its box in the entry of a base layer any decoder plays.

use super::bits::Bits;
use super::boxes::Boxes;
use super::{Codec, CodecError, Finding, FourCc, VideoDetails, av1, avc, hevc};

/// A `DOVIDecoderConfigurationRecord`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DolbyVision {
    /// `dv_profile`: 5 has no compatible base layer; 8, 9 and 10 may.
    pub profile: u8,
    /// `dv_level`.
    pub level: u8,
    /// `dv_bl_signal_compatibility_id`: 0 none, 1 HDR10, 2 SDR, 4 HLG.
    pub compatibility: u8,
}

impl DolbyVision {
    /// Reads `dvcC`, `dvvC` or `dvwC`.
    pub(super) fn read(payload: &[u8]) -> Result<Self, CodecError> {
        let mut bits = Bits::new(FourCc(*b"dvcC"), payload);
        bits.skip(16)?; // dv_version_major, dv_version_minor
        let (profile, level) = (bits.small(7)?, bits.small(6)?);
        bits.skip(3)?; // rpu_present_flag, el_present_flag, bl_present_flag
        // Records of the first version end here.
        let compatibility = if bits.remaining() >= 4 { bits.small(4)? } else { 0 };
        Ok(Self {
            profile,
            level,
            compatibility,
        })
    }

    /// The supplemental codec of an entry whose own codec is the base layer's,
    /// with the brand that names what the base layer is compatible with.
    pub(super) fn supplemental(self, base: FourCc) -> Option<String> {
        let enhanced = match &base.0 {
            b"hvc1" => "dvh1",
            b"hev1" => "dvhe",
            b"avc1" => "dva1",
            b"avc3" => "dvav",
            b"av01" => "dav1",
            _ => return None,
        };
        let brand = match self.compatibility {
            1 => "db1p",
            2 => "db2g",
            4 => "db4h",
            _ => return None,
        };
        Some(format!("{enhanced}.{}/{brand}", self.profile_and_level()))
    }

    fn profile_and_level(self) -> String {
        format!("{:02}.{:02}", self.profile, self.level)
    }
}

/// Reads an entry that is Dolby Vision and nothing else.
pub(super) fn read<'a>(
    four_cc: FourCc,
    boxes: &Boxes<'a>,
    details: &mut VideoDetails,
) -> Result<Finding<'a>, CodecError> {
    let record = match &four_cc.0 {
        b"dvh1" | b"dvhe" => {
            let record = boxes.require(four_cc, b"hvcC")?;
            hevc::read_record(record, details)?;
            record
        }
        b"dav1" => {
            let record = boxes.require(four_cc, b"av1C")?;
            av1::read_record(record, details)?;
            record
        }
        _ => {
            let record = boxes.require(four_cc, b"avcC")?;
            avc::read_record(record, details)?;
            record
        }
    };
    let missing = FourCc(*b"dvcC");
    let vision = details
        .dolby_vision
        .ok_or(CodecError::Missing { four_cc, missing })?;
    let rfc6381 = format!("{four_cc}.{}", vision.profile_and_level());
    Ok(Finding {
        codec: Codec::DolbyVision,
        rfc6381,
        record,
    })
}
