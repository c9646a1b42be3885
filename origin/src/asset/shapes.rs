//! Titles as the query of a URL shapes them, each derived once a version.

use std::sync::Arc;

use strata_cache::{CacheMetrics, DerivedCache, FillError, Tier};
use strata_media::presentation::ShapeError;
use strata_media::shape::Shape;
use tokio::runtime::Handle;

use super::title::Title;
use crate::source::Tally;

/// Why a title cannot be served in a shape.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ShapeFault {
    /// Nothing is left of it.
    #[error("{0}")]
    Nothing(#[from] ShapeError),
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
        let fill = move || async move {
            // Walks every segment: milliseconds for a long title.
            let shaping = tokio::task::spawn_blocking(move || {
                let presentation = title.presentation().shaped(&shape)?;
                Ok(Arc::new(title.with_presentation(presentation)))
            });
            shaping.await.unwrap_or(Err(ShapeFault::Lost))
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
