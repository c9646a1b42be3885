//! Whether a node is fit to serve, judged from its checks. Pure: no clock, no sockets.

use std::fmt;

/// How many checks in a row change a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// Failed checks after which a node is down. At least 1.
    pub fall: u32,
    /// Passed checks after which a node that was down is up. At least 1.
    pub rise: u32,
}

/// Why a check failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckFailure {
    /// No connection could be made.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// There was no answer in time.
    #[error("no answer in time")]
    TimedOut,
    /// The node answered with a status of 500 or above.
    #[error("answered {0}")]
    Status(u16),
    /// The node hung up, or what it sent is not HTTP.
    #[error("no HTTP answer: {0}")]
    Broken(String),
}

/// What is believed of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Not checked yet. Takes requests: a balancer that starts does not keep
    /// viewers waiting for a first round of checks.
    Unchecked,
    /// Fit to serve.
    Up,
    /// Gets requests only when no other node can.
    Down,
}

impl Health {
    /// Whether requests go to the node while others could serve them too.
    pub fn takes_requests(self) -> bool {
        self != Self::Down
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unchecked => "unchecked",
            Self::Up => "up",
            Self::Down => "down",
        })
    }
}

/// The judge of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    health: Health,
    /// Checks in a row that speak against `health`.
    against: u32,
    last_failure: Option<CheckFailure>,
}

impl Default for Verdict {
    fn default() -> Self {
        Self {
            health: Health::Unchecked,
            against: 0,
            last_failure: None,
        }
    }
}

impl Verdict {
    /// Takes one more check into account. True: the node's health has changed.
    ///
    /// The first check decides at once, whatever the thresholds: nothing is
    /// known that it could be weighed against.
    pub fn hear(&mut self, check: Result<(), CheckFailure>, thresholds: Thresholds) -> bool {
        let (says, needed) = match &check {
            Ok(()) => (Health::Up, thresholds.rise),
            Err(_) => (Health::Down, thresholds.fall),
        };
        if let Err(failure) = check {
            self.last_failure = Some(failure);
        }
        if self.health == says {
            self.against = 0;
            return false;
        }
        self.against += 1;
        let changes = self.health == Health::Unchecked || needed <= self.against;
        if changes {
            self.health = says;
            self.against = 0;
        }
        changes
    }

    /// What is believed of the node now.
    pub fn health(&self) -> Health {
        self.health
    }

    /// Whether the last check spoke against what is believed.
    pub fn is_in_doubt(&self) -> bool {
        self.against != 0
    }

    /// Why the last check that failed did, however long ago.
    pub fn last_failure(&self) -> Option<&CheckFailure> {
        self.last_failure.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `checks`: `+` passes, `-` fails. `expected`: health after each, `u`p or `d`own.
    #[track_caller]
    fn check(fall: u32, rise: u32, checks: &str, expected: &str) {
        let mut verdict = Verdict::default();
        let mut seen = String::new();
        for mark in checks.chars() {
            let before = verdict.health();
            let result = if mark == '+' {
                Ok(())
            } else {
                Err(CheckFailure::TimedOut)
            };
            let changed = verdict.hear(result, Thresholds { fall, rise });
            assert_eq!(changed, verdict.health() != before);
            seen.push(if verdict.health().takes_requests() {
                'u'
            } else {
                'd'
            });
        }
        assert_eq!(seen, expected, "fall {fall}, rise {rise}: {checks}");
    }

    #[test]
    fn an_unchecked_node_takes_requests() {
        assert!(Verdict::default().health().takes_requests());
    }

    #[test]
    fn the_first_check_decides() {
        check(3, 3, "-", "d");
        check(3, 3, "+", "u");
    }

    #[test]
    fn it_takes_checks_in_a_row_to_change_a_verdict() {
        check(2, 3, "+--++-+++", "uuddddddu");
        check(2, 2, "+-+-+-+", "uuuuuuu");
        check(1, 1, "+-+-", "udud");
    }

    #[test]
    fn the_last_failure_stays_to_be_read() {
        let mut verdict = Verdict::default();
        let thresholds = Thresholds { fall: 1, rise: 1 };
        verdict.hear(Err(CheckFailure::Status(503)), thresholds);
        verdict.hear(Ok(()), thresholds);
        assert_eq!(verdict.last_failure(), Some(&CheckFailure::Status(503)));
        assert_eq!(verdict.health(), Health::Up);
    }
}
