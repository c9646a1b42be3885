//! What comes out is what went in, for sources of every kind in every format: the
//! packets of each track have the same bytes, the same times up to one constant a
//! title, and start where the edit list puts them; of transport streams, whose framing
//! differs, the decoded pictures are the same. Two parsers of other people read
//! everything that is written.

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

mod changes;
#[path = "../ts/checker.rs"]
mod checker;
mod codecs;
#[path = "../ts/compare.rs"]
mod compare;
mod edits;
#[allow(dead_code, reason = "this test binary uses a part of it")]
#[path = "../fragments/film.rs"]
mod film;
mod fmp4;
mod forms;
mod parsers;
mod partition;
#[path = "../fragments/progressive.rs"]
mod progressive;
mod recipe;
#[path = "../ts/segment.rs"]
mod segment;
#[path = "../smooth/compare.rs"]
mod smooth;
#[path = "../support/mod.rs"]
mod support;
#[path = "../smooth/title.rs"]
mod title;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use strata_media::codec::MediaKind;
use strata_media::manifest::hls;
use strata_media::presentation::Presentation;
use strata_media::track::Track;

use recipe::Recipe;
use support::Times;
use title::Title;

/// Most sources have a sync sample a second.
const TARGET: Duration = Duration::from_secs(1);

/// A way to serve a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Format {
    Dash,
    Hls,
    HlsTs,
    Smooth,
}

use Format::{Dash, Hls, HlsTs, Smooth};

/// What every track can stand in.
const ALL: [Format; 4] = [Dash, Hls, HlsTs, Smooth];

/// Makes the sources, and compares every track before and after in every format; each
/// has to be offered in `formats` and in no other.
fn check(recipes: &[Recipe], times: Times, formats: &[Format]) {
    check_files(recipes.iter().map(Recipe::path).collect(), times, formats);
}

/// As [`check`], of files that are there.
fn check_files(paths: Vec<PathBuf>, times: Times, formats: &[Format]) {
    check_joined(paths, &[], times, formats);
}

/// As [`check_files`], of one track that was joined from `clips`, or from nothing.
fn check_joined(paths: Vec<PathBuf>, clips: &[PathBuf], times: Times, formats: &[Format]) {
    let title = Title::of_files(paths, TARGET);
    let presentation = &title.presentation;
    assert_eq!(presentation.skipped, []);
    assert_eq!(presentation.warnings, []);
    let expected: BTreeSet<Format> = formats.iter().copied().collect();
    for (index, track) in presentation.tracks.iter().enumerate() {
        let offered: BTreeSet<Format> = ALL
            .into_iter()
            .filter(|format| is_offered(&title, index, *format))
            .collect();
        assert_eq!(offered, expected, "{}: formats", track.token);
        partition::check(&title, track);
    }
    fmp4::compare(&title, times);
    smooth::packets(&title, times);
    let sources = compare::Sources {
        folder: title.folder(),
        paths: title.paths(),
        files: title.files(),
        presentation,
        times,
        clips,
    };
    for tracks in streams(presentation) {
        sources.check_streams(tracks, compare::Silence::Joined);
    }
    parsers::check(&title);
}

/// The tracks of each transport stream: pictures with all sounds, or these alone.
fn streams(presentation: &Presentation) -> Vec<Vec<&Track>> {
    let allowed = presentation.tracks.iter().filter(|track| hls::ts::allows(track));
    let (videos, sounds): (Vec<&Track>, Vec<&Track>) =
        allowed.partition(|track| track.kind == MediaKind::Video);
    if videos.is_empty() && !sounds.is_empty() {
        return vec![sounds];
    }
    let with_sounds = |video| [vec![video], sounds.clone()].concat();
    videos.into_iter().map(with_sounds).collect()
}

fn is_offered(title: &Title, index: usize, format: Format) -> bool {
    let track = &title.presentation.tracks[index];
    let codec = track.codec().unwrap().codec;
    match format {
        Dash => strata_media::manifest::dash::allows(codec),
        Hls => hls::allows(codec),
        HlsTs => hls::ts::allows(track),
        Smooth => title.streams.left_out.iter().all(|left| left.track != index),
    }
}
