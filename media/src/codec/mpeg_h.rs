//! MPEG-H 3D Audio: `mha1`, `mhm1` and `mhaC`, `ISO/IEC 23008-3 §20`.

use super::bits::Bits;
use super::boxes::Boxes;
use super::{AudioDetails, ChannelLayout, Codec, CodecError, Finding, FourCc};

/// `mhm1` streams carry their configuration in band and may have no `mhaC`.
pub(super) fn read<'a>(
    four_cc: FourCc,
    boxes: &Boxes<'a>,
    details: &mut AudioDetails,
) -> Result<Finding<'a>, CodecError> {
    let is_in_band = matches!(&four_cc.0, b"mhm1" | b"mhm2");
    let Some(record) = boxes.find(b"mhaC") else {
        return if is_in_band {
            Ok(Finding {
                codec: Codec::MpegH,
                rfc6381: four_cc.to_string(),
                record: &[],
            })
        } else {
            Err(CodecError::Missing {
                four_cc,
                missing: FourCc(*b"mhaC"),
            })
        };
    };
    let mut bits = Bits::new(FourCc(*b"mhaC"), record);
    if bits.u8()? != 1 {
        return Err(bits.invalid("a configurationVersion other than 1"));
    }
    let profile_level = bits.u8()?;
    if let layout @ 1..=63 = bits.u8()? {
        details.layout = ChannelLayout::Cicp(layout);
    }
    Ok(Finding {
        codec: Codec::MpegH,
        rfc6381: format!("{four_cc}.0x{profile_level:02X}"),
        record,
    })
}
