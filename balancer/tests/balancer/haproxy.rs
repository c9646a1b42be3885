//! The bound against HAProxy itself: the same requests in flight, the same decisions.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use strata_balancer::bound::{Bound, Share};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::origin::{Act, Origin};
use crate::stage::PATIENCE;

const PROGRAM: &str = "/usr/sbin/haproxy";

/// A running HAProxy; killed when dropped.
struct Haproxy {
    process: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Haproxy {
    async fn start(factor: u32, servers: &[(SocketAddr, u32)]) -> Self {
        // HAProxy takes no port 0: this one was free a moment ago.
        let address = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let mut text = format!(
            "global
  nbthread 1
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 60s
frontend f
  bind {address}
  default_backend b
backend b
  balance hdr(X-LB)
  hash-type consistent sdbm avalanche
  hash-balance-factor {factor}
"
        );
        for (number, (server, weight)) in servers.iter().enumerate() {
            text.push_str(&format!("  server s{number} {server} weight {weight}\n"));
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("haproxy.cfg");
        std::fs::write(&file, text).unwrap();
        let mut command = Command::new(PROGRAM);
        command
            .arg("-db")
            .arg("-f")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let process = command.spawn().expect("haproxy is installed");
        let haproxy = Self {
            process,
            address,
            _folder: folder,
        };
        until("HAProxy listens", || {
            std::net::TcpStream::connect(address).is_ok()
        })
        .await;
        haproxy
    }
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    assert!(
        tokio::time::timeout(PATIENCE, wait).await.is_ok(),
        "never: {what}"
    );
}

/// Places requests with one key, none of which ends, and compares every decision.
///
/// HAProxy walks its ring from the key's point on; the order in which it first
/// uses the servers is the order of its walk. In that order each request must
/// have gone to the first server that, by our bound, has room.
async fn check(factor: u32, weights: &[u32], key: &str, count: usize) {
    let mut origins = Vec::new();
    for number in 0..weights.len() {
        origins.push(Origin::start(&format!("s{number}"), Act::Wait).await);
    }
    let servers: Vec<(SocketAddr, u32)> = origins
        .iter()
        .map(|origin| origin.address)
        .zip(weights.iter().copied())
        .collect();
    let haproxy = Haproxy::start(factor, &servers).await;
    let loads = || -> Vec<usize> { origins.iter().map(|origin| origin.requests().len()).collect() };
    let mut clients = Vec::new();
    let mut placed = Vec::new();
    for number in 1..=count {
        let before = loads();
        let mut client = TcpStream::connect(haproxy.address).await.unwrap();
        let request = format!("GET / HTTP/1.1\r\nhost: t\r\nx-lb: {key}\r\n\r\n");
        client.write_all(request.as_bytes()).await.unwrap();
        clients.push(client);
        until("placed", || loads().iter().sum::<usize>() == number).await;
        placed.push(
            loads()
                .iter()
                .zip(&before)
                .position(|(now, before)| now != before)
                .unwrap(),
        );
    }
    let mut walk = Vec::new();
    for server in &placed {
        if !walk.contains(server) {
            walk.push(*server);
        }
    }
    let bound = Bound {
        factor_percent: factor,
        floor: 0,
    };
    let share = |server: usize| Share {
        weight: weights[server],
        weights_before: weights[..server].iter().sum(),
        weights: weights.iter().sum(),
    };
    let mut held = vec![0_u64; weights.len()];
    for (index, server) in placed.iter().enumerate() {
        let in_flight = index as u64 + 1;
        let ours = walk
            .iter()
            .find(|server| held[**server] < bound.limit(in_flight, share(**server)));
        assert_eq!(
            ours,
            Some(server),
            "request {in_flight} of {key}, held {held:?}, walk {walk:?}"
        );
        held[*server] += 1;
    }
}

#[tokio::test]
async fn every_decision_is_haproxys() {
    check(140, &[1, 1, 1, 1], "film-1", 60).await;
    check(140, &[1; 10], "film-5", 120).await;
    check(140, &[1, 2, 4], "film-2", 60).await;
    check(140, &[256, 3, 100], "film-6", 60).await;
    check(125, &[10, 1, 3, 7, 2], "film-3", 80).await;
    check(200, &[1, 1, 1, 1, 1, 1], "film-4", 40).await;
}
