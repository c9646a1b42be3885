//! What a node reads of its store, and when: as the origin's objects do it.
//!
//! A request for a segment demands a stretch of chunks. What is missing of it comes with one request at the
//! store, from the first missing chunk up to the next one that is there, together with what is worth reading
//! ahead; what of that did not come with it is read by a request of its own. Whoever asks while a read is under way
//! follows it, and waits for it.

use std::collections::HashMap;

use strata_cache::{Benefit, Runs};

use super::CacheSpec;
use super::caches::{Caches, ChunkId};
use super::crowd::{File, Stretch};

/// Further uses of a chunk in a row change nothing in what S3-FIFO does with it.
const USES_TOLD_APART: u32 = 3;

/// What was looked for and read.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Reads {
    /// Chunks looked for.
    pub(super) looks: u64,
    /// Of these, those that the store had to be asked for.
    pub(super) misses: u64,
    /// Requests at the store.
    pub(super) gets: u64,
    /// Bytes that they brought.
    pub(super) bytes: u64,
    /// When all of it is there, in seconds.
    pub(super) ready_s: f64,
}

impl std::ops::AddAssign for Reads {
    fn add_assign(&mut self, other: Self) {
        self.looks += other.looks;
        self.misses += other.misses;
        self.gets += other.gets;
        self.bytes += other.bytes;
        self.ready_s = self.ready_s.max(other.ready_s);
    }
}

/// The viewers of each file of a node, as far as chunks tell, by title.
#[derive(Default)]
pub(super) struct Viewers {
    runs: HashMap<u32, Vec<(u8, Runs)>>,
    benefit: Benefit,
}

impl Viewers {
    /// Up to which chunk it is worth to read.
    fn worth(&mut self, file: File, first: u32, last: u32, spec: &CacheSpec) -> u32 {
        let of_title = self.runs.entry(file.title).or_default();
        let place = match of_title.iter().position(|(number, _)| *number == file.number) {
            Some(place) => place,
            None => {
                of_title.push((file.number, Runs::default()));
                of_title.len() - 1
            }
        };
        let window_max = chunks_in(spec.ahead_bytes_max, spec);
        match of_title.get_mut(place) {
            Some((_, runs)) => {
                runs.worth(first, last, file.chunks(spec), window_max, &self.benefit)
                    .last
            }
            None => last,
        }
    }

    /// A title is loaded anew: nothing is known of its viewers.
    fn forget(&mut self, title: u32) {
        self.runs.remove(&title);
    }
}

fn chunks_in(bytes: u64, spec: &CacheSpec) -> u32 {
    u32::try_from(bytes / u64::from(spec.chunk_bytes.max(1))).unwrap_or(u32::MAX)
}

/// What a node reads with.
pub(super) struct Reader<'a> {
    pub(super) caches: &'a Caches,
    pub(super) viewers: &'a mut Viewers,
    pub(super) spec: &'a CacheSpec,
    /// The time now, in seconds.
    pub(super) now_s: f64,
    /// How long the store takes, in seconds.
    pub(super) store_s: f64,
}

impl Reader<'_> {
    /// Loads a title of these files: their heads are kept, and tables beyond them are read.
    pub(super) fn load(&mut self, title: u32, files: impl Iterator<Item = File>) -> Reads {
        self.viewers.forget(title);
        let mut reads = Reads::default();
        for file in files {
            let head = u64::from(self.spec.head_bytes).min(file.bytes);
            self.caches.insert(
                ChunkId::head(title, file.number),
                u32::try_from(head).unwrap_or(u32::MAX),
                self.now_s,
            );
            if head < file.table_bytes {
                let last = chunks_in(file.table_bytes - 1, self.spec);
                self.stretch(file, chunks_in(head, self.spec), last, last, &mut reads);
            }
        }
        reads
    }

    /// Looks `times` for the tables of a segment.
    pub(super) fn tables(&mut self, stretch: &Stretch, times: u64) -> Reads {
        let mut reads = Reads::default();
        let file = stretch.file;
        let head = ChunkId::head(file.title, file.number);
        let is_in_head = stretch.table_at < u64::from(self.spec.head_bytes);
        let mut found = 0;
        for _ in 0..times {
            if is_in_head && (USES_TOLD_APART <= found || self.caches.get(head).is_some()) {
                found += 1;
                reads.looks += 1;
            } else {
                let chunk = chunks_in(stretch.table_at, self.spec);
                self.stretch(file, chunk, chunk, chunk, &mut reads);
            }
        }
        reads
    }

    /// Looks for the media of a segment, and reads on.
    pub(super) fn media(&mut self, stretch: &Stretch) -> Reads {
        let mut reads = Reads::default();
        let file = stretch.file;
        let (first, last) = stretch.chunks(self.spec);
        let worth = self.viewers.worth(file, first, last, self.spec);
        self.stretch(file, first, last, worth, &mut reads);
        let missing = (last + 1..=worth).find(|index| !self.caches.contains(file.chunk(*index)));
        if let Some(missing) = missing {
            self.fill(file, missing, worth, &mut reads);
        }
        reads
    }

    /// Looks for chunks `first` to `last`; what is missing is read with those up to `worth`.
    fn stretch(&mut self, file: File, first: u32, last: u32, worth: u32, reads: &mut Reads) {
        // What a read of this very request brings is followed, not looked up.
        let mut coming = None;
        for index in first..=last {
            reads.looks += 1;
            if coming.is_some_and(|end| index <= end) {
                continue;
            }
            if let Some(ready_s) = self.caches.get(file.chunk(index)) {
                reads.ready_s = reads.ready_s.max(ready_s);
                continue;
            }
            reads.misses += 1;
            coming = Some(self.fill(file, index, worth, reads));
            reads.ready_s = reads.ready_s.max(self.now_s + self.store_s);
        }
    }

    /// One request: chunk `first` and those behind it, up to `last`, to the next one that is there, or to as many
    /// as a request brings. Returns the last one it brings.
    fn fill(&mut self, file: File, first: u32, last: u32, reads: &mut Reads) -> u32 {
        let most = chunks_in(self.spec.get_bytes_max, self.spec).max(1);
        let last = last.min(first.saturating_add(most - 1)).max(first);
        let mut end = first;
        let mut bytes = 0;
        for index in first..=last {
            let chunk = file.chunk(index);
            let length = file.chunk_bytes(index, self.spec);
            if index != first && (length == 0 || self.caches.contains(chunk)) {
                break;
            }
            self.caches.insert(chunk, length, self.now_s + self.store_s);
            bytes += u64::from(length);
            end = index;
        }
        // A file begins with its head, which is not read again while it is held.
        if first == 0 && self.caches.get(ChunkId::head(file.title, file.number)).is_some() {
            reads.looks += 1;
            bytes -= bytes.min(u64::from(self.spec.head_bytes));
        }
        if bytes > 0 {
            reads.gets += 1;
            reads.bytes += bytes;
        }
        end
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MIB: u64 = 1 << 20;

    struct Node {
        caches: Caches,
        viewers: Viewers,
        spec: CacheSpec,
    }

    impl Node {
        fn new(ahead_bytes_max: u64) -> Self {
            let spec = CacheSpec {
                chunk_bytes: 1 << 20,
                index_bytes: 1 << 20,
                ttl: Duration::from_secs(60),
                get_bytes_max: 16 * MIB,
                ahead_bytes_max,
                head_bytes: 64 << 10,
            };
            Self {
                caches: Caches::new(&spec, 512 * MIB),
                viewers: Viewers::default(),
                spec,
            }
        }

        fn reader(&mut self) -> Reader<'_> {
            Reader {
                caches: &self.caches,
                viewers: &mut self.viewers,
                spec: &self.spec,
                now_s: 10.0,
                store_s: 0.5,
            }
        }
    }

    fn file(bytes: u64) -> File {
        File {
            title: 1,
            number: 0,
            bytes,
            table_bytes: 1000,
        }
    }

    fn segment(file: File, from: u64, bytes: u64) -> Stretch {
        Stretch {
            file,
            table_at: 0,
            from,
            bytes,
        }
    }

    #[test]
    fn neighbours_that_are_missing_come_with_one_request() {
        let mut node = Node::new(0);
        let reads = node
            .reader()
            .media(&segment(file(100 * MIB), 10 * MIB + 5, 4 * MIB));
        let expected = Reads {
            looks: 5,
            misses: 1,
            gets: 1,
            bytes: 5 * MIB,
            ready_s: 10.5,
        };
        assert_eq!(reads, expected);
        let again = node.reader().media(&segment(file(100 * MIB), 14 * MIB, 2 * MIB));
        assert_eq!((again.looks, again.misses, again.bytes), (2, 1, MIB));
        // Whoever comes while it is on its way waits for it.
        let follower = node.reader().media(&segment(file(100 * MIB), 10 * MIB, MIB));
        assert_eq!((follower.misses, follower.ready_s), (0, 10.5));
    }

    #[test]
    fn a_request_ends_where_something_is_there_and_at_its_limit() {
        let mut node = Node::new(0);
        node.reader().media(&segment(file(100 * MIB), 42 * MIB, MIB));
        let reads = node.reader().media(&segment(file(100 * MIB), 40 * MIB, 20 * MIB));
        // 40 and 41, then 43 to 58, then 59.
        assert_eq!((reads.gets, reads.misses, reads.bytes), (3, 3, 19 * MIB));
    }

    #[test]
    fn who_watches_on_finds_what_was_read_ahead() {
        let mut node = Node::new(16 * MIB);
        let reads: Vec<(u64, u64)> = (0..12)
            .map(|number| {
                let stretch = segment(file(1000 * MIB), number * 3 * MIB, 3 * MIB);
                let reads = node.reader().media(&stretch);
                (reads.misses, reads.gets)
            })
            .collect();
        assert_eq!(
            reads,
            [
                // What is likely next comes with what is asked for, and later before it is.
                (1, 1),
                (1, 1),
                (0, 1),
                (0, 1),
                (0, 0),
                (0, 0),
                (0, 1),
                (0, 0),
                (0, 0),
                (0, 0),
                (0, 0),
                (0, 1)
            ]
        );
    }

    #[test]
    fn a_head_is_read_when_its_title_is_loaded_and_not_again() {
        let mut node = Node::new(0);
        let small = file(60_000);
        assert_eq!(node.reader().load(1, [small].into_iter()), Reads::default());
        let reads = node.reader().media(&segment(small, 2000, 50_000));
        assert_eq!((reads.looks, reads.misses, reads.gets), (2, 1, 0));
        let tables = node.reader().tables(&segment(small, 0, 1), 6);
        assert_eq!((tables.looks, tables.misses), (6, 0));
        let long = File {
            number: 1,
            table_bytes: 2 * MIB,
            ..file(100 * MIB)
        };
        let reads = node.reader().load(1, [long].into_iter());
        assert_eq!((reads.gets, reads.bytes), (1, 2 * MIB - (64 << 10)));
    }
}
