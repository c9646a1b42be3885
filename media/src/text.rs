//! Timed text: cues on the timeline of a presentation, whatever format they
//! came in, and the tracks that carry them.
//!
//! The content of a cue is a tree as WebVTT has it, which every other format
//! read or written here maps to; where a cue stands in the picture is told by
//! WebVTT's cue settings.

mod captions;
mod colour;
mod cue;
mod document;
mod grid;
mod placement;
mod segment_form;
mod side_file;
mod track;
mod traits;

pub use captions::{ClosedCaption, ClosedCaptions};
pub use colour::Colour;
pub use cue::{Cue, Element, NODE_DEPTH_MAX, Node, Tag, plain_text};
pub use document::{Document, Region, TimestampMap};
pub use placement::{Align, Line, LineAlign, Percent, Placement, PositionAlign, Writing};
pub use segment_form::{HlsMedia, HlsText, SegmentForm};
pub use side_file::SideFile;
pub use track::{TextOrigin, TextTrack};
pub use traits::{TextForm, TextRole, TextTraits};

pub(crate) use document::join;
pub(crate) use track::split_off;
