//! The load tester: asks nodes for what a recorded log or an audience of
//! viewers would ask for, at the times at which they would, and reports how
//! the nodes fared.
//!
//! ```text
//! log, audience ──▶ schedule ──▶ client ──▶ record ──▶ report
//!      │                                      ▲
//!      └──────────▶ simulate (virtual time) ──┘
//! ```
//!
//! # Invariants
//!
//! - Arrivals are open-loop: when a request is due does not depend on how long
//!   the ones before it took. A latency runs from the time a request was due,
//!   so a server that stops for two seconds shows two seconds in every request
//!   that was due meanwhile, sent or not.
//! - Who decides (schedules, viewers, the simulation) knows no clock and no
//!   socket; time is an argument. The same seed makes the same decisions, for
//!   real and in virtual time.
//! - What ends early is kept and says so: a report of an interrupted run
//!   is marked, never passed off as a whole one.

pub mod audience;
pub mod check;
pub mod client;
pub mod closed_loop;
pub mod conduct;
pub mod log;
pub mod number;
pub mod open_loop;
pub mod price;
pub mod progress;
pub mod record;
pub mod report;
pub mod schedule;
pub mod scrape;
pub mod simulate;
pub mod threshold;
pub mod trial;
