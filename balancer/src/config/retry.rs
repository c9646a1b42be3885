//! Section `retry`: how often another origin is asked.

use std::time::Duration;

use strata_node::config::Section;

use super::TIME_MAX;
use crate::attempt::{ATTEMPT_TIME_MIN, RetryLimits};
use crate::budget::BudgetLimits;

/// Highest share of requests that may be asked again, in percent.
const SHARE_PERCENT_MAX: u32 = 1000;

/// Highest floor of the budget, in retries a second.
const FLOOR_MAX: u32 = 1_000_000;

pub(super) fn read(mut section: Section<'_>) -> RetryLimits {
    RetryLimits {
        attempts: section.within("attempts", 3, 1..=100),
        deadline: section.within("deadline", Duration::from_secs(5), ATTEMPT_TIME_MIN..=TIME_MAX),
        budget: BudgetLimits {
            share_percent: section.within("budget", 25, 0..=SHARE_PERCENT_MAX),
            floor_per_second: section.within("floor", 100, 0..=FLOOR_MAX),
        },
    }
}
