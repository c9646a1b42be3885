//! One line that says how a test goes.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use crate::report::{grouped, scaled};
use crate::simulate::Passed;
use crate::trial::Trial;

/// Where nobody looks on, a line is written this often only.
const LINE_EVERY_SECONDS: u64 = 10;

/// How often the line changes on a terminal while virtual time passes.
const CHANGE_EVERY: Duration = Duration::from_millis(200);

/// Tells on standard error how a test goes: in place on a terminal, a line now and then elsewhere.
#[derive(Debug)]
pub struct Progress {
    is_terminal: bool,
    is_quiet: bool,
    length: Option<Duration>,
    /// When a line was written last, of a simulation.
    told_at: Duration,
}

impl Progress {
    /// Tells of a test of this length, if it is known; nothing at all when `is_quiet`.
    #[must_use]
    pub fn new(length: Option<Duration>, is_quiet: bool) -> Self {
        Self {
            is_terminal: std::io::stderr().is_terminal(),
            is_quiet,
            length,
            told_at: Duration::ZERO,
        }
    }

    /// Tells of the second that has just passed.
    pub fn tell(&self, trial: &Trial) {
        let now = trial.now();
        if self.is_quiet || (!self.is_terminal && !now.as_secs().is_multiple_of(LINE_EVERY_SECONDS)) {
            return;
        }
        self.write(&line(trial, now, self.length));
    }

    /// Tells how far a simulation has come in the `elapsed` time; often called, it says little.
    pub fn tell_passed(&mut self, passed: &Passed, elapsed: Duration) {
        let every = if self.is_terminal {
            CHANGE_EVERY
        } else {
            Duration::from_secs(LINE_EVERY_SECONDS)
        };
        if self.is_quiet || elapsed < self.told_at + every {
            return;
        }
        self.told_at = elapsed;
        self.write(&line_passed(passed, elapsed));
    }

    fn write(&self, line: &str) {
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

fn line_passed(passed: &Passed, elapsed: Duration) -> String {
    let whole = |count: u64| grouped(crate::number::float(count));
    format!(
        "{:>3.0} % in {:.0} s  viewers {}  requests {}",
        100.0 * passed.part,
        elapsed.as_secs_f64(),
        whole(passed.viewers),
        whole(passed.requests),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_simulation_says_how_far_it_is() {
        let passed = Passed {
            part: 0.374,
            viewers: 2_100_000,
            requests: 40_000_000,
        };
        assert_eq!(
            line_passed(&passed, Duration::from_millis(31_200)),
            " 37 % in 31 s  viewers 2,100,000  requests 40,000,000"
        );
    }
}
