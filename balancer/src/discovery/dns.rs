//! Members behind a name: each address it resolves to is one.
//!
//! The system's resolver is asked anew at every interval, through whatever cache
//! it has. Addresses are all that is known, so they are the ids: a member that
//! comes back under another address is another one.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use async_trait::async_trait;

use super::{Discovery, DiscoveryError, Found};
use crate::config::OriginConfig;
use crate::zone::Zone;

/// What is the same for all members that one name, or one group, stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alike {
    /// Where they serve. Key `port`; required.
    pub port: u16,
    /// Where they are checked. Key `check_port`; default: the port.
    pub check_port: u16,
    /// Where their agents are. Key `agent_port`; default: they have none.
    pub agent_port: Option<u16>,
    /// Key `weight`; default 1.
    pub weight: u32,
    /// Key `zone`.
    pub zone: Option<Zone>,
}

impl Alike {
    /// The member called `id`, or by its address, at `host`.
    pub(super) fn member(&self, host: std::net::IpAddr, id: Option<&str>) -> OriginConfig {
        let at = |port| SocketAddr::new(host, port);
        let address = at(self.port);
        OriginConfig {
            address,
            id: id.map_or_else(|| address.to_string(), str::to_owned),
            weight: self.weight,
            check: at(self.check_port),
            agent: self.agent_port.map(at),
            zone: self.zone.clone(),
        }
    }
}

/// Turns a name into addresses.
#[async_trait]
pub trait Resolver: fmt::Debug + Send + Sync {
    /// The addresses of `name`, in any order, each with the port.
    ///
    /// # Errors
    ///
    /// What the resolver says.
    async fn resolve(&self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

/// The system's resolver.
#[derive(Debug, Clone, Copy)]
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((name, port)).await?.collect())
    }
}

/// A name that is resolved again and again.
#[derive(Debug)]
pub struct DnsDiscovery<R> {
    name: String,
    host: String,
    alike: Alike,
    resolver: R,
}

impl<R: Resolver> DnsDiscovery<R> {
    /// The name `host`, asked of `resolver`.
    pub fn new(host: String, alike: Alike, resolver: R) -> Self {
        Self {
            name: format!("dns:{host}:{}", alike.port),
            host,
            alike,
            resolver,
        }
    }
}

#[async_trait]
impl<R: Resolver> Discovery for DnsDiscovery<R> {
    fn name(&self) -> &str {
        &self.name
    }

    async fn discover(&self) -> Result<Found, DiscoveryError> {
        let resolved = self.resolver.resolve(&self.host, self.alike.port).await;
        let mut addresses = resolved.map_err(|source| DiscoveryError::Resolve {
            name: self.host.clone(),
            source,
        })?;
        addresses.sort_unstable();
        addresses.dedup();
        let member = |address: SocketAddr| self.alike.member(address.ip(), None);
        Ok(Found {
            members: addresses.into_iter().map(member).collect(),
            leaving: Vec::new(),
        })
    }
}
