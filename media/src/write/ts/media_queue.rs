//! Media that was supplied and is not used yet.

use std::collections::VecDeque;

use bytes::{Buf, Bytes};

/// Chunks in order; what reads them need not know where they end.
#[derive(Clone, Debug, Default)]
pub(super) struct MediaQueue(VecDeque<Bytes>);

impl MediaQueue {
    pub(super) fn push(&mut self, chunk: Bytes) {
        if !chunk.is_empty() {
            self.0.push_back(chunk);
        }
    }

    /// What lies in one piece; empty when there is nothing.
    pub(super) fn front(&self) -> &[u8] {
        self.0.front().map_or(&[], |chunk| chunk)
    }

    /// Leaves out the next `count` bytes of [`Self::front`].
    pub(super) fn advance(&mut self, count: usize) {
        if let Some(chunk) = self.0.front_mut() {
            chunk.advance(count.min(chunk.len()));
            if chunk.is_empty() {
                self.0.pop_front();
            }
        }
    }

    /// Leaves out up to `count` bytes, from several chunks if need be; how many.
    pub(super) fn skip(&mut self, count: u64) -> u64 {
        let mut left = count;
        while left > 0 && !self.front().is_empty() {
            let step = usize::try_from(left)
                .unwrap_or(usize::MAX)
                .min(self.front().len());
            self.advance(step);
            left -= step as u64;
        }
        count - left
    }

    /// The next bytes, into `out`; whether there are as many.
    pub(super) fn peek(&self, out: &mut [u8]) -> bool {
        let mut bytes = self.0.iter().flat_map(|chunk| chunk.iter());
        for place in out {
            match bytes.next() {
                Some(byte) => *place = *byte,
                None => return false,
            }
        }
        true
    }

    /// Takes the length of a NAL unit, `size` bytes of at most 4; `None` as long as
    /// they are not all there.
    pub(super) fn take_length(&mut self, size: u8) -> Option<u32> {
        let mut bytes = [0; 4];
        let place = bytes.get_mut(4_usize.saturating_sub(size.into())..)?;
        if !self.peek(place) {
            return None;
        }
        self.skip(size.into());
        Some(u32::from_be_bytes(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_read_as_one() {
        let mut queue = MediaQueue::default();
        for chunk in [&[0][..], &[], &[1, 2], &[3, 4, 5]] {
            queue.push(Bytes::copy_from_slice(chunk));
        }
        assert_eq!(queue.take_length(4), Some(0x0001_0203));
        assert_eq!(queue.take_length(4), None);
        assert_eq!(queue.take_length(1), Some(4));
        assert_eq!(queue.front(), [5]);
        assert_eq!(queue.skip(9), 1);
        assert!(queue.front().is_empty());
    }
}
