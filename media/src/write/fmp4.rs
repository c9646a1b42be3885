//! Fragmented MP4 as CMAF has it (`ISO/IEC 23000-19`): an initialization
//! segment a track, and a `moof` with its `mdat` a media segment.

mod fragment;
mod init;

pub use fragment::{key_frames, media};
pub use init::init;

/// The track's identifier in what is written: each file has but one track.
const TRACK_ID: u32 = 1;
