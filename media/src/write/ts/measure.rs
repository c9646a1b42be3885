//! Media whose size changes on its way into a transport stream: NAL units behind
//! lengths of 1 or 2 bytes, which become start codes of 4.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::layout::Layout;
use super::media_queue::MediaQueue;
use super::stream::{Framing, START_CODE};
use super::{TsError, TsPlan};
use crate::plan::Plan;

/// A planned segment without its length. It is measured by reading
/// [`Self::media`] once; the plan that comes of it then reads the same media again.
#[derive(Clone, Debug)]
pub struct Unmeasured {
    layout: Layout,
    media: MediaQueue,
    /// Index of the unit that comes next; the one before it is at hand.
    next_unit: usize,
    /// Frames of the unit at hand that are not begun; the one before them is at hand.
    frames: Range<usize>,
    /// Bytes of the frame at hand behind the run.
    frame_left: u32,
    /// Bytes of media to be passed over.
    run: u32,
}

impl Unmeasured {
    pub(super) fn new(layout: Layout) -> Self {
        Self {
            layout,
            media: MediaQueue::default(),
            next_unit: 0,
            frames: 0..0,
            frame_left: 0,
            run: 0,
        }
    }

    /// What has to be read: source ranges only.
    #[must_use]
    pub fn media(&self) -> Plan {
        self.layout.media(self.layout.units.iter())
    }

    /// Looks through the next bytes of the media; where a chunk ends is of no matter.
    ///
    /// # Errors
    /// When the media is damaged.
    pub fn supply(&mut self, media: Bytes) -> Result<(), TsError> {
        self.media.push(media);
        while self.step()? {}
        Ok(())
    }

    /// The plan, once all media was supplied.
    ///
    /// # Errors
    /// When it was not.
    pub fn finish(self) -> Result<TsPlan, TsError> {
        let is_whole = self.run == 0 && self.frame_left == 0 && self.frames.is_empty();
        if !is_whole || self.next_unit < self.layout.units.len() {
            return Err(TsError::MediaMissing);
        }
        Ok(TsPlan::new(Arc::new(self.layout.measured())))
    }

    /// Goes on by one thing; false when media is needed or all is seen.
    fn step(&mut self) -> Result<bool, TsError> {
        if self.run > 0 {
            let passed = self.media.skip(self.run.into());
            self.run = self.run.saturating_sub(u32::try_from(passed).unwrap_or(u32::MAX));
            return Ok(passed > 0);
        }
        if self.frame_left > 0 {
            return self.pass_length();
        }
        let Some(index) = self.frames.next() else {
            let Some(unit) = self.layout.units.get(self.next_unit) else {
                return Ok(false);
            };
            self.frames = unit.frames.clone();
            self.next_unit += 1;
            return Ok(true);
        };
        let frame = self.layout.frames.get(index).ok_or(TsError::MediaMissing)?;
        match self.length_size(index) {
            Some(_) => self.frame_left = frame.size,
            None => self.run = frame.size,
        }
        Ok(true)
    }

    /// Reads the length of a NAL unit.
    fn pass_length(&mut self) -> Result<bool, TsError> {
        let index = self.frames.start.saturating_sub(1);
        let length_size = self.length_size(index).ok_or(TsError::MediaMissing)?;
        let Some(behind_length) = self.frame_left.checked_sub(length_size.into()) else {
            // Bytes too few for a length keep their size.
            self.run = std::mem::take(&mut self.frame_left);
            return Ok(true);
        };
        let Some(size) = self.media.take_length(length_size) else {
            return Ok(false);
        };
        let unit = self.next_unit.checked_sub(1);
        let unit = unit.and_then(|unit| self.layout.units.get(unit));
        let file = unit
            .and_then(|unit| self.layout.stream(unit))
            .map(|stream| stream.file);
        let frame = self.layout.frames.get_mut(index).ok_or(TsError::MediaMissing)?;
        self.frame_left = behind_length.checked_sub(size).ok_or(TsError::NalUnit {
            file: file.unwrap_or_default(),
            offset: frame.offset,
            size,
        })?;
        self.run = size;
        frame.growth += (START_CODE.len() as u64).saturating_sub(length_size.into());
        Ok(true)
    }

    /// Bytes of the lengths in frame `index` of the unit at hand; `None` when it has no
    /// NAL units.
    fn length_size(&self, index: usize) -> Option<u8> {
        let unit = self.layout.units.get(self.next_unit.checked_sub(1)?)?;
        match self.layout.framing(unit, self.layout.frames.get(index)?)? {
            Framing::NalUnits { length_size, .. } => Some(*length_size),
            Framing::Adts(_) | Framing::Plain => None,
        }
    }
}
