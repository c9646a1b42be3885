//! The PROXY protocol: who connected to the load balancer in front of us.
//!
//! Versions 1 and 2, from the addresses that are trusted with it, and from them
//! always: a connection that may begin so or not could be either's word.
//! <https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt>

use std::io;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use ppp::v2::Command;
use ppp::{PartialResult as _, v1, v2};
use tokio::io::{AsyncReadExt, Interest};
use tokio::net::TcpStream;

/// Longest header: those of NLBs have about 100 bytes, with all their TLVs.
const HEADER_BYTES_MAX: usize = 4096;

/// What a header of version 1 begins with.
const V1_PREFIX: &[u8] = b"PROXY ";

/// Longest header of version 1, as the specification has it.
const V1_BYTES_MAX: usize = 107;

/// Why a connection has no client.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProxyProtocolError {
    /// It does not begin with a header, or with one that makes no sense.
    #[error("no PROXY protocol header")]
    Malformed,
    /// The header is longer than 4096 bytes.
    #[error("the PROXY protocol header is too long")]
    TooLong,
    /// The connection ended or broke before it was whole.
    #[error("reading the PROXY protocol header: {0}")]
    Read(#[from] io::Error),
}

/// Whether one of `networks` has this address. IPv4 in the clothes of IPv6 is IPv4.
pub(super) fn is_trusted(networks: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|network| network.contains(&address))
}

/// Reads the header and not a byte more. `None`: the connection speaks for
/// itself, as those of health checks do.
pub(super) async fn read(stream: &mut TcpStream) -> Result<Option<SocketAddr>, ProxyProtocolError> {
    let mut space = [0; HEADER_BYTES_MAX];
    let mut before = 0;
    let (size, client) = loop {
        let seen = stream.peek(&mut space).await?;
        if seen == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let bytes = space.get(..seen).unwrap_or_default();
        match parse(bytes)? {
            Some(found) => break found,
            None if seen == HEADER_BYTES_MAX => return Err(ProxyProtocolError::TooLong),
            None if seen == before => more(stream).await?,
            None => before = seen,
        }
    };
    // These bytes are there: they have been seen.
    let header = space.get_mut(..size).unwrap_or_default();
    stream.read_exact(header).await?;
    Ok(client)
}

/// Waits for more than what has been peeked at. The system does not tell of
/// bytes that come on top of those that it has told of, so this is a short wait.
async fn more(stream: &TcpStream) -> io::Result<()> {
    if stream.ready(Interest::READABLE).await?.is_read_closed() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    Ok(())
}

type Found = (usize, Option<SocketAddr>);

/// The header at the start of `bytes`. `None`: there is more of it to come.
fn parse(bytes: &[u8]) -> Result<Option<Found>, ProxyProtocolError> {
    let begins = |prefix: &[u8]| prefix.starts_with(bytes) || bytes.starts_with(prefix);
    if begins(v2::PROTOCOL_PREFIX) {
        version_2(bytes)
    } else if begins(V1_PREFIX) {
        version_1(bytes)
    } else {
        Err(ProxyProtocolError::Malformed)
    }
}

/// A line of text.
fn version_1(bytes: &[u8]) -> Result<Option<Found>, ProxyProtocolError> {
    let within = bytes.get(..V1_BYTES_MAX).unwrap_or(bytes);
    let Some(line) = memchr::memchr(b'\n', within).and_then(|end| bytes.get(..=end)) else {
        let too_long = V1_BYTES_MAX <= bytes.len();
        return if too_long {
            Err(ProxyProtocolError::Malformed)
        } else {
            Ok(None)
        };
    };
    let header = v1::Header::try_from(line).map_err(|_| ProxyProtocolError::Malformed)?;
    let client = match header.addresses {
        v1::Addresses::Tcp4(v4) => Some((v4.source_address, v4.source_port).into()),
        v1::Addresses::Tcp6(v6) => Some((v6.source_address, v6.source_port).into()),
        v1::Addresses::Unknown => None,
    };
    Ok(Some((line.len(), client)))
}

fn version_2(bytes: &[u8]) -> Result<Option<Found>, ProxyProtocolError> {
    let header = match v2::Header::try_from(bytes) {
        Ok(header) => header,
        Err(error) if error.is_incomplete() => return Ok(None),
        Err(_) => return Err(ProxyProtocolError::Malformed),
    };
    let size = header.len();
    let client = match (header.command, header.addresses) {
        (Command::Proxy, v2::Addresses::IPv4(v4)) => Some((v4.source_address, v4.source_port).into()),
        (Command::Proxy, v2::Addresses::IPv6(v6)) => Some((v6.source_address, v6.source_port).into()),
        (Command::Proxy, v2::Addresses::Unspecified | v2::Addresses::Unix(_)) | (Command::Local, _) => None,
    };
    Ok(Some((size, client)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(bytes: &[u8]) -> Option<Found> {
        parse(bytes).unwrap()
    }

    /// What an NLB sends: a version 2 header with a TLV of its own.
    fn version_2(command: u8) -> Vec<u8> {
        let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
        header.extend([command, 0x11, 0, 15]);
        header.extend([192, 0, 2, 7, 10, 0, 0, 1, 0x04, 0xd2, 0, 80]);
        header.extend([0xea, 0, 0]);
        header
    }

    #[test]
    fn both_versions_tell_the_client() {
        let client: SocketAddr = "192.0.2.7:1234".parse().unwrap();
        let text = "PROXY TCP4 192.0.2.7 10.0.0.1 1234 80\r\n";
        let with_more = format!("{text}GET / HTTP/1.1\r\n");
        assert_eq!(found(with_more.as_bytes()), Some((text.len(), Some(client))));
        let mut bytes = version_2(0x21);
        let size = bytes.len();
        bytes.extend(b"GET /");
        assert_eq!(found(&bytes), Some((size, Some(client))));
        let six = b"PROXY TCP6 2001:db8::7 ::1 1234 80\r\n";
        assert_eq!(
            found(six),
            Some((six.len(), Some("[2001:db8::7]:1234".parse().unwrap())))
        );
    }

    #[test]
    fn a_health_check_speaks_for_itself() {
        let local = version_2(0x20);
        assert_eq!(found(&local), Some((local.len(), None)));
        let unknown = b"PROXY UNKNOWN\r\n";
        assert_eq!(found(unknown), Some((unknown.len(), None)));
    }

    #[test]
    fn a_part_of_a_header_is_waited_for() {
        let bytes = version_2(0x21);
        for size in 1..bytes.len() {
            assert_eq!(found(&bytes[..size]), None, "{size}");
        }
        let text = b"PROXY TCP4 192.0.2.7 10.0.0.1 1234 80\r\n";
        for size in 1..text.len() {
            assert_eq!(found(&text[..size]), None, "{size}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for bytes in [
            &b"GET / HTTP/1.1\r\n\r\n"[..],
            b"PROXY TCP4 nonsense\r\n",
            b"\r\n\r\n\0\r\nQUIT\nxxxx",
            &[b"PROXY TCP4 ".as_slice(), &[b'1'; 200]].concat(),
        ] {
            assert!(parse(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn networks_are_trusted_in_both_families() {
        let networks = ["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()];
        for (address, trusted) in [
            ("10.1.2.3", true),
            ("11.1.2.3", false),
            ("::ffff:10.1.2.3", true),
            ("2001:db8::1", true),
            ("2001:db9::1", false),
        ] {
            assert_eq!(
                is_trusted(&networks, address.parse().unwrap()),
                trusted,
                "{address}"
            );
        }
    }
}
