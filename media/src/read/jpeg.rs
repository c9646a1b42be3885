//! The size of a JPEG picture, by its frame header (`ITU-T T.81 §B.2.2`).

use thiserror::Error;

/// Most segments before the frame header; real files have some 20.
const SEGMENTS_MAX: usize = 1000;

/// Start of image, and of a scan, which what is looked for comes before.
const START_OF_IMAGE: [u8; 2] = [0xFF, 0xD8];
const START_OF_SCAN: u8 = 0xDA;

/// Why bytes are not a JPEG picture, or do not tell its size.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum JpegError {
    /// It does not begin as one.
    #[error("not a JPEG picture")]
    NotJpeg,
    /// A segment does not begin with a marker.
    #[error("no marker at offset {offset} of a JPEG picture")]
    NoMarker {
        /// Where one should be.
        offset: usize,
    },
    /// The frame header is not among the bytes at hand.
    #[error("no frame header in the first {size} bytes of a JPEG picture")]
    NoFrameHeader {
        /// How many there were.
        size: usize,
    },
    /// Its width or height is 0.
    #[error("a JPEG picture without width or height")]
    Empty,
}

/// Width and height in pixels of the picture that begins with `head`.
///
/// # Errors
/// When it is no JPEG, or its frame header lies behind `head`.
pub fn size(head: &[u8]) -> Result<(u32, u32), JpegError> {
    if !head.starts_with(&START_OF_IMAGE) {
        return Err(JpegError::NotJpeg);
    }
    let missing = JpegError::NoFrameHeader { size: head.len() };
    let mut at = START_OF_IMAGE.len();
    for _ in 0..SEGMENTS_MAX {
        let rest = head.get(at..).unwrap_or_default();
        let (lead, rest) = rest.split_first().ok_or(missing)?;
        if *lead != 0xFF {
            return Err(JpegError::NoMarker { offset: at });
        }
        // Any number of fill bytes may stand before a marker's code (§B.1.1.2).
        let fill = rest.iter().take_while(|byte| **byte == 0xFF).count();
        let rest = rest.get(fill..).unwrap_or_default();
        let (code, rest) = rest.split_first().ok_or(missing)?;
        at += 2 + fill;
        match *code {
            START_OF_SCAN => return Err(missing),
            // Stand alone, without a length.
            0x01 | 0xD0..=0xD7 => {}
            // Frame headers, but for tables that share their range of codes.
            0xC0..=0xCF if !matches!(*code, 0xC4 | 0xC8 | 0xCC) => {
                let [_, _, _, high, low, wide, narrow] = *rest.first_chunk().ok_or(missing)?;
                let (height, width) = (
                    u16::from_be_bytes([high, low]),
                    u16::from_be_bytes([wide, narrow]),
                );
                // A height of 0 is stated behind the first scan (§B.2.5): nobody does that.
                return match (width, height) {
                    (0, _) | (_, 0) => Err(JpegError::Empty),
                    (width, height) => Ok((width.into(), height.into())),
                };
            }
            _ => {
                let length = u16::from_be_bytes(*rest.first_chunk().ok_or(missing)?);
                if length < 2 {
                    return Err(JpegError::NoMarker { offset: at });
                }
                at += usize::from(length);
            }
        }
    }
    Err(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture with a JFIF header, a comment of `comment` bytes and a frame header.
    fn picture(code: u8, comment: usize) -> Vec<u8> {
        let mut bytes = vec![0xFF, 0xD8, 0xFF, 0xE0, 0, 4, 1, 2, 0xFF, 0xFF, 0xFE];
        bytes.extend(u16::try_from(comment + 2).unwrap().to_be_bytes());
        bytes.extend(vec![0xFF; comment]);
        bytes.extend([0xFF, code, 0, 17, 8, 1, 0x68, 2, 0x80, 3]);
        bytes
    }

    #[test]
    fn the_frame_header_tells_the_size() {
        for code in [0xC0, 0xC1, 0xC2, 0xC9] {
            assert_eq!(size(&picture(code, 3)), Ok((640, 360)));
        }
    }

    #[test]
    fn what_tells_no_size_is_refused() {
        let whole = picture(0xC0, 300);
        let missing = |size| Err(JpegError::NoFrameHeader { size });
        assert_eq!(size(&whole[..200]), missing(200));
        assert_eq!(size(&picture(0xDA, 3)), missing(26));
        assert_eq!(size(&picture(0xC4, 3)), missing(26));
        assert_eq!(size(b"\x89PNG"), Err(JpegError::NotJpeg));
        assert_eq!(size(&[0xFF, 0xD8, 0, 0]), Err(JpegError::NoMarker { offset: 2 }));
        for end in 0..whole.len() {
            let _ = size(&whole[..end]);
        }
    }
}
