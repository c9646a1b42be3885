//! Listening sockets: bound with an error that helps, and announced in the log.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

/// An address could not be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} (key `{key}`): {}", hint(source))]
pub struct ListenError {
    /// The address as configured.
    pub address: SocketAddr,
    /// The configuration key that it comes from.
    pub key: &'static str,
    /// What the system said.
    pub source: io::Error,
}

fn hint(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "the port is taken by another process; choose another one, or 0 for any".to_owned()
        }
        io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
        io::ErrorKind::PermissionDenied => "not permitted; ports below 1024 need a privilege".to_owned(),
        _ => error.to_string(),
    }
}

/// Binds a listener and announces it; `key` is the configuration key of the address. Port 0 lets the system choose.
///
/// # Errors
/// [`ListenError`] when the address is taken, absent or not permitted.
pub async fn bind(
    role: &'static str,
    key: &'static str,
    address: SocketAddr,
) -> Result<TcpListener, ListenError> {
    let fail = |source| ListenError { address, key, source };
    let listener = TcpListener::bind(address).await.map_err(fail)?;
    announce(role, listener.local_addr().map_err(fail)?);
    Ok(listener)
}

/// Logs the line by which people and tests find a bound port: `listening`, with `role` and `address`.
pub fn announce(role: &'static str, address: SocketAddr) {
    tracing::info!(role, %address, "listening");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_names_the_address_and_the_key() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let first = bind("test", "listen", any).await.unwrap();
        let taken = first.local_addr().unwrap();
        let message = bind("test", "admin.listen", taken).await.unwrap_err().to_string();
        assert!(message.contains(&taken.to_string()), "{message}");
        assert!(
            message.contains("`admin.listen`") && message.contains("taken"),
            "{message}"
        );
    }
}
