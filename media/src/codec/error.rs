//! Why a sample entry cannot be used.

use super::{FourCc, SAMPLE_ENTRY_SIZE_MAX};

/// Why a sample entry cannot be used. Offsets are bytes into the named part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// A codec nobody here reads: the track is left out.
    #[error("codec {four_cc} is not known")]
    Unknown {
        /// The sample entry's code.
        four_cc: FourCc,
    },
    /// An MPEG-4 object type nobody here reads: the track is left out.
    #[error("MPEG-4 object type {object_type:#04x} is not known")]
    UnknownObjectType {
        /// `objectTypeIndication`, `ISO/IEC 14496-1 §7.2.6.6`.
        object_type: u8,
    },
    /// The source is already encrypted: the track is left out.
    #[error("the source is encrypted ({four_cc})")]
    Encrypted {
        /// The sample entry's code.
        four_cc: FourCc,
    },
    /// The entry belongs to another kind of track than the one it stands in.
    #[error("sample entry {four_cc} in a track of handler {handler}")]
    WrongHandler {
        /// The sample entry's code.
        four_cc: FourCc,
        /// The track's handler.
        handler: FourCc,
    },
    /// The entry is larger than any real one.
    #[error("sample entry of {size} bytes, over the limit of {SAMPLE_ENTRY_SIZE_MAX}")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
    },
    /// A box inside the entry does not fit in it.
    #[error(
        "box at offset {offset} of a sample entry's boxes states a size of {size}, but {available} bytes are there"
    )]
    BoxSize {
        /// Where the box starts, in bytes after the entry's fixed fields.
        offset: usize,
        /// The size it states.
        size: u64,
        /// The bytes there are.
        available: usize,
    },
    /// More boxes in one entry than any real one has.
    #[error("more than {limit} boxes in one sample entry")]
    TooManyBoxes {
        /// The limit.
        limit: usize,
    },
    /// The box that configures the decoder is absent.
    #[error("sample entry {four_cc} has no {missing} box")]
    Missing {
        /// The sample entry's code.
        four_cc: FourCc,
        /// The box it needs.
        missing: FourCc,
    },
    /// A box or the entry's fixed fields end too early.
    #[error("{part} ends early, at byte {offset}")]
    Truncated {
        /// The box or sample entry.
        part: FourCc,
        /// Where the bytes ran out.
        offset: usize,
    },
    /// A field has a value its specification does not allow.
    #[error("{part} at byte {offset}: {reason}")]
    Invalid {
        /// The box or sample entry.
        part: FourCc,
        /// Where the field was read.
        offset: usize,
        /// What is wrong.
        reason: &'static str,
    },
}
