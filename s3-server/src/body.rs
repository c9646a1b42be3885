//! Response bodies that count what leaves, and stop short when told to.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use crate::connection::ResetSwitch;
use crate::fault::Ending;

/// Bodies leave in slices of this size, so that a client that goes away is
/// counted for what it took.
const SLICE_BYTES_MAX: usize = 256 << 10;

/// How long a cut body stays silent before the connection ends: time for the
/// bytes before the cut to leave.
const SILENCE_BEFORE_CUT: Duration = Duration::from_millis(20);

/// A body on its way to one client.
pub(crate) struct ServedBody {
    inner: s3s::Body,
    pending: Bytes,
    bytes_sent: Arc<AtomicU64>,
    cut: Option<Cut>,
}

/// Where and how a body stops short.
pub(crate) struct Cut {
    bytes_left: u64,
    ending: Ending,
    reset: ResetSwitch,
    silence: Option<Pin<Box<Sleep>>>,
}

/// The body was cut short by a fault.
#[derive(Debug, thiserror::Error)]
#[error("the body was cut short by a fault")]
struct CutShort;

impl Cut {
    pub(crate) fn new(after_bytes: u64, ending: Ending, reset: ResetSwitch) -> Cut {
        Cut {
            bytes_left: after_bytes,
            ending,
            reset,
            silence: None,
        }
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<CutShort> {
        if self.ending == Ending::Stall {
            return Poll::Pending;
        }
        let silence = self
            .silence
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(SILENCE_BEFORE_CUT)));
        std::task::ready!(silence.as_mut().poll(cx));
        if self.ending == Ending::Reset {
            self.reset.arm();
        }
        Poll::Ready(CutShort)
    }
}

impl ServedBody {
    pub(crate) fn new(inner: s3s::Body, bytes_sent: Arc<AtomicU64>, cut: Option<Cut>) -> ServedBody {
        ServedBody {
            inner,
            pending: Bytes::new(),
            bytes_sent,
            cut,
        }
    }
}

impl Body for ServedBody {
    type Data = Bytes;
    type Error = s3s::StdError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, s3s::StdError>>> {
        let this = &mut *self;
        if let Some(cut) = &mut this.cut
            && cut.bytes_left == 0
        {
            return cut.poll_end(cx).map(|cut_short| Some(Err(cut_short.into())));
        }
        while this.pending.is_empty() {
            match std::task::ready!(Pin::new(&mut this.inner).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) => this.pending = bytes,
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                other => return Poll::Ready(other),
            }
        }
        let mut size = this.pending.len().min(SLICE_BYTES_MAX);
        if let Some(cut) = &mut this.cut {
            size = usize::try_from(cut.bytes_left).map_or(size, |left| size.min(left));
            cut.bytes_left -= size as u64;
        }
        this.bytes_sent.fetch_add(size as u64, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(this.pending.split_to(size)))))
    }

    fn is_end_stream(&self) -> bool {
        self.cut.is_none() && self.pending.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let pending = self.pending.len() as u64;
        let inner = self.inner.size_hint();
        inner
            .exact()
            .map_or_else(SizeHint::new, |size| SizeHint::with_exact(size + pending))
    }
}
