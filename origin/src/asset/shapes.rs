//! Titles as the query of a URL shapes them, each derived once a version.

use std::sync::Arc;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use strata_cache::{CacheMetrics, DerivedCache, FillError, Tier};
use strata_media::presentation::ShapeError;
use strata_media::sample::Samples;
use strata_media::shape::Shape;
use tokio::runtime::Handle;

use super::samples::SamplesError;
use super::title::Title;
use crate::source::Tally;

/// Segments that a clip begins or ends within, read at the same time.
const EDGE_READS: usize = 8;

/// Why a title cannot be served in a shape.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ShapeFault {
    /// Nothing is left of it.
    #[error("{0}")]
    Nothing(#[from] ShapeError),
    /// The samples that it is cut between cannot be had.
    #[error("{0}")]
    Samples(#[from] SamplesError),
    /// Deriving it ended without a result: a bug.
    #[error("shaping ended without a result")]
    Lost,
}

/// The shaped titles in memory.
#[derive(Debug)]
pub(super) struct Shapes {
    cache: DerivedCache<Title, ShapeFault>,
}

impl Shapes {
    pub(super) fn new(capacity_bytes: usize, runtime: Handle, metrics: &CacheMetrics) -> Self {
        Self {
            cache: DerivedCache::new(capacity_bytes, runtime, Tier::Shapes, metrics),
        }
    }

    /// `title` in `shape`.
    pub(super) async fn get(
        &self,
        title: &Arc<Title>,
        shape: &Shape,
        tally: &Arc<Tally>,
    ) -> Result<Arc<Title>, ShapeFault> {
        // The fingerprint, so that a title loaded anew is shaped anew.
        let name = format!("{:032x}{}", title.fingerprint(), shape.suffix());
        let (title, shape) = (Arc::clone(title), shape.clone());
        let reading = Arc::clone(tally);
        let fill = move || async move {
            let shaping = title.presentation().shaping(&shape)?;
            let tracks = &shaping.presentation().tracks;
            let edges = shaping.needs().iter();
            let edges = edges.filter_map(|edge| Some((tracks.get(edge.track)?, edge.segment)));
            let reads = edges.map(|(track, segment)| title.samples(track, segment, &reading));
            // Collected first, so that the future can be sent between threads.
            let reads: Vec<_> = reads.collect();
            let samples: Vec<Samples> = stream::iter(reads).buffered(EDGE_READS).try_collect().await?;
            // Walks every segment: milliseconds for a long title.
            let finishing = tokio::task::spawn_blocking(move || {
                let presentation = shaping.finish(&samples)?;
                Ok(Arc::new(title.with_presentation(presentation)))
            });
            finishing.await.unwrap_or(Err(ShapeFault::Lost))
        };
        let looked = self.cache.get_or_fill(&name, fill).await;
        let looked = looked.map_err(|error| match error {
            FillError::Failed(error) => error,
            FillError::Lost => ShapeFault::Lost,
        })?;
        tally.looked(looked.outcome);
        Ok(looked.value)
    }

    /// Waits until nothing is being shaped.
    pub(super) async fn drain(&self) {
        self.cache.drain().await;
    }
}
