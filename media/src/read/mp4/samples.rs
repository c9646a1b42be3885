//! The walk over all samples of a track, in its tables and in its fragments.

use std::sync::Arc;

use super::fragment::FragmentWalk;
use super::{MovieTrack, ReadError};
use crate::sample::{Cursor, Place, Sample, TableWalk};

/// Walks samples in decode order. Ends after the last one or the first error.
#[derive(Clone, Debug)]
pub struct MovieSamples {
    track_id: u32,
    tables: TableWalk,
    /// Taken up when the tables are used up.
    fragments: Option<FragmentWalk>,
    in_fragments: bool,
}

impl MovieSamples {
    pub(super) fn new(track: &MovieTrack) -> Self {
        let fragments = track.fragments.as_ref().filter(|_| track.index.is_none());
        let fragments = fragments
            .map(|layout| FragmentWalk::new(layout.clone(), Arc::clone(&track.moofs), track.fragments_end));
        Self {
            track_id: track.id,
            tables: track.layout.walk(Cursor::default(), &track.tables),
            in_fragments: fragments.is_some() && track.layout.sample_count == 0,
            fragments,
        }
    }

    /// Where the walk stands: before the sample that [`Iterator::next`] gives.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        match &self.fragments {
            Some(fragments) if self.in_fragments => fragments.cursor(),
            _ => self.tables.cursor(),
        }
    }

    /// The same walk from another place on, which it has given before.
    #[must_use]
    pub fn starting_at(mut self, cursor: Cursor) -> Self {
        self.in_fragments = matches!(cursor.place, Place::Fragment(_));
        if let (true, Some(fragments)) = (self.in_fragments, &mut self.fragments) {
            fragments.go_to(&cursor);
        } else {
            self.tables = self.tables.starting_at(cursor);
        }
        self
    }
}

impl Iterator for MovieSamples {
    type Item = Result<Sample, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if !self.in_fragments {
            let track_id = self.track_id;
            if let Some(sample) = self.tables.next() {
                return Some(sample.map_err(|source| ReadError::Table { track_id, source }));
            }
            self.fragments.as_mut()?.go_behind(&self.tables.cursor());
            self.in_fragments = true;
        }
        self.fragments.as_mut()?.next()
    }
}
