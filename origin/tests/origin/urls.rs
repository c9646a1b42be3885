//! The fuzz target of request targets, over its corpus and damaged versions of it.

use crate::replay::replay;
use crate::url;

#[test]
fn request_targets_of_the_corpus_and_damaged_ones_name_a_title_or_are_refused() {
    replay("url", 20_000, url::run);
}
