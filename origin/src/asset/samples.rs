//! The samples of a segment, read from the sources of a title.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use strata_media::read::mp4::{SegmentReader, SegmentStep};
use strata_media::sample::Samples;
use strata_media::track::Track;

use super::title::Title;
use crate::source::{SourceError, SourceObject, Tally};

/// Ranges of sample tables, or of the heads of fragments, read at the same time.
const TABLE_READS: usize = 8;

/// Why the samples of a segment cannot be had.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SamplesError {
    /// The source does not hold together.
    #[error("{object}: {reason}")]
    Corrupt {
        /// The file.
        object: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A read failed.
    #[error("{0}")]
    Store(#[from] SourceError),
}

impl Title {
    /// The samples of segment `segment` of `track`, which is one of the title's,
    /// without their media.
    ///
    /// # Errors
    /// [`SamplesError`].
    pub async fn samples(
        &self,
        track: &Track,
        segment: usize,
        tally: &Arc<Tally>,
    ) -> Result<Samples, SamplesError> {
        let corrupt = |object: &str, reason: String| SamplesError::Corrupt {
            object: object.to_owned(),
            reason,
        };
        let object = self.object(track.file);
        let object = object.ok_or_else(|| corrupt(self.path(), "a track without a file".to_owned()))?;
        let mut reader = SegmentReader::new(track, segment);
        let mut supplied: Vec<Bytes> = Vec::new();
        loop {
            let step = reader.step(supplied);
            match step.map_err(|error| corrupt(object.name(), error.to_string()))? {
                SegmentStep::Done(samples) => return Ok(samples),
                SegmentStep::Need(ranges) => supplied = read_ranges(object, ranges, tally).await?,
            }
        }
    }
}

/// The bytes of `ranges` of `object`, through the cache of chunks.
pub(crate) async fn read_ranges(
    object: &SourceObject,
    ranges: Vec<Range<u64>>,
    tally: &Arc<Tally>,
) -> Result<Vec<Bytes>, SourceError> {
    let at_hand: Vec<_> = ranges.iter().map(|range| object.at_hand(range, tally)).collect();
    let reads: Vec<_> = ranges
        .into_iter()
        .zip(&at_hand)
        .filter(|(_, bytes)| bytes.is_none())
        .map(|(range, _)| object.read(range, tally))
        .collect();
    let mut read = Vec::new();
    if !reads.is_empty() {
        read = stream::iter(reads).buffered(TABLE_READS).try_collect().await?;
    }
    let mut read = read.into_iter();
    Ok(at_hand
        .into_iter()
        .filter_map(|bytes| bytes.or_else(|| read.next()))
        .collect())
}
