//! A connection that is read a little at a time.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf, Take};
use tokio::net::TcpStream;

/// Largest read, in bytes.
///
/// Bodies are counted, hashed at most, and forgotten, so what they cost is copying them out of the
/// kernel: cheapest into a buffer that stays in the core's first cache. Who takes all that has arrived at once
/// is not only slower; it has nothing left to read, sleeps, and its peer pays for every waking.
const READ_BYTES_MAX: u64 = 12 << 10;

/// A stream of which no read takes more than [`READ_BYTES_MAX`].
pub(super) struct Sips(Take<TcpStream>);

impl Sips {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self(stream.take(READ_BYTES_MAX))
    }

    fn stream(&mut self) -> Pin<&mut TcpStream> {
        Pin::new(self.0.get_mut())
    }
}

impl AsyncRead for Sips {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.set_limit(READ_BYTES_MAX);
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Sips {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.get_ref().is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(context)
    }
}
