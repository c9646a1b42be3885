//! What all audio sample entries share, `ISO/IEC 14496-12 §12.2.3` and the
//! QuickTime File Format's sound sample descriptions.

use super::bits::Bits;
use super::boxes::{Boxes, is_chain};
use super::visual::read_bitrate;
use super::{AudioDetails, ChannelLayout, CodecError, FourCc};

/// Bytes of the fixed fields after the box header.
pub(super) const FIXED_SIZE: usize = 28;
/// Bytes a QuickTime version 1 description adds: four fields of packet sizes.
const QUICKTIME_V1_SIZE: usize = 16;
/// Bytes a QuickTime version 2 description adds.
const QUICKTIME_V2_SIZE: usize = 36;

/// Reads the fixed fields and the boxes any audio entry may have; boxes inside
/// QuickTime's `wave` come after the entry's own.
pub(super) fn open(four_cc: FourCc, payload: &[u8]) -> Result<(AudioDetails, Boxes<'_>), CodecError> {
    let Some((fixed, after)) = payload.split_at_checked(FIXED_SIZE) else {
        return Err(CodecError::Truncated {
            part: four_cc,
            offset: payload.len(),
        });
    };
    let mut bits = Bits::new(four_cc, fixed);
    bits.skip((6 + 2) * 8)?; // reserved, data_reference_index
    bits.skip((2 + 2 + 4) * 8)?; // version, revision, vendor
    let channels = bits.u16()?;
    bits.skip((2 + 2 + 2) * 8)?; // samplesize, pre_defined, reserved
    // 16.16 fixed point: the whole part. Rates over 65535 do not fit and are
    // stated by the codec's own box.
    let sample_rate = bits.read(16)?;
    let mut details = AudioDetails {
        sample_rate,
        channels,
        ..AudioDetails::default()
    };
    let quicktime = quicktime_size(fixed, after);
    if quicktime == Some(QUICKTIME_V2_SIZE) {
        read_quicktime_v2(four_cc, after, &mut details)?;
    }
    let children = after.get(quicktime.unwrap_or(0)..).ok_or(CodecError::Truncated {
        part: four_cc,
        offset: payload.len(),
    })?;
    let mut boxes = Boxes::read(children)?;
    if let Some(wave) = boxes.find(b"wave") {
        boxes.append(Boxes::read(wave)?);
    }
    if let Some(payload) = boxes.find(b"srat") {
        let mut bits = Bits::new(FourCc(*b"srat"), payload);
        bits.skip(32)?; // version, flags
        details.sample_rate = bits.read(32)?;
    }
    details.layout = ChannelLayout::of_count(details.channels);
    details.bitrate = read_bitrate(&boxes)?;
    Ok((details, boxes))
}

/// Bytes that a QuickTime description adds behind the fixed fields; `None` for an
/// entry as ISO has it.
pub(super) fn quicktime_size(fixed: &[u8], after: &[u8]) -> Option<usize> {
    match fixed.get(8..10) {
        // Version 1 means two things: QuickTime adds fields, ISO does not. Only
        // one of the two readings is boxes up to the end.
        Some([0, 1]) if !is_chain(after) => Some(QUICKTIME_V1_SIZE),
        Some([0, 2]) => Some(QUICKTIME_V2_SIZE),
        _ => None,
    }
}

/// Reads the rate (a double) and the count of channels of a version 2 description.
fn read_quicktime_v2(four_cc: FourCc, added: &[u8], details: &mut AudioDetails) -> Result<(), CodecError> {
    let mut bits = Bits::new(four_cc, added);
    bits.skip(32)?; // sizeOfStructOnly
    let rate = f64::from_bits(u64::from(bits.read(32)?) << 32 | u64::from(bits.read(32)?));
    if !(1.0..=f64::from(u32::MAX)).contains(&rate) {
        return Err(bits.invalid("a sample rate outside 1 to 2^32"));
    }
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range is checked above"
    )]
    let sample_rate = rate.round() as u32;
    details.sample_rate = sample_rate;
    details.channels = u16::try_from(bits.read(32)?).map_err(|_| bits.invalid("more than 65535 channels"))?;
    Ok(())
}
