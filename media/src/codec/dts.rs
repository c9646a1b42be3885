//! DTS: `ddts`, `ETSI TS 102 114 Annex E`, and `udts` of DTS:X, `ETSI TS 103 491 Annex B`.

use super::bits::Bits;
use super::boxes::Boxes;
use super::{AudioDetails, ChannelLayout, Codec, CodecError, DeclaredBitrate, Finding, FourCc};

/// Bits of `ChannelLayout` that stand for a pair of loudspeakers, Table E-5.
const PAIRS: u16 = 0xAE66;

pub(super) fn read<'a>(
    four_cc: FourCc,
    boxes: &Boxes<'a>,
    details: &mut AudioDetails,
) -> Result<Finding<'a>, CodecError> {
    let rfc6381 = four_cc.to_string();
    if four_cc.0 == *b"dtsx" {
        let record = boxes.require(four_cc, b"udts")?;
        return Ok(Finding {
            codec: Codec::Dts,
            rfc6381,
            record,
        });
    }
    let record = boxes.require(four_cc, b"ddts")?;
    let mut bits = Bits::new(FourCc(*b"ddts"), record);
    details.sample_rate = bits.read(32)?;
    let bitrate = DeclaredBitrate {
        max: bits.read(32)?,
        average: bits.read(32)?,
    };
    details.bitrate = details.bitrate.or(Some(bitrate));
    bits.skip(8 + 2 + 5 + 1 + 6 + 14 + 1 + 3)?; // pcmSampleDepth … RepresentationType
    let mask = bits.u16()?;
    if mask != 0 {
        let channels = mask.count_ones() + (mask & PAIRS).count_ones();
        details.channels = u16::try_from(channels).unwrap_or(0);
        details.layout = ChannelLayout::Dts(u32::from(mask));
    }
    Ok(Finding {
        codec: Codec::Dts,
        rfc6381,
        record,
    })
}
