//! Names of cached bytes.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use xxhash_rust::xxh3::Xxh3;

/// One version of one object in one store.
///
/// Cheap to clone and to hash: the text is shared and its hash is computed
/// once, because every chunk of every segment is looked up by it.
#[derive(Clone, Debug)]
pub struct ObjectKey(Arc<Name>);

#[derive(Debug)]
struct Name {
    hash: u64,
    store: Box<str>,
    object: Box<str>,
    version: Box<str>,
}

impl ObjectKey {
    /// Names `version` of `object` in `store`.
    ///
    /// `version` must change whenever the bytes do: an S3 ETag, or a hash of
    /// size and modification time for a file.
    #[must_use]
    pub fn new(store: &str, object: &str, version: &str) -> Self {
        let mut hasher = Xxh3::new();
        for part in [store, object, version] {
            // The length keeps ("ab", "c") apart from ("a", "bc").
            hasher.update(&part.len().to_le_bytes());
            hasher.update(part.as_bytes());
        }
        Self(Arc::new(Name {
            hash: hasher.digest(),
            store: store.into(),
            object: object.into(),
            version: version.into(),
        }))
    }

    /// The store, as its configuration names it.
    #[must_use]
    pub fn store(&self) -> &str {
        &self.0.store
    }

    /// The object's name inside the store.
    #[must_use]
    pub fn object(&self) -> &str {
        &self.0.object
    }

    /// The version the bytes belong to.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.0.version
    }
}

impl PartialEq for ObjectKey {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || (self.0.hash == other.0.hash
                && self.0.store == other.0.store
                && self.0.object == other.0.object
                && self.0.version == other.0.version)
    }
}

impl Eq for ObjectKey {}

impl Hash for ObjectKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hash);
    }
}

/// One chunk of an object: bytes `index × size .. (index + 1) × size`, cut at
/// the object's end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ChunkKey {
    /// Whose bytes.
    pub object: ObjectKey,
    /// Bytes in a chunk. Part of the name, so that a changed configuration
    /// never reads chunks that were cut otherwise.
    pub size: u32,
    /// Position, 0-based.
    pub index: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_with_the_same_text_are_equal_and_others_are_not() {
        let key = ObjectKey::new("s", "ab", "c");
        assert_eq!(key, ObjectKey::new("s", "ab", "c"));
        assert_ne!(key, ObjectKey::new("s", "a", "bc"));
        assert_ne!(key, ObjectKey::new("s", "ab", "d"));
        assert_ne!(key, ObjectKey::new("t", "ab", "c"));
    }
}
