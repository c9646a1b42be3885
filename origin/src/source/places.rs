//! The store, and the web servers that files may lie on beside it.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use strata_cache::Chunk;

use super::{HttpSource, ObjectMeta, Opened, Source, SourceBody, SourceError, SourceFault};

/// A store beside web servers: objects named by `http` and `https` URLs are theirs, all
/// others the store's. No request can name such an object, only a server manifest, since
/// slashes in paths of requests are never doubled.
#[derive(Debug)]
pub struct Places {
    store: Arc<dyn Source>,
    web: Option<HttpSource>,
}

impl Places {
    /// Puts `web` beside `store`; without it, no object has a URL.
    #[must_use]
    pub fn new(store: Arc<dyn Source>, web: Option<HttpSource>) -> Self {
        Self { store, web }
    }

    fn of(&self, object: &str) -> Result<&dyn Source, SourceError> {
        if !is_url(object) {
            return Ok(self.store.as_ref());
        }
        let web = self.web.as_ref().map(|web| web as &dyn Source);
        web.ok_or_else(|| {
            let reason = "a URL, and http_sources.hosts allows none";
            SourceError::new(object, SourceFault::denied(reason))
        })
    }
}

/// Whether an object is named by a URL rather than by its place in the store.
#[must_use]
pub fn is_url(object: &str) -> bool {
    object.starts_with("http://") || object.starts_with("https://")
}

#[async_trait]
impl Source for Places {
    fn name(&self) -> &str {
        self.store.name()
    }

    async fn head(&self, object: &str) -> Result<ObjectMeta, SourceError> {
        self.of(object)?.head(object).await
    }

    async fn open(&self, object: &str, head_size: u64) -> Result<Opened, SourceError> {
        self.of(object)?.open(object, head_size).await
    }

    async fn read(&self, object: &str, version: &str, range: Range<u64>) -> Result<Chunk, SourceError> {
        self.of(object)?.read(object, version, range).await
    }

    async fn stream(
        &self,
        object: &str,
        version: &str,
        range: Range<u64>,
    ) -> Result<SourceBody, SourceError> {
        self.of(object)?.stream(object, version, range).await
    }

    async fn stream_apart(
        &self,
        object: &str,
        version: &str,
        range: Range<u64>,
    ) -> Result<SourceBody, SourceError> {
        self.of(object)?.stream_apart(object, version, range).await
    }

    async fn probe(&self) -> Result<(), SourceError> {
        self.store.probe().await
    }
}
