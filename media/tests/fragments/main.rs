//! Fragmented sources: what comes out is what went in, and neither the title nor a
//! segment reads more of a file than it should.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failing test may panic"
)]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "test files are small"
)]
#![allow(unreachable_pub, reason = "the test binary is all there is")]

mod damaged;
mod edits;
#[allow(dead_code, reason = "this test binary uses a part of it")]
mod film;
mod forms;
mod made;
mod progressive;
mod property;
mod reads;
#[path = "../support/mod.rs"]
mod support;
