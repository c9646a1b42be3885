//! The sections `load`, `agent` and `notice`.

use std::net::SocketAddr;
use std::time::Duration;

use strata_node::config::{Section, Value};
use strata_node::imds::Endpoint;

/// How the node measures what it can take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadConfig {
    /// Where HAProxy, or a balancer, is told. Key `agent`; default: nowhere.
    pub agent: Option<SocketAddr>,
    /// Time between two measurements. Key `load.interval`; default `2s`.
    pub interval: Duration,
    /// Whose allowances are watched. Key `load.interface`; default `auto`.
    pub interface: Interface,
    /// Requests at which the node is full; 0: however many. Key
    /// `load.in_flight_max`; default 0.
    pub in_flight_max: u32,
    /// Section `notice`.
    pub notice: NoticeConfig,
}

/// How the node learns that its instance will be taken away. Section `notice`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeConfig {
    /// Whom to ask. Key `imds`: `off`, `on`, or a URL; default `off`.
    pub imds: Option<Endpoint>,
    /// Time between two questions. Key `interval`; default `5s`.
    pub interval: Duration,
}

/// The network interface whose allowances are watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interface {
    /// That of the default route, if its driver is `ena`.
    Auto,
    /// None.
    Off,
    /// This one, whatever its driver.
    Named(String),
}

impl Value for Interface {
    fn from_scalar(text: &str) -> Result<Self, String> {
        // As the kernel has it: IFNAMSIZ, and what `dev_valid_name` refuses.
        let is_name = !text.is_empty()
            && text.len() < 16
            && !text.starts_with('-')
            && text
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b'/' && byte != b':');
        match text {
            "auto" => Ok(Self::Auto),
            "off" => Ok(Self::Off),
            name if is_name => Ok(Self::Named(name.to_owned())),
            _ => Err(format!("`{text}` is not a network interface such as eth0")),
        }
    }
}

impl LoadConfig {
    pub(crate) fn read(agent: Option<SocketAddr>, mut load: Section<'_>, mut notice: Section<'_>) -> Self {
        let (second, hour) = (Duration::from_secs(1), Duration::from_secs(3600));
        let least = Duration::from_millis(10);
        let imds: Option<Imds> = notice.optional("imds");
        Self {
            agent,
            interval: load.within("interval", second * 2, least..=hour),
            interface: load.or("interface", Interface::Auto),
            in_flight_max: load.or("in_flight_max", 0),
            notice: NoticeConfig {
                imds: imds.and_then(|imds| imds.0),
                interval: notice.within("interval", second * 5, least..=hour),
            },
        }
    }
}

/// `off`, `on` or a URL.
struct Imds(Option<Endpoint>);

impl Value for Imds {
    fn from_scalar(text: &str) -> Result<Self, String> {
        match text {
            "off" | "false" => Ok(Self(None)),
            "on" | "true" => Ok(Self(Some(Endpoint::default()))),
            url => Endpoint::from_scalar(url).map(|endpoint| Self(Some(endpoint))),
        }
    }
}
