//! Sample entries of JPEG images: `jpeg` and `mjpg` as QuickTime and `ISO/IEC 23008-12`
//! have them, `mp4v` with the object type of JPEG (`ISO/IEC 14496-1 §7.2.6.6`).

use super::{boxes, descriptor};

/// Where width and height stand in a visual sample entry, after its box header
/// (`ISO/IEC 14496-12 §12.1.3`).
const SIZE_OFFSET: usize = 24;
/// Bytes of its fixed fields.
const FIXED_SIZE: usize = 78;

/// `objectTypeIndication` of JPEG (`ISO/IEC 10918-1`).
const OBJECT_TYPE: u8 = 0x6C;

/// Width and height in pixels of the images that a sample entry, a whole box, is for;
/// `None` unless they are JPEG.
#[must_use]
pub(crate) fn picture_size(entry: &[u8]) -> Option<(u32, u32)> {
    let (four_cc, payload) = boxes::open(entry).ok()?;
    let (fixed, children) = payload.split_at_checked(FIXED_SIZE)?;
    let is_jpeg = match &four_cc.0 {
        b"jpeg" | b"mjpg" => true,
        b"mp4v" => {
            let boxes = boxes::Boxes::read(children).ok()?;
            descriptor::object_type(boxes.find(b"esds")?).ok()? == OBJECT_TYPE
        }
        _ => false,
    };
    let [wide, narrow, high, low] = *fixed.get(SIZE_OFFSET..)?.first_chunk()?;
    let (width, height) = (
        u16::from_be_bytes([wide, narrow]),
        u16::from_be_bytes([high, low]),
    );
    (is_jpeg && width > 0 && height > 0).then_some((width.into(), height.into()))
}
