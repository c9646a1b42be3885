//! The objects, in memory.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;
use std::{fs, io};

use bytes::Bytes;
use md5::{Digest, Md5};

mod upload;

pub(crate) use upload::{CompleteError, PART_NUMBER_MAX, Uploads};

/// The largest object taken, 4 GiB: everything is held in memory.
pub const OBJECT_BYTES_MAX: u64 = 4 << 30;

/// One version of an object.
#[derive(Clone, Debug)]
pub struct Object {
    /// Its bytes, shared with every response that carries them.
    pub bytes: Bytes,
    /// Its ETag without quotes: the MD5 in hexadecimal, as S3 has it for
    /// objects uploaded in one piece.
    pub etag: String,
    /// The media type given at upload.
    pub content_type: Option<String>,
    /// When it was put here.
    pub last_modified: SystemTime,
}

/// Buckets of objects. Cheap to clone: clones share their content.
#[derive(Clone, Debug, Default)]
pub struct Store {
    buckets: Arc<Mutex<Buckets>>,
    uploads: Arc<Uploads>,
    flips: Arc<AtomicU64>,
}

type Buckets = BTreeMap<String, Bucket>;

#[derive(Debug)]
struct Bucket {
    created: SystemTime,
    objects: BTreeMap<String, Arc<Object>>,
}

impl Store {
    /// Makes a bucket; false when it is there already.
    pub fn create_bucket(&self, bucket: &str) -> bool {
        let mut buckets = self.buckets();
        let absent = !buckets.contains_key(bucket);
        if absent {
            let created = SystemTime::now();
            buckets.insert(
                bucket.to_owned(),
                Bucket {
                    created,
                    objects: BTreeMap::new(),
                },
            );
        }
        absent
    }

    /// Removes an empty bucket; false when it is absent or not empty.
    pub fn delete_bucket(&self, bucket: &str) -> bool {
        let mut buckets = self.buckets();
        let empty = buckets
            .get(bucket)
            .is_some_and(|bucket| bucket.objects.is_empty());
        empty && buckets.remove(bucket).is_some()
    }

    /// Whether the bucket exists.
    pub fn has_bucket(&self, bucket: &str) -> bool {
        self.buckets().contains_key(bucket)
    }

    /// Every bucket's name and when it was made, in order.
    pub fn list_buckets(&self) -> Vec<(String, SystemTime)> {
        self.buckets()
            .iter()
            .map(|(name, bucket)| (name.clone(), bucket.created))
            .collect()
    }

    /// Puts an object, replacing what was there. The bucket is made if absent.
    /// Returns the ETag, unquoted.
    pub fn put(&self, bucket: &str, key: &str, bytes: impl Into<Bytes>) -> String {
        let bytes = bytes.into();
        let etag = md5_hex(&bytes);
        self.insert(
            bucket,
            key,
            Object {
                bytes,
                etag: etag.clone(),
                content_type: None,
                last_modified: SystemTime::now(),
            },
        );
        etag
    }

    /// The current version of an object.
    pub fn get(&self, bucket: &str, key: &str) -> Option<Arc<Object>> {
        self.buckets().get(bucket)?.objects.get(key).cloned()
    }

    /// Removes an object; false when there was none.
    pub fn delete(&self, bucket: &str, key: &str) -> bool {
        self.buckets()
            .get_mut(bucket)
            .is_some_and(|bucket| bucket.objects.remove(key).is_some())
    }

    /// Keeps an object's bytes and gives it an ETag it never had, as an upload
    /// in other parts does; false when there is no such object.
    pub fn flip_etag(&self, bucket: &str, key: &str) -> bool {
        let Some(object) = self.get(bucket, key) else {
            return false;
        };
        let flip = self.flips.fetch_add(1, Ordering::Relaxed);
        let etag = md5_hex(format!("{}+{flip}", object.etag).as_bytes());
        self.insert(
            bucket,
            key,
            Object {
                etag,
                last_modified: SystemTime::now(),
                ..Object::clone(&object)
            },
        );
        true
    }

    /// Puts every regular file under `directory` into `bucket`, keys being the
    /// paths below it. Symbolic links are not followed. Returns the count.
    ///
    /// # Errors
    ///
    /// The first file or folder that cannot be read.
    pub fn load_directory(&self, bucket: &str, directory: &Path) -> io::Result<usize> {
        self.create_bucket(bucket);
        let mut folders = vec![(directory.to_owned(), String::new())];
        let mut count = 0;
        while let Some((folder, prefix)) = folders.pop() {
            for entry in fs::read_dir(&folder)? {
                let entry = entry?;
                let key = format!("{prefix}{}", entry.file_name().to_string_lossy());
                let kind = entry.file_type()?;
                if kind.is_dir() {
                    folders.push((entry.path(), format!("{key}/")));
                } else if kind.is_file() {
                    self.put(bucket, &key, fs::read(entry.path())?);
                    count += 1;
                }
            }
        }
        Ok(count)
    }

    pub(crate) fn insert(&self, bucket: &str, key: &str, object: Object) {
        self.create_bucket(bucket);
        if let Some(bucket) = self.buckets().get_mut(bucket) {
            bucket.objects.insert(key.to_owned(), Arc::new(object));
        }
    }

    /// At most `count_max` objects with the prefix whose keys come after
    /// `after`, in byte order; `None` when the bucket is absent.
    pub(crate) fn list(
        &self,
        bucket: &str,
        prefix: &str,
        after: &str,
        count_max: usize,
    ) -> Option<Vec<(String, Arc<Object>)>> {
        let buckets = self.buckets();
        let start = if after < prefix {
            Bound::Included(prefix)
        } else {
            Bound::Excluded(after)
        };
        let objects = buckets
            .get(bucket)?
            .objects
            .range::<str, _>((start, Bound::Unbounded));
        let with_prefix = objects.take_while(|(key, _)| key.starts_with(prefix));
        Some(
            with_prefix
                .take(count_max)
                .map(|(key, object)| (key.clone(), Arc::clone(object)))
                .collect(),
        )
    }

    pub(crate) fn uploads(&self) -> &Uploads {
        &self.uploads
    }

    fn buckets(&self) -> MutexGuard<'_, Buckets> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// MD5 in lower-case hexadecimal, S3's ETag of a plain upload.
pub(crate) fn md5_hex(bytes: &[u8]) -> String {
    Md5::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_etag_of_a_plain_upload_is_its_md5() {
        let store = Store::default();
        assert_eq!(store.put("b", "k", "hello"), "5d41402abc4b2a76b9719d911017c592");
    }

    #[test]
    fn a_flipped_etag_is_new_each_time_and_the_bytes_stay() {
        let store = Store::default();
        let first = store.put("b", "k", "hello");
        assert!(store.flip_etag("b", "k"));
        let second = store.get("b", "k").unwrap();
        assert!(store.flip_etag("b", "k"));
        let third = store.get("b", "k").unwrap();
        assert_ne!(first, second.etag);
        assert_ne!(second.etag, third.etag);
        assert_eq!(third.bytes, "hello");
        assert!(!store.flip_etag("b", "absent"));
    }

    #[test]
    fn a_listing_starts_after_a_key_and_stays_within_its_prefix() {
        let store = Store::default();
        for key in ["a/1", "a/2", "a/3", "b/1"] {
            store.put("b", key, "");
        }
        let keys = |after: &str, count| -> Vec<String> {
            store
                .list("b", "a/", after, count)
                .unwrap()
                .into_iter()
                .map(|(key, _)| key)
                .collect()
        };
        assert_eq!(keys("", 2), ["a/1", "a/2"]);
        assert_eq!(keys("a/2", 9), ["a/3"]);
        assert!(store.list("absent", "", "", 1).is_none());
    }

    #[test]
    fn a_directory_is_loaded_with_paths_as_keys() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("shows")).unwrap();
        fs::write(folder.path().join("shows/film.ism"), "<smil/>").unwrap();
        let store = Store::default();
        assert_eq!(store.load_directory("titles", folder.path()).unwrap(), 1);
        assert_eq!(store.get("titles", "shows/film.ism").unwrap().bytes, "<smil/>");
    }
}
