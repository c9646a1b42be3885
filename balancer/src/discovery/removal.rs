//! How many members may go at a time. Pure.
//!
//! A discovery that errs, errs in bulk: half an answer, another account, a name
//! that resolves to one address. What is really gone fails its checks anyway.

use std::collections::HashSet;

use super::Found;
use crate::config::OriginConfig;

/// What is in force after an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    /// Sorted by id.
    pub(super) members: Vec<OriginConfig>,
    /// Members that are not in the answer and are kept for now.
    pub(super) held_back: usize,
}

/// Takes `found` over from `good`, but of the members that are not there any
/// more lets only `percent_max` of all go, one at least.
pub(super) fn cap(good: &[OriginConfig], found: Found, percent_max: u32) -> Kept {
    let there: HashSet<&str> = found.members.iter().map(|origin| origin.id.as_str()).collect();
    let leaving: HashSet<&str> = found.leaving.iter().map(String::as_str).collect();
    let mut gone: Vec<&OriginConfig> = good
        .iter()
        .filter(|origin| !there.contains(origin.id.as_str()) && !leaving.contains(origin.id.as_str()))
        .collect();
    gone.sort_by(|a, b| a.id.cmp(&b.id));
    let percent = usize::try_from(percent_max).unwrap_or(100);
    let may_go = (good.len() * percent / 100).max(1);
    let held_back: Vec<OriginConfig> = gone.into_iter().skip(may_go).cloned().collect();
    let count = held_back.len();
    let mut members = found.members;
    members.extend(held_back);
    members.sort_by(|a, b| a.id.cmp(&b.id));
    Kept {
        members,
        held_back: count,
    }
}
