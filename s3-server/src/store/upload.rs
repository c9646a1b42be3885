//! Multipart uploads under way.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use md5::{Digest, Md5};

use super::{OBJECT_BYTES_MAX, md5_hex};

/// Parts are numbered from 1 to this, as on S3.
pub(crate) const PART_NUMBER_MAX: i32 = 10_000;

/// Uploads that were created and neither completed nor aborted.
#[derive(Debug, Default)]
pub(crate) struct Uploads {
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    last_id: u64,
    uploads: HashMap<String, Upload>,
}

/// One upload: where it goes and what has come.
#[derive(Debug)]
pub(crate) struct Upload {
    path: String,
    pub(crate) content_type: Option<String>,
    parts: BTreeMap<i32, Bytes>,
}

/// Why parts do not make an object.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum CompleteError {
    /// No such upload for this object.
    UnknownUpload,
    /// A part named in the request is absent or has another ETag.
    InvalidPart,
    /// The parts are not in ascending order.
    InvalidPartOrder,
    /// The object would exceed [`OBJECT_BYTES_MAX`].
    TooLarge,
}

impl Uploads {
    /// Opens an upload to `path` (`bucket/key`) and returns its id.
    pub(crate) fn create(&self, path: String, content_type: Option<String>) -> String {
        let mut open = self.open();
        open.last_id += 1;
        let id = format!("upload-{}", open.last_id);
        open.uploads.insert(
            id.clone(),
            Upload {
                path,
                content_type,
                parts: BTreeMap::new(),
            },
        );
        id
    }

    /// Takes a part and returns its ETag, unquoted; `None` when no such upload.
    pub(crate) fn put_part(&self, id: &str, path: &str, number: i32, bytes: Bytes) -> Option<String> {
        let etag = md5_hex(&bytes);
        let mut open = self.open();
        let upload = open.uploads.get_mut(id).filter(|upload| upload.path == path)?;
        upload.parts.insert(number, bytes);
        Some(etag)
    }

    /// Ends an upload without a result; false when no such upload.
    pub(crate) fn abort(&self, id: &str, path: &str) -> bool {
        let mut open = self.open();
        let known = open.uploads.get(id).is_some_and(|upload| upload.path == path);
        known && open.uploads.remove(id).is_some()
    }

    /// Joins the named parts (number, unquoted ETag) and closes the upload.
    /// Returns the bytes, the ETag and the media type.
    pub(crate) fn complete(
        &self,
        id: &str,
        path: &str,
        named: &[(i32, Option<String>)],
    ) -> Result<(Bytes, String, Option<String>), CompleteError> {
        let mut open = self.open();
        let upload = open
            .uploads
            .get(id)
            .filter(|upload| upload.path == path)
            .ok_or(CompleteError::UnknownUpload)?;
        if !named.is_sorted_by(|(a, _), (b, _)| a < b) {
            return Err(CompleteError::InvalidPartOrder);
        }
        let mut whole = BytesMut::new();
        let mut digests = Md5::new();
        for (number, etag) in named {
            let part = upload.parts.get(number).ok_or(CompleteError::InvalidPart)?;
            if etag.as_ref().is_some_and(|etag| *etag != md5_hex(part)) {
                return Err(CompleteError::InvalidPart);
            }
            if OBJECT_BYTES_MAX < whole.len() as u64 + part.len() as u64 {
                return Err(CompleteError::TooLarge);
            }
            digests.update(Md5::digest(part));
            whole.extend_from_slice(part);
        }
        let hex: String = digests
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let content_type = upload.content_type.clone();
        open.uploads.remove(id);
        // S3's ETag of a multipart object: the MD5 of the parts' MD5s, and how
        // many there were.
        Ok((whole.freeze(), format!("{hex}-{}", named.len()), content_type))
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_join_in_order_and_the_etag_counts_them() {
        let uploads = Uploads::default();
        let id = uploads.create("b/k".into(), None);
        let second = uploads
            .put_part(&id, "b/k", 2, Bytes::from_static(b"world"))
            .unwrap();
        let first = uploads
            .put_part(&id, "b/k", 1, Bytes::from_static(b"hello "))
            .unwrap();
        let wrong_order = [(2, Some(second.clone())), (1, Some(first.clone()))];
        assert_eq!(
            uploads.complete(&id, "b/k", &wrong_order),
            Err(CompleteError::InvalidPartOrder)
        );
        assert_eq!(
            uploads.complete(&id, "b/k", &[(1, Some(second.clone()))]),
            Err(CompleteError::InvalidPart)
        );
        let (bytes, etag, _) = uploads
            .complete(&id, "b/k", &[(1, Some(first)), (2, Some(second))])
            .unwrap();
        assert_eq!(bytes, "hello world");
        assert!(etag.ends_with("-2"), "{etag}");
        assert_eq!(
            uploads.complete(&id, "b/k", &[]),
            Err(CompleteError::UnknownUpload)
        );
    }
}
