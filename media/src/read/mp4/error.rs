//! What can be wrong with an MP4 file.

use thiserror::Error;

use crate::codec::FourCc;
use crate::sample::TableError;

/// Why a file cannot be read as MP4. Offsets are bytes from the start of the
/// file.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ReadError {
    /// The file is empty.
    #[error("the file is empty")]
    Empty,
    /// The first bytes are no box of an ISO base media file.
    #[error("no MP4 file: its first box is {kind}")]
    NotMp4 {
        /// What stands where a box type should.
        kind: FourCc,
    },
    /// A box is smaller than its own header.
    #[error("box {kind} at offset {offset} has size {size}, smaller than its header")]
    BoxTooSmall {
        /// The box.
        kind: FourCc,
        /// Where it starts.
        offset: u64,
        /// The size it states.
        size: u64,
    },
    /// A box reaches beyond what contains it, or the file was cut short.
    #[error("box {kind} at offset {offset} ends at {end}, beyond the end of what holds it at {limit}")]
    BoxBeyondEnd {
        /// The box.
        kind: FourCc,
        /// Where it starts.
        offset: u64,
        /// Where it says it ends.
        end: u64,
        /// Where its container or the file ends.
        limit: u64,
    },
    /// A box's content ends early.
    #[error("box {kind} at offset {offset} is too short for what it should hold")]
    BoxTruncated {
        /// The box.
        kind: FourCc,
        /// Where it starts.
        offset: u64,
    },
    /// A box the file cannot do without is absent.
    #[error("box {parent} at offset {offset} has no {kind}")]
    BoxMissing {
        /// The absent box.
        kind: FourCc,
        /// The box it should be in.
        parent: FourCc,
        /// Where that box starts.
        offset: u64,
    },
    /// The file has no `moov`.
    #[error("the file has no moov box in its {file_size} bytes")]
    NoMovie {
        /// Size of the file in bytes.
        file_size: u64,
    },
    /// More of something than the reader is willing to hold.
    #[error("box {kind} at offset {offset} claims {count} {what}, more than the {limit} possible here")]
    TooMany {
        /// The box.
        kind: FourCc,
        /// Where it starts.
        offset: u64,
        /// What is counted.
        what: &'static str,
        /// The number claimed.
        count: u64,
        /// The largest number taken.
        limit: u64,
    },
    /// A field has a value that cannot be.
    #[error("box {kind} at offset {offset}: {reason}")]
    BadValue {
        /// The box.
        kind: FourCc,
        /// Where it starts.
        offset: u64,
        /// What is wrong.
        reason: &'static str,
    },
    /// A form of MP4 that is understood but not read.
    #[error("{what} (box {kind} at offset {offset}) cannot be read")]
    Unsupported {
        /// The box that shows it.
        kind: FourCc,
        /// Where it starts.
        offset: u64,
        /// The form.
        what: &'static str,
    },
    /// The sample tables of a track do not hold together.
    #[error("track {track_id}: {source}")]
    Table {
        /// Identifier of the track.
        track_id: u32,
        /// What is wrong.
        source: TableError,
    },
    /// Whoever drives the reader supplied another number of bytes than asked.
    #[error("{supplied} bytes were supplied where {wanted} were asked for at offset {offset}")]
    WrongSupply {
        /// Where they were asked for.
        offset: u64,
        /// How many were asked for.
        wanted: u64,
        /// How many came.
        supplied: u64,
    },
}
