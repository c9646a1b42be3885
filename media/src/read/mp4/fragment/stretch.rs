//! Reads the samples of one track from a stretch of fragments, whose ends an index may
//! have wrong.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;

use super::span::SpanReader;
use crate::read::mp4::ReadError;
use crate::read::mp4::windows::Halt;
use crate::sample::{FragmentLayout, FragmentPlace, Sample};

/// What an index says of a stretch, and where else to look.
#[derive(Debug)]
pub(in crate::read::mp4) struct Told {
    /// From the first decode time of the stretch up to that of what follows it, in ticks
    /// of the media as stored; the end is `i64::MAX` behind the last fragment.
    pub(in crate::read::mp4) decoded: Range<i64>,
    /// Places at which fragments may start, from the own start of the stretch back.
    pub(in crate::read::mp4) starts: VecDeque<FragmentPlace>,
    /// Behind all fragments.
    pub(in crate::read::mp4) end: FragmentPlace,
}

/// Reads a stretch, sans IO. An index is trusted with what lies between the fragments
/// that were compared with it, until what it points at says otherwise: then the fragments
/// are walked, from one that is where it should be to those that are decoded when they
/// should be. So one wrong entry costs a few more reads in the segments beside it, and no
/// answer depends on what else has been read.
#[derive(Debug)]
pub(in crate::read::mp4) struct StretchReader {
    span: SpanReader,
    layout: FragmentLayout,
    /// `None` where no index says anything.
    told: Option<Told>,
    /// What was found where the index points at.
    first_found: Option<Result<Vec<Sample>, ReadError>>,
}

impl StretchReader {
    /// A reader of what `span` reads.
    pub(in crate::read::mp4) fn new(span: SpanReader, layout: &FragmentLayout, told: Option<Told>) -> Self {
        Self {
            span,
            layout: layout.clone(),
            // Fragments that state no time cannot be told from each other.
            told: told.filter(|_| layout.lag.is_none()),
            first_found: None,
        }
    }

    /// As [`SpanReader::follow`].
    pub(in crate::read::mp4) fn follow(&mut self, decode_time: i64) {
        self.span.follow(decode_time);
    }

    /// As [`SpanReader::ask`].
    pub(in crate::read::mp4) fn ask(&mut self, needed: Range<u64>) -> Vec<Range<u64>> {
        self.span.ask(needed)
    }

    /// As [`SpanReader::advance`].
    pub(in crate::read::mp4) fn advance(&mut self, given: Vec<(u64, Bytes)>) -> Result<Vec<Sample>, Halt> {
        let mut found = self.span.advance(given);
        let Some(told) = &mut self.told else {
            return found;
        };
        loop {
            let found_here = match found {
                Err(Halt::Need(range)) => return Err(Halt::Need(range)),
                Err(Halt::Failed(error)) => Err(error),
                Ok(samples) => Ok(samples),
            };
            let is_walk = self.first_found.is_some();
            if let Ok(samples) = found_here.as_ref()
                && (is_walk && !samples.is_empty() || told.fits(samples, self.span.longest()))
            {
                return found_here.map_err(Halt::Failed);
            }
            if found_here.is_err() && self.span.has_begun() {
                // It is the fragments that are damaged.
                told.starts.clear();
            }
            let first_found = self.first_found.get_or_insert(found_here);
            let Some(start) = told.starts.pop_front() else {
                // Nothing better: what it is, or why it is nothing.
                return std::mem::replace(first_found, Ok(Vec::new())).map_err(Halt::Failed);
            };
            self.span = SpanReader::decoded_within(&self.layout, start, told.end, told.decoded.clone());
            found = self.span.advance(Vec::new());
        }
    }
}

impl Told {
    /// Whether `samples` are decoded when the index says, up to half a fragment: the times of
    /// an index are rounded, and those of one track taken for another's.
    fn fits(&self, samples: &[Sample], longest: i64) -> bool {
        let (Some(first), Some(last)) = (samples.first(), samples.last()) else {
            return self.decoded.end <= self.decoded.start;
        };
        let is_near = |found: i64, told: i64| found.abs_diff(told) <= longest.unsigned_abs() / 2;
        is_near(first.decode_time, self.decoded.start)
            && (self.decoded.end == i64::MAX || is_near(last.decode_end(), self.decoded.end))
    }
}
