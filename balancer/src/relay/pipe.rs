//! Bodies that never leave the kernel: from a node's socket through a pipe to the client's.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

/// What a pipe holds at most. More than that is seldom there at once.
pub(super) const PIPE_BYTES: usize = 256 << 10;

/// Most pipes of the process: with [`PIPE_BYTES`] each, what Linux lets one user have without
/// privileges (`fs.pipe-user-pages-soft`, 64 MiB). Bodies beyond go through memory.
const PIPES_MAX: usize = 256;

/// Pipes of the process.
static PIPES: AtomicUsize = AtomicUsize::new(0);

/// A pipe, empty between two bodies.
#[derive(Debug)]
pub(crate) struct Pipe {
    from: OwnedFd,
    to: OwnedFd,
    /// Bytes in it.
    held: usize,
}

/// Pipes that wait for a body. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Pipes(Arc<Mutex<Vec<Pipe>>>);

impl Pipes {
    /// A pipe. `None`: there are as many as there may be, or the system gives none.
    pub(super) fn take(&self) -> Option<Pipe> {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        waiting.or_else(Pipe::new)
    }

    /// Gives a pipe back, unless something is left in it.
    pub(super) fn give_back(&self, pipe: Pipe) {
        if pipe.held == 0 {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(pipe);
        }
    }
}

impl Pipe {
    fn new() -> Option<Self> {
        if PIPES_MAX <= PIPES.fetch_add(1, Ordering::Relaxed) {
            PIPES.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let made = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK);
        let Ok((from, to)) = made else {
            PIPES.fetch_sub(1, Ordering::Relaxed);
            return None;
        };
        // Without, it is a smaller one.
        let _ = fcntl_setpipe_size(&to, PIPE_BYTES);
        Some(Self { from, to, held: 0 })
    }

    /// Bytes in it.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Takes up to `most` bytes from `socket`; to be called when it is empty. 0: the socket has ended.
    pub(super) fn fill(&mut self, socket: impl AsFd, most: usize) -> io::Result<usize> {
        let most = most.min(PIPE_BYTES);
        let filled = splice(
            socket,
            None,
            &self.to,
            None,
            most,
            SpliceFlags::MOVE | SpliceFlags::NONBLOCK,
        )?;
        self.held += filled;
        Ok(filled)
    }

    /// Gives `socket` as much as it takes.
    pub(crate) fn empty(&mut self, socket: impl AsFd) -> io::Result<usize> {
        let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
        let taken = splice(&self.from, None, socket, None, self.held, flags)?;
        self.held = self.held.saturating_sub(taken);
        Ok(taken)
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        PIPES.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;

    #[test]
    fn what_goes_in_comes_out() {
        let ((mut node, near), (far, mut client)) =
            (UnixStream::pair().unwrap(), UnixStream::pair().unwrap());
        let pipes = Pipes::default();
        let mut pipe = pipes.take().unwrap();
        node.write_all(b"abc").unwrap();
        assert_eq!(pipe.fill(&near, 2).unwrap(), 2);
        assert_eq!((pipe.empty(&far).unwrap(), pipe.held()), (2, 0));
        let mut got = [0; 2];
        client.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"ab");
        pipes.give_back(pipe);
        let mut pipe = pipes.take().unwrap();
        assert_eq!(pipe.fill(&near, 100).unwrap(), 1);
        // What holds something is not given to the next body.
        pipes.give_back(pipe);
        assert!(pipes.0.lock().unwrap().is_empty());
        drop(node);
        assert_eq!(pipes.take().unwrap().fill(&near, 1).unwrap(), 0);
    }
}
