//! What is made of texts is read back: every cue, when it is shown, how it looks.

mod made;

use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;

use super::{Step, TextSegment, TextSegmentError, fragment, init, ttml_file, webvtt};
use crate::presentation::{Presentation, Source};
use crate::read::mp4;
use crate::read::text::{TextFormat, read};
use crate::segment::SegmentationOptions;
use crate::text::{Cue, Document, HlsMedia, SegmentForm, TextForm, TextTrack, TimestampMap, plain_text};
use made::{Shown, cue, document, shown, title};

/// Makes a segment whose sources are `file`.
fn make(text: &TextTrack, segment: usize, form: SegmentForm, file: &Bytes) -> Bytes {
    let mut making = TextSegment::new(text, segment, form).unwrap();
    let mut supplied = Vec::new();
    loop {
        match making.step(supplied).unwrap() {
            Step::Done(bytes) => return bytes,
            Step::Need(ranges) => {
                let slice = |range: std::ops::Range<u64>| {
                    assert!(range.start < range.end);
                    file.slice(usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap())
                };
                supplied = ranges.into_iter().map(slice).collect();
            }
        }
    }
}

/// The text as DASH has it: its initialization segment and all others in one file.
fn fragmented(text: &TextTrack) -> Bytes {
    let mut file = init(text).to_vec();
    for segment in 0..text.track.segments.len() {
        file.extend(make(text, segment, SegmentForm::Fragment, &Bytes::new()));
    }
    file.into()
}

/// A title whose source is `file`.
fn title_of(file: &Bytes) -> Presentation {
    let mut reader = mp4::Reader::new(file.len() as u64);
    let mut step = reader.step(None).unwrap();
    let movie = loop {
        match step {
            mp4::Step::Done(movie) => break movie,
            mp4::Step::Need(range) => {
                let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
                step = reader.step(Some(file.slice(range))).unwrap();
            }
        }
    };
    let source = Source {
        file: crate::plan::FileIndex(0),
        content: Ok(movie),
        reference: None,
    };
    Presentation::assemble("film", &[source], &SegmentationOptions::default()).unwrap()
}

/// What is shown in all segments of `text`, made as WebVTT, with the parts of
/// cut cues joined.
fn shown_in_segments(text: &TextTrack, file: &Bytes) -> Vec<Cue> {
    let mut cues = Vec::new();
    for segment in 0..text.track.segments.len() {
        let form = SegmentForm::WebVtt(HlsMedia::FragmentedMp4);
        let bytes = make(text, segment, form, file);
        let read = read(&bytes, TextFormat::WebVtt).unwrap();
        assert_eq!(read.notes, []);
        cues.extend(read.document.cues);
    }
    crate::text::join(cues)
}

/// Compares cues as sets: those that start together come in any order.
fn assert_same(actual: impl IntoIterator<Item = Shown>, expected: impl IntoIterator<Item = Shown>) {
    let sorted = |cues: Vec<Shown>| {
        let mut cues = cues;
        cues.sort();
        cues
    };
    let (actual, expected) = (
        sorted(actual.into_iter().collect()),
        sorted(expected.into_iter().collect()),
    );
    assert_eq!(actual, expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_webvtt_file_reads_back_as_it_was(document in document()) {
        let mut title = title(0);
        title.add_side_file(made::side_file(document, TextForm::WebVttFile));
        let text = &title.texts[0];
        let read = read(webvtt(text).unwrap().as_bytes(), TextFormat::WebVtt).unwrap();
        prop_assert_eq!(read.notes, []);
        prop_assert_eq!(&read.document.cues, &text.document().unwrap().cues);
    }

    #[test]
    fn a_ttml_file_reads_back_with_its_looks(document in document()) {
        let mut title = title(0);
        title.add_side_file(made::side_file(document, TextForm::TtmlFile));
        let text = &title.texts[0];
        let read = read(ttml_file(text).unwrap().as_bytes(), TextFormat::Ttml).unwrap();
        prop_assert_eq!(read.notes, []);
        assert_same(
            read.document.cues.iter().map(shown),
            text.document().unwrap().cues.iter().map(shown),
        );
    }

    #[test]
    fn each_segment_of_webvtt_has_the_cues_that_are_shown_in_it(document in document(), offset in made::offset()) {
        let mut title = title(offset);
        title.add_side_file(made::side_file(document, TextForm::Wvtt));
        let text = &title.texts[0];
        let mut next = Duration::ZERO;
        for segment in 0..text.track.segments.len() {
            let (start, end) = text.window(segment).unwrap();
            prop_assert_eq!(start, next);
            next = end;
            let form = SegmentForm::WebVtt(HlsMedia::FragmentedMp4);
            let read = read(&make(text, segment, form, &Bytes::new()), TextFormat::WebVtt).unwrap();
            let expected: Vec<_> = text.document().unwrap().shown_within(start, end).cloned().collect();
            prop_assert_eq!(read.document.cues, expected);
            let mpegts = (offset * 90_000 + 6400) / 12_800;
            let local = Duration::ZERO;
            prop_assert_eq!(read.document.timestamp_map, Some(TimestampMap { mpegts, local }));
        }
        prop_assert_eq!(next, Duration::from_millis(20_400));
    }

    #[test]
    fn samples_of_wvtt_show_what_the_file_does(document in document()) {
        let mut title = title(0);
        title.add_side_file(made::side_file(document, TextForm::Wvtt));
        let file = fragmented(&title.texts[0]);
        let again = title_of(&file);
        let cues = shown_in_segments(&again.texts[0], &file);
        let whole = |cue: &Cue| (shown(cue), cue.identifier.clone(), cue.placement.clone());
        let expected = title.texts[0].document().unwrap().cues.iter();
        assert_same(cues.iter().map(shown), expected.clone().map(shown));
        for cue in expected {
            prop_assert!(cues.iter().any(|other| whole(other) == whole(cue)));
        }
    }

    #[test]
    fn documents_of_stpp_show_what_the_file_does(document in document(), offset in made::offset()) {
        let mut title = title(offset);
        title.add_side_file(made::side_file(document, TextForm::Stpp));
        let file = fragmented(&title.texts[0]);
        let again = title_of(&file);
        // The file starts where the presentation does on the output timeline.
        let track = &title.texts[0].track;
        let later = track.timescale.duration(track.presentation_time_offset);
        let cues = shown_in_segments(&again.texts[0], &file);
        let expected = title.texts[0].document().unwrap().cues.iter().cloned().map(|mut cue| {
            (cue.start, cue.end) = (cue.start + later, cue.end + later);
            cue
        });
        assert_same(cues.iter().map(shown), expected.map(|cue| shown(&cue)));
    }

    #[test]
    fn samples_follow_each_other_without_a_gap(document in document(), form in made::segmented()) {
        let mut title = title(1024);
        title.add_side_file(made::side_file(document, form));
        let text = &title.texts[0];
        let again = title_of(&fragmented(text));
        let track = &again.texts[0];
        let crate::text::TextOrigin::Samples(source) = &track.origin else { panic!() };
        let first = source.segments.first().unwrap();
        prop_assert_eq!(first.start, text.track.segments[0].start);
        prop_assert_eq!(source.end(), text.track.end());
        prop_assert_eq!(source.timescale, text.track.timescale);
    }

    #[test]
    fn smooth_documents_count_from_their_own_start(document in document()) {
        let mut title = title(1024);
        title.add_side_file(made::side_file(document, TextForm::Stpp));
        let text = &title.texts[0];
        let mut cues = Vec::new();
        for segment in 0..text.track.segments.len() {
            let (start, end) = text.window(segment).unwrap();
            let bytes = make(text, segment, SegmentForm::Ttml, &Bytes::new());
            for mut cue in read(&bytes, TextFormat::Ttml).unwrap().document.cues {
                prop_assert!(cue.end <= end - start);
                (cue.start, cue.end) = (cue.start + start, cue.end + start);
                cues.push(cue);
            }
        }
        let cues = crate::text::join(cues);
        assert_same(cues.iter().map(shown), text.document().unwrap().cues.iter().map(shown));
    }
}

#[test]
fn documents_of_smooth_streaming_are_moved_to_the_presentation() {
    let mut title = title(0);
    let document = Document {
        cues: vec![cue(1000, 2000, "one"), cue(5000, 13_000, "long")],
        ..Document::default()
    };
    title.add_side_file(made::side_file(document, TextForm::Stpp));
    let mut text = title.texts[0].clone();
    text.track.codecs[0].entry = Bytes::from_static(b"\0\0\0\x10dfxp\0\0\0\0\0\0\0\x01");
    let mut file = init(&text).to_vec();
    for segment in 0..4 {
        let (start, end) = text.window(segment).unwrap();
        let payload = make(&text, segment, SegmentForm::Ttml, &Bytes::new());
        let entry = 0;
        let piece = fragment::Piece {
            start,
            end,
            payload,
            entry,
        };
        file.extend(fragment::write(&text, segment, vec![piece], &Bytes::new()));
    }
    let file = Bytes::from(file);
    let again = title_of(&file);
    assert_eq!(again.texts[0].track.codecs[0].rfc6381, "stpp.ttml.im1t");
    let expected = text.document().unwrap().cues.iter().map(shown);
    assert_same(
        shown_in_segments(&again.texts[0], &file).iter().map(shown),
        expected,
    );
    let fragment = make(&again.texts[0], 1, SegmentForm::Fragment, &file);
    let fragment = String::from_utf8_lossy(&fragment);
    assert!(
        fragment.contains("begin=\"00:00:06.000\" end=\"00:00:12.000\""),
        "{fragment}"
    );
}

#[test]
fn a_cue_that_spans_segments_stands_in_each() {
    let mut title = title(0);
    let document = Document {
        cues: vec![cue(5000, 13_000, "long")],
        ..Document::default()
    };
    title.add_side_file(made::side_file(document, TextForm::Wvtt));
    let text = &title.texts[0];
    let segment = |index| {
        make(
            text,
            index,
            SegmentForm::WebVtt(HlsMedia::TransportStream),
            &Bytes::new(),
        )
    };
    let expected = "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000\n\
                    \n00:00:05.000 --> 00:00:13.000\nlong\n\n";
    for index in 0..3 {
        assert_eq!(segment(index), expected, "segment {index}");
    }
    let empty = "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000\n\n";
    assert_eq!(segment(3), empty);
    assert!(TextSegment::new(text, 4, SegmentForm::Ttml).is_none());
}

#[test]
fn cues_behind_the_end_of_the_title_are_left_out() {
    let mut title = title(0);
    let cues = vec![cue(20_000, 30_000, "cut"), cue(20_400, 21_000, "never")];
    let document = Document {
        cues,
        ..Document::default()
    };
    title.add_side_file(made::side_file(document, TextForm::Wvtt));
    let cues = &title.texts[0].document().unwrap().cues;
    assert_eq!(cues.len(), 1);
    assert_eq!(cues[0].end, Duration::from_millis(20_400));
}

#[test]
fn the_timestamp_map_follows_the_clock_where_it_wraps() {
    // 27 hours in segments of 6 s.
    let mut title = made::title_of(27 * 600, 76_800, 0);
    let document = Document {
        cues: vec![cue(1000, 26 * 3_600_000 + 3_600_000, "all the time")],
        ..Document::default()
    };
    title.add_side_file(made::side_file(document, TextForm::Wvtt));
    let map = |segment| {
        let form = SegmentForm::WebVtt(HlsMedia::TransportStream);
        let bytes = make(&title.texts[0], segment, form, &Bytes::new());
        read(&bytes, TextFormat::WebVtt)
            .unwrap()
            .document
            .timestamp_map
            .unwrap()
    };
    let wrap = (1_u64 << 33) / 90;
    // The clock starts at 10 s.
    let last_before = usize::try_from((wrap - 10_000) / 6000).unwrap();
    assert_eq!(
        (map(last_before).mpegts, map(last_before).local),
        (900_000, Duration::ZERO)
    );
    let behind = map(last_before + 1);
    let start = (last_before as u64 + 1) * 6;
    assert_eq!(behind.local, Duration::from_secs(start));
    assert_eq!(behind.mpegts, 900_000 + start * 90_000 - (1 << 33));
}

#[test]
fn bytes_other_than_those_asked_for_are_refused() {
    let mut title = title(0);
    let document = Document {
        cues: vec![cue(1000, 2000, "one")],
        ..Document::default()
    };
    title.add_side_file(made::side_file(document, TextForm::Wvtt));
    let again = title_of(&fragmented(&title.texts[0]));
    let mut making = TextSegment::new(&again.texts[0], 0, SegmentForm::Ttml).unwrap();
    while let Step::Need(_) = making.step(Vec::new()).unwrap_or(Step::Done(Bytes::new())) {}
    assert_eq!(plain_text(&[]), "");
}

#[test]
fn very_many_cues_at_once_are_made_or_refused() {
    let cues = (0..20_000)
        .map(|index| cue(index % 3000, 6000 + index, "x"))
        .collect();
    let document = Document {
        cues,
        ..Document::default()
    };
    let mut title = made::title_of(2000, 76_800, 0);
    title.add_side_file(made::side_file(document, TextForm::Wvtt));
    let text = &title.texts[0];
    let mut making = TextSegment::new(text, 0, SegmentForm::Fragment).unwrap();
    assert!(matches!(
        making.step(Vec::new()),
        Err(TextSegmentError::TooLarge { .. })
    ));
    assert!(!make(text, 0, SegmentForm::Ttml, &Bytes::new()).is_empty());
    assert!(ttml_file(text).is_some());
}

#[test]
fn a_segment_weighs_what_is_shown_in_it() {
    let mut title = title(0);
    let document = Document {
        cues: vec![
            cue(1000, 2000, "one"),
            cue(5000, 13_000, "long"),
            cue(12_500, 14_000, "two"),
        ],
        ..Document::default()
    };
    title.add_side_file(made::side_file(document, TextForm::Wvtt));
    let sizes: Vec<u64> = title.texts[0]
        .track
        .segments
        .iter()
        .map(|segment| segment.media_size)
        .collect();
    let weights: Vec<u64> = title.texts[0]
        .document()
        .unwrap()
        .cues
        .iter()
        .map(|cue| cue.heap_size() as u64 + 160)
        .collect();
    assert_eq!(
        sizes,
        [weights[0] + weights[1], weights[1], weights[1] + weights[2], 0]
    );
}
