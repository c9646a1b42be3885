//! The load tester against servers that behave as each test needs.

mod faults;
mod latency;
mod server;
