//! Boxes: a size, a type and a payload (`ISO/IEC 14496-12 §4.2`).

use bytes::{Buf, Bytes};

use super::ReadError;
use crate::codec::FourCc;

/// The head of a box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BoxHeader {
    pub(super) kind: FourCc,
    /// Where the box starts in the file.
    pub(super) offset: u64,
    /// Where its payload starts in the file.
    pub(super) payload: u64,
    /// Where the box ends in the file, exclusive.
    pub(super) end: u64,
}

impl BoxHeader {
    /// Most bytes a header takes: size, type and 64-bit size.
    pub(super) const SIZE_MAX: u64 = 16;

    /// Reads the header at the start of `bytes`, which lie at `offset`.
    /// `limit` is where the container ends; a size of 0 reaches up to it.
    pub(super) fn read(mut bytes: &[u8], offset: u64, limit: u64) -> Result<Self, ReadError> {
        let truncated = || ReadError::BoxTruncated {
            kind: FourCc(*b"    "),
            offset,
        };
        let size = bytes.try_get_u32().map_err(|_| truncated())?;
        let kind = FourCc(bytes.try_get_u32().map_err(|_| truncated())?.to_be_bytes());
        let (size, header) = match size {
            0 => (limit.saturating_sub(offset), 8),
            1 => (bytes.try_get_u64().map_err(|_| truncated())?, 16),
            size => (u64::from(size), 8),
        };
        if size < header {
            return Err(ReadError::BoxTooSmall { kind, offset, size });
        }
        let end = offset.saturating_add(size);
        if limit < end {
            return Err(ReadError::BoxBeyondEnd {
                kind,
                offset,
                end,
                limit,
            });
        }
        Ok(Self {
            kind,
            offset,
            payload: offset + header,
            end,
        })
    }

    /// Size of the whole box in bytes.
    pub(super) fn size(&self) -> u64 {
        self.end.saturating_sub(self.offset)
    }

    pub(super) fn too_many(&self, what: &'static str, count: u64, limit: u64) -> ReadError {
        ReadError::TooMany {
            kind: self.kind,
            offset: self.offset,
            what,
            count,
            limit,
        }
    }
}

/// A box whose bytes are at hand.
#[derive(Clone, Debug)]
pub(super) struct BoxBytes {
    pub(super) header: BoxHeader,
    /// The whole box, header included.
    pub(super) whole: Bytes,
    pub(super) payload: Bytes,
}

impl BoxBytes {
    /// The type.
    pub(super) fn kind(&self) -> [u8; 4] {
        self.header.kind.0
    }

    /// The boxes in the payload after its first `skip` bytes.
    pub(super) fn children(&self, skip: usize) -> Boxes {
        let skip = skip.min(self.payload.len());
        Boxes {
            bytes: self.payload.slice(skip..),
            offset: self.header.payload + skip as u64,
        }
    }

    /// The first child of type `kind`.
    pub(super) fn child(&self, kind: [u8; 4]) -> Result<Option<BoxBytes>, ReadError> {
        for child in self.children(0) {
            let child = child?;
            if child.kind() == kind {
                return Ok(Some(child));
            }
        }
        Ok(None)
    }

    /// The first child of type `kind`, which has to be there.
    pub(super) fn required(&self, kind: [u8; 4]) -> Result<BoxBytes, ReadError> {
        self.child(kind)?.ok_or(ReadError::BoxMissing {
            kind: FourCc(kind),
            parent: self.header.kind,
            offset: self.header.offset,
        })
    }

    /// The payload of a full box (§4.2.2): its version, flags and fields.
    pub(super) fn full(&self) -> Result<FullBox, ReadError> {
        let mut fields = self.fields();
        let word = fields.u32()?;
        let [version, ..] = word.to_be_bytes();
        Ok(FullBox {
            version,
            flags: word & 0x00ff_ffff,
            fields,
        })
    }

    /// The payload as a sequence of fields.
    pub(super) fn fields(&self) -> Fields {
        Fields {
            bytes: self.payload.clone(),
            header: self.header,
            at: self.header.payload,
        }
    }

    /// A box whose bytes `whole` are at hand; `header` is its own.
    pub(super) fn new(header: BoxHeader, whole: Bytes) -> Self {
        let head = usize::try_from(header.payload - header.offset).unwrap_or(usize::MAX);
        Self {
            header,
            payload: whole.slice(head.min(whole.len())..),
            whole,
        }
    }

    pub(super) fn too_many(&self, what: &'static str, count: u64, limit: u64) -> ReadError {
        self.header.too_many(what, count, limit)
    }

    pub(super) fn bad(&self, reason: &'static str) -> ReadError {
        ReadError::BadValue {
            kind: self.header.kind,
            offset: self.header.offset,
            reason,
        }
    }
}

/// A payload that starts with a version and flags.
pub(super) struct FullBox {
    pub(super) version: u8,
    /// 24 bits.
    pub(super) flags: u32,
    pub(super) fields: Fields,
}

/// Fields of a payload, read in their order. Running out is an error that
/// names the box.
pub(super) struct Fields {
    bytes: Bytes,
    header: BoxHeader,
    at: u64,
}

impl Fields {
    /// File offset of the next field.
    pub(super) fn offset(&self) -> u64 {
        self.at
    }

    /// Bytes left.
    pub(super) fn remaining(&self) -> u64 {
        self.bytes.len() as u64
    }

    pub(super) fn take(&mut self, count: usize) -> Result<Bytes, ReadError> {
        if self.bytes.len() < count {
            let BoxHeader { kind, offset, .. } = self.header;
            return Err(ReadError::BoxTruncated { kind, offset });
        }
        self.at += count as u64;
        Ok(self.bytes.split_to(count))
    }

    pub(super) fn u16(&mut self) -> Result<u16, ReadError> {
        Ok(self.take(2)?.get_u16())
    }

    pub(super) fn u32(&mut self) -> Result<u32, ReadError> {
        Ok(self.take(4)?.get_u32())
    }

    pub(super) fn u64(&mut self) -> Result<u64, ReadError> {
        Ok(self.take(8)?.get_u64())
    }

    /// A field of 32 bits in version 0 and 64 bits later.
    pub(super) fn by_version(&mut self, version: u8) -> Result<u64, ReadError> {
        if version == 0 {
            self.u32().map(u64::from)
        } else {
            self.u64()
        }
    }
}

/// The boxes of a stretch of bytes, one after the other.
pub(super) struct Boxes {
    bytes: Bytes,
    offset: u64,
}

impl Iterator for Boxes {
    type Item = Result<BoxBytes, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        // Fewer bytes than a header: writers pad containers, QuickTime ends
        // some with a 32-bit zero.
        if self.bytes.len() < 8 {
            return None;
        }
        let limit = self.offset + self.bytes.len() as u64;
        let read = BoxHeader::read(&self.bytes, self.offset, limit).and_then(|header| {
            let truncated = ReadError::BoxTruncated {
                kind: header.kind,
                offset: header.offset,
            };
            let size = usize::try_from(header.size()).map_err(|_| truncated)?;
            let whole = self.bytes.split_to(size.min(self.bytes.len()));
            self.offset = header.end;
            Ok(BoxBytes::new(header, whole))
        });
        if read.is_err() {
            self.bytes.clear();
        }
        Some(read)
    }
}
