//! The boxes inside a sample entry.

use super::{CodecError, FourCc};

/// Most boxes in one sample entry; real ones have up to a dozen.
const BOXES_MAX: usize = 64;

/// The boxes of one sample entry, in their order.
#[derive(Debug, Default)]
pub(super) struct Boxes<'a>(Vec<(FourCc, &'a [u8])>);

impl<'a> Boxes<'a> {
    /// Reads boxes up to the end. Fewer than 8 bytes after the last one and a
    /// terminator of zeros, both common in QuickTime files, are let pass.
    ///
    /// # Errors
    ///
    /// [`CodecError::BoxSize`], [`CodecError::TooManyBoxes`].
    pub(super) fn read(data: &'a [u8]) -> Result<Self, CodecError> {
        let mut boxes = Vec::new();
        let mut rest = data;
        while let Some((size, four_cc)) = header(rest) {
            if size == 0 && four_cc.0 == [0; 4] {
                break;
            }
            let offset = data.len() - rest.len();
            let bad = || CodecError::BoxSize {
                offset,
                size,
                available: rest.len(),
            };
            let (payload, after) = split(rest, size).ok_or_else(bad)?;
            if boxes.len() == BOXES_MAX {
                return Err(CodecError::TooManyBoxes { limit: BOXES_MAX });
            }
            boxes.push((four_cc, payload));
            rest = after;
        }
        Ok(Self(boxes))
    }

    /// The payload of the first box of this name.
    pub(super) fn find(&self, name: &[u8; 4]) -> Option<&'a [u8]> {
        self.0
            .iter()
            .find(|(four_cc, _)| four_cc.0 == *name)
            .map(|(_, payload)| *payload)
    }

    /// Names and payloads, in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (FourCc, &'a [u8])> {
        self.0.iter().copied()
    }

    /// As [`Self::find`], for the box an entry cannot do without.
    pub(super) fn require(&self, four_cc: FourCc, name: &[u8; 4]) -> Result<&'a [u8], CodecError> {
        self.find(name).ok_or(CodecError::Missing {
            four_cc,
            missing: FourCc(*name),
        })
    }

    /// Adds the boxes of another place, after these.
    pub(super) fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }
}

/// The name and payload of `entry`, one whole box.
pub(super) fn open(entry: &[u8]) -> Result<(FourCc, &[u8]), CodecError> {
    let Some((size, four_cc)) = header(entry) else {
        return Err(CodecError::Truncated {
            part: FourCc(*b"stsd"),
            offset: entry.len(),
        });
    };
    let bad = CodecError::BoxSize {
        offset: 0,
        size,
        available: entry.len(),
    };
    let (payload, _) = split(entry, size).ok_or(bad)?;
    Ok((four_cc, payload))
}

/// Whether `data` is boxes with printable names from its start to its very end.
pub(super) fn is_chain(data: &[u8]) -> bool {
    let mut rest = data;
    while let Some((size, four_cc)) = header(rest) {
        let printable = four_cc
            .0
            .iter()
            .all(|byte| byte.is_ascii_graphic() || *byte == b' ');
        match split(rest, size) {
            Some((_, after)) if printable && size != 0 => rest = after,
            _ => return false,
        }
    }
    rest.is_empty()
}

/// A box of `content`.
pub(super) fn boxed(kind: FourCc, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + 8);
    push(&mut out, kind, content);
    out
}

/// Appends a box. Contents are parts of an entry, whose size is limited.
pub(super) fn push(out: &mut Vec<u8>, kind: FourCc, content: &[u8]) {
    let size = u32::try_from(content.len() + 8).unwrap_or(u32::MAX);
    out.extend(size.to_be_bytes());
    out.extend(kind.0);
    out.extend_from_slice(content);
}

/// The stated size and the name.
fn header(data: &[u8]) -> Option<(u64, FourCc)> {
    let (size, after) = data.split_first_chunk::<4>()?;
    let (name, after) = after.split_first_chunk::<4>()?;
    let size = match u32::from_be_bytes(*size) {
        1 => u64::from_be_bytes(*after.first_chunk::<8>()?),
        size => u64::from(size),
    };
    Some((size, FourCc(*name)))
}

/// The payload of the first box of `data`, and what follows the box.
fn split(data: &[u8], size: u64) -> Option<(&[u8], &[u8])> {
    let header_size = if data.first_chunk::<4>()? == &[0, 0, 0, 1] {
        16
    } else {
        8
    };
    // Size zero: up to the end, ISO/IEC 14496-12 §4.2.
    let size = if size == 0 {
        data.len()
    } else {
        usize::try_from(size).ok()?
    };
    let (whole, after) = data.split_at_checked(size)?;
    Some((whole.get(header_size..)?, after))
}
