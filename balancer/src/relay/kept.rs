//! Connections to nodes that wait for their next request. One set a thread.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::link::Link;

/// Idle connections kept to nodes, for each thread.
const IDLE_CONNECTIONS_MAX: usize = 256;

/// A larger buffer is not kept with its connection.
const KEPT_BUFFER_BYTES_MAX: usize = 32 << 10;

/// The connections, by whom they are kept for.
#[derive(Debug, Default)]
pub(super) struct Kept(Mutex<Idle>);

#[derive(Debug, Default)]
struct Idle {
    links: HashMap<u64, Vec<(Link, Instant)>>,
    count: usize,
}

impl Idle {
    /// Closes what has idled longest: often a node's that has gone.
    fn drop_oldest(&mut self) {
        // Of each key the first is the oldest.
        let oldest = |links: &Vec<(Link, Instant)>| links.first().map(|(_, since)| *since);
        let ages = self
            .links
            .iter()
            .filter_map(|(key, links)| Some((oldest(links)?, *key)));
        let Some((_, key)) = ages.min() else { return };
        if let Some(links) = self.links.get_mut(&key) {
            links.remove(0);
            self.count -= 1;
        }
    }
}

impl Kept {
    /// The connection that was used last of those for `key`, none of which has idled for `limit`.
    pub(super) fn take(&self, key: u64, limit: Duration) -> Option<Link> {
        loop {
            let (mut link, since) = {
                let mut idle = self.idle();
                let last = idle.links.get_mut(&key)?.pop()?;
                idle.count -= 1;
                last
            };
            if since.elapsed() < limit && link.is_quiet() {
                link.reused = true;
                return Some(link);
            }
        }
    }

    /// Keeps a connection whose answer has been read to its end.
    pub(super) fn keep(&self, mut link: Link) {
        if KEPT_BUFFER_BYTES_MAX < link.read.capacity() {
            link.read = bytes::BytesMut::new();
        }
        let mut idle = self.idle();
        if IDLE_CONNECTIONS_MAX <= idle.count {
            idle.drop_oldest();
        }
        idle.count += 1;
        let key = link.key;
        idle.links.entry(key).or_default().push((link, Instant::now()));
    }

    /// Closes what has idled for `limit`, or was closed by its node. To be called now and then.
    pub(super) fn sweep(&self, limit: Duration) {
        let mut idle = self.idle();
        let Idle { links, count } = &mut *idle;
        links.retain(|_, links| {
            let before = links.len();
            links.retain(|(link, since)| since.elapsed() < limit && link.is_quiet());
            *count -= before - links.len();
            !links.is_empty()
        });
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        // Whole between any two statements, but for the count, which is a limit only.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::{TcpListener, TcpStream};

    const LONG: Duration = Duration::from_secs(60);

    /// A connection kept for `key`, and its other end.
    async fn link(listener: &TcpListener, key: u64) -> (Link, TcpStream) {
        let stream = TcpStream::connect(listener.local_addr().unwrap());
        let (stream, accepted) = tokio::join!(stream, listener.accept());
        let link = Link {
            stream: stream.unwrap(),
            read: BytesMut::new(),
            key,
            reused: false,
        };
        (link, accepted.unwrap().0)
    }

    #[tokio::test]
    async fn a_connection_is_used_again_by_whom_it_is_kept_for() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let kept = Kept::default();
        let (one, _one) = link(&listener, 1).await;
        let (two, _two) = link(&listener, 1).await;
        let newest = two.stream.local_addr().unwrap();
        kept.keep(one);
        kept.keep(two);
        assert!(kept.take(2, LONG).is_none());
        let taken = kept.take(1, LONG).unwrap();
        assert!(taken.reused && taken.stream.local_addr().unwrap() == newest);
        assert!(kept.take(1, Duration::ZERO).is_none(), "it has idled too long");
        assert_eq!(kept.idle().count, 0);
    }

    #[tokio::test]
    async fn what_its_node_has_closed_or_written_to_is_not() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let kept = Kept::default();
        let (closed, node) = link(&listener, 1).await;
        drop(node);
        closed.stream.readable().await.unwrap();
        kept.keep(closed);
        assert!(kept.take(1, LONG).is_none());
        let (talkative, mut node) = link(&listener, 1).await;
        node.write_all(b"unasked").await.unwrap();
        talkative.stream.readable().await.unwrap();
        kept.keep(talkative);
        kept.sweep(LONG);
        assert!(kept.idle().links.is_empty() && kept.idle().count == 0);
    }

    #[tokio::test]
    async fn no_more_are_kept_than_may_be() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let kept = Kept::default();
        let mut nodes = Vec::new();
        for number in 0..IDLE_CONNECTIONS_MAX + 3 {
            let (link, node) = link(&listener, u64::try_from(number % 7).unwrap()).await;
            kept.keep(link);
            nodes.push(node);
        }
        assert_eq!(kept.idle().count, IDLE_CONNECTIONS_MAX);
        // The oldest have gone, the newest are there.
        let mut kept_addresses = Vec::new();
        for key in 0..7 {
            while let Some(link) = kept.take(key, LONG) {
                kept_addresses.push(link.stream.local_addr().unwrap());
            }
        }
        let expected: Vec<_> = nodes[3..].iter().map(|node| node.peer_addr().unwrap()).collect();
        assert_eq!(kept_addresses.len(), expected.len());
        assert!(expected.iter().all(|address| kept_addresses.contains(address)));
        let (last, _node) = link(&listener, 0).await;
        kept.keep(last);
        kept.sweep(Duration::ZERO);
        assert!(kept.idle().links.is_empty() && kept.idle().count == 0);
    }
}
