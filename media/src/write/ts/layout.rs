//! The place of every unit in a segment, to the byte.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::stream::{Framing, NalSyntax, Stream};
use super::unit::{Frame, Unit};
use super::{Muxer, PACKET_ROOM, PACKET_SIZE, adts};
use crate::plan::Plan;

/// Counters go round after so many packets (`ISO/IEC 13818-1 §2.4.3.3`).
const COUNTER_CYCLE: u64 = 16;

/// An adaptation field with the clock reference and nothing else.
pub(super) const CLOCK_FIELD_SIZE: usize = 8;

/// A planned segment.
#[derive(Clone, Debug)]
pub struct TsPlan(Arc<Layout>);

impl TsPlan {
    pub(super) fn new(layout: Arc<Layout>) -> Self {
        Self(layout)
    }

    /// Size of the segment in bytes: exact, a multiple of
    /// [`PACKET_SIZE`](super::PACKET_SIZE).
    #[must_use]
    pub fn length(&self) -> u64 {
        self.0.length
    }

    /// The media that bytes `range` of the segment need: source ranges only, to be
    /// read in order. For a part of a segment that is the media of all units that lie
    /// in it, so up to a picture more than was asked for.
    #[must_use]
    pub fn media(&self, range: Range<u64>) -> Plan {
        let (first, _) = self.0.unit_at(range.start);
        let units = self.0.units.get(first..).unwrap_or_default();
        self.0
            .media(units.iter().take_while(|unit| unit.position < range.end))
    }

    /// What makes bytes `range` of the segment (half-open, cut to its length) from the
    /// bytes of [`Self::media`] for the same range.
    ///
    /// It starts with the unit that holds the first byte, so a range costs at most one
    /// picture more than its bytes.
    #[must_use]
    pub fn muxer(&self, range: Range<u64>) -> Muxer {
        Muxer::new(Arc::clone(&self.0), range)
    }
}

/// Everything about a segment but its media.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// The packets that go before the units.
    pub(super) head: Bytes,
    pub(super) streams: Vec<Stream>,
    /// 0-based index of the stream that carries the clock.
    pub(super) clock_stream: usize,
    pub(super) frames: Vec<Frame>,
    /// In the order they are sent.
    pub(super) units: Vec<Unit>,
    /// Size of the segment in bytes, once it is measured.
    pub(super) length: u64,
}

impl Layout {
    /// A layout of which sizes and places are still to be found.
    pub(super) fn new(
        head: Bytes,
        streams: Vec<Stream>,
        clock_stream: usize,
        frames: Vec<Frame>,
        units: Vec<Unit>,
    ) -> Self {
        Self {
            head,
            streams,
            clock_stream,
            frames,
            units,
            length: 0,
        }
    }

    /// Whether the sizes of all frames are known without their media.
    pub(super) fn is_measured(&self) -> bool {
        let mut framings = self.units.iter().flat_map(|unit| {
            let frames = self.frames.get(unit.frames.clone()).unwrap_or_default();
            frames.iter().filter_map(|frame| self.framing(unit, frame))
        });
        framings.all(Framing::keeps_size)
    }

    /// Gives every unit its size, packets, counter and place.
    pub(super) fn measured(mut self) -> Self {
        let mut units = std::mem::take(&mut self.units);
        let mut totals = vec![0; self.streams.len()];
        for unit in &mut units {
            unit.size = self.unit_size(unit);
            unit.packets = self.packets(unit);
            if let Some(total) = totals.get_mut(unit.stream).filter(|_| !unit.is_clock()) {
                *total += unit.packets;
            }
        }
        for (stream, total) in totals.into_iter().enumerate() {
            let own = units
                .iter_mut()
                .filter(|unit| unit.stream == stream && !unit.is_clock());
            let missing = total.next_multiple_of(COUNTER_CYCLE) - total;
            self.fill_cycle(own.rev(), missing);
        }
        let mut position = self.head.len() as u64;
        let mut next_counters = vec![0_u64; self.streams.len()];
        for unit in &mut units {
            unit.position = position;
            position += unit.packets * PACKET_SIZE as u64;
            if let Some(next) = next_counters.get_mut(unit.stream) {
                // A packet without payload repeats the counter before it.
                let counter = if unit.is_clock() { *next + 15 } else { *next };
                unit.counter = u8::try_from(counter % COUNTER_CYCLE).unwrap_or(0);
                *next += if unit.is_clock() { 0 } else { unit.packets };
            }
        }
        self.length = position;
        self.units = units;
        self
    }

    /// Spreads the last units of a stream, given from its end, over `missing` more
    /// packets, so that its counter ends where every segment's does.
    fn fill_cycle<'a>(&self, units: impl Iterator<Item = &'a mut Unit>, mut missing: u64) {
        for unit in units {
            // The first packet holds the whole header, every other one a byte at least.
            let framed = unit
                .size
                .saturating_sub(unit.header_size() + self.delimiter_size(unit));
            let extra = framed.saturating_sub(unit.packets).min(missing);
            unit.packets += extra;
            missing -= extra;
            if missing == 0 {
                return;
            }
        }
    }

    /// Bytes of the unit's header and framed samples.
    fn unit_size(&self, unit: &Unit) -> u64 {
        if unit.is_clock() {
            return 0;
        }
        let frames = self.frames.get(unit.frames.clone()).unwrap_or_default();
        let mut size =
            unit.header_size() + self.delimiter_size(unit) + self.parameter_sets(unit).len() as u64;
        for frame in frames {
            let header = match self.framing(unit, frame) {
                Some(Framing::Adts(_)) => adts::HEADER_SIZE,
                _ => 0,
            };
            size += u64::from(header) + u64::from(frame.size) + frame.growth;
        }
        size
    }

    /// Packets the unit fills.
    fn packets(&self, unit: &Unit) -> u64 {
        let field = if unit.stream == self.clock_stream {
            CLOCK_FIELD_SIZE
        } else {
            0
        };
        (unit.size + field as u64).div_ceil(PACKET_ROOM as u64).max(1)
    }

    pub(super) fn stream(&self, unit: &Unit) -> Option<&Stream> {
        self.streams.get(unit.stream)
    }

    pub(super) fn framing(&self, unit: &Unit, frame: &Frame) -> Option<&Framing> {
        self.stream(unit)?.framings.get(frame.entry)
    }

    /// What NAL units the unit has; `None` for sound.
    pub(super) fn nal_syntax(&self, unit: &Unit) -> Option<NalSyntax> {
        match self.framing(unit, self.frames.get(unit.frames.start)?)? {
            Framing::NalUnits { syntax, .. } => Some(*syntax),
            Framing::Adts(_) | Framing::Plain => None,
        }
    }

    /// The parameter sets that go before the unit's pictures; empty for none.
    pub(super) fn parameter_sets(&self, unit: &Unit) -> Bytes {
        let frame = self.frames.get(unit.frames.start);
        match frame.and_then(|frame| self.framing(unit, frame)) {
            Some(Framing::NalUnits { parameter_sets, .. }) if unit.has_parameter_sets => {
                parameter_sets.clone()
            }
            _ => Bytes::new(),
        }
    }

    fn delimiter_size(&self, unit: &Unit) -> u64 {
        self.nal_syntax(unit).map_or(0, NalSyntax::delimiter_size)
    }

    /// The source ranges of `units`, in order.
    pub(super) fn media<'a>(&self, units: impl Iterator<Item = &'a Unit>) -> Plan {
        let mut plan = Plan::default();
        for unit in units {
            let Some(stream) = self.stream(unit) else {
                continue;
            };
            for frame in self.frames.get(unit.frames.clone()).unwrap_or_default() {
                let end = frame.offset.saturating_add(frame.size.into());
                plan.push_source(stream.file, frame.offset..end);
            }
        }
        plan
    }

    /// The index of the unit with byte `position` of the segment, and where it begins;
    /// within the head, the first unit and 0.
    pub(super) fn unit_at(&self, position: u64) -> (usize, u64) {
        if position < self.head.len() as u64 {
            return (0, 0);
        }
        let behind = self.units.partition_point(|unit| unit.position <= position);
        let index = behind.saturating_sub(1);
        (index, self.units.get(index).map_or(0, |unit| unit.position))
    }
}
