//! Connections that are kept between requests.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::ClientConfig;

use super::connect::{self, ConnectError, Sender1, Sender2};
use super::target::Target;
use super::{ClientOptions, TrustError, tls};

/// The connections of a client, by server.
pub(super) struct Pools {
    tls: Arc<ClientConfig>,
    version: super::Version,
    connections: usize,
    idle: Mutex<HashMap<Target, Vec<Sender1>>>,
    shared: Mutex<HashMap<Target, Arc<Shared>>>,
    opened: AtomicU64,
}

/// The HTTP/2 connections to one server: one at least.
struct Shared {
    first: tokio::sync::Mutex<Option<Sender2>>,
    others: Vec<tokio::sync::Mutex<Option<Sender2>>>,
    next: AtomicUsize,
}

/// An HTTP/1.1 connection for one request.
pub(super) struct Lent {
    pub(super) sender: Sender1,
    /// Whether a request was sent on it before.
    pub(super) is_reused: bool,
}

impl Pools {
    pub(super) fn new(options: &ClientOptions) -> Result<Self, TrustError> {
        Ok(Self {
            tls: tls::config(&options.trust, options.version)?,
            version: options.version,
            connections: options.connections.max(1),
            idle: Mutex::default(),
            shared: Mutex::default(),
            opened: AtomicU64::new(0),
        })
    }

    pub(super) fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    pub(super) async fn probe(&self, target: &Target, limit: Duration) -> Result<(), ConnectError> {
        let open = async {
            match self.version {
                super::Version::Http1 => connect::http1(target, &self.tls).await.map(drop),
                super::Version::Http2 => connect::http2(target, &self.tls).await.map(drop),
            }
        };
        let slow = |_| ConnectError::Slow {
            authority: target.authority().to_owned(),
            seconds: limit.as_secs_f64(),
        };
        tokio::time::timeout(limit, open).await.map_err(slow)?
    }

    /// The connection used last that is still open; a new one when there is none or `is_fresh`.
    pub(super) async fn http1(&self, target: &Target, is_fresh: bool) -> Result<Lent, ConnectError> {
        while !is_fresh && let Some(mut sender) = self.take(target) {
            // Ready at once, as the answer before was read to its end, or closed.
            if sender.ready().await.is_ok() {
                return Ok(Lent {
                    sender,
                    is_reused: true,
                });
            }
        }
        let sender = connect::http1(target, &self.tls).await?;
        self.opened.fetch_add(1, Ordering::Relaxed);
        Ok(Lent {
            sender,
            is_reused: false,
        })
    }

    fn take(&self, target: &Target) -> Option<Sender1> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.get_mut(target)?.pop()
    }

    /// Keeps a connection whose answer was read to its end.
    pub(super) fn give_back(&self, target: &Target, lent: Lent) {
        if lent.sender.is_closed() {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        match idle.get_mut(target) {
            Some(senders) => senders.push(lent.sender),
            None => {
                idle.insert(target.clone(), vec![lent.sender]);
            }
        }
    }

    /// The next connection in turn, opened when it is not open.
    pub(super) async fn http2(&self, target: &Target) -> Result<Sender2, ConnectError> {
        let shared = self.shared(target);
        let turn = shared.next.fetch_add(1, Ordering::Relaxed) % shared.others.len().saturating_add(1);
        let slot = turn.checked_sub(1).and_then(|turn| shared.others.get(turn));
        let mut slot = slot.unwrap_or(&shared.first).lock().await;
        if let Some(sender) = slot.as_ref().filter(|sender| !sender.is_closed()) {
            return Ok(sender.clone());
        }
        let sender = connect::http2(target, &self.tls).await?;
        self.opened.fetch_add(1, Ordering::Relaxed);
        *slot = Some(sender.clone());
        Ok(sender)
    }

    fn shared(&self, target: &Target) -> Arc<Shared> {
        let mut all = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = all.entry(target.clone()).or_insert_with(|| {
            let others = (1..self.connections).map(|_| tokio::sync::Mutex::default());
            Arc::new(Shared {
                first: tokio::sync::Mutex::default(),
                others: others.collect(),
                next: AtomicUsize::new(0),
            })
        });
        Arc::clone(shared)
    }
}
