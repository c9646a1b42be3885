//! Short, reproducible runs of the fuzz targets, without a fuzzer.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failing test may panic"
)]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "test files are small"
)]
#![allow(unreachable_pub, reason = "the modules are also the fuzz targets' library")]

#[path = "../../fuzz/src/filter.rs"]
mod filter;
#[path = "../../fuzz/src/ism.rs"]
mod ism;
#[path = "../../fuzz/src/mp4.rs"]
mod mp4;
#[path = "../../fuzz/src/replay.rs"]
mod replay;
#[path = "../../fuzz/src/text.rs"]
mod text;
#[path = "../../fuzz/src/thumbnail.rs"]
mod thumbnail;

use replay::replay;

#[test]
fn movies_of_the_corpus_and_damaged_ones_are_served_or_refused() {
    replay("mp4", 300, mp4::run);
}

#[test]
fn server_manifests_of_the_corpus_and_damaged_ones_are_read_or_refused() {
    replay("ism", 1000, ism::run);
}

#[test]
fn texts_of_the_corpus_and_damaged_ones_read_back_or_are_refused() {
    replay("vtt", 1000, text::vtt);
    replay("srt", 1000, text::srt);
    replay("ttml", 500, text::ttml);
}

#[test]
fn filters_of_the_corpus_and_damaged_ones_read_back_or_are_refused() {
    replay("filter", 20_000, filter::run);
}

#[test]
fn thumbnails_of_the_corpus_and_damaged_ones_are_placed_or_refused() {
    replay("jpeg", 2000, thumbnail::image);
    replay("sprites", 1000, thumbnail::list);
}
