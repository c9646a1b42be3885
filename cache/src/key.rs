//! Names of cached bytes.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use bytes::Bytes;
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

/// What an entry on disk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryKind {
    /// A chunk of an object.
    Chunk,
    /// What an object's index was read from.
    Index,
}

impl EntryKind {
    fn byte(self) -> u8 {
        match self {
            Self::Chunk => b'c',
            Self::Index => b'i',
        }
    }
}

/// Changes with what entries on disk mean, so that those of before are not
/// found.
const DISK_FORMAT: u8 = 1;

impl ObjectKey {
    /// The name on disk of an entry of `kind` about this object.
    #[must_use]
    pub fn disk_name(&self, kind: EntryKind) -> Bytes {
        self.disk_name_with(kind, &[])
    }

    fn disk_name_with(&self, kind: EntryKind, more: &[u8]) -> Bytes {
        let parts = [&self.0.store, &self.0.object, &self.0.version];
        let mut name = vec![DISK_FORMAT, kind.byte()];
        for part in parts {
            // With its length: no two names may look alike.
            let size = u32::try_from(part.len()).unwrap_or(u32::MAX);
            name.extend_from_slice(&size.to_le_bytes());
            name.extend_from_slice(part.as_bytes());
        }
        name.extend_from_slice(more);
        Bytes::from(name.into_boxed_slice())
    }
}

impl ChunkKey {
    /// The chunk's name on disk.
    #[must_use]
    pub fn disk_name(&self) -> Bytes {
        let mut place = [0; 8];
        let (size, index) = place.split_at_mut(4);
        size.copy_from_slice(&self.size.to_le_bytes());
        index.copy_from_slice(&self.index.to_le_bytes());
        self.object.disk_name_with(EntryKind::Chunk, &place)
    }
}

/// What a name on disk says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskName {
    /// What the entry is.
    pub kind: EntryKind,
    /// The object it is about.
    pub object: String,
}

impl DiskName {
    /// Reads a name; `None` when it is not one of this version's.
    #[must_use]
    pub fn parse(name: &[u8]) -> Option<Self> {
        let (&[format, kind], mut rest) = name.split_first_chunk()?;
        let kind = [EntryKind::Chunk, EntryKind::Index]
            .into_iter()
            .find(|known| known.byte() == kind)?;
        if format != DISK_FORMAT {
            return None;
        }
        let mut part = || {
            let (size, after) = rest.split_first_chunk()?;
            let size = usize::try_from(u32::from_le_bytes(*size)).ok()?;
            let (text, after) = after.split_at_checked(size)?;
            rest = after;
            std::str::from_utf8(text).ok()
        };
        let _store = part()?;
        let object = part()?.to_owned();
        part()?;
        Some(Self { kind, object })
    }
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

    #[test]
    fn names_on_disk_tell_keys_apart_and_are_read_back() {
        let chunk = |object: &str, version: &str, size, index| ChunkKey {
            object: ObjectKey::new("s", object, version),
            size,
            index,
        };
        let names = [
            chunk("ab", "c", 1, 2).disk_name(),
            chunk("a", "bc", 1, 2).disk_name(),
            chunk("ab", "c", 1, 3).disk_name(),
            chunk("ab", "c", 2, 2).disk_name(),
            ObjectKey::new("s", "ab", "c").disk_name(EntryKind::Index),
        ];
        for (position, name) in names.iter().enumerate() {
            assert!(names.iter().skip(position + 1).all(|other| other != name));
        }
        let read = DiskName::parse(&names[0]).unwrap();
        assert_eq!((read.kind, read.object.as_str()), (EntryKind::Chunk, "ab"));
        assert_eq!(DiskName::parse(&names[4]).unwrap().kind, EntryKind::Index);
        assert_eq!(DiskName::parse(&names[0][..7]), None);
        assert_eq!(DiskName::parse(b""), None);
    }
}
