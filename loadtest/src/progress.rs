//! One line that says how a test goes.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use crate::report::{grouped, scaled};
use crate::trial::Trial;

/// Where nobody looks on, a line is written this often only.
const LINE_EVERY_SECONDS: u64 = 10;

/// Tells on standard error how a test goes: in place on a terminal, a line now and then elsewhere.
#[derive(Debug)]
pub struct Progress {
    is_terminal: bool,
    is_quiet: bool,
    length: Option<Duration>,
}

impl Progress {
    /// Tells of a test of this length, if it is known; nothing at all when `is_quiet`.
    #[must_use]
    pub fn new(length: Option<Duration>, is_quiet: bool) -> Self {
        Self {
            is_terminal: std::io::stderr().is_terminal(),
            is_quiet,
            length,
        }
    }

    /// Tells of the second that has just passed.
    pub fn tell(&self, trial: &Trial) {
        let now = trial.now();
        if self.is_quiet || (!self.is_terminal && !now.as_secs().is_multiple_of(LINE_EVERY_SECONDS)) {
            return;
        }
        let line = line(trial, now, self.length);
        let mut err = std::io::stderr().lock();
        // Nothing is left to say it to when stderr is closed.
        let _ = if self.is_terminal {
            write!(err, "\r\x1b[K{line}").and_then(|()| err.flush())
        } else {
            writeln!(err, "{line}")
        };
    }

    /// Leaves the line as it is and goes to the next.
    pub fn end(&self) {
        if self.is_terminal && !self.is_quiet {
            let _ = writeln!(std::io::stderr());
        }
    }
}

fn line(trial: &Trial, now: Duration, length: Option<Duration>) -> String {
    let record = trial.record();
    let last = now.checked_sub(Duration::from_secs(1)).unwrap_or_default();
    let second = record.timeline.at(last).cloned().unwrap_or_default();
    let done = match length {
        Some(length) => format!("{:>4.0} of {:.0} s", now.as_secs_f64(), length.as_secs_f64()),
        None => format!("{:>4.0} s", now.as_secs_f64()),
    };
    let p99 = record.latency.quantile(0.99).unwrap_or_default();
    format!(
        "{done}  {} req/s  {}b/s  p99 {:.1} ms  in flight {}  failed {}{}",
        grouped(crate::number::float(second.ended)),
        scaled(8.0 * crate::number::float(second.bytes)),
        p99.as_secs_f64() * 1e3,
        trial.in_flight.load(std::sync::atomic::Ordering::Relaxed),
        record.failed,
        if second.viewers > 0 {
            format!("  viewers {}", second.viewers)
        } else {
            String::new()
        }
    )
}
