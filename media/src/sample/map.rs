//! How the samples of a track are found again when a segment is asked for.

use std::sync::Arc;

use super::{Cursor, Edges, FragmentLayout, Place, Run, TableLayout};

/// Everything that reading a track's samples takes beside its source file.
#[derive(Clone, Debug, Default)]
pub(crate) struct SampleMap {
    /// Where the sample tables lie.
    pub(crate) tables: TableLayout,
    /// How fragments are read; `None` for a track without.
    pub(crate) fragments: Option<FragmentLayout>,
    /// File offsets of fragments, ascending, some or all of them: reads start
    /// there at the same time instead of one after the other.
    pub(crate) heads: Arc<[u64]>,
    /// What the track plays, in time order; at least one.
    pub(crate) runs: Vec<Run>,
    /// Added to composition offsets, and taken from decode times, so that no
    /// offset is negative: some readers misplace fragments with negative ones.
    pub(crate) decode_lead: i32,
    /// What a clip leaves of the first and the last segment.
    pub(crate) edges: Edges,
    /// Mean duration of a sample in ticks.
    pub(crate) mean_duration: u32,
}

/// A part of a segment: samples of one run, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) run: Run,
    pub(crate) start: Cursor,
    /// Behind the last sample.
    pub(crate) end: Cursor,
}

impl SampleMap {
    /// The pieces between two cursors.
    pub(crate) fn pieces(&self, start: Cursor, end: Cursor) -> Vec<Piece> {
        let numbered = (0_u32..).zip(&self.runs);
        let touched = numbered.filter(|(index, _)| (start.run..=end.run).contains(index));
        let pieces = touched.map(|(index, run)| Piece {
            run: *run,
            start: if index == start.run { start } else { run.first },
            end: if index == end.run { end } else { run.end },
        });
        pieces.filter(|piece| !piece.is_empty()).collect()
    }

    /// Number of samples between two cursors; by their mean duration where nobody
    /// has counted them.
    pub(crate) fn sample_count(&self, start: Cursor, end: Cursor) -> u32 {
        let count = |piece: Piece| match piece.run.sample_count() {
            0 => {
                let ticks = piece.end.decode_time.saturating_sub(piece.start.decode_time);
                let count = ticks.max(0).unsigned_abs() / u64::from(self.mean_duration.max(1));
                u32::try_from(count).unwrap_or(u32::MAX)
            }
            _ => piece.end.sample.saturating_sub(piece.start.sample),
        };
        let pieces = self.pieces(start, end).into_iter();
        pieces.map(count).fold(0, u32::saturating_add)
    }

    /// What is added to times as stored at the start of the track to get those of
    /// the output timeline.
    pub(crate) fn shift(&self) -> i64 {
        self.runs.first().map_or(0, |run| run.shift)
    }

    /// When the sample at `cursor` is decoded on the output timeline.
    pub(crate) fn decode_time(&self, cursor: &Cursor) -> i64 {
        let run = usize::try_from(cursor.run)
            .ok()
            .and_then(|run| self.runs.get(run));
        let time = run.map_or(cursor.decode_time, |run| {
            let index = cursor.sample.saturating_sub(run.first.sample);
            run.decode_time(cursor.decode_time, index)
        });
        time.saturating_sub(self.decode_lead.into())
    }

    /// Bytes held on the heap.
    pub(crate) fn heap_size(&self) -> usize {
        let extends = self
            .fragments
            .as_ref()
            .map_or(0, |fragments| size_of_val(&*fragments.extends));
        extends + size_of_val(&*self.heads) + self.runs.capacity() * size_of::<Run>()
    }
}

impl Piece {
    fn is_empty(&self) -> bool {
        let is_counted = self.run.sample_count() > 0;
        if is_counted {
            return self.end.sample <= self.start.sample;
        }
        match (self.start.place, self.end.place) {
            (Place::Fragment(start), Place::Fragment(end)) => end.offset <= start.offset,
            _ => true,
        }
    }
}
