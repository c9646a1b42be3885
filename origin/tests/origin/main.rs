//! An origin as its clients meet it: real sockets, real files, a real S3 API.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    reason = "a test that goes wrong should stop where it does"
)]

mod answers;
mod bucket;
mod crowd;
mod disk;
mod drain;
mod economy;
mod faults;
mod operator;
mod purge;
mod ranges;
mod reads;
mod replaced;
#[path = "../../../fuzz/src/replay.rs"]
mod replay;
mod report;
mod rig;
mod shaping;
mod shared;
mod smooth;
mod texts;
mod thumbnails;
mod trick_play;
mod ts;
#[path = "../../../fuzz/src/url.rs"]
mod url;
mod urls;
