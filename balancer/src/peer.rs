//! A node as pingora connects to it.

use std::time::Duration;

use pingora::protocols::TcpKeepalive;
use pingora::upstreams::peer::{HttpPeer, HttpUpstreamRequestPolicy};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::config::Timeouts;
use crate::node::Node;

/// The peer for an attempt at `node` that may wait for its answer until `time_left` has passed.
pub(crate) fn peer(node: &Node, generation: u64, timeouts: &Timeouts, time_left: Duration) -> Box<HttpPeer> {
    let mut peer = Box::new(HttpPeer::new(node.address(), false, String::new()));
    // Connections are kept for an instance, not for an address: one that is given to
    // another instance never gets them.
    peer.group_key = xxh3_64_with_seed(node.id().as_bytes(), generation);
    let options = &mut peer.options;
    options.connection_timeout = Some(timeouts.connect);
    options.total_connection_timeout = Some(timeouts.connect);
    options.read_timeout = Some(timeouts.response.min(time_left));
    options.write_timeout = Some(timeouts.send.min(time_left));
    options.idle_timeout = Some(timeouts.idle);
    options.http_upstream_request_policy = HttpUpstreamRequestPolicy::deny_upgrades();
    options.tcp_keepalive = Some(TcpKeepalive {
        idle: timeouts.idle.max(Duration::from_secs(1)),
        interval: Duration::from_secs(1),
        count: 3,
        user_timeout: timeouts.unacknowledged,
    });
    peer
}
