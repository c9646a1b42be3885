//! How far writing has come, for people who wait.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// Time between two lines.
const INTERVAL: Duration = Duration::from_millis(200);

/// Counts what is written; on a terminal, says so now and then.
pub(super) struct Progress {
    expected: usize,
    files: usize,
    bytes: u64,
    begun: Instant,
    said: Instant,
    is_shown: bool,
}

impl Progress {
    pub(super) fn start() -> Self {
        let now = Instant::now();
        Self {
            expected: 0,
            files: 0,
            bytes: 0,
            begun: now,
            said: now,
            is_shown: std::io::stderr().is_terminal(),
        }
    }

    /// So many files are to be written.
    pub(super) fn expect(&mut self, files: usize) {
        self.expected = files;
    }

    /// One more is.
    pub(super) fn written(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
        if self.is_shown && INTERVAL <= self.said.elapsed() {
            self.said = Instant::now();
            self.say("\r");
        }
    }

    /// The last line, which is for logs too.
    pub(super) fn finish(&self) {
        self.say(if self.is_shown { "\r" } else { "" });
        // Nobody reads it when stderr is closed.
        let _ = writeln!(std::io::stderr());
    }

    fn say(&self, start: &str) {
        let (files, expected) = (self.files, self.expected);
        let (bytes, seconds) = (self.bytes, self.begun.elapsed().as_secs_f64());
        let _ = write!(
            std::io::stderr(),
            "{start}{files} of {expected} files, {bytes} bytes, {seconds:.1} s"
        );
    }
}
