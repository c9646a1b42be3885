//! The balancer's configuration: its keys, their defaults and their limits.
//!
//! `config/balancer.yaml` is the commented reference.

mod clients;
mod headers;
mod retry;
mod tls;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use http::HeaderName;
use ipnet::IpNet;
use strata_node::access_log::Destination;
use strata_node::config::{Document, Mistakes, Section, Value, choice};

pub use self::clients::{ClientLimits, HeadLimits};
pub use self::tls::{CertificateFiles, TlsConfig};
use crate::agent::AgentConfig;
use crate::attempt::RetryLimits;
use crate::choice::Balance;
use crate::discovery::DiscoveryConfig;
use crate::health::Thresholds;
use crate::hedge::HedgeConfig;
use crate::key::KeySource;
use crate::observe::ObserveConfig;
use crate::ring::Ring;
use crate::rules::HeaderRules;
use crate::zone::{Zone, ZoneConfig};

/// Highest weight of one origin.
pub const WEIGHT_MAX: u32 = 256;

/// Longest id of an origin, in bytes.
pub const ID_BYTES_MAX: usize = 128;

/// Longest time that any key may set, one hour.
const TIME_MAX: Duration = Duration::from_secs(3600);

/// Everything a balancer is told.
#[derive(Debug, Clone, PartialEq)]
pub struct BalancerConfig {
    /// Where clients are served. Key `listen`; required.
    pub listen: SocketAddr,
    /// Where the operator is answered. Key `admin`; default `127.0.0.1:9080`.
    pub admin: SocketAddr,
    /// A file with the token that runtime actions ask for. Key `admin_token_file`;
    /// default: there are no actions.
    pub admin_token: Option<PathBuf>,
    /// Threads that serve. Key `threads`; default: the machine's cores.
    pub threads: NonZeroUsize,
    /// Nodes that are always there. Key `origins`; at least one, unless there is
    /// something in `discovery`.
    pub origins: Vec<OriginConfig>,
    /// Where nodes are found. Section `discovery`.
    pub discovery: DiscoveryConfig,
    /// What of a request decides on its node. Section `hash`.
    pub hash: KeySource,
    /// How load is bounded. Section `balance`.
    pub balance: Balance,
    /// Which zone's origins come first. Section `zone`.
    pub zone: ZoneConfig,
    /// How origins' agents are asked. Section `agent`.
    pub agent: AgentConfig,
    /// How requests judge origins. Section `observe`.
    pub observe: ObserveConfig,
    /// How origins are checked. Section `health`.
    pub health: HealthConfig,
    /// How long origins are waited for. Section `timeouts`.
    pub timeouts: Timeouts,
    /// How often another origin is asked. Section `retry`.
    pub retry: RetryLimits,
    /// When a second origin is asked beside the first. Section `hedge`.
    pub hedge: HedgeConfig,
    /// What clients may do. Section `clients`.
    pub clients: ClientLimits,
    /// Where clients are served with TLS. Section `tls`; default: nowhere.
    pub tls: Option<TlsConfig>,
    /// Networks whose connections begin with a PROXY protocol header. Key
    /// `proxy_protocol.from`; default: none.
    pub proxy_protocol: Vec<IpNet>,
    /// What is done to headers. Section `headers`; default: nothing.
    pub headers: HeaderRules,
    /// How the balancer stops. Section `drain`.
    pub drain: DrainConfig,
    /// Whether answers say which origin gave them, after how many attempts
    /// (`X-Strata-Origin`, `X-Strata-Attempts`). Key `identify`; default `true`.
    pub identify: bool,
    /// Where requests are logged. Key `access_log`; default `stdout`.
    pub access_log: Destination,
}

/// One origin. An item of `origins`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginConfig {
    /// Where it serves. Key `address`; required.
    pub address: SocketAddr,
    /// What it is called, on the ring too: an instance id that outlives its
    /// address keeps its keys. Printable ASCII, at most [`ID_BYTES_MAX`], no
    /// other origin's. Key `id`; default: the address.
    pub id: String,
    /// Its part of the load relative to the others'. 1 to [`WEIGHT_MAX`]. Key
    /// `weight`; default 1.
    pub weight: u32,
    /// Where it is checked. Key `check`; default: the address.
    pub check: SocketAddr,
    /// Where its agent tells how it is, in HAProxy's way. Key `agent`; default: it has none.
    pub agent: Option<SocketAddr>,
    /// The availability zone it is in. Key `zone`; default: it is not known, which counts as the own one.
    pub zone: Option<Zone>,
}

/// How origins are checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthConfig {
    /// What is asked for with GET; any answer below 500 is a good one, so a
    /// path the origin does not know still tells whether it serves. Key `path`;
    /// default `/readyz`.
    pub path: String,
    /// Time between the starts of two checks. Key `interval`; default `1s`.
    pub interval: Duration,
    /// The same while checks contradict what is believed of the origin, and the
    /// least time after which a failed request brings the next check forward.
    /// Key `fast_interval`; default `200ms`, or the interval if that is shorter.
    pub fast_interval: Duration,
    /// Time a check may take. Key `timeout`; default `1s`.
    pub timeout: Duration,
    /// Keys `fall`, default 2, and `rise`, default 2.
    pub thresholds: Thresholds,
    /// By how much an interval varies, in percent, so that several balancers do
    /// not check in step. Key `jitter`; default 10.
    pub jitter_percent: u32,
    /// How long a new origin, or one that is back, takes to its whole weight.
    /// Key `slow_start`; default `30s`. 0: no time.
    pub slow_start: Duration,
}

/// How long origins are waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection. Key `connect`; default `20ms`: origins are near, and
    /// another one is at hand.
    pub connect: Duration,
    /// For the first byte of an answer, and then for each next one. Key
    /// `response`; default `2s`.
    pub response: Duration,
    /// For a request to be taken. Key `send`; default `1s`.
    pub send: Duration,
    /// For what was sent to be acknowledged by the origin's TCP: a kept
    /// connection to a host that is gone shows only here. Key
    /// `unacknowledged`; default `1s`.
    pub unacknowledged: Duration,
    /// How long an idle connection is kept. Below the origins' own limit, or
    /// they close first, in the middle of a request. Key `idle`; default `10s`.
    pub idle: Duration,
}

/// How the balancer stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrainConfig {
    /// Time between saying that it will stop (`/readyz`, `Connection: close`)
    /// and taking no more connections: what its clients need to notice. Key
    /// `notice`; default `0`.
    pub notice: Duration,
    /// Time that requests in flight get after that. Key `limit`; default `30s`:
    /// well below the two minutes of a spot notice.
    pub limit: Duration,
}

impl BalancerConfig {
    /// Reads and checks the configuration.
    ///
    /// # Errors
    ///
    /// Every mistake in it.
    pub fn from_document(document: Document) -> Result<Self, Mistakes> {
        let config = read(&document);
        match document.finish(config)? {
            Some(config) => Ok(config),
            // A required key that is missing has been noted, so `finish` has failed.
            None => Err(Mistakes::in_file("configuration", "is incomplete")),
        }
    }
}

fn read(document: &Document) -> Option<BalancerConfig> {
    let mut root = document.root();
    let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let listen = root.required("listen");
    let config = BalancerConfig {
        listen: listen.unwrap_or(SocketAddr::from(([0, 0, 0, 0], 0))),
        admin: root.or("admin", SocketAddr::from(([127, 0, 0, 1], 9080))),
        admin_token: root.optional("admin_token_file"),
        threads: root.or("threads", cores),
        origins: origins(&mut root),
        discovery: DiscoveryConfig::read(root.section("discovery")),
        hash: hash(root.section("hash")),
        balance: Balance::read(root.section("balance")),
        zone: ZoneConfig::read(root.section("zone")),
        agent: AgentConfig::read(root.section("agent")),
        observe: ObserveConfig::read(root.section("observe")),
        health: health(root.section("health")),
        timeouts: timeouts(root.section("timeouts")),
        retry: retry::read(root.section("retry")),
        hedge: HedgeConfig::read(root.section("hedge")),
        clients: clients::read(root.section("clients")),
        tls: if root.has("tls") {
            tls::read(root.section("tls"))
        } else {
            None
        },
        proxy_protocol: tls::proxy_protocol(root.section("proxy_protocol")),
        headers: headers::read(root.section("headers")),
        drain: drain(root.section("drain")),
        identify: root.or("identify", true),
        access_log: root.or("access_log", Destination::Stdout),
    };
    if config.origins.is_empty() && config.discovery.sources.is_empty() && !root.has("origins") {
        root.mistake(
            "origins",
            "required: at least one origin, or something in `discovery`",
        );
    }
    listen.is_some().then_some(config)
}

/// The list `origins`, here or in a watched file.
pub(crate) fn origins(root: &mut Section<'_>) -> Vec<OriginConfig> {
    let sections = root.sections("origins");
    let mut ids = HashSet::new();
    let mut origins = Vec::new();
    for mut section in sections {
        let address: Option<SocketAddr> = section.required("address");
        let id: Option<InstanceId> = section.optional("id");
        let weight = section.within("weight", 1, 1..=WEIGHT_MAX);
        let check = section.optional("check");
        let agent = section.optional("agent");
        let zone = section.optional("zone");
        let Some(address) = address else { continue };
        let key = if id.is_some() { "id" } else { "address" };
        let id = id.map_or_else(|| address.to_string(), |id| id.0);
        if !ids.insert(id.clone()) {
            section.mistake(key, format!("`{id}` is there already"));
        }
        origins.push(OriginConfig {
            address,
            id,
            weight,
            check: check.unwrap_or(address),
            agent,
            zone,
        });
    }
    if let Err(error) = Ring::check(origins.iter().map(|origin| origin.weight)) {
        root.mistake("origins", error);
    }
    origins
}

fn hash(mut section: Section<'_>) -> KeySource {
    let header = section.or("header", HeaderName::from_static("x-lb"));
    match section.or("key", KeyWord::Title) {
        KeyWord::Title => KeySource::Title,
        KeyWord::Header => KeySource::Header(header),
        KeyWord::Url => KeySource::Url,
    }
}

fn health(mut section: Section<'_>) -> HealthConfig {
    let path: PathText = section.or("path", PathText("/readyz".to_owned()));
    let least = Duration::from_millis(10);
    let interval = section.within("interval", Duration::from_secs(1), least..=TIME_MAX);
    let fast = Duration::from_millis(200).min(interval);
    HealthConfig {
        path: path.0,
        interval,
        fast_interval: section.within("fast_interval", fast, least..=TIME_MAX),
        timeout: section.within(
            "timeout",
            Duration::from_secs(1),
            Duration::from_millis(1)..=TIME_MAX,
        ),
        thresholds: Thresholds {
            fall: section.within("fall", 2, 1..=1000),
            rise: section.within("rise", 2, 1..=1000),
        },
        jitter_percent: section.within("jitter", 10, 0..=50),
        slow_start: section.within("slow_start", Duration::from_secs(30), Duration::ZERO..=TIME_MAX),
    }
}

fn timeouts(mut section: Section<'_>) -> Timeouts {
    let mut time = |key, default: u64| {
        section.within(
            key,
            Duration::from_millis(default),
            Duration::from_millis(1)..=TIME_MAX,
        )
    };
    Timeouts {
        connect: time("connect", 20),
        response: time("response", 2_000),
        send: time("send", 1_000),
        unacknowledged: time("unacknowledged", 1_000),
        idle: time("idle", 10_000),
    }
}

fn drain(mut section: Section<'_>) -> DrainConfig {
    DrainConfig {
        notice: section.within("notice", Duration::ZERO, Duration::ZERO..=TIME_MAX),
        limit: section.within("limit", Duration::from_secs(30), Duration::ZERO..=TIME_MAX),
    }
}

#[derive(Clone, Copy)]
enum KeyWord {
    Title,
    Header,
    Url,
}

impl Value for KeyWord {
    fn from_scalar(text: &str) -> Result<Self, String> {
        choice(
            text,
            &[
                ("title", Self::Title),
                ("header", Self::Header),
                ("url", Self::Url),
            ],
        )
    }
}

struct InstanceId(String);

impl Value for InstanceId {
    fn from_scalar(text: &str) -> Result<Self, String> {
        let id = String::from_scalar(text)?;
        if ID_BYTES_MAX < id.len() {
            return Err(format!("is longer than {ID_BYTES_MAX} bytes"));
        }
        if !id.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!("`{id}` has characters other than printable ASCII"));
        }
        Ok(Self(id))
    }
}

struct PathText(String);

impl Value for PathText {
    fn from_scalar(text: &str) -> Result<Self, String> {
        let is_path = text.starts_with('/') && text.parse::<http::uri::PathAndQuery>().is_ok();
        is_path
            .then(|| Self(text.to_owned()))
            .ok_or_else(|| format!("`{text}` is not a path such as `/readyz`"))
    }
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
