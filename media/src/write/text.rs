//! Writers of timed text: WebVTT and TTML, as files and as samples.

mod boxes;
mod ttml;
mod webvtt;

pub use boxes::{stpp_entry, wvtt_cue, wvtt_empty, wvtt_entry};
pub use ttml::{Ttml, ttml};
pub use webvtt::{webvtt_file, webvtt_header, webvtt_segment};
