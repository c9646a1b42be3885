//! Whether the disk can be used, and why not.

use std::fmt;
use std::time::Duration;

use tokio::sync::watch;

/// What is wrong with a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The volume has no room for the files.
    Full {
        /// Bytes that are wanted.
        wanted: u64,
        /// Bytes that may be had.
        allowed: u64,
    },
    /// Reading or writing fails.
    Failing(String),
    /// Something took longer than this.
    Slow(Duration),
}

impl Trouble {
    /// Whether `other` says nothing new: how much room there is may change all
    /// the time.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Full { .. }, Self::Full { .. }) | (Self::Slow(_), Self::Slow(_)) => true,
            (Self::Failing(one), Self::Failing(another)) => one == another,
            (Self::Full { .. } | Self::Failing(_) | Self::Slow(_), _) => false,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { wanted, allowed } => {
                write!(f, "{wanted} bytes wanted where {allowed} may be had")
            }
            Self::Failing(reason) => write!(f, "failing: {reason}"),
            Self::Slow(limit) => write!(f, "slower than {limit:?}"),
        }
    }
}

/// How the tier is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiskState {
    /// Its files are being opened.
    Warming,
    /// It is used.
    On,
    /// It is not used.
    Off(Trouble),
}

impl fmt::Display for DiskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Warming => f.write_str("warming"),
            Self::On => f.write_str("on"),
            Self::Off(trouble) => write!(f, "off: {trouble}"),
        }
    }
}

/// Counts failures in a row.
#[derive(Debug)]
pub(super) struct Health {
    state: watch::Sender<DiskState>,
    failures: u32,
    failures_max: u32,
}

impl Health {
    pub(super) fn new(failures_max: u32) -> Self {
        Self {
            state: watch::Sender::new(DiskState::Warming),
            failures: 0,
            failures_max: failures_max.max(1),
        }
    }

    pub(super) fn state(&self) -> DiskState {
        self.state.borrow().clone()
    }

    /// Tells of every change from now on.
    pub(super) fn changed(&self) -> watch::Receiver<DiskState> {
        self.state.subscribe()
    }

    /// The disk did what it was asked.
    pub(super) fn worked(&mut self) {
        self.failures = 0;
    }

    /// The disk did not. True when that was once too often, and the tier is off
    /// from now on.
    pub(super) fn failed(&mut self, trouble: Trouble) -> bool {
        self.failures = self.failures.saturating_add(1);
        if self.failures < self.failures_max || *self.state.borrow() != DiskState::On {
            return false;
        }
        self.off(trouble);
        true
    }

    /// The tier cannot be opened.
    pub(super) fn off(&mut self, trouble: Trouble) {
        self.state.send_replace(DiskState::Off(trouble));
    }

    /// The tier is open.
    pub(super) fn on(&mut self) {
        self.failures = 0;
        self.state.send_replace(DiskState::On);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slow() -> Trouble {
        Trouble::Slow(Duration::from_secs(1))
    }

    #[test]
    fn failures_in_a_row_switch_the_tier_off_and_others_do_not() {
        let mut health = Health::new(3);
        health.on();
        assert!(!health.failed(slow()) && !health.failed(slow()));
        health.worked();
        assert!(!health.failed(slow()) && !health.failed(slow()));
        assert!(health.failed(slow()));
        assert_eq!(health.state(), DiskState::Off(slow()));
        // Once is enough.
        assert!(!health.failed(slow()));
        health.on();
        assert!(!health.failed(slow()));
    }
}
