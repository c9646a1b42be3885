//! Sections `tls` and `proxy_protocol`: how connections begin.

use std::net::SocketAddr;

use ipnet::IpNet;
use strata_node::config::{Section, Value};

pub use crate::front::tls::CertificateFiles;

/// Where clients are served with TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// Key `listen`; required in this section.
    pub listen: SocketAddr,
    /// At least one; the first is for clients that ask for no name, or for none of them.
    pub certificates: Vec<CertificateFiles>,
}

/// `None`: no TLS, or a mistake has been noted.
pub(super) fn read(mut section: Section<'_>) -> Option<TlsConfig> {
    let listen = section.required("listen");
    let items = section.sections("certificates");
    if items.is_empty() {
        section.mistake("certificates", "required: at least one certificate");
    }
    let certificates = items.into_iter().filter_map(|mut item| {
        let (certificate, key) = (item.required("certificate"), item.required("key"));
        Some(CertificateFiles {
            certificate: certificate?,
            key: key?,
        })
    });
    let certificates = certificates.collect();
    Some(TlsConfig {
        listen: listen?,
        certificates,
    })
}

/// Networks that speak the PROXY protocol.
pub(super) fn proxy_protocol(mut section: Section<'_>) -> Vec<IpNet> {
    let networks: Vec<Network> = section.list("from");
    networks.into_iter().map(|network| network.0).collect()
}

struct Network(IpNet);

impl Value for Network {
    fn from_scalar(text: &str) -> Result<Self, String> {
        let network = text
            .parse()
            .or_else(|_| text.parse().map(|address: std::net::IpAddr| IpNet::from(address)));
        network
            .map(Self)
            .map_err(|_| format!("`{text}` is not a network such as `10.0.0.0/8`, or an address"))
    }
}
