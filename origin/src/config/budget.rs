//! How much memory a configuration allows.

use super::OriginConfig;

/// What a node takes that has served nothing yet: the program, its threads, its
/// allocator's reserve.
const PROCESS_BYTES: u64 = 64 << 20;

/// What foyer writes from: one buffer is filled while the other is written.
const DISK_BUFFERS: u64 = 2;

impl OriginConfig {
    /// Bytes of memory that the node is allowed by its configuration. What fills
    /// and answers hold while they are under way comes on top, for which 15 % are
    /// to be left.
    #[must_use]
    pub fn memory_budget_bytes(&self) -> u64 {
        let caches = [
            self.chunk_cache_bytes,
            self.titles.index_bytes,
            self.titles.shape_bytes,
            self.http.manifest_bytes,
        ];
        let disks = self.disk.iter().flat_map(|disk| [&disk.chunks, &disk.indexes]);
        let bytes = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX);
        let disks = disks.map(|disk| {
            bytes(disk.queue_bytes).saturating_add(bytes(disk.buffer_bytes).saturating_mul(DISK_BUFFERS))
        });
        caches
            .map(bytes)
            .into_iter()
            .chain(disks)
            .fold(PROCESS_BYTES, u64::saturating_add)
    }
}
