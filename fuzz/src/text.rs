//! Files of timed text: read, written in every form, and what was written read again.

use std::time::Duration;

use strata_media::read::text::{self, TextFormat};
use strata_media::text::{Cue, Document, TimestampMap};
use strata_media::write::text::{Ttml, ttml as write_ttml, webvtt_file, webvtt_segment, wvtt_cue};

/// WebVTT.
pub fn vtt(data: &[u8]) {
    run(data, TextFormat::WebVtt);
}

/// SubRip.
pub fn srt(data: &[u8]) {
    run(data, TextFormat::SubRip);
}

/// TTML and its kin.
pub fn ttml(data: &[u8]) {
    run(data, TextFormat::Ttml);
}

fn run(data: &[u8], format: TextFormat) {
    let file = match text::read(data, format) {
        Ok(file) => file,
        Err(error) => {
            assert!(error.line > 0 && !error.to_string().is_empty());
            return;
        }
    };
    let document = &file.document;
    for cue in &document.cues {
        assert!(cue.start <= cue.end, "a cue ends before it starts");
        let _ = wvtt_cue(cue, None);
    }
    let cues: Vec<&Cue> = document.cues.iter().collect();
    let map = TimestampMap {
        mpegts: 900_000,
        local: Duration::ZERO,
    };
    let _ = webvtt_segment(document, &cues, map);
    let (start, end) = (Duration::from_secs(2), Duration::from_secs(4));
    for cue in document.shown_within(start, end) {
        assert!(cue.is_shown_within(start, end));
    }
    read_again(document, webvtt_file(document).as_bytes(), TextFormat::WebVtt);
    let written = write_ttml(&Ttml {
        cues,
        regions: &document.regions,
        style_sheets: &document.style_sheets,
        ..Ttml::default()
    });
    read_again(document, written.as_bytes(), TextFormat::Ttml);
}

/// What is written is text of its kind with as many cues.
fn read_again(document: &Document, written: &[u8], format: TextFormat) {
    // Times are written to the millisecond: what is shorter may be gone.
    let shown = |cue: &&Cue| cue.start + Duration::from_millis(1) < cue.end && !cue.is_blank();
    let count = document.cues.iter().filter(shown).count();
    match text::read(written, format) {
        Ok(again) => assert_eq!(
            again.document.cues.iter().filter(shown).count(),
            count,
            "cues written as {format:?}:\n{}",
            String::from_utf8_lossy(written)
        ),
        Err(error) => assert_eq!(
            count,
            0,
            "{format:?} is not read again, {error}:\n{}",
            String::from_utf8_lossy(written)
        ),
    }
}
