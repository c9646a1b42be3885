//! The load tester against servers that behave as each test needs.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing test may panic")]

mod bodies;
mod faults;
mod latency;
mod server;
mod simulation;
mod tls;
