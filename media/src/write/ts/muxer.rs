//! From a planned segment and its media to packets.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::TsError;
use super::adts;
use super::layout::Layout;
use super::media_queue::MediaQueue;
use super::packet::{PacketWriter, UnitPackets};
use super::stream::{Framing, START_CODE};
use super::unit::Unit;

/// Makes a stretch of a segment from its media, see
/// [`TsPlan::muxer`](super::TsPlan::muxer).
///
/// Call [`Self::next_block`] until it gives nothing, then [`Self::supply`] it with the
/// next chunk, and so on until [`Self::is_done`].
#[derive(Clone, Debug)]
pub struct Muxer {
    layout: Arc<Layout>,
    media: MediaQueue,
    packets: PacketWriter,
    /// Bytes before the first one asked for that are still to come.
    skip: u64,
    /// Bytes asked for that are still to come.
    left: u64,
    /// Index of the unit that comes next; the one before it is at hand.
    next_unit: usize,
    /// Frames of the unit at hand that are not begun; the one before them is at hand.
    frames: Range<usize>,
    /// Bytes of the frame at hand behind the run.
    frame_left: u32,
    /// Bytes of media to be taken as they are.
    run: u32,
    sets: SetsDue,
}

/// When the parameter sets of the unit at hand are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SetsDue {
    /// They are written, or there are none.
    No,
    /// Behind the first NAL unit, which is not begun: the sample's own delimiter.
    BehindFirst,
    /// Behind the run at hand.
    BehindRun,
}

/// What keeps the muxer from going on.
enum Pause {
    /// A block is full, or all that was asked for is there.
    Block,
    /// More media is needed.
    Media,
}

impl Muxer {
    pub(super) fn new(layout: Arc<Layout>, range: Range<u64>) -> Self {
        let end = range.end.min(layout.length);
        let (next_unit, position) = layout.unit_at(range.start);
        let head = if position == 0 {
            layout.head.clone()
        } else {
            Bytes::new()
        };
        let left = end.saturating_sub(range.start);
        let skip = range.start.saturating_sub(position);
        Self {
            media: MediaQueue::default(),
            packets: PacketWriter::new(&head, skip.saturating_add(left)),
            skip,
            left,
            next_unit,
            frames: 0..0,
            frame_left: 0,
            run: 0,
            sets: SetsDue::No,
            layout,
        }
    }

    /// Hands over the next bytes of the media; where a chunk ends is of no matter.
    pub fn supply(&mut self, media: Bytes) {
        self.media.push(media);
    }

    /// The next bytes of the output, some 64 KiB; `None` when more media is needed or
    /// all is done.
    ///
    /// # Errors
    /// When the media is damaged. Nothing more comes from this muxer then.
    pub fn next_block(&mut self) -> Result<Option<Bytes>, TsError> {
        let layout = Arc::clone(&self.layout);
        while self.left > 0 {
            if let Pause::Media = self.advance(&layout)? {
                return Ok(None);
            }
            let mut block = self.packets.take_block();
            let unasked = usize::try_from(self.skip).unwrap_or(usize::MAX).min(block.len());
            self.skip -= unasked as u64;
            let mut block = block.split_off(unasked);
            block.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
            self.left -= block.len() as u64;
            if !block.is_empty() {
                return Ok(Some(block));
            }
        }
        Ok(None)
    }

    /// Whether all bytes that were asked for have been given.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.left == 0
    }

    /// Writes until a block is full or media runs out.
    fn advance(&mut self, layout: &Layout) -> Result<Pause, TsError> {
        loop {
            let written = self.packets.block_size() as u64;
            if self.packets.is_block_full() || self.skip.saturating_add(self.left) <= written {
                return Ok(Pause::Block);
            }
            let goes_on = if self.run > 0 {
                self.copy()
            } else if self.sets == SetsDue::BehindRun {
                self.sets = SetsDue::No;
                let unit = self.unit_at_hand(layout)?;
                self.packets.write(&layout.parameter_sets(unit));
                true
            } else if self.frame_left > 0 {
                self.begin_nal_unit(layout)?
            } else if self.frames.is_empty() {
                self.begin_unit(layout)?
            } else {
                self.begin_frame(layout)?;
                true
            };
            if !goes_on {
                return Ok(Pause::Media);
            }
        }
    }

    /// Copies what there is of the run, up to the end of the block; false when there
    /// is nothing.
    #[inline]
    fn copy(&mut self) -> bool {
        let front = self.media.front();
        let size = usize::try_from(self.run).unwrap_or(usize::MAX).min(front.len());
        let Some(bytes) = front.get(..size).filter(|bytes| !bytes.is_empty()) else {
            return false;
        };
        let written = self.packets.write_in_block(bytes);
        self.media.advance(written);
        // No more was offered than the run has.
        self.run = self
            .run
            .saturating_sub(u32::try_from(written).unwrap_or(u32::MAX));
        true
    }

    /// Begins the next unit, up to its first frame; false when media is needed.
    fn begin_unit(&mut self, layout: &Layout) -> Result<bool, TsError> {
        if !self.packets.is_unit_whole() {
            return Err(TsError::MediaChanged);
        }
        // What was asked for ends with the last unit, so there is one.
        let unit = layout.units.get(self.next_unit).ok_or(TsError::MediaMissing)?;
        let stream = layout.stream(unit).ok_or(TsError::MediaMissing)?;
        if unit.is_clock() {
            self.packets.write_clock(stream.pid, unit.counter, unit.decode);
            self.next_unit += 1;
            return Ok(true);
        }
        let Some(opening) = Opening::of(layout, unit, &self.media) else {
            return Ok(false);
        };
        let spare = if opening.has_delimiter {
            opening.delimiter.len()
        } else {
            0
        };
        let size = unit.size.saturating_sub(spare as u64);
        self.packets.begin_unit(&UnitPackets {
            pid: stream.pid,
            counter: unit.counter,
            size,
            packets: unit.packets,
            clock: (unit.stream == layout.clock_stream).then_some(unit.decode),
            is_random_access: unit.is_sync,
            spare,
        });
        self.packets
            .write_header(|out| unit.write_header(stream, size, out));
        self.sets = if opening.has_delimiter {
            SetsDue::BehindFirst
        } else {
            self.packets.write(&opening.delimiter);
            self.packets.write(&layout.parameter_sets(unit));
            SetsDue::No
        };
        self.frames = unit.frames.clone();
        self.next_unit += 1;
        Ok(true)
    }

    fn begin_frame(&mut self, layout: &Layout) -> Result<(), TsError> {
        let unit = self.unit_at_hand(layout)?;
        let index = self.frames.next().ok_or(TsError::MediaMissing)?;
        let frame = layout.frames.get(index).ok_or(TsError::MediaMissing)?;
        match layout.framing(unit, frame) {
            Some(Framing::NalUnits { .. }) => self.frame_left = frame.size,
            Some(Framing::Adts(profile)) => {
                self.packets.write(&adts::header(*profile, frame.size));
                self.run = frame.size;
            }
            Some(Framing::Plain) | None => self.run = frame.size,
        }
        Ok(())
    }

    /// Begins the next NAL unit of the frame at hand; false when media is needed.
    fn begin_nal_unit(&mut self, layout: &Layout) -> Result<bool, TsError> {
        let unit = self.unit_at_hand(layout)?;
        let at_hand = self.frames.start.saturating_sub(1);
        let frame = layout.frames.get(at_hand).ok_or(TsError::MediaMissing)?;
        let Some(Framing::NalUnits { length_size, .. }) = layout.framing(unit, frame) else {
            return Err(TsError::MediaMissing);
        };
        let Some(behind_length) = self.frame_left.checked_sub((*length_size).into()) else {
            // Bytes too few for a length: zeros may follow a NAL unit.
            let zeros = usize::try_from(self.media.skip(self.frame_left.into())).unwrap_or(0);
            self.packets.write([0; 4].get(..zeros).unwrap_or_default());
            self.frame_left = self
                .frame_left
                .saturating_sub(u32::try_from(zeros).unwrap_or(u32::MAX));
            return Ok(zeros > 0);
        };
        let Some(size) = self.media.take_length(*length_size) else {
            return Ok(false);
        };
        self.frame_left = behind_length.checked_sub(size).ok_or_else(|| TsError::NalUnit {
            file: layout
                .stream(unit)
                .map_or_else(Default::default, |stream| stream.file),
            offset: frame.offset,
            size,
        })?;
        // An empty one would be a start code before a start code.
        self.packets.write(if size == 0 { &[0; 4] } else { &START_CODE });
        self.run = size;
        if self.sets == SetsDue::BehindFirst {
            self.sets = SetsDue::BehindRun;
        }
        Ok(true)
    }

    fn unit_at_hand<'a>(&self, layout: &'a Layout) -> Result<&'a Unit, TsError> {
        let index = self.next_unit.checked_sub(1);
        index
            .and_then(|index| layout.units.get(index))
            .ok_or(TsError::MediaMissing)
    }
}

/// What stands before a unit's first sample.
struct Opening {
    /// The access unit delimiter; empty for sound.
    delimiter: Bytes,
    /// Whether the sample has one of its own.
    has_delimiter: bool,
}

impl Opening {
    /// Looks at the first NAL unit; `None` when it is not there yet.
    fn of(layout: &Layout, unit: &Unit, media: &MediaQueue) -> Option<Self> {
        let frame = layout.frames.get(unit.frames.start);
        let framing = frame.and_then(|frame| Some((layout.framing(unit, frame)?, frame.size)));
        let Some((
            Framing::NalUnits {
                syntax, length_size, ..
            },
            size,
        )) = framing
        else {
            return Some(Self {
                delimiter: Bytes::new(),
                has_delimiter: false,
            });
        };
        let length_size = usize::from(*length_size);
        // The longest length and the two bytes behind it; a shorter sample has zeros.
        let mut bytes = [0; 6];
        let wanted = usize::try_from(size).unwrap_or(usize::MAX).min(length_size + 2);
        if !media.peek(bytes.get_mut(..wanted)?) {
            return None;
        }
        let (length, behind) = bytes.split_at_checked(length_size)?;
        let head = *behind.first_chunk()?;
        let is_empty = length.iter().all(|byte| *byte == 0);
        Some(Self {
            delimiter: syntax.delimiter(head),
            has_delimiter: !is_empty && syntax.is_delimiter(head),
        })
    }
}
