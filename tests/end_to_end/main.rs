//! The real binary, end to end: S3 → origin → balancer → client, over sockets.
//!
//! Every test starts the processes it needs on ports of the system's choice,
//! with an S3 server in this process, and kills what it started.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on should stop there"
)]

mod support;

mod agent;
mod bad_input;
mod cache;
mod command_line;
mod configuration;
mod documentation;
mod failover;
#[allow(
    dead_code,
    unreachable_pub,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "made for small files, in another test binary"
)]
#[path = "../../media/tests/fragments/film.rs"]
mod film;
mod http_semantics;
mod identical;
mod ism;
mod load;
mod package;
mod packets;
mod players;
#[allow(
    dead_code,
    unreachable_pub,
    clippy::cast_possible_truncation,
    reason = "made for small files, in another test binary"
)]
#[path = "../../media/tests/fragments/progressive.rs"]
mod progressive;
mod soak;
mod store_faults;
mod texts;
mod volume;
