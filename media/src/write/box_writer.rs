//! Boxes written in one go: sizes are filled in when a box is closed.

use bytes::Bytes;

/// A growing file of nested boxes.
#[derive(Debug, Default)]
pub(super) struct BoxWriter {
    bytes: Vec<u8>,
}

impl BoxWriter {
    pub(super) fn with_capacity(size: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(size),
        }
    }

    /// Writes a box of type `kind` around what `content` writes.
    pub(super) fn write(&mut self, kind: &[u8; 4], content: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.u32(0);
        self.slice(kind);
        content(self);
        // A head holds at most 16 bytes a sample of one segment.
        let size = u32::try_from(self.bytes.len() - start).unwrap_or(u32::MAX);
        self.patch(start, size);
    }

    /// Writes a full box (`ISO/IEC 14496-12 §4.2.2`).
    pub(super) fn full(&mut self, kind: &[u8; 4], version: u8, flags: u32, content: impl FnOnce(&mut Self)) {
        self.write(kind, |out| {
            out.u32(u32::from(version) << 24 | (flags & 0x00ff_ffff));
            content(out);
        });
    }

    pub(super) fn u16(&mut self, value: u16) {
        self.slice(&value.to_be_bytes());
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.slice(&value.to_be_bytes());
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.slice(&value.to_be_bytes());
    }

    pub(super) fn slice(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn zeros(&mut self, count: usize) {
        self.bytes.resize(self.bytes.len().saturating_add(count), 0);
    }

    /// Writes the head of an `mdat` around `size` bytes that follow; its length.
    pub(super) fn media_data_header(&mut self, size: u64) -> usize {
        let start = self.position();
        if let Ok(short) = u32::try_from(size.saturating_add(8)) {
            self.u32(short);
            self.slice(b"mdat");
        } else {
            self.u32(1);
            self.slice(b"mdat");
            self.u64(size.saturating_add(16));
        }
        self.position() - start
    }

    /// Number of bytes written so far.
    pub(super) fn position(&self) -> usize {
        self.bytes.len()
    }

    /// Overwrites the 32 bits at `position`, which have been written.
    pub(super) fn patch(&mut self, position: usize, value: u32) {
        if let Some(field) = self.bytes.get_mut(position..position + 4) {
            field.copy_from_slice(&value.to_be_bytes());
        }
    }

    pub(super) fn finish(self) -> Bytes {
        self.bytes.into()
    }
}
