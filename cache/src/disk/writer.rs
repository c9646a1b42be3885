//! Writes what is offered, no faster than the disk takes it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::Inner;
use super::health::Trouble;

/// Longest time for the engine's buffers to be written: a disk that takes
/// longer is of no use.
const FLUSH_LIMIT: Duration = Duration::from_secs(10);

/// An entry to be written.
pub(super) enum Offer {
    Entry {
        name: Bytes,
        bytes: Bytes,
    },
    /// Wants to hear when everything before it is written.
    Wait(oneshot::Sender<()>),
}

/// Runs until the tier is closed.
pub(super) async fn run(inner: Arc<Inner>, mut offers: mpsc::UnboundedReceiver<Offer>) {
    // The engine drops what exceeds its buffers, of which one is being written
    // while the other is filled.
    let burst_bytes = inner.config.buffer_bytes / 4;
    let mut handed_over = 0;
    let mut last: Option<Bytes> = None;
    loop {
        let next = match offers.try_recv() {
            Ok(offer) => Some(offer),
            Err(_nothing_now) => {
                flush(&inner, &mut handed_over, &mut last).await;
                tokio::select! {
                    offer = offers.recv() => offer,
                    () = inner.closing.cancelled() => None,
                }
            }
        };
        match next {
            None => return,
            Some(Offer::Wait(done)) => {
                flush(&inner, &mut handed_over, &mut last).await;
                let _ = done.send(());
            }
            Some(Offer::Entry { name, bytes }) => {
                let size = name.len() + bytes.len();
                inner.queued_bytes.fetch_sub(size, Ordering::AcqRel);
                let Some(engine) = inner.engine() else { continue };
                // Offered twice while it waited.
                if engine.may_hold(&name) {
                    continue;
                }
                match engine.write(&name, bytes) {
                    Ok(()) => inner.metrics.written(size),
                    Err(reason) => inner.trouble(Trouble::Failing(reason)),
                }
                handed_over += size;
                last = Some(name);
                if burst_bytes <= handed_over {
                    flush(&inner, &mut handed_over, &mut last).await;
                }
            }
        }
    }
}

/// Waits until what was handed over is written, and looks whether it is.
async fn flush(inner: &Inner, handed_over: &mut usize, last: &mut Option<Bytes>) {
    *handed_over = 0;
    let (Some(name), Some(engine)) = (last.take(), inner.engine()) else {
        return;
    };
    match timeout(FLUSH_LIMIT, engine.flushed()).await {
        Ok(Ok(())) if engine.may_hold(&name) => inner.health().worked(),
        // The engine only logs what it cannot write.
        Ok(Ok(())) => inner.trouble(Trouble::Failing("an entry was not written".to_owned())),
        Ok(Err(reason)) => inner.trouble(Trouble::Failing(reason)),
        Err(_elapsed) => inner.trouble(Trouble::Slow(FLUSH_LIMIT)),
    }
}
