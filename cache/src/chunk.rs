//! A chunk and how it is put together.

use bytes::Bytes;

/// Bytes that own an allocation of exactly their size.
///
/// Network reads arrive as slices of larger buffers; caching such a slice
/// would keep the whole buffer alive and falsify the cache's weight. A chunk
/// is therefore always assembled ([`ChunkBuilder`]) or taken over whole
/// ([`Chunk::from_vec`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk(Bytes);

impl Chunk {
    /// Takes over a buffer, giving back what it has reserved beyond its
    /// length.
    #[must_use]
    pub fn from_vec(buffer: Vec<u8>) -> Self {
        Self(Bytes::from(buffer.into_boxed_slice()))
    }

    /// Takes over bytes that are known to own an allocation of their size.
    pub(crate) fn of_exact(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// The bytes; clones and slices of them share the chunk's allocation.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.0
    }

    /// Size in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the chunk holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Chunk> for Bytes {
    fn from(chunk: Chunk) -> Self {
        chunk.0
    }
}

/// Why a chunk could not be put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// The source ended early.
    #[error("{received} bytes arrived where {expected} were announced")]
    Short {
        /// Bytes announced.
        expected: usize,
        /// Bytes that came.
        received: usize,
    },
    /// The source sent more than announced.
    #[error("more than the announced {expected} bytes arrived")]
    Long {
        /// Bytes announced.
        expected: usize,
    },
}

/// Appends what arrives from a source to one allocation of the final size.
#[derive(Debug)]
pub struct ChunkBuilder {
    buffer: Vec<u8>,
    expected: usize,
}

impl ChunkBuilder {
    /// Prepares for exactly `expected` bytes.
    #[must_use]
    pub fn new(expected: usize) -> Self {
        Self {
            buffer: Vec::with_capacity(expected),
            expected,
        }
    }

    /// Appends the next piece.
    ///
    /// # Errors
    /// [`ChunkError::Long`] when the piece exceeds the announced size; nothing
    /// is appended then.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), ChunkError> {
        if self.expected - self.buffer.len() < piece.len() {
            return Err(ChunkError::Long {
                expected: self.expected,
            });
        }
        self.buffer.extend_from_slice(piece);
        Ok(())
    }

    /// Ends the chunk.
    ///
    /// # Errors
    /// [`ChunkError::Short`] when less than announced has arrived.
    pub fn finish(self) -> Result<Chunk, ChunkError> {
        if self.buffer.len() < self.expected {
            return Err(ChunkError::Short {
                expected: self.expected,
                received: self.buffer.len(),
            });
        }
        Ok(Chunk::from_vec(self.buffer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_is_exactly_what_was_announced() {
        let mut builder = ChunkBuilder::new(4);
        builder.push(b"ab").unwrap();
        builder.push(b"cd").unwrap();
        assert_eq!(builder.finish().unwrap().bytes().as_ref(), b"abcd");
    }

    #[test]
    fn a_short_body_is_an_error() {
        let mut builder = ChunkBuilder::new(4);
        builder.push(b"abc").unwrap();
        assert_eq!(
            builder.finish(),
            Err(ChunkError::Short {
                expected: 4,
                received: 3
            })
        );
    }

    #[test]
    fn a_long_body_is_an_error() {
        let mut builder = ChunkBuilder::new(4);
        assert_eq!(builder.push(b"abcde"), Err(ChunkError::Long { expected: 4 }));
    }

    #[test]
    fn a_chunk_does_not_keep_spare_capacity_alive() {
        let mut buffer = Vec::with_capacity(1 << 20);
        buffer.extend_from_slice(b"tail");
        let bytes: Bytes = Chunk::from_vec(buffer).into();
        assert_eq!(bytes.try_into_mut().unwrap().capacity(), 4);
    }
}
