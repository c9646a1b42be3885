//! The segment index (`sidx`, `ISO/IEC 14496-12 §8.16.3`): where subsegments
//! start and how long they last.

use std::collections::{BTreeSet, VecDeque};

use super::calibration::{RawEntry, RawIndex};
use crate::read::mp4::boxes::{BoxBytes, BoxHeader};
use crate::read::mp4::windows::{Halt, Windows};
use crate::read::mp4::{Movie, MovieTrack, ReadError};
use crate::time::Timescale;

/// Bytes asked for where a `sidx` is expected: one of two hours at 2 s takes 43 KB.
const ASK: u64 = 64 << 10;

/// Largest `sidx` read in bytes: of 65,535 references.
const SIZE_MAX: u64 = 1 << 20;

/// Most `sidx` boxes of a file.
const BOXES_MAX: usize = 4096;

/// Most boxes passed on the way to the first `moof`.
const FRONT_BOXES_MAX: usize = 64;

/// Most references of a file.
const REFERENCES_MAX: usize = 1 << 20;

/// Fewer references a box than this are no index, but a mark before every
/// fragment: reading all of them is no better than reading the fragments.
const REFERENCES_A_BOX_MIN: usize = 4;

/// Collects the segment indexes of a file: one or several, one a track,
/// hierarchical ones, and ones that follow each other through the file.
#[derive(Debug)]
pub(super) struct SegmentIndexes {
    /// Where the next box in front of fragments starts; `None` when they are all
    /// read.
    front: Option<u64>,
    front_boxes: usize,
    /// Where boxes that others refer to start.
    pending: VecDeque<u64>,
    /// Where the boxes that were read start.
    read: BTreeSet<u64>,
    references: usize,
    /// One for each `reference_ID`.
    found: Vec<Found>,
    /// File offset behind the last subsegment.
    covered: u64,
}

#[derive(Debug)]
struct Found {
    reference_id: u32,
    timescale: Timescale,
    /// File offset, time in ticks of the timescale, whether it starts with a
    /// stream access point.
    entries: Vec<(u64, u64, bool)>,
}

/// What a `sidx` in front of fragments is followed by.
enum Next {
    /// Another one.
    Index,
    /// More fragments, of which nothing is said.
    Fragments,
    /// No more media.
    End,
}

impl SegmentIndexes {
    /// Indexes that start at `front`, before the fragments.
    pub(super) fn new(front: u64) -> Self {
        Self {
            front: Some(front),
            front_boxes: 0,
            pending: VecDeque::new(),
            read: BTreeSet::new(),
            references: 0,
            found: Vec::new(),
            covered: 0,
        }
    }

    /// Reads the boxes; one index for each track of `movie`, or nothing when the
    /// file has none that says it all.
    pub(super) fn advance(
        &mut self,
        windows: &Windows,
        movie: &Movie,
    ) -> Result<Option<Vec<RawIndex>>, Halt> {
        loop {
            self.read_front(windows)?;
            while let Some(offset) = self.pending.front().copied() {
                match windows.header(offset, ASK)? {
                    Some(header) if header.kind.0 == *b"sidx" => self.read(windows, header)?,
                    _ => return Ok(None),
                };
                self.pending.pop_front();
            }
            if self.references == 0 {
                return Ok(None);
            }
            match self.next(windows)? {
                Next::End => return Ok(self.of_tracks(movie)),
                Next::Fragments => return Ok(None),
                Next::Index if self.references < self.read.len() * REFERENCES_A_BOX_MIN => return Ok(None),
                Next::Index => {
                    self.front = Some(self.covered);
                    self.front_boxes = 0;
                }
            }
        }
    }

    /// Reads the boxes up to the next fragment.
    fn read_front(&mut self, windows: &Windows) -> Result<(), Halt> {
        while let Some(at) = self.front {
            let header = windows.header(at, ASK)?;
            let Some(header) = header.filter(|_| self.front_boxes < FRONT_BOXES_MAX) else {
                self.front = None;
                break;
            };
            match &header.kind.0 {
                b"sidx" => self.read(windows, header)?,
                b"moof" | b"mdat" => {
                    self.front = None;
                    break;
                }
                _ => {}
            }
            self.front_boxes += 1;
            self.front = Some(header.end);
        }
        Ok(())
    }

    fn next(&self, windows: &Windows) -> Result<Next, Halt> {
        let Some(header) = windows.header(self.covered, ASK)? else {
            return Ok(Next::End);
        };
        Ok(match &header.kind.0 {
            b"sidx" => Next::Index,
            b"moof" | b"mdat" | b"styp" | b"prft" | b"emsg" => Next::Fragments,
            _ => Next::End,
        })
    }

    fn read(&mut self, windows: &Windows, header: BoxHeader) -> Result<(), Halt> {
        let sidx = windows.whole(header, SIZE_MAX)?;
        let (count, limit) = (self.read.len() as u64, BOXES_MAX as u64);
        if limit < count {
            return Err(sidx.too_many("sidx boxes", count, limit).into());
        }
        // One that another refers to may stand in front of the fragments itself.
        if self.read.insert(header.offset) {
            self.take(&sidx, windows.file_size)?;
        }
        Ok(())
    }

    fn take(&mut self, sidx: &BoxBytes, file_size: u64) -> Result<(), ReadError> {
        let mut full = sidx.full()?;
        let reference_id = full.fields.u32()?;
        let timescale = Timescale::new(full.fields.u32()?).ok_or(sidx.bad("the timescale is 0"))?;
        let mut time = full.fields.by_version(full.version)?;
        let first_offset = full.fields.by_version(full.version)?;
        full.fields.u16()?;
        let count = full.fields.u16()?;
        let mut offset = sidx.header.end.saturating_add(first_offset);
        self.references += usize::from(count);
        if REFERENCES_MAX < self.references {
            return Err(sidx.too_many("references", self.references as u64, REFERENCES_MAX as u64));
        }
        let found = self
            .found
            .iter()
            .position(|found| found.reference_id == reference_id && found.timescale == timescale);
        let found = found.unwrap_or_else(|| {
            let entries = Vec::new();
            self.found.push(Found {
                reference_id,
                timescale,
                entries,
            });
            self.found.len() - 1
        });
        for _ in 0..count {
            let word = full.fields.u32()?;
            let (is_index, size) = (word >> 31 == 1, word & 0x7fff_ffff);
            let duration = full.fields.u32()?;
            let access_point = full.fields.u32()?;
            if is_index {
                self.pending.push_back(offset);
            } else if let Some(found) = self.found.get_mut(found) {
                found.entries.push((offset, time, access_point >> 31 == 1));
            }
            offset = offset.saturating_add(size.into());
            time = time.saturating_add(duration.into());
        }
        if file_size < offset {
            return Err(sidx.bad("its subsegments end beyond the file"));
        }
        self.covered = self.covered.max(offset);
        Ok(())
    }

    /// The index of each track; nothing when one has none.
    fn of_tracks(&self, movie: &Movie) -> Option<Vec<RawIndex>> {
        movie
            .tracks
            .iter()
            .map(|track| self.of_track(track, movie.tracks.len() == 1))
            .collect()
    }

    fn of_track(&self, track: &MovieTrack, is_only: bool) -> Option<RawIndex> {
        let named = self.found.iter().find(|found| found.reference_id == track.id);
        // Where there is but one track, some packagers name another one.
        let found = named.or_else(|| self.found.first().filter(|_| is_only && self.found.len() == 1))?;
        let mut entries: Vec<RawEntry> = found
            .entries
            .iter()
            .map(|(offset, time, is_sync)| RawEntry {
                offset: *offset,
                time: track
                    .timescale
                    .rescale(i64::try_from(*time).unwrap_or(i64::MAX), found.timescale),
                is_sync: *is_sync,
            })
            .collect();
        entries.sort_by_key(|entry| entry.offset);
        Some(RawIndex {
            entries,
            end: self.covered,
        })
    }
}
