//! foyer's block engine over preallocated files.

use std::fs::{self, File, TryLockError};
use std::io;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use foyer::{
    BlockEngineConfig, DeviceBuilder, FsDeviceBuilder, HybridCache, HybridCacheBuilder, HybridCachePolicy,
    Load, PsyncIoEngineConfig, RecoverMode, Spawner,
};
use fs4::fs_std::FileExt;
use mixtrics::registry::prometheus_0_14::PrometheusMetricsRegistry;
use prometheus::Registry;
use tokio::time::timeout;

use super::DiskConfig;
use super::health::Trouble;

/// The engine's threads: one polls, the others wait for the disk.
const THREADS: usize = 2;

/// Reads and writes at the disk at the same time.
const BLOCKING_THREADS_MAX: usize = 16;

/// Fewest blocks: one is written, one is being cleaned, the others hold what is
/// looked for.
const BLOCKS_MIN: u64 = 4;

/// Changes when entries of before cannot be read any more.
const FORMAT_VERSION: u32 = 1;

/// The name that foyer gives to the file of block `index`.
pub(super) fn block_name(index: u64) -> String {
    format!("{BLOCK_PREFIX}{index:08}")
}

pub(super) const BLOCK_PREFIX: &str = "foyer-storage-direct-fs-";
const GEOMETRY: &str = "geometry";
const LOCK: &str = "lock";

/// How the files of a tier are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Bytes in a block, which is a file.
    pub block_bytes: u64,
    /// How many blocks there are.
    pub blocks: u64,
}

impl Geometry {
    pub(super) fn of(config: &DiskConfig) -> Self {
        // foyer aligns to its pages.
        let block_bytes = config.block_bytes.next_multiple_of(4096).max(4096);
        Self {
            block_bytes,
            blocks: config.capacity_bytes / block_bytes,
        }
    }

    /// Bytes of disk.
    #[must_use]
    pub fn capacity_bytes(self) -> u64 {
        self.block_bytes.saturating_mul(self.blocks)
    }

    fn text(self) -> String {
        let Self { block_bytes, blocks } = self;
        format!("strata {FORMAT_VERSION}\nblock_bytes {block_bytes}\nblocks {blocks}\n")
    }

    /// What a tier's folder says of its files.
    ///
    /// # Errors
    /// It is no such folder, or of another version.
    pub fn read(directory: &Path) -> io::Result<Self> {
        let text = fs::read_to_string(directory.join(GEOMETRY))?;
        let field = |name: &str| {
            let value = text
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            value.and_then(|value| value.parse::<u64>().ok())
        };
        match (field("strata"), field("block_bytes"), field("blocks")) {
            (Some(version), Some(block_bytes), Some(blocks)) if version == u64::from(FORMAT_VERSION) => {
                Ok(Self { block_bytes, blocks })
            }
            _ => Err(io::Error::other("the geometry file is of another version")),
        }
    }
}

/// Why a tier's folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process uses it.
    #[error("{} is in use by another process", .0.display())]
    InUse(PathBuf),
    /// The system says no.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

impl OpenError {
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        |error| Self::Io {
            path: path.to_owned(),
            error,
        }
    }
}

/// A tier's folder, which nobody else uses while this lives.
#[derive(Debug)]
pub(super) struct Claim {
    _lock: File,
}

impl Claim {
    pub(super) fn take(directory: &Path) -> Result<Self, OpenError> {
        fs::create_dir_all(directory).map_err(OpenError::io(directory))?;
        let path = directory.join(LOCK);
        let lock = File::options()
            .create(true)
            .write(true)
            .truncate(false)
            .open(&path)
            .map_err(OpenError::io(&path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse(directory.to_owned())),
            Err(TryLockError::Error(error)) => Err(OpenError::io(&path)(error)),
        }
    }
}

/// foyer, open.
pub(super) struct Engine {
    cache: HybridCache<Bytes, Bytes>,
    registry: Registry,
    _claim: Claim,
}

impl Engine {
    /// Allocates the files and opens them. Blocks for the allocation.
    pub(super) async fn open(config: &DiskConfig) -> Result<Self, Trouble> {
        let prepared = {
            let config = config.clone();
            tokio::task::spawn_blocking(move || prepare(&config)).await
        };
        let (claim, geometry) = prepared.map_err(|error| Trouble::Failing(error.to_string()))??;
        // Of its own, so that a hanging disk takes no thread that serves.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .max_blocking_threads(BLOCKING_THREADS_MAX)
            .thread_name("strata-disk")
            .enable_all()
            .build()
            .map_err(|error| Trouble::Failing(error.to_string()))?;
        let spawner = Spawner::from(runtime);
        let registry = Registry::new();
        let (build, metrics) = (build(config, geometry, spawner.clone()), registry.clone());
        // In a task, whose panics end there.
        let built = spawner.spawn(build(metrics)).await;
        let cache = match built {
            Ok(Ok(cache)) => cache,
            Ok(Err(error)) | Err(error) => return Err(Trouble::Failing(error.to_string())),
        };
        Ok(Self {
            cache,
            registry,
            _claim: claim,
        })
    }

    pub(super) fn may_hold(&self, name: &Bytes) -> bool {
        let look = AssertUnwindSafe(|| self.cache.storage().may_contains(name));
        std::panic::catch_unwind(look).unwrap_or(false)
    }

    pub(super) async fn load(&self, name: &Bytes) -> Result<Option<Bytes>, String> {
        let (cache, name) = (self.cache.clone(), name.clone());
        let loading = async move { cache.storage().load(&name).await };
        let loaded = self.cache.storage().spawner().spawn(loading).await;
        match loaded {
            Ok(Ok(Load::Entry { value, .. })) => Ok(Some(value)),
            Ok(Ok(Load::Piece { piece, .. })) => Ok(Some(piece.value().clone())),
            Ok(Ok(Load::Miss | Load::Throttled)) => Ok(None),
            Ok(Err(error)) | Err(error) => Err(error.to_string()),
        }
    }

    /// Hands an entry to the engine's own queue.
    pub(super) fn write(&self, name: &Bytes, bytes: Bytes) -> Result<(), String> {
        let insert = AssertUnwindSafe(|| {
            // Not kept in memory: that is another cache's part.
            drop(self.cache.storage_writer(name.clone()).insert(bytes));
        });
        std::panic::catch_unwind(insert).map_err(|_| "the engine panicked".to_owned())
    }

    /// Waits until what was handed over is written.
    pub(super) async fn flushed(&self) -> Result<(), String> {
        let cache = self.cache.clone();
        let flushing = async move { cache.storage().wait().await };
        let flushed = self.cache.storage().spawner().spawn(flushing).await;
        flushed.map_err(|error| error.to_string())
    }

    pub(super) async fn destroy(&self) -> Result<(), String> {
        let cache = self.cache.clone();
        let destroying = async move { cache.clear().await };
        match self.cache.storage().spawner().spawn(destroying).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) | Err(error) => Err(error.to_string()),
        }
    }

    pub(super) async fn close(&self, limit: Duration) {
        let cache = self.cache.clone();
        let closing = async move { cache.close().await };
        // It may panic, fail or hang on a bad disk; none of it matters now.
        let _ = timeout(limit, self.cache.storage().spawner().spawn(closing)).await;
    }

    /// Entries that the engine has dropped because its buffers were full.
    pub(super) fn dropped(&self) -> u64 {
        let families = self.registry.gather();
        let counters = families
            .iter()
            .filter(|family| family.name() == "foyer_storage_inner_op_total")
            .flat_map(|family| family.get_metric());
        let overflows = counters.filter(|metric| {
            let labels = metric.get_label();
            labels.iter().any(|label| label.value().ends_with("_overflow"))
        });
        let sum: f64 = overflows.map(|metric| metric.get_counter().get_value()).sum();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a sum of counters: whole and positive"
        )]
        {
            sum as u64
        }
    }
}

/// Everything before foyer: the claim, the room, the files.
fn prepare(config: &DiskConfig) -> Result<(Claim, Geometry), Trouble> {
    let failing = |error: OpenError| Trouble::Failing(error.to_string());
    let directory = &config.directory;
    let claim = Claim::take(directory).map_err(failing)?;
    let geometry = Geometry::of(config);
    if geometry.blocks < BLOCKS_MIN {
        return Err(Trouble::Full {
            wanted: geometry.block_bytes * BLOCKS_MIN,
            allowed: config.capacity_bytes,
        });
    }
    if Geometry::read(directory).ok() != Some(geometry) {
        // Blocks that are cut otherwise cannot be read, and fewer would leave
        // the others behind.
        remove_blocks(directory).map_err(failing)?;
    }
    check_room(config, geometry)?;
    for index in 0..geometry.blocks {
        let path = directory.join(block_name(index));
        allocate(&path, geometry.block_bytes).map_err(|error| match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Trouble::Full {
                wanted: geometry.capacity_bytes(),
                allowed: geometry.block_bytes * index,
            },
            _ => failing(OpenError::io(&path)(error)),
        })?;
    }
    let path = directory.join(GEOMETRY);
    fs::write(&path, geometry.text()).map_err(|error| failing(OpenError::io(&path)(error)))?;
    Ok((claim, geometry))
}

/// Whether the tier stays within its share of the volume, what it has already
/// counted in.
fn check_room(config: &DiskConfig, geometry: Geometry) -> Result<(), Trouble> {
    let failing = |error: io::Error| Trouble::Failing(OpenError::io(&config.directory)(error).to_string());
    let total = fs4::total_space(&config.directory).map_err(failing)?;
    let available = fs4::available_space(&config.directory).map_err(failing)?;
    let held: u64 = (0..geometry.blocks)
        .filter_map(|index| {
            use std::os::unix::fs::MetadataExt as _;
            let metadata = fs::metadata(config.directory.join(block_name(index))).ok()?;
            Some(metadata.blocks() * 512)
        })
        .sum();
    let share = total / 100 * u64::from(config.volume_percent_max.min(100));
    let allowed = share.min(available.saturating_add(held));
    let wanted = geometry.capacity_bytes();
    if allowed < wanted {
        return Err(Trouble::Full { wanted, allowed });
    }
    Ok(())
}

fn allocate(path: &Path, bytes: u64) -> io::Result<()> {
    let file = File::options()
        .create(true)
        .write(true)
        .truncate(false)
        .open(path)?;
    match FileExt::allocate(&file, bytes) {
        // Not every file system can: the file is then long and empty.
        Err(error) if error.kind() == io::ErrorKind::Unsupported => file.set_len(bytes),
        result => result,
    }
}

/// Removes the files of blocks, and what says how they are cut.
pub(super) fn remove_blocks(directory: &Path) -> Result<u64, OpenError> {
    let mut bytes = 0;
    let geometry = directory.join(GEOMETRY);
    match fs::remove_file(&geometry) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(OpenError::io(&geometry)(error)),
        _ => {}
    }
    for entry in fs::read_dir(directory).map_err(OpenError::io(directory))? {
        let entry = entry.map_err(OpenError::io(directory))?;
        if entry.file_name().to_string_lossy().starts_with(BLOCK_PREFIX) {
            let path = entry.path();
            bytes += entry.metadata().map_err(OpenError::io(&path))?.len();
            fs::remove_file(&path).map_err(OpenError::io(&path))?;
        }
    }
    Ok(bytes)
}

/// Builds foyer's cache, with the engine's own metrics.
fn build(
    config: &DiskConfig,
    geometry: Geometry,
    spawner: Spawner,
) -> impl FnOnce(Registry) -> futures_util::future::BoxFuture<'static, foyer::Result<HybridCache<Bytes, Bytes>>>
{
    let (config, bytes) = (config.clone(), |bytes: u64| {
        usize::try_from(bytes).unwrap_or(usize::MAX)
    });
    move |registry| {
        Box::pin(async move {
            let device = FsDeviceBuilder::new(&config.directory)
                .with_capacity(bytes(geometry.capacity_bytes()))
                .build()?;
            let engine = BlockEngineConfig::new(device)
                .with_block_size(bytes(geometry.block_bytes))
                .with_buffer_pool_size(config.buffer_bytes)
                // The queue in front paces; this is never reached.
                .with_submit_queue_size_threshold(config.buffer_bytes.saturating_mul(2));
            HybridCacheBuilder::new()
                .with_name("disk")
                .with_policy(HybridCachePolicy::WriteOnInsertion)
                .with_flush_on_close(false)
                .with_metrics_registry(Box::new(PrometheusMetricsRegistry::new(registry)))
                .memory(1)
                .with_shards(1)
                .with_weighter(|_, value: &Bytes| value.len())
                .storage()
                .with_io_engine_config(PsyncIoEngineConfig::new())
                .with_engine_config(engine)
                .with_recover_mode(RecoverMode::Quiet)
                .with_spawner(spawner)
                .build()
                .await
        })
    }
}
