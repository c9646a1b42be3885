//! The origin's configuration: its keys, their defaults and their limits.
//!
//! `config/origin.yaml` is the commented reference.

mod budget;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use strata_cache::{DiskAdmission, DiskConfig, FillLimits};
use strata_media::manifest::hls::ts::Streams;
use strata_media::text::{HlsMedia, HlsText};
use strata_node::access_log::Destination;
use strata_node::config::{ByteSize, Document, Mistakes, Section, Value};

use crate::asset::{CatalogConfig, Packaging};
use crate::http::{AllowOrigin, CacheControl, HttpConfig};
use crate::load::LoadConfig;
use crate::source::{
    BreakerLimits, HedgeLimits, Host, HttpConfig as HttpSourceConfig, ReadLimits, RetryLimits, S3Config,
    StoreLimits,
};

/// Longest time that any key may set, one hour.
const TIME_MAX: Duration = Duration::from_secs(3600);

/// Most bytes of memory that one cache may take.
const MEMORY_MAX: ByteSize = ByteSize::gib(4096);

/// Bytes of disk that one tier may be given.
const DISK_MIN: ByteSize = ByteSize::mib(64);
const DISK_MAX: ByteSize = ByteSize::gib(1 << 20);

/// Memory that indexes are written to disk from: an index is a few MiB.
const INDEX_BUFFER_BYTES: usize = 16 << 20;

/// Shortest secret that allows to purge.
const TOKEN_BYTES_MIN: usize = 16;

/// Everything an origin is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginConfig {
    /// Where clients are served. Key `listen`; required.
    pub listen: SocketAddr,
    /// Where the operator is answered. Key `admin`; default `127.0.0.1:9081`.
    pub admin: SocketAddr,
    /// What allows to purge. Key `admin_token_file`, the file that has it; without
    /// it nobody may.
    pub admin_token: Option<Arc<str>>,
    /// Where titles are. Section `store`.
    pub store: StoreConfig,
    /// The web servers that files may lie on beside the store; `None`: none is asked.
    /// Section `http_sources`.
    pub http_sources: Option<HttpSourceConfig>,
    /// Bytes of memory for source chunks. Key `cache.chunks`; default 512 MiB.
    pub chunk_cache_bytes: usize,
    /// Bytes in a chunk. Key `cache.chunk_size`; default 1 MiB, 64 KiB to
    /// 16 MiB.
    pub chunk_bytes: u32,
    /// How chunks are filled. Keys `cache.fill_wait`, `cache.fill_waiting`,
    /// `cache.fill_keep`.
    pub fills: FillLimits,
    /// The cache on disk. Section `cache.disk`; none without its `path`.
    pub disk: Option<DiskSettings>,
    /// How much is read at once. Keys `cache.range_size`, `cache.read_ahead`.
    pub reads: ReadLimits,
    /// How titles are loaded, kept and cut. Sections `titles` and `packaging`,
    /// keys `cache.indexes` and `cache.shapes`.
    pub titles: CatalogConfig,
    /// How clients are served. Sections `http` and `drain`, key
    /// `cache.manifests`.
    pub http: HttpConfig,
    /// What the node measures of itself and whom it tells. Key `agent`,
    /// sections `load` and `notice`.
    pub load: LoadConfig,
    /// Where requests are logged. Key `access_log`; default `stdout`.
    pub access_log: Destination,
}

/// The cache on disk. Section `cache.disk`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskSettings {
    /// Chunks of sources. Keys `chunks`, `block_size` and those of both.
    pub chunks: DiskConfig,
    /// What indexes are read from. Key `indexes` and those of both.
    pub indexes: DiskConfig,
    /// What is written. Key `admission`; default `filled`.
    pub admission: DiskAdmission,
}

/// Where titles are, and how much is asked of it. Section `store`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreConfig {
    /// The folder or bucket. Keys `url`, `endpoint`, `region`, `path_style`.
    pub place: Place,
    /// Bounds on requests. Keys `concurrency`, `queue_timeout`, `timeout`,
    /// `attempt_timeout`, and those of retries, hedges and the breaker.
    pub limits: StoreLimits,
    /// Connections opened at the start. Key `warm_connections`; default 4.
    pub warm_connections: usize,
    /// Time between two looks whether the store can be reached, for
    /// `/readyz`. Key `probe_interval`; default 5 s.
    pub probe_interval: Duration,
}

/// The folder or bucket that titles are in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A bucket, or a prefix of one.
    S3(S3Config),
}

impl OriginConfig {
    /// Reads a configuration.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn from_document(document: Document) -> Result<Self, Mistakes> {
        let mut root = document.root();
        let unspecified = SocketAddr::from(([0, 0, 0, 0], 0));
        let listen = root.required("listen").unwrap_or(unspecified);
        let admin = root.or("admin", SocketAddr::from(([127, 0, 0, 1], 9081)));
        if listen == admin && listen.port() != 0 {
            root.mistake("admin", "must not be the same address as `listen`");
        }
        let mut cache = root.section("cache");
        let chunk_size = cache.within(
            "chunk_size",
            ByteSize::mib(1),
            ByteSize::kib(64)..=ByteSize::mib(16),
        );
        let mut memory = |key, default| cache.within(key, default, ByteSize(0)..=MEMORY_MAX).as_usize();
        let chunk_cache_bytes = memory("chunks", ByteSize::mib(512));
        let index_bytes = memory("indexes", ByteSize::mib(128));
        let shape_bytes = memory("shapes", ByteSize::mib(32));
        let manifest_bytes = memory("manifests", ByteSize::mib(64));
        let fills = fills(&mut cache);
        let reads = reads(&mut cache);
        let disk = disk(
            cache.section("disk"),
            u64::from(u32::try_from(chunk_size.0).unwrap_or(u32::MAX)),
        );
        let admin_token = admin_token(&mut root);
        let titles = CatalogConfig {
            index_bytes,
            shape_bytes,
            ..titles(root.section("titles"), root.section("packaging"))
        };
        let config = Self {
            listen,
            admin,
            admin_token,
            store: store(root.section("store")),
            http_sources: http_sources(root.section("http_sources")),
            chunk_cache_bytes,
            chunk_bytes: u32::try_from(chunk_size.0).unwrap_or(u32::MAX),
            fills,
            disk,
            reads,
            http: http(
                root.section("http"),
                root.section("drain"),
                manifest_bytes,
                titles.absent_ttl,
            ),
            titles,
            load: LoadConfig::read(
                root.optional("agent"),
                root.section("load"),
                root.section("notice"),
            ),
            access_log: root.or("access_log", Destination::Stdout),
        };
        document.finish(config)
    }
}

fn store(mut section: Section<'_>) -> StoreConfig {
    let limits = store_limits(&mut section);
    let probe_interval = time(&mut section, "probe_interval", Duration::from_secs(5));
    let url = section.required("url");
    let endpoint: Option<Endpoint> = section.optional("endpoint");
    let region: Option<String> = section.optional("region");
    // Servers other than AWS are rarely set up for host names per bucket.
    let path_style = section.or("path_style", endpoint.is_some());
    let connect_timeout = time(&mut section, "connect_timeout", Duration::from_secs(1));
    let attempt_timeout = limits.attempt_timeout;
    let warm_connections = section.within("warm_connections", 4, 0..=1024);
    let place = match url {
        Some(StoreUrl::S3 { bucket, prefix }) => Place::S3(S3Config {
            bucket,
            prefix,
            endpoint: endpoint.map(|endpoint| endpoint.0),
            region,
            path_style,
            connect_timeout,
            attempt_timeout,
        }),
        Some(StoreUrl::Folder(path)) => {
            for key in [
                "endpoint",
                "region",
                "path_style",
                "connect_timeout",
                "warm_connections",
            ] {
                if section.has(key) {
                    section.mistake(key, "is for S3, and `store.url` names a folder");
                }
            }
            Place::Folder(path)
        }
        // Stands in for the mistake that was noted.
        None => Place::Folder(PathBuf::new()),
    };
    StoreConfig {
        place,
        limits,
        warm_connections,
        probe_interval,
    }
}

/// `None` when no host is named.
fn http_sources(mut section: Section<'_>) -> Option<HttpSourceConfig> {
    let hosts: Vec<SourceHost> = section.list("hosts");
    let config = HttpSourceConfig {
        hosts: hosts.into_iter().map(|host| host.0).collect(),
        private_addresses: section.or("private_addresses", false),
        connect_timeout: time(&mut section, "connect_timeout", Duration::from_secs(1)),
        attempt_timeout: time(&mut section, "attempt_timeout", Duration::from_secs(3)),
        attempts_max: section.within("attempts", 3, 1..=10),
    };
    (!config.hosts.is_empty()).then_some(config)
}

fn store_limits(section: &mut Section<'_>) -> StoreLimits {
    let default = StoreLimits::default();
    let (retry, hedge, breaker) = (default.retry, default.hedge, default.breaker);
    let or_zero = Duration::ZERO..=TIME_MAX;
    StoreLimits {
        concurrency_max: section.within("concurrency", default.concurrency_max, 1..=65_536),
        queue_timeout: time(section, "queue_timeout", default.queue_timeout),
        timeout: time(section, "timeout", default.timeout),
        attempt_timeout: time(section, "attempt_timeout", default.attempt_timeout),
        retry: RetryLimits {
            attempts_max: section.within("attempts", retry.attempts_max, 1..=10),
            pause: section.within("retry_pause", retry.pause, or_zero.clone()),
            pause_max: section.within("retry_pause_max", retry.pause_max, or_zero),
        },
        hedge: HedgeLimits {
            floor: time(section, "hedge_after", hedge.floor),
            budget_permille: section.within("hedge_permille", hedge.budget_permille, 0..=1000),
        },
        breaker: BreakerLimits {
            failures: section.within("breaker_failures", breaker.failures, 1..=65_536),
            pause: time(section, "breaker_pause", breaker.pause),
        },
    }
}

/// The secret in a file, which others cannot see in a list of processes.
fn admin_token(root: &mut Section<'_>) -> Option<Arc<str>> {
    let path: PathBuf = root.optional("admin_token_file")?;
    let token = match std::fs::read_to_string(&path) {
        Ok(text) => text.trim().to_owned(),
        Err(error) => {
            root.mistake("admin_token_file", format!("{}: {error}", path.display()));
            return None;
        }
    };
    if token.len() < TOKEN_BYTES_MIN {
        let message = format!(
            "{} has a token of fewer than {TOKEN_BYTES_MIN} bytes",
            path.display()
        );
        root.mistake("admin_token_file", message);
        return None;
    }
    Some(token.into())
}

fn disk(mut section: Section<'_>, chunk_bytes: u64) -> Option<DiskSettings> {
    let path: Option<PathBuf> = section.optional("path");
    let sizes = DISK_MIN..=DISK_MAX;
    let chunks = section.within("chunks", ByteSize::gib(16), sizes.clone()).0;
    let indexes = section.within("indexes", ByteSize::gib(1), sizes).0;
    let default = DiskConfig::new(PathBuf::new(), chunks);
    // An entry is a chunk with its name, and fits into one block.
    let block_min = ByteSize((chunk_bytes * 2).max(4 << 20));
    let block = ByteSize(default.block_bytes).max(block_min);
    let block = section.within("block_size", block, block_min..=ByteSize::gib(1));
    let queue = section.within("queue", ByteSize::mib(64), ByteSize::mib(1)..=ByteSize::gib(16));
    let common = DiskConfig {
        volume_percent_max: section.within("volume_percent", default.volume_percent_max, 1..=100),
        queue_bytes: queue.as_usize(),
        load_timeout: time(&mut section, "load_timeout", default.load_timeout),
        check_interval: time(&mut section, "check_interval", default.check_interval),
        failures_max: section.within("failures", default.failures_max, 1..=1000),
        ..default
    };
    let admission = section.or("admission", Admission(DiskAdmission::default())).0;
    let path = path?;
    Some(DiskSettings {
        indexes: DiskConfig {
            directory: path.join("indexes"),
            buffer_bytes: INDEX_BUFFER_BYTES,
            ..DiskConfig {
                block_bytes: DiskConfig::new(PathBuf::new(), indexes).block_bytes,
                capacity_bytes: indexes,
                ..common.clone()
            }
        },
        chunks: DiskConfig {
            directory: path.join("chunks"),
            block_bytes: block.0,
            buffer_bytes: usize::try_from(chunk_bytes * 8)
                .unwrap_or(usize::MAX)
                .max(common.buffer_bytes),
            ..common
        },
        admission,
    })
}

/// `filled` or `evicted`.
struct Admission(DiskAdmission);

impl Value for Admission {
    fn from_scalar(text: &str) -> Result<Self, String> {
        match text {
            "filled" => Ok(Self(DiskAdmission::Filled)),
            "evicted" => Ok(Self(DiskAdmission::Evicted)),
            _ => Err(format!("`{text}` is neither filled nor evicted")),
        }
    }
}

fn fills(cache: &mut Section<'_>) -> FillLimits {
    let default = FillLimits::default();
    let keep = cache.within(
        "fill_keep",
        ByteSize(default.keep_bytes),
        ByteSize(0)..=MEMORY_MAX,
    );
    FillLimits {
        wait: time(cache, "fill_wait", default.wait),
        waiting_max: cache.within("fill_waiting", default.waiting_max, 1..=1_048_576),
        keep_bytes: keep.0,
    }
}

fn reads(cache: &mut Section<'_>) -> ReadLimits {
    let default = ReadLimits::default();
    let range_max = ByteSize::mib(64);
    let range = ByteSize(default.range_bytes_max);
    let ahead = ByteSize(default.ahead_bytes_max);
    ReadLimits {
        range_bytes_max: cache.within("range_size", range, ByteSize::kib(64)..=range_max).0,
        ahead_bytes_max: cache.within("read_ahead", ahead, ByteSize(0)..=range_max).0,
    }
}

/// The memory is another section's.
fn titles(mut titles: Section<'_>, mut packaging: Section<'_>) -> CatalogConfig {
    let or_zero = Duration::ZERO..=TIME_MAX;
    let second = Duration::from_secs(1);
    let default = Packaging::default();
    CatalogConfig {
        index_bytes: 0,
        shape_bytes: 0,
        ttl: titles.within("ttl", Duration::from_secs(60), or_zero.clone()),
        absent_ttl: titles.within("absent_ttl", second, or_zero),
        load_timeout: time(&mut titles, "load_timeout", Duration::from_secs(20)),
        load_concurrency: titles.within("load_concurrency", 16, 1..=1024),
        file_concurrency: titles.within("file_concurrency", 8, 1..=128),
        segment_duration: packaging.within(
            "segment_duration",
            Duration::from_secs(6),
            second..=Duration::from_secs(60),
        ),
        packaging: Packaging {
            addressing: default.addressing,
            hls_media: packaging.or("hls_segments", HlsSegments(default.hls_media)).0,
            hls_streams: packaging.or("hls_streams", HlsStreams(default.hls_streams)).0,
            hls_text: packaging.or("hls_text", HlsTexts(default.hls_text)).0,
        },
    }
}

fn http(
    mut section: Section<'_>,
    mut drain: Section<'_>,
    manifest_bytes: usize,
    absent_ttl: Duration,
) -> HttpConfig {
    let head_bytes = section.within(
        "head_size",
        ByteSize::kib(32),
        ByteSize::kib(8)..=ByteSize::kib(256),
    );
    let mut cache_control = section.section("cache_control");
    let mut kept = |key, default| cache_control.or(key, HeaderValue::from_static(default));
    let cache_control = CacheControl {
        manifests: kept("manifests", "public, max-age=60"),
        segments: kept("segments", "public, max-age=86400"),
        absent: match absent_ttl.as_secs() {
            0 => HeaderValue::from_static("no-store"),
            seconds => HeaderValue::try_from(format!("public, max-age={seconds}"))
                .unwrap_or(HeaderValue::from_static("no-store")),
        },
    };
    let anyone = AllowOrigin::Value(HeaderValue::from_static("*"));
    HttpConfig {
        head_timeout: time(&mut section, "head_timeout", Duration::from_secs(60)),
        head_bytes_max: head_bytes.as_usize(),
        send_timeout: time(&mut section, "send_timeout", Duration::from_secs(30)),
        connections_max: section.within("connections", 16_384, 1..=1_048_576),
        read_ahead: section.within("read_ahead", 4, 1..=64),
        cache_control,
        allow_origin: section.or("allow_origin", anyone),
        manifest_bytes,
        drain_notice: drain.within("notice", Duration::ZERO, Duration::ZERO..=TIME_MAX),
        drain_limit: drain.within("limit", Duration::from_secs(30), Duration::ZERO..=TIME_MAX),
    }
}

fn time(section: &mut Section<'_>, key: &'static str, default: Duration) -> Duration {
    section.within(key, default, Duration::from_millis(1)..=TIME_MAX)
}

/// `cdn.example.com`, `cdn.example.com:8443`.
struct SourceHost(Host);

impl Value for SourceHost {
    fn from_scalar(text: &str) -> Result<Self, String> {
        text.parse()
            .map(Self)
            .map_err(|error: <Host as std::str::FromStr>::Err| error.to_string())
    }
}

/// `fmp4` or `ts`.
struct HlsSegments(HlsMedia);

impl Value for HlsSegments {
    fn from_scalar(text: &str) -> Result<Self, String> {
        match text {
            "fmp4" => Ok(Self(HlsMedia::FragmentedMp4)),
            "ts" => Ok(Self(HlsMedia::TransportStream)),
            _ => Err(format!("`{text}` is neither fmp4 nor ts")),
        }
    }
}

/// `muxed` or `demuxed`.
struct HlsStreams(Streams);

impl Value for HlsStreams {
    fn from_scalar(text: &str) -> Result<Self, String> {
        match text {
            "muxed" => Ok(Self(Streams::Muxed)),
            "demuxed" => Ok(Self(Streams::Demuxed)),
            _ => Err(format!("`{text}` is neither muxed nor demuxed")),
        }
    }
}

/// `fmp4` or `vtt`.
struct HlsTexts(HlsText);

impl Value for HlsTexts {
    fn from_scalar(text: &str) -> Result<Self, String> {
        match text {
            "fmp4" => Ok(Self(HlsText::FragmentedMp4)),
            "vtt" => Ok(Self(HlsText::WebVtt)),
            _ => Err(format!("`{text}` is neither fmp4 nor vtt")),
        }
    }
}

/// `./titles`, `/srv/titles` or `s3://bucket/prefix`.
enum StoreUrl {
    Folder(PathBuf),
    S3 { bucket: String, prefix: String },
}

impl Value for StoreUrl {
    fn from_scalar(text: &str) -> Result<Self, String> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return PathBuf::from_scalar(text).map(Self::Folder);
        };
        if scheme != "s3" {
            return Err(format!("`{text}` is neither a folder nor s3://bucket/prefix"));
        }
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        // The characters that AWS allows, and those that others do besides.
        let is_bucket = !bucket.is_empty()
            && bucket
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
        if !is_bucket {
            return Err(format!("`{text}` does not name a bucket"));
        }
        Ok(Self::S3 {
            bucket: bucket.to_owned(),
            prefix: prefix.trim_matches('/').to_owned(),
        })
    }
}

/// `http://127.0.0.1:9000`.
struct Endpoint(String);

impl Value for Endpoint {
    fn from_scalar(text: &str) -> Result<Self, String> {
        let uri: Option<http::Uri> = text.parse().ok();
        let is_http = uri.is_some_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.host().is_some_and(|host| !host.is_empty())
        });
        if is_http {
            Ok(Self(text.trim_end_matches('/').to_owned()))
        } else {
            Err(format!("`{text}` is not a URL such as http://127.0.0.1:9000"))
        }
    }
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
