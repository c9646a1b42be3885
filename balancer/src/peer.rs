//! A node as pingora connects to it.

use std::time::Duration;

use pingora::protocols::TcpKeepalive;
use pingora::upstreams::peer::{HttpPeer, HttpUpstreamRequestPolicy};

use crate::proxy::Aim;

/// The peer for an attempt.
pub(crate) fn peer(aim: &Aim) -> Box<HttpPeer> {
    let timeouts = &aim.timeouts;
    let mut peer = Box::new(HttpPeer::new(aim.address, false, String::new()));
    peer.group_key = aim.key;
    let options = &mut peer.options;
    options.connection_timeout = Some(timeouts.connect);
    options.total_connection_timeout = Some(timeouts.connect);
    options.read_timeout = Some(timeouts.response);
    options.write_timeout = Some(timeouts.send);
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
