//! Dolby Digital and Dolby Digital Plus: `dac3` and `dec3`, `ETSI TS 102 366 Annex F`.

use super::bits::Bits;
use super::boxes::Boxes;
use super::{AudioDetails, ChannelLayout, Codec, CodecError, Finding, FourCc};

/// Loudspeakers by `acmod`, as bits of the channel mask: 1+1, C, LR, LCR, LRS, LCRS, LR + surrounds, LCR + surrounds.
const MASKS: [u16; 8] = [0xA000, 0x4000, 0xA000, 0xE000, 0xA100, 0xE100, 0xB800, 0xF800];
/// The low-frequency channel's bit.
const LOW_FREQUENCY: u16 = 0x0001;
/// Bits that stand for a pair of loudspeakers.
const PAIRS: u16 = 0x0400 | 0x0200 | 0x0040 | 0x0020 | 0x0010 | 0x0004;
/// Bits by `chan_loc` of dependent substreams, lowest first: Lc/Rc, Lrs/Rrs, Cs,
/// Ts, Lsd/Rsd, Lw/Rw, Lvh/Rvh, Cvh, LFE2.
const DEPENDENT: [u16; 9] = [
    0x0400, 0x0200, 0x0100, 0x0080, 0x0040, 0x0020, 0x0010, 0x0008, 0x0002,
];

pub(super) fn read_ac3<'a>(
    four_cc: FourCc,
    boxes: &Boxes<'a>,
    details: &mut AudioDetails,
) -> Result<Finding<'a>, CodecError> {
    let record = boxes.require(four_cc, b"dac3")?;
    let mut bits = Bits::new(FourCc(*b"dac3"), record);
    let rate_code = bits.read(2)?;
    bits.skip(5 + 3)?; // bsid, bsmod
    let mask = read_channels(&mut bits)?;
    fill(details, rate_code, mask);
    Ok(Finding {
        codec: Codec::Ac3,
        rfc6381: four_cc.to_string(),
        record,
    })
}

pub(super) fn read_eac3<'a>(
    four_cc: FourCc,
    boxes: &Boxes<'a>,
    details: &mut AudioDetails,
) -> Result<Finding<'a>, CodecError> {
    let record = boxes.require(four_cc, b"dec3")?;
    let mut bits = Bits::new(FourCc(*b"dec3"), record);
    bits.skip(13)?; // data_rate
    let substreams = bits.read(3)? + 1;
    for index in 0..substreams {
        let rate_code = bits.read(2)?;
        bits.skip(5 + 1 + 1 + 3)?; // bsid, reserved, asvc, bsmod
        let mut mask = read_channels(&mut bits)?;
        bits.skip(3)?;
        if bits.read(4)? == 0 {
            bits.skip(1)?;
        } else {
            let locations = bits.read(9)?;
            for (bit, speaker) in DEPENDENT.iter().enumerate() {
                if locations & (1 << bit) != 0 {
                    mask |= speaker;
                }
            }
        }
        // The first independent substream is the programme; others are alternatives.
        if index == 0 {
            fill(details, rate_code, mask);
        }
    }
    // ETSI TS 103 420 §C.3.2.1, absent in older files.
    if bits.remaining() >= 16 {
        bits.skip(7)?;
        if bits.flag()? {
            details.joc_complexity = Some(bits.u8()?).filter(|complexity| *complexity != 0);
        }
    }
    Ok(Finding {
        codec: Codec::Eac3,
        rfc6381: four_cc.to_string(),
        record,
    })
}

/// Reads `acmod` and `lfeon`.
fn read_channels(bits: &mut Bits<'_>) -> Result<u16, CodecError> {
    let mode = usize::from(bits.small(3)?);
    let low_frequency = if bits.flag()? { LOW_FREQUENCY } else { 0 };
    Ok(MASKS.get(mode).copied().unwrap_or(0) | low_frequency)
}

fn fill(details: &mut AudioDetails, rate_code: u32, mask: u16) {
    // fscod 3 means a halved rate, which only the entry states.
    match rate_code {
        0 => details.sample_rate = 48_000,
        1 => details.sample_rate = 44_100,
        2 => details.sample_rate = 32_000,
        _ => {}
    }
    let channels = mask.count_ones() + (mask & PAIRS).count_ones();
    details.channels = u16::try_from(channels).unwrap_or(0);
    details.layout = ChannelLayout::Dolby(mask);
}
