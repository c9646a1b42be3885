//! Where titles are stored: a folder or an S3 bucket, and beside it web servers whose
//! files server manifests may name.
//!
//! A [`Source`] answers three questions about an object, by its name relative
//! to the store's root: what is it ([`Source::head`]), how does it begin
//! ([`Source::open`]), and what are these bytes of exactly this version
//! ([`Source::read`]). The rest of the origin never reaches a source directly
//! but through a [`Store`], which bounds how many requests run at once and how
//! long they take, and counts them.

mod error;
mod fs;
mod http;
mod metrics;
mod object;
mod places;
mod reader;
mod s3;
mod store;
mod tally;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use strata_cache::Chunk;

pub use self::http::{Host, HttpClientError, HttpConfig, HttpSource};
pub use error::{SourceError, SourceFault};
pub use fs::FolderSource;
pub use metrics::StoreMetrics;
pub use object::{HEAD_BYTES, Piece, Pieces, SourceObject};
pub use places::{Places, is_url};
pub use reader::{ReadLimits, SourceReader};
pub use s3::{S3Config, S3ConnectError, S3Source};
pub use store::{BreakerLimits, HedgeLimits, RetryLimits, Store, StoreLimits};
pub use tally::Tally;

/// What is known of an object without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectMeta {
    /// Size in bytes.
    pub size: u64,
    /// Names these very bytes; changes whenever they do.
    pub version: Arc<str>,
    /// When the object was last changed, if the store says so.
    pub modified: Option<SystemTime>,
}

/// An object with its first bytes.
#[derive(Clone, Debug)]
pub struct Opened {
    /// What it is.
    pub meta: ObjectMeta,
    /// Its first bytes: as many as were asked for, or all it has.
    pub head: Chunk,
}

/// Bytes as they come.
pub type SourceBody = BoxStream<'static, Result<Bytes, SourceError>>;

/// A place that objects are read from.
///
/// Objects are named by paths relative to the store's root, with `/` between
/// segments, no empty, `.` or `..` segments and no leading slash; those of web servers
/// by their URLs, see [`Places`].
#[async_trait]
pub trait Source: fmt::Debug + Send + Sync + 'static {
    /// The store's name, the same on every node that reads from it.
    fn name(&self) -> &str;

    /// Looks an object up.
    ///
    /// # Errors
    /// [`SourceFault::NotFound`] and all that can befall a request.
    async fn head(&self, object: &str) -> Result<ObjectMeta, SourceError>;

    /// Looks an object up and reads its first `head_size` bytes, or all it
    /// has, in one request.
    ///
    /// # Errors
    /// [`SourceFault::NotFound`] and all that can befall a request.
    async fn open(&self, object: &str, head_size: u64) -> Result<Opened, SourceError>;

    /// Reads bytes `range` of version `version`, exactly.
    ///
    /// # Errors
    /// [`SourceFault::Changed`] when the object is of another version by now.
    async fn read(&self, object: &str, version: &str, range: Range<u64>) -> Result<Chunk, SourceError>;

    /// Reads bytes `range` of version `version`, and hands them on as they come.
    /// Returns when the answer's head is here: by then the version is certain.
    ///
    /// # Errors
    /// [`SourceFault::Changed`] when the object is of another version by now.
    async fn stream(
        &self,
        object: &str,
        version: &str,
        range: Range<u64>,
    ) -> Result<SourceBody, SourceError> {
        let chunk = self.read(object, version, range).await?;
        Ok(stream::once(async { Ok(chunk.into()) }).boxed())
    }

    /// Like [`Source::stream`], by a connection that nothing else has been asked
    /// over: for a second request beside a slow one, since what is slow may be
    /// the connection. The same where there are no connections.
    ///
    /// # Errors
    /// Those of [`Source::stream`].
    async fn stream_apart(
        &self,
        object: &str,
        version: &str,
        range: Range<u64>,
    ) -> Result<SourceBody, SourceError> {
        self.stream(object, version, range).await
    }

    /// Whether the store can be reached at all, by the cheapest request that
    /// tells.
    ///
    /// # Errors
    /// Why it cannot.
    async fn probe(&self) -> Result<(), SourceError>;
}

#[cfg(test)]
mod contract;
#[cfg(test)]
pub(crate) mod web_server;
