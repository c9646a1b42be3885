//! MPEG-2 transport streams as HLS has them (`ISO/IEC 13818-1`, `RFC 8216 §3.2`):
//! the segments of a [`Multiplex`](crate::multiplex::Multiplex).
//!
//! Every byte of a segment has its place before any media is read: [`plan`] knows
//! the size of each unit, since NAL units keep their size when their 4-byte
//! lengths become start codes. The media's bytes then go through a [`Muxer`], which
//! copies each of them once.
//!
//! What a segment is made of:
//!
//! - A program association and a program map, one packet each, then packetized
//!   units in the order of their decode times: a picture each, or as many audio
//!   frames as last 0.3 s (0.1 s in sound alone).
//! - Time stamps are those of the presentation, each computed from its absolute time
//!   and so never off by more than half a tick, moved by
//!   [`CLOCK_AT_START`](crate::multiplex::CLOCK_AT_START), the same for all tracks of a
//!   title. They wrap at 33 bits, after 26.5 hours, as players expect.
//! - The clock reference stands at least every 0.1 s in the stream of the first track
//!   with pictures, 0.7 s before the decode time of what follows.
//! - Continuity counters start at 0 and end at 15 in every segment: the last unit of a
//!   stream is spread over up to 15 packets more. Segments follow on from each other
//!   without a discontinuity, whatever segment of whatever rendition came before, at a
//!   cost of 1.4 kB a stream on average. Only a stream of fewer than some 15 bytes has
//!   not enough of them to spread; players of HLS bear the jump.
//! - Pictures begin with an access unit delimiter, sync samples with the parameter
//!   sets of their sample entry. Where a sample has its own delimiter, that is kept and
//!   the bytes planned for another are stuffing.

mod adts;
mod clock;
mod descriptor;
mod error;
mod interleave;
mod layout;
mod measure;
mod media_queue;
mod muxer;
mod packet;
mod stream;
mod table;
mod unit;

use std::sync::Arc;

use crate::sample::Samples;
use crate::track::Track;

pub use crate::multiplex::{Exclusion, carriage};
pub use error::TsError;
pub use layout::TsPlan;
pub use measure::Unmeasured;
pub use muxer::Muxer;

use interleave::interleave;
use layout::Layout;
use stream::Stream;

/// Size of a packet in bytes (§2.4.3.2).
pub const PACKET_SIZE: usize = 188;

/// Bytes of a packet without its header: payload and adaptation field.
const PACKET_ROOM: usize = 184;

/// A track of a segment, and the samples of it that go in.
#[derive(Clone, Copy, Debug)]
pub struct TsTrack<'a> {
    /// The track.
    pub track: &'a Track,
    /// Its samples: those of all segments that
    /// [`Multiplex::parts`](crate::multiplex::Multiplex::parts) names, one after the other.
    pub samples: &'a Samples,
}

/// What can be known of a segment before its media is read.
#[derive(Clone, Debug)]
pub enum Planned {
    /// Everything.
    Ready(TsPlan),
    /// All but its length: NAL units stand behind lengths of 1 or 2 bytes, so their
    /// number counts, and the media has to be looked through first.
    Unmeasured(Unmeasured),
}

/// Plans segment `segment` (0-based) of the multiplex of `tracks`.
///
/// # Errors
/// When a track cannot stand in a transport stream, there are more than fit, or a
/// sample is larger than what its headers can say.
pub fn plan(segment: usize, tracks: &[TsTrack<'_>]) -> Result<Planned, TsError> {
    let streams = stream::of(tracks)?;
    let mut frames = Vec::with_capacity(tracks.iter().map(|track| track.samples.0.len()).sum());
    let mut by_stream = Vec::with_capacity(streams.len());
    let clock_stream = streams.iter().position(Stream::has_pictures).unwrap_or(0);
    for (index, (track, stream)) in tracks.iter().zip(&streams).enumerate() {
        let is_clock = index == clock_stream;
        by_stream.push(unit::pack(track, stream, index, is_clock, &mut frames)?);
    }
    let units = interleave(by_stream, clock_stream);
    let head = table::head(segment, &streams, clock_stream)?;
    let layout = Layout::new(head, streams, clock_stream, frames, units);
    if layout.is_measured() {
        Ok(Planned::Ready(TsPlan::new(Arc::new(layout.measured()))))
    } else {
        Ok(Planned::Unmeasured(Unmeasured::new(layout)))
    }
}
