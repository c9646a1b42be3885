//! Finds the fragments of a file: by an index when there is one, else by
//! walking from one to the next.

use std::sync::Arc;

use super::calibration::{Calibrated, Calibration, RawIndex};
use super::random_access::{self, MFRA};
use super::scan::Scan;
use super::segment_index::SegmentIndexes;
use super::{FragmentIndex, IndexFault};
use crate::codec::FourCc;
use crate::read::mp4::windows::{Halt, Windows};
use crate::read::mp4::{Movie, MovieTrack, ReadError, edit};
use crate::sample::{FragmentLayout, TrackExtends};

/// What remains to be read of a fragmented file when its `moov` has been.
#[derive(Debug)]
pub(in crate::read::mp4) struct Indexer {
    movie: Movie,
    extends: Arc<[TrackExtends]>,
    /// Where the first box that may belong to fragments starts.
    start: u64,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    SegmentIndexes(SegmentIndexes),
    RandomAccess,
    /// Of the index that is such a box.
    Calibration(FourCc, Calibration),
    Scan(Scan),
}

/// The type of a segment index.
const SIDX: FourCc = FourCc(*b"sidx");

impl Indexer {
    /// Fragments of `movie` are looked for from `start` on.
    pub(in crate::read::mp4) fn new(movie: Movie, extends: Vec<TrackExtends>, start: u64) -> Self {
        Self {
            movie,
            extends: extends.into(),
            start,
            stage: Stage::SegmentIndexes(SegmentIndexes::new(start)),
        }
    }

    /// Goes on as far as the bytes at hand allow.
    pub(in crate::read::mp4) fn advance(&mut self, windows: &Windows) -> Result<Movie, Halt> {
        if self.movie.tracks.is_empty() {
            return Ok(self.take_movie());
        }
        // An index says nothing of the moov's own samples, nor enough to follow
        // an edit list that jumps.
        let needs_samples =
            |track: &MovieTrack| track.layout.sample_count > 0 || !edit::is_one_stretch(&track.edits);
        if let Stage::SegmentIndexes(_) = self.stage
            && self.movie.tracks.iter().any(needs_samples)
        {
            self.stage = Stage::Scan(self.scan(windows));
        }
        loop {
            self.stage = match &mut self.stage {
                Stage::SegmentIndexes(indexes) => match indexes.advance(windows, &self.movie) {
                    Ok(Some(found)) => self.calibration(SIDX, found, windows),
                    Ok(None) => Stage::RandomAccess,
                    Err(halt) => self.instead_of(SIDX, halt, windows)?,
                },
                Stage::RandomAccess => match random_access::read(windows, &self.movie) {
                    Ok(Some(found)) => self.calibration(MFRA, found, windows),
                    Ok(None) => Stage::Scan(self.scan(windows)),
                    Err(halt) => self.instead_of(MFRA, halt, windows)?,
                },
                Stage::Calibration(kind, calibration) => {
                    let kind = *kind;
                    let layout = |track: &MovieTrack| layout(&self.extends, self.start, track, windows);
                    match calibration.advance(windows, &self.movie, layout) {
                        Ok(Calibrated::Indexed(indexed)) => {
                            self.adopt(indexed);
                            return Ok(self.take_movie());
                        }
                        Ok(Calibrated::Rejected) => self.instead(kind, None, windows),
                        Err(halt) => self.instead_of(kind, halt, windows)?,
                    }
                }
                Stage::Scan(scan) => {
                    scan.advance(windows)?;
                    let scan = std::mem::replace(scan, Scan::new(0, std::iter::empty()));
                    scan.finish(&mut self.movie.tracks);
                    return Ok(self.take_movie());
                }
            };
        }
    }

    fn calibration(&mut self, kind: FourCc, found: Vec<RawIndex>, windows: &Windows) -> Stage {
        match Calibration::new(found) {
            Some(calibration) => Stage::Calibration(kind, calibration),
            None => self.instead(kind, None, windows),
        }
    }

    /// As [`Self::instead`], of an index that could not be read on.
    fn instead_of(&mut self, kind: FourCc, halt: Halt, windows: &Windows) -> Result<Stage, Halt> {
        match halt {
            Halt::Need(range) => Err(Halt::Need(range)),
            Halt::Failed(error) => Ok(self.instead(kind, Some(error), windows)),
        }
    }

    /// What is done instead of using the index that is a `kind`.
    fn instead(&mut self, kind: FourCc, error: Option<ReadError>, windows: &Windows) -> Stage {
        self.movie.index_faults.push(IndexFault { kind, error });
        if kind == SIDX {
            Stage::RandomAccess
        } else {
            Stage::Scan(self.scan(windows))
        }
    }

    /// Gives the tracks their indexes.
    fn adopt(&mut self, indexed: Vec<(FragmentIndex, FragmentLayout)>) {
        let heads = heads(&indexed);
        for (track, (index, layout)) in self.movie.tracks.iter_mut().zip(indexed) {
            track.fragment_heads = Arc::clone(&heads);
            track.fragments_end = index.end;
            track.index = Some(index);
            track.fragments = Some(layout);
        }
    }

    fn scan(&self, windows: &Windows) -> Scan {
        let tracks = self.movie.tracks.iter();
        let layouts = tracks.map(|track| layout(&self.extends, self.start, track, windows));
        Scan::new(self.start, layouts)
    }

    fn take_movie(&mut self) -> Movie {
        std::mem::take(&mut self.movie)
    }
}

/// Where the fragments of all tracks start.
fn heads(indexed: &[(FragmentIndex, FragmentLayout)]) -> Arc<[u64]> {
    let fragments = indexed.iter().flat_map(|(index, _)| &index.fragments);
    let mut heads: Vec<u64> = fragments.map(|fragment| fragment.offset).collect();
    heads.sort_unstable();
    heads.dedup();
    heads.into()
}

/// How the fragments of `track` are read, as far as the `moov` says.
fn layout(
    extends: &Arc<[TrackExtends]>,
    start: u64,
    track: &MovieTrack,
    windows: &Windows,
) -> FragmentLayout {
    FragmentLayout {
        track_id: track.id,
        extends: Arc::clone(extends),
        clock: Default::default(),
        start,
        lag: None,
        entry_count: track.layout.entry_count,
        head_size: 1 << 10,
        file_size: windows.file_size,
    }
}
