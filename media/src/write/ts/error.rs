//! What keeps a segment from being written.

use thiserror::Error;

use crate::multiplex::Exclusion;
use crate::plan::FileIndex;

/// Why a segment cannot be written as a transport stream.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TsError {
    /// There are no tracks, or too many for one packet of program map.
    #[error("a transport stream cannot hold {count} tracks")]
    TrackCount {
        /// Number of tracks asked for.
        count: usize,
    },
    /// More than one track has pictures.
    #[error("a transport stream holds pictures of one track, not also of {token}")]
    SecondPictures {
        /// The second track's token.
        token: String,
    },
    /// The track's codec is left out of transport streams.
    #[error("{token}: {reason}")]
    Excluded {
        /// The track's token.
        token: String,
        /// Why.
        reason: Exclusion,
    },
    /// A sample names a sample entry the track does not have.
    #[error("{token}: there is no sample entry {entry}")]
    SampleEntry {
        /// The track's token.
        token: String,
        /// The 0-based entry.
        entry: u32,
    },
    /// An audio frame is larger than its headers can say.
    #[error("{token}: an audio frame at offset {offset} has {size} bytes, more than {limit}")]
    FrameSize {
        /// The track's token.
        token: String,
        /// Byte offset in the source file.
        offset: u64,
        /// Size of the frame in bytes.
        size: u32,
        /// What the headers can say.
        limit: u32,
    },
    /// A NAL unit reaches beyond its sample.
    #[error("file {}: a NAL unit of {size} bytes reaches beyond its sample at offset {offset}", .file.0)]
    NalUnit {
        /// The source file.
        file: FileIndex,
        /// Byte offset of the sample.
        offset: u64,
        /// The size the NAL unit states, in bytes.
        size: u32,
    },
    /// The media is not the one that was measured.
    #[error("the media changed since it was measured")]
    MediaChanged,
    /// Not all media was supplied.
    #[error("the media ends early")]
    MediaMissing,
}
