//! A folder as a store.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use async_trait::async_trait;
use bytes::Bytes;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, Metadata};
use futures_util::stream::{self, StreamExt};
use strata_cache::Chunk;
use xxhash_rust::xxh3::Xxh3;

use super::{ObjectMeta, Opened, Source, SourceBody, SourceError, SourceFault};

/// Bytes of a stream that are read in one go.
const PIECE_BYTES: u64 = 1 << 20;

/// Regular files below one folder.
///
/// Nothing outside the folder is ever read: every name is resolved beneath
/// the folder's own handle, so that `..`, an absolute name or a symbolic link
/// that leads out is refused, even if a link is swapped while it is being
/// followed. Links that stay inside are followed.
///
/// A file's version is a hash of its size and modification time (ns).
#[derive(Debug)]
pub struct FolderSource {
    root: Arc<Dir>,
    path: PathBuf,
    name: String,
}

impl FolderSource {
    /// Opens the folder. Blocks; meant for start-up.
    ///
    /// # Errors
    /// When it is absent, not a folder, or not readable.
    pub fn open(path: &Path) -> io::Result<Self> {
        let root = Dir::open_ambient_dir(path, ambient_authority())?;
        Ok(Self {
            root: Arc::new(root),
            path: path.to_owned(),
            // The same on every node, wherever it mounts the folder: ETags
            // and cache keys must not tell nodes apart.
            name: "folder".to_owned(),
        })
    }

    async fn blocking<T: Send + 'static>(
        &self,
        object: &str,
        work: impl FnOnce(&Dir, &str) -> Result<T, SourceFault> + Send + 'static,
    ) -> Result<T, SourceError> {
        let (root, name) = (Arc::clone(&self.root), object.to_owned());
        let done = tokio::task::spawn_blocking(move || work(&root, &name)).await;
        let result = done.unwrap_or_else(|error| Err(SourceFault::unavailable(error.to_string())));
        result.map_err(|fault| SourceError::new(object, fault))
    }
}

#[async_trait]
impl Source for FolderSource {
    fn name(&self) -> &str {
        &self.name
    }

    async fn head(&self, object: &str) -> Result<ObjectMeta, SourceError> {
        self.blocking(object, |root, name| Ok(open(root, name)?.1)).await
    }

    async fn open(&self, object: &str, head_size: u64) -> Result<Opened, SourceError> {
        self.blocking(object, move |root, name| {
            let (mut file, meta) = open(root, name)?;
            let head = read(&mut file, &meta.version, 0..head_size.min(meta.size))?;
            Ok(Opened { meta, head })
        })
        .await
    }

    async fn read(&self, object: &str, version: &str, range: Range<u64>) -> Result<Chunk, SourceError> {
        let version = version.to_owned();
        self.blocking(object, move |root, name| {
            let (mut file, meta) = open(root, name)?;
            if *meta.version != *version {
                return Err(SourceFault::Changed);
            }
            read(&mut file, &version, range)
        })
        .await
    }

    async fn stream(
        &self,
        object: &str,
        version: &str,
        range: Range<u64>,
    ) -> Result<SourceBody, SourceError> {
        let first = piece_of(&range);
        let head = self.read(object, version, first.clone()).await?;
        let source = Self {
            root: Arc::clone(&self.root),
            path: self.path.clone(),
            name: self.name.clone(),
        };
        let (object, version) = (object.to_owned(), version.to_owned());
        let rest = first.end..range.end;
        let rest = stream::try_unfold((source, rest), move |(source, rest)| {
            let (object, version) = (object.clone(), version.clone());
            async move {
                if rest.is_empty() {
                    return Ok(None);
                }
                let piece = piece_of(&rest);
                let chunk = source.read(&object, &version, piece.clone()).await?;
                Ok(Some((Bytes::from(chunk), (source, piece.end..rest.end))))
            }
        });
        Ok(stream::once(async { Ok(head.into()) }).chain(rest).boxed())
    }

    async fn probe(&self) -> Result<(), SourceError> {
        // By path, unlike reads: a folder that was moved away is still open,
        // and its operator should hear of it.
        let path = self.path.clone();
        self.blocking("", move |_, _| match std::fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => Ok(()),
            Ok(_) => Err(SourceFault::unavailable(format!(
                "{} is not a folder",
                path.display()
            ))),
            Err(error) => Err(SourceFault::unavailable(format!("{}: {error}", path.display()))),
        })
        .await
    }
}

/// What is read of `range` in one go.
fn piece_of(range: &Range<u64>) -> Range<u64> {
    range.start..range.end.min(range.start.saturating_add(PIECE_BYTES))
}

/// Opens a regular file below `root`.
fn open(root: &Dir, name: &str) -> Result<(File, ObjectMeta), SourceFault> {
    // Looked at before it is opened: opening a pipe waits for its other end.
    let metadata = root.metadata(name).map_err(|error| fault_of(&error))?;
    if !metadata.is_file() {
        return Err(SourceFault::NotFound);
    }
    let file = root.open(name).map_err(|error| fault_of(&error))?;
    let metadata = file.metadata().map_err(|error| fault_of(&error))?;
    if !metadata.is_file() {
        return Err(SourceFault::NotFound);
    }
    let meta = meta_of(&metadata);
    Ok((file, meta))
}

fn read(file: &mut File, version: &str, range: Range<u64>) -> Result<Chunk, SourceFault> {
    let size = range.end.saturating_sub(range.start);
    let capacity = usize::try_from(size).map_err(|_| SourceFault::broken("range exceeds memory"))?;
    let mut buffer = Vec::with_capacity(capacity);
    file.seek(SeekFrom::Start(range.start))
        .and_then(|_| Read::by_ref(file).take(size).read_to_end(&mut buffer))
        .map_err(|error| fault_of(&error))?;
    // Looked at once more: the file may have been written to in between.
    let metadata = file.metadata().map_err(|error| fault_of(&error))?;
    if *meta_of(&metadata).version != *version {
        return Err(SourceFault::Changed);
    }
    if buffer.len() != capacity {
        let reason = format!("{} bytes of {capacity} at {}", buffer.len(), range.start);
        return Err(SourceFault::broken(reason));
    }
    Ok(Chunk::from_vec(buffer))
}

fn meta_of(metadata: &Metadata) -> ObjectMeta {
    let modified = metadata.modified().ok().map(cap_std::time::SystemTime::into_std);
    let since_epoch = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let mut hasher = Xxh3::new();
    hasher.update(&metadata.len().to_le_bytes());
    hasher.update(&since_epoch.unwrap_or_default().as_nanos().to_le_bytes());
    ObjectMeta {
        size: metadata.len(),
        version: format!("{:016x}", hasher.digest()).into(),
        modified,
    }
}

fn fault_of(error: &io::Error) -> SourceFault {
    use io::ErrorKind;
    match error.kind() {
        ErrorKind::NotFound
        | ErrorKind::NotADirectory
        | ErrorKind::IsADirectory
        | ErrorKind::InvalidFilename
        | ErrorKind::InvalidInput => SourceFault::NotFound,
        ErrorKind::PermissionDenied => SourceFault::denied(error.to_string()),
        _ => SourceFault::unavailable(error.to_string()),
    }
}

#[cfg(test)]
#[path = "fs_tests.rs"]
mod tests;
