//! AV1 in ISO BMFF: `av01` and `av1C`, AV1 Codec ISO Media File Format Binding §2.3.

mod sequence_header;

use std::fmt::Write as _;

use super::bits::Bits;
use super::boxes::{self, Boxes};
use super::{Codec, CodecError, Colour, Finding, FourCc, VideoDetails, visual};

const AV1C: FourCc = FourCc(*b"av1C");

/// Bytes of a record without open bitstream units.
const RECORD_SIZE_MIN: usize = 4;

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

/// Whether `entry` has an `av1C` without a record, as some packagers write it before they
/// know what will follow.
pub(super) fn is_unconfigured(entry: &[u8]) -> bool {
    let record = |entry| {
        let (four_cc, payload) = boxes::open(entry).ok()?;
        let children = payload.get(visual::FIXED_SIZE..)?;
        Boxes::read(children)
            .ok()?
            .find(b"av1C")
            .filter(|_| &four_cc.0 == b"av01")
    };
    record(entry).is_some_and(|record| record.len() < RECORD_SIZE_MIN)
}

/// `entry`, which [is unconfigured](is_unconfigured), with the record that the sequence
/// header at the start of its first sample makes; `None` when there is no such header.
pub(super) fn configured(entry: &[u8], sample: &[u8]) -> Option<Vec<u8>> {
    let record = record_of(sample)?;
    let (four_cc, payload) = boxes::open(entry).ok()?;
    let (fixed, children) = payload.split_at_checked(visual::FIXED_SIZE)?;
    let mut out = fixed.to_vec();
    for (kind, content) in Boxes::read(children).ok()?.iter() {
        let content = if kind == AV1C { &record } else { content };
        boxes::push(&mut out, kind, content);
    }
    Some(boxes::boxed(four_cc, &out))
}

/// The record for samples that begin as `sample` does, §2.3.3.
fn record_of(sample: &[u8]) -> Option<Vec<u8>> {
    /// `OBU_SEQUENCE_HEADER` with its size, and the largest size that takes a byte.
    const SIZED_HEADER: u8 = 1 << 3 | 1 << 1;
    const SIZE_MAX: usize = 127;
    let (payload, header) = sequence_header::find(sample)?;
    let coding = header.coding;
    let size = u8::try_from(payload.len())
        .ok()
        .filter(|_| payload.len() <= SIZE_MAX)?;
    let flag = |holds: bool, shift: u8| u8::from(holds) << shift;
    let (horizontal, vertical) = coding.subsampling;
    let mut record = vec![
        0x81,
        header.profile << 5 | header.level,
        flag(header.is_high_tier, 7)
            | flag(coding.is_high_depth, 6)
            | flag(coding.is_twelve_bit, 5)
            | flag(coding.is_monochrome, 4)
            | flag(horizontal, 3)
            | flag(vertical, 2)
            | coding.sample_position,
        0, // initial_presentation_delay: not said
        SIZED_HEADER,
        size,
    ];
    record.extend_from_slice(payload);
    Some(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What libaom wrote: the start of a first sample, behind a temporal delimiter, and
    /// the record made of it by ffmpeg.
    const SAMPLE: [u8; 14] = [
        0x12, 0x00, 0x0a, 0x0a, 0, 0, 0, 2, 0xaf, 0xff, 0x9b, 0x5f, 0x20, 0x08,
    ];
    const RECORD: [u8; 16] = [
        0x81, 0, 0x0c, 0, 0x0a, 0x0a, 0, 0, 0, 2, 0xaf, 0xff, 0x9b, 0x5f, 0x20, 0x08,
    ];

    #[test]
    fn a_record_is_made_of_the_first_sample() {
        assert_eq!(record_of(&SAMPLE).unwrap(), RECORD);
        assert_eq!(record_of(&SAMPLE[2..]).unwrap(), RECORD);
        assert_eq!(record_of(&SAMPLE[..8]), None);
        assert_eq!(record_of(&[]), None);
    }

    #[test]
    fn an_entry_without_a_record_is_completed() {
        let mut content = vec![0; visual::FIXED_SIZE];
        boxes::push(&mut content, FourCc(*b"pasp"), &[0, 0, 0, 1, 0, 0, 0, 1]);
        let entry = |record: &[u8]| {
            let mut content = content.clone();
            boxes::push(&mut content, AV1C, record);
            boxes::boxed(FourCc(*b"av01"), &content)
        };
        let bare = entry(&[]);
        assert!(is_unconfigured(&bare));
        let completed = configured(&bare, &SAMPLE).unwrap();
        assert_eq!(completed, entry(&RECORD));
        assert!(!is_unconfigured(&completed));
        assert_eq!(configured(&bare, &[0x12, 0]), None);
    }
}
