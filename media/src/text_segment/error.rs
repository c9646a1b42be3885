//! Why a segment of text cannot be made.

use super::SAMPLES_SIZE_MAX;
use crate::read::mp4::ReadError;
use crate::read::text::TextError;

/// A segment of text that cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextSegmentError {
    /// The tables or fragments that tell of the samples do not hold together.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A sample does not hold together.
    #[error("sample at offset {offset}: {source}")]
    Sample {
        /// Byte offset of the sample in its file.
        offset: u64,
        /// What is wrong.
        source: TextError,
    },
    /// More bytes of samples than any real segment has.
    #[error("{size} bytes of samples, over the limit of {SAMPLES_SIZE_MAX}")]
    TooLarge {
        /// Their size in bytes.
        size: u64,
    },
    /// The caller did not supply the bytes that were asked for.
    #[error("other bytes than those asked for")]
    Supply,
}
