//! How an attempt at a node ends, and whether another one may follow.

use std::io;
use std::time::{Duration, Instant};

use pingora::{Error, ErrorSource, ErrorType};

use crate::budget::BudgetLimits;

/// Why an attempt did not give the client what it asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The node refused the connection: nothing listens there.
    Refused,
    /// The connection was not made in time.
    ConnectTimeout,
    /// The node cannot be reached, or a connection to it went dead.
    Unreachable,
    /// A kept connection had been closed by the node in the meantime. Says
    /// nothing about the node: it is asked again, over a fresh connection.
    Stale,
    /// The node reset a fresh connection before it answered.
    Reset,
    /// The node closed a fresh connection before it answered.
    Empty,
    /// The node did not answer in time.
    Timeout,
    /// What the node sent is no answer that can be passed on.
    Malformed,
    /// The node broke off in the middle of its answer.
    BrokenOff,
    /// The node answered with a status that another node may not answer with.
    Status(u16),
}

impl Failure {
    /// What an error of pingora means for the attempt it ended. `None`: it was
    /// not the node's doing.
    ///
    /// `reused`: the attempt went over a kept connection.
    pub(crate) fn of(error: &Error, reused: bool) -> Option<Self> {
        if *error.esource() != ErrorSource::Upstream {
            return None;
        }
        Some(match error.etype() {
            ErrorType::HTTPStatus(status) => Self::Status(*status),
            ErrorType::ConnectRefused => Self::Refused,
            ErrorType::ConnectTimedout => Self::ConnectTimeout,
            ErrorType::ReadTimedout | ErrorType::WriteTimedout => Self::Timeout,
            ErrorType::InvalidHTTPHeader => Self::Malformed,
            // TCP gave up waiting for an acknowledgement: that host is gone.
            _ if io_kind(error) == Some(io::ErrorKind::TimedOut) => Self::Unreachable,
            ErrorType::ReadError | ErrorType::WriteError | ErrorType::ConnectionClosed if reused => {
                Self::Stale
            }
            ErrorType::ConnectionClosed => Self::Empty,
            ErrorType::ReadError | ErrorType::WriteError => Self::Reset,
            _ => Self::Unreachable,
        })
    }

    /// The status to answer with when no attempt brought an answer.
    ///
    /// As HAProxy does: no connection 503, no usable answer 502, too late 504.
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::Refused | Self::ConnectTimeout | Self::Unreachable => 503,
            Self::Stale | Self::Reset | Self::Empty | Self::Malformed | Self::BrokenOff => 502,
            Self::Timeout => 504,
            Self::Status(status) => status,
        }
    }

    /// The value of metric labels and log fields.
    pub fn label(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::ConnectTimeout => "connect_timeout",
            Self::Unreachable => "unreachable",
            Self::Stale => "stale_connection",
            Self::Reset => "reset",
            Self::Empty => "empty",
            Self::Timeout => "timeout",
            Self::Malformed => "malformed",
            Self::BrokenOff => "broken_off",
            Self::Status(500) => "status_500",
            Self::Status(502) => "status_502",
            Self::Status(503) => "status_503",
            Self::Status(_) => "status_504",
        }
    }
}

fn io_kind(error: &Error) -> Option<io::ErrorKind> {
    error
        .root_cause()
        .downcast_ref::<io::Error>()
        .map(io::Error::kind)
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The node's answer went to the client.
    Answered,
    /// So did its complaint about the source, which any node would repeat.
    SourceFault,
    /// It failed.
    Failed(Failure),
    /// A node that was asked beside it answered first.
    Overtaken,
    /// The client left first, or the balancer gave up: not the node's doing.
    Abandoned,
}

impl Ending {
    /// The value of metric labels and log fields.
    pub fn label(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::SourceFault => "source_fault",
            Self::Failed(failure) => failure.label(),
            Self::Overtaken => "overtaken",
            Self::Abandoned => "abandoned",
        }
    }
}

/// Whether a status may be another node's good answer.
///
/// 500 is, once: a node that is ill answers so to everything, but a packager
/// that fails at a title fails at it everywhere, and is not made to do it again
/// by each node in turn.
pub(crate) fn is_retried(status: u16, failures: &[Failure]) -> bool {
    match status {
        500 => !failures.contains(&Failure::Status(500)),
        502..=504 => true,
        _ => false,
    }
}

/// How often and how long a request may be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryLimits {
    /// Attempts in all. Asking a node again because a kept connection was
    /// stale counts once at most.
    pub attempts: u32,
    /// Time after the request came in, or after its answer broke off, after
    /// which no attempt starts or is waited for.
    pub deadline: Duration,
    /// How many requests may be asked again.
    pub budget: BudgetLimits,
}

/// Time that must be left for an attempt to start: one that has no time to be
/// answered is load and nothing else.
pub const ATTEMPT_TIME_MIN: Duration = Duration::from_millis(100);

impl RetryLimits {
    /// Time left for one more attempt of a request that has waited since
    /// `started`, after these failures. `None`: there may be none.
    pub(crate) fn time_left(&self, started: Instant, now: Instant, failures: &[Failure]) -> Option<Duration> {
        let stale = failures
            .iter()
            .filter(|failure| **failure == Failure::Stale)
            .count();
        let counted = failures.len() - stale.min(1);
        if usize::try_from(self.attempts).is_ok_and(|most| most <= counted) {
            return None;
        }
        let left = self
            .deadline
            .saturating_sub(now.saturating_duration_since(started));
        (ATTEMPT_TIME_MIN <= left).then_some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: RetryLimits = RetryLimits {
        attempts: 3,
        deadline: Duration::from_secs(5),
        budget: BudgetLimits {
            share_percent: 20,
            floor_per_second: 10,
        },
    };

    fn upstream(kind: ErrorType) -> Box<Error> {
        Error::new_up(kind)
    }

    #[test]
    fn only_the_node_can_make_an_attempt_fail() {
        assert_eq!(Failure::of(&Error::new_down(ErrorType::ReadError), false), None);
        assert_eq!(Failure::of(&Error::new_in(ErrorType::InternalError), false), None);
    }

    #[test]
    fn a_closed_connection_is_stale_when_kept_and_a_failure_when_fresh() {
        let closed = upstream(ErrorType::ConnectionClosed);
        assert_eq!(Failure::of(&closed, true), Some(Failure::Stale));
        assert_eq!(Failure::of(&closed, false), Some(Failure::Empty));
        let reset = upstream(ErrorType::ReadError);
        assert_eq!(Failure::of(&reset, true), Some(Failure::Stale));
        assert_eq!(Failure::of(&reset, false), Some(Failure::Reset));
    }

    #[test]
    fn a_kept_connection_to_a_dead_host_is_not_merely_stale() {
        let cause = io::Error::from(io::ErrorKind::TimedOut);
        let error = Error::because(ErrorType::ReadError, "reading", cause).into_up();
        assert_eq!(Failure::of(&error, true), Some(Failure::Unreachable));
    }

    #[test]
    fn a_late_answer_on_a_kept_connection_is_late_all_the_same() {
        assert_eq!(
            Failure::of(&upstream(ErrorType::ReadTimedout), true),
            Some(Failure::Timeout)
        );
    }

    #[test]
    fn only_statuses_that_another_node_may_better_are_retried() {
        let retried = |failures: &[Failure]| -> Vec<u16> {
            (100..600)
                .filter(|status| is_retried(*status, failures))
                .collect()
        };
        assert_eq!(retried(&[]), [500, 502, 503, 504]);
        assert_eq!(retried(&[Failure::Status(503)]), [500, 502, 503, 504]);
        assert_eq!(retried(&[Failure::Status(500)]), [502, 503, 504]);
    }

    #[test]
    fn attempts_are_limited_and_one_stale_connection_is_free() {
        let now = Instant::now();
        let left = |failures: &[Failure]| LIMITS.time_left(now, now, failures).is_some();
        assert!(left(&[]));
        assert!(left(&[Failure::Refused, Failure::Reset]));
        assert!(!left(&[Failure::Refused, Failure::Reset, Failure::Empty]));
        assert!(left(&[Failure::Stale, Failure::Reset, Failure::Empty]));
        assert!(!left(&[
            Failure::Stale,
            Failure::Stale,
            Failure::Reset,
            Failure::Empty
        ]));
    }

    #[test]
    fn no_attempt_starts_without_time_to_be_answered() {
        let started = Instant::now();
        let left = |after: u64| LIMITS.time_left(started, started + Duration::from_millis(after), &[]);
        assert_eq!(left(1_000), Some(Duration::from_secs(4)));
        assert_eq!(left(4_900), Some(Duration::from_millis(100)));
        assert_eq!(left(4_901), None);
        assert_eq!(left(60_000), None);
    }
}
