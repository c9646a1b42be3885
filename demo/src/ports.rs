//! Which port is whose, checked before anything starts.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use crate::arguments::Arguments;
use crate::topology::ORIGIN_COUNT;

/// The addresses of everything, all on the loopback interface.
#[derive(Debug)]
pub(crate) struct Ports {
    /// Held from here on: the page is served by this process.
    pub(crate) page: TcpListener,
    pub(crate) s3: SocketAddr,
    pub(crate) balancer: NodePorts,
    pub(crate) origins: [NodePorts; ORIGIN_COUNT],
}

/// Where a node serves viewers, and where its operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodePorts {
    pub(crate) listen: SocketAddr,
    pub(crate) admin: SocketAddr,
}

/// A port cannot be had.
#[derive(Debug)]
pub(crate) struct PortError {
    port: u32,
    whose: String,
    flag: &'static str,
    source: io::Error,
}

impl std::fmt::Display for PortError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let PortError {
            port,
            whose,
            flag,
            source,
        } = self;
        write!(
            f,
            "port {port} cannot be had for {whose} ({source}): choose another with {flag}, or --any-ports"
        )
    }
}

impl std::error::Error for PortError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        None
    }
}

impl Ports {
    /// Binds every port once. Those of child processes are let go again when
    /// all have been had, so that the system does not choose one twice.
    pub(crate) fn reserve(arguments: &Arguments) -> Result<Ports, PortError> {
        let mut held = Vec::new();
        let mut hold = |port: u32, whose: String, flag| {
            let listener = bind(if arguments.any_ports { 0 } else { port }, whose, flag)?;
            let address = listener.1;
            held.push(listener.0);
            Ok::<SocketAddr, PortError>(address)
        };
        let s3 = hold(arguments.s3_port.into(), "the S3 server".into(), "--s3-port")?;
        let balancer = NodePorts {
            listen: hold(
                arguments.balancer_port.into(),
                "the balancer".into(),
                "--balancer-port",
            )?,
            admin: hold(
                arguments.balancer_admin_port.into(),
                "the balancer's operator".into(),
                "--balancer-admin-port",
            )?,
        };
        let mut origins = [balancer; ORIGIN_COUNT];
        for (index, origin) in (0..).zip(&mut origins) {
            // 0 asks the system; counting up from it would ask for port 1.
            let nth = |first: u16| if first == 0 { 0 } else { u32::from(first) + index };
            let number = index + 1;
            origin.listen = hold(
                nth(arguments.origin_port),
                format!("origin {number} of {ORIGIN_COUNT}"),
                "--origin-port",
            )?;
            origin.admin = hold(
                nth(arguments.origin_admin_port),
                format!("the operator of origin {number} of {ORIGIN_COUNT}"),
                "--origin-admin-port",
            )?;
        }
        let page_port = if arguments.any_ports {
            0
        } else {
            arguments.page_port.into()
        };
        let (page, _) = bind(page_port, "the page".into(), "--page-port")?;
        Ok(Ports {
            page,
            s3,
            balancer,
            origins,
        })
    }
}

fn bind(port: u32, whose: String, flag: &'static str) -> Result<(TcpListener, SocketAddr), PortError> {
    let bound = u16::try_from(port)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "ports end at 65535"))
        .and_then(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)))
        .and_then(|listener| listener.local_addr().map(|address| (listener, address)));
    bound.map_err(|source| PortError {
        port,
        whose,
        flag,
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use std::collections::HashSet;

    fn reserve(arguments: &[&str]) -> Result<Ports, PortError> {
        Ports::reserve(&Arguments::parse_from(
            [&["strata-demo", "--any-ports"], arguments].concat(),
        ))
    }

    #[test]
    fn ports_that_the_system_chooses_are_all_different() {
        let ports = reserve(&[]).unwrap();
        let mut all = HashSet::from([ports.page.local_addr().unwrap(), ports.s3]);
        for node in [&[ports.balancer], &ports.origins[..]].concat() {
            all.insert(node.listen);
            all.insert(node.admin);
        }
        assert_eq!(all.len(), 2 + 2 + 2 * ORIGIN_COUNT);
    }

    #[test]
    fn a_taken_port_is_named_with_its_flag() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port().to_string();
        let arguments = Arguments::parse_from(["strata-demo", "--s3-port", &port]);
        let error = Ports::reserve(&arguments).unwrap_err().to_string();
        assert!(error.contains(&port) && error.contains("--s3-port"), "{error}");
    }

    #[test]
    fn a_row_of_ports_does_not_run_past_the_end() {
        let arguments = Arguments::parse_from([
            "strata-demo",
            "--origin-port",
            "65535",
            "--s3-port",
            "0",
            "--balancer-port",
            "0",
            "--balancer-admin-port",
            "0",
            "--origin-admin-port",
            "0",
        ]);
        let error = Ports::reserve(&arguments).unwrap_err().to_string();
        assert!(error.contains("--origin-port"), "{error}");
    }
}
