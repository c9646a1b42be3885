//! Response bodies.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::exchange::Exchange;
use super::media::MediaBody;
use super::ts::TsBody;
use crate::asset::Title;
use crate::source::{SourceError, SourceFault};

/// What is sent after the head.
#[derive(Debug)]
pub(super) enum Content {
    /// Nothing.
    Empty,
    /// Bytes at hand.
    Whole(Bytes),
    /// The pieces of a plan.
    Media(Box<MediaBody>),
    /// A transport stream that is muxed as it is sent.
    TransportStream(Box<TsBody>),
}

impl Content {
    /// The title whose media this is.
    fn title(&self) -> Option<&Title> {
        match self {
            Self::Empty | Self::Whole(_) => None,
            Self::Media(media) => Some(media.title()),
            Self::TransportStream(stream) => Some(stream.title()),
        }
    }
}

/// A response body that is exactly as long as it said, or an error.
///
/// Holds the exchange, which ends when the body has been sent or dropped.
pub(super) struct Body {
    content: Content,
    left: u64,
    exchange: Exchange,
}

impl Body {
    pub(super) fn new(content: Content, length: u64, exchange: Exchange) -> Self {
        Self {
            content,
            left: length,
            exchange,
        }
    }

    fn poll_content(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, SourceError>>> {
        match &mut self.content {
            Content::Empty => Poll::Ready(None),
            Content::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                Poll::Ready((!bytes.is_empty()).then_some(Ok(bytes)))
            }
            Content::Media(media) => media.poll_next(context),
            Content::TransportStream(stream) => stream.poll_next(context),
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = SourceError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, SourceError>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let polled = self.poll_content(context);
        Poll::Ready(Some(match std::task::ready!(polled) {
            Some(Ok(bytes)) if bytes.len() as u64 <= self.left => {
                self.left -= bytes.len() as u64;
                self.exchange.sent(bytes.len());
                Ok(Frame::data(bytes))
            }
            // Breaks the connection: what was promised cannot be sent.
            Some(Err(error)) => Err(self.failed(error)),
            _ => Err(self.failed(SourceError::new(
                "",
                SourceFault::broken("a body is not as long as planned"),
            ))),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

impl Body {
    fn failed(&mut self, error: SourceError) -> SourceError {
        self.exchange.source_failed();
        // The next request must not meet the same half of an old version.
        if let (Some(title), SourceFault::Changed | SourceFault::NotFound) =
            (self.content.title(), &error.fault)
        {
            title.doubt();
        }
        let path = self.exchange.path();
        tracing::warn!(path, request_id = self.exchange.id(), %error, "response broken off");
        self.left = 0;
        error
    }
}
