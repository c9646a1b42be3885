//! Transport streams: what ffmpeg decodes of them is what it decodes of the source,
//! and every byte of them lies where the plan said.

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
#![allow(unreachable_pub, reason = "modules of a test binary have no outside")]

mod checker;
mod chunking;
mod compare;
mod matrix;
mod nal_lengths;
mod segment;
#[path = "../support/mod.rs"]
mod support;
