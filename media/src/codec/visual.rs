//! What all video sample entries share, `ISO/IEC 14496-12 §12.1.3`.

use super::bits::Bits;
use super::boxes::Boxes;
use super::{CodecError, Colour, DeclaredBitrate, DolbyVision, FourCc, PixelAspect, VideoDetails};

/// Bytes of the fixed fields after the box header, up to `pre_defined = -1`.
pub(super) const FIXED_SIZE: usize = 78;

/// Reads the fixed fields and the boxes any video entry may have.
pub(super) fn open(four_cc: FourCc, payload: &[u8]) -> Result<(VideoDetails, Boxes<'_>), CodecError> {
    let Some((fixed, children)) = payload.split_at_checked(FIXED_SIZE) else {
        return Err(CodecError::Truncated {
            part: four_cc,
            offset: payload.len(),
        });
    };
    let boxes = Boxes::read(children)?;
    let mut bits = Bits::new(four_cc, fixed);
    // reserved, data_reference_index, pre_defined, reserved, pre_defined
    bits.skip((6 + 2 + 2 + 2 + 12) * 8)?;
    let mut details = VideoDetails {
        width: bits.read(16)?,
        height: bits.read(16)?,
        ..VideoDetails::default()
    };
    if let Some(payload) = boxes.find(b"colr") {
        details.colour = Colour::read(payload)?.filter(Colour::is_specified);
    }
    if let Some(payload) = boxes.find(b"pasp") {
        let mut bits = Bits::new(FourCc(*b"pasp"), payload);
        details.pixel_aspect = PixelAspect::new(bits.read(32)?, bits.read(32)?);
    }
    details.bitrate = read_bitrate(&boxes)?;
    let vision = boxes
        .find(b"dvcC")
        .or_else(|| boxes.find(b"dvvC"))
        .or_else(|| boxes.find(b"dvwC"));
    if let Some(payload) = vision {
        details.dolby_vision = Some(DolbyVision::read(payload)?);
    }
    Ok((details, boxes))
}

/// Reads `btrt`, which audio entries may have too.
pub(super) fn read_bitrate(boxes: &Boxes<'_>) -> Result<Option<DeclaredBitrate>, CodecError> {
    let Some(payload) = boxes.find(b"btrt") else {
        return Ok(None);
    };
    let mut bits = Bits::new(FourCc(*b"btrt"), payload);
    bits.skip(32)?; // bufferSizeDB
    Ok(Some(DeclaredBitrate {
        max: bits.read(32)?,
        average: bits.read(32)?,
    }))
}
