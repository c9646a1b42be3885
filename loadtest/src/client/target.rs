//! A server to ask.

use std::net::SocketAddr;

use http::Uri;
use http::uri::Scheme;

/// A scheme, a host and a port, with the address they resolve to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    is_tls: bool,
    host: String,
    authority: String,
    address: SocketAddr,
}

/// Why there is no such server.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Not a URL of the form `http://host:port`.
    #[error("`{text}` is not a URL such as http://127.0.0.1:8080")]
    Malformed {
        /// As given.
        text: String,
    },
    /// The name has no address.
    #[error("`{host}` cannot be resolved: {reason}")]
    Unresolved {
        /// The name.
        host: String,
        /// What the resolver said.
        reason: String,
    },
}

impl Target {
    /// The server of `url`, and the path and query that follow it (`/` when there are none).
    ///
    /// # Errors
    /// [`TargetError`].
    pub async fn of(url: &str) -> Result<(Self, String), TargetError> {
        let malformed = || TargetError::Malformed { text: url.to_owned() };
        let uri: Uri = url.parse().map_err(|_| malformed())?;
        let is_tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => false,
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            _ => return Err(malformed()),
        };
        let authority = uri.authority().ok_or_else(malformed)?;
        let port = authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let unresolved = |reason: String| TargetError::Unresolved {
            host: host.clone(),
            reason,
        };
        let address = tokio::net::lookup_host((host.as_str(), port))
            .await
            .map_err(|error| unresolved(error.to_string()))?
            .next();
        let address = address.ok_or_else(|| unresolved("no address".to_owned()))?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let target = Self {
            is_tls,
            host,
            authority: authority.as_str().to_owned(),
            address,
        };
        Ok((target, path))
    }

    /// Whether it is asked over TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.is_tls { "https" } else { "http" }
    }

    /// The name in its certificate.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Host and port as in the URL.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_url_is_a_server_and_a_path() {
        let (target, path) = Target::of("http://127.0.0.1:8080/film.ism/.mpd?a=b")
            .await
            .unwrap();
        assert_eq!(target.address(), "127.0.0.1:8080".parse().unwrap());
        assert_eq!(
            (target.authority(), path.as_str()),
            ("127.0.0.1:8080", "/film.ism/.mpd?a=b")
        );
        let (target, path) = Target::of("https://[::1]").await.unwrap();
        assert_eq!(
            (target.host(), target.address().port(), path.as_str()),
            ("::1", 443, "/")
        );
    }

    #[tokio::test]
    async fn what_is_no_url_is_refused_with_what_was_given() {
        for text in ["127.0.0.1:8080", "ftp://a/", "", "http://", "/path"] {
            let error = Target::of(text).await.unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
    }
}
