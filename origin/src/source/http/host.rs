//! Hosts that may be asked.

use std::str::FromStr;

use http::Uri;
use http::uri::Authority;

/// A host that may be asked: `cdn.example.com` over HTTP and HTTPS at their usual
/// ports, `cdn.example.com:8443` at this port only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// In lower case.
    name: String,
    port: Option<u16>,
}

/// What is no host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a host nor host:port")]
pub struct NotAHost(String);

impl FromStr for Host {
    type Err = NotAHost;

    fn from_str(text: &str) -> Result<Self, NotAHost> {
        let refused = || NotAHost(text.to_owned());
        let authority: Authority = text.parse().map_err(|_| refused())?;
        let has_port = authority.as_str().len() != authority.host().len();
        // No user, and no port that is none.
        if authority.host().is_empty() || has_port && authority.port_u16().is_none() || text.contains('@') {
            return Err(refused());
        }
        Ok(Self {
            name: authority.host().to_ascii_lowercase(),
            port: authority.port_u16(),
        })
    }
}

impl Host {
    /// Whether `uri` is of this host. It has no user in it.
    pub(super) fn allows(&self, uri: &Uri) -> bool {
        let Some(authority) = uri.authority() else {
            return false;
        };
        let usual = match uri.scheme_str() {
            Some("http") => 80,
            Some("https") => 443,
            _ => return false,
        };
        let port = authority.port_u16().unwrap_or(usual);
        !authority.as_str().contains('@')
            && authority.host().eq_ignore_ascii_case(&self.name)
            && port == self.port.unwrap_or(usual)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(host: &str, uri: &str) -> bool {
        let host: Host = host.parse().unwrap();
        host.allows(&uri.parse().unwrap())
    }

    #[test]
    fn a_host_is_allowed_at_its_ports_only() {
        assert!(allows("cdn.example.com", "https://cdn.example.com/a.mp4"));
        assert!(allows("CDN.example.com", "http://cdn.EXAMPLE.com:80/a.mp4"));
        assert!(allows("cdn.example.com:8443", "https://cdn.example.com:8443/a"));
        assert!(allows("[2001:db8::1]:80", "http://[2001:db8::1]/a"));
        for other in [
            "https://cdn.example.com:8443/a",
            "https://cdn.example.com.evil.example/a",
            "https://evil.example/cdn.example.com",
            "https://cdn.example.com@evil.example/a",
            "https://user@cdn.example.com/a",
            "https://xcdn.example.com/a",
            "ftp://cdn.example.com/a",
            "/a",
        ] {
            assert!(!allows("cdn.example.com", other), "{other}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in [
            "",
            "a b",
            "http://host",
            "user@host",
            "host:",
            "host:99999",
            "host/path",
        ] {
            assert!(text.parse::<Host>().is_err(), "{text}");
        }
    }
}
