//! MP4 files: from the reader to the segments of every format.

use std::ops::Range;

use bytes::Bytes;
use strata_media::manifest::{dash, hls, smooth};
use strata_media::multiplex::Multiplex;
use strata_media::plan::{FileIndex, Part, Plan};
use strata_media::presentation::{Presentation, Source};
use strata_media::read::mp4::{Movie, Reader, SegmentReader, SegmentStep, Step};
use strata_media::sample::{Sample, Samples};
use strata_media::segment::SegmentationOptions;
use strata_media::shape::Suffix;
use strata_media::smooth::Noun;
use strata_media::text::{HlsMedia, SegmentForm, TextTrack};
use strata_media::text_segment::{self, TextSegment};
use strata_media::track::Track;
use strata_media::write::fmp4;
use strata_media::write::smooth as smooth_fragment;
use strata_media::write::ts::{self, Planned, TsError, TsPlan, TsTrack};

/// Most steps a reader may take on an input of the sizes given here.
const STEPS_MAX: usize = 100_000;

/// Segments of a track that are planned, from the first on, and the last one.
const SEGMENTS_MAX: usize = 6;

/// Larger bodies are planned and not carried out: samples of hostile files may all
/// be the whole file.
const BODY_SIZE_MAX: u64 = 256 << 10;

/// Reads a file, assembles a title of it, and plans its segments in every format.
pub fn run(data: &[u8]) {
    let file = Bytes::copy_from_slice(data);
    let Some(movie) = read(&file) else { return };
    let sources = [Source {
        file: FileIndex(0),
        content: Ok(movie),
        reference: None,
    }];
    let options = SegmentationOptions::default();
    let Ok(title) = Presentation::assemble("film", &sources, &options) else {
        return;
    };
    let _ = title.heap_size();
    write_manifests(&title);
    for track in &title.tracks {
        check_segments(track);
        for segment in chosen(track.segments.len()) {
            if let Some(samples) = read_samples(track, segment, &file) {
                check_fragment(track, segment, &samples, &file);
            }
        }
    }
    write_smooth(&title, &file);
    write_transport_streams(&title, &file);
    for text in &title.texts {
        write_text(text, &file);
    }
}

fn read(file: &Bytes) -> Option<Movie> {
    let mut reader = Reader::new(file.len() as u64);
    let mut step = reader.step(None);
    for _ in 0..STEPS_MAX {
        match step {
            Ok(Step::Need(range)) => step = reader.step(Some(slice(file, &range))),
            Ok(Step::Done(movie)) => return Some(movie),
            Err(error) => {
                assert!(!error.to_string().is_empty());
                return None;
            }
        }
    }
    panic!("the reader does not come to an end");
}

/// Bytes a reader asked for: never none, never beyond the end.
fn slice(file: &Bytes, range: &Range<u64>) -> Bytes {
    assert!(range.start < range.end, "an empty range {range:?}");
    assert!(range.end <= file.len() as u64, "{range:?} of {}", file.len());
    file.slice(range.start as usize..range.end as usize)
}

fn slices(file: &Bytes, ranges: &[Range<u64>]) -> Vec<Bytes> {
    ranges.iter().map(|range| slice(file, range)).collect()
}

fn chosen(count: usize) -> impl Iterator<Item = usize> {
    (0..count).filter(move |segment| *segment < SEGMENTS_MAX || segment + 1 == count)
}

/// Segments partition the track.
fn check_segments(track: &Track) {
    assert!(!track.segments.is_empty());
    for pair in track.segments.windows(2) {
        assert_eq!(pair[0].start + pair[0].duration, pair[1].start, "{}", track.token);
    }
    let total: u64 = track.segments.iter().map(|segment| segment.duration).sum();
    assert_eq!(track.segments[0].start + total, track.end(), "{}", track.token);
}

fn read_samples(track: &Track, segment: usize, file: &Bytes) -> Option<Samples> {
    let mut reader = SegmentReader::new(track, segment);
    let mut supplied = Vec::new();
    for _ in 0..STEPS_MAX {
        match reader.step(supplied).ok()? {
            SegmentStep::Done(samples) => return Some(samples),
            SegmentStep::Need(ranges) => supplied = slices(file, &ranges),
        }
    }
    panic!("the reader of a segment does not come to an end");
}

/// The body of a plan, when it is not too large.
fn carry_out(plan: &Plan, file: &Bytes) -> Option<Vec<u8>> {
    let length: u64 = plan.parts.iter().map(Part::length).sum();
    assert_eq!(length, plan.length, "a plan's length is the sum of its parts");
    let mut body = Vec::new();
    for part in &plan.parts {
        match part {
            Part::Bytes(bytes) if plan.length <= BODY_SIZE_MAX => body.extend_from_slice(bytes),
            Part::Source { range, .. } => {
                let source = slice(file, range);
                if plan.length <= BODY_SIZE_MAX {
                    body.extend_from_slice(&source);
                }
            }
            Part::Bytes(_) => {}
        }
    }
    (plan.length <= BODY_SIZE_MAX).then_some(body)
}

/// What is written is read again, sample by sample.
fn check_fragment(track: &Track, segment: usize, samples: &Samples, file: &Bytes) {
    let plan = fmp4::media(track, segment, samples);
    let Some(body) = carry_out(&plan, file) else {
        return;
    };
    // Media that ends like an index of fragments would be taken for one at a file's end.
    let end: Vec<u8> = [&[0, 0, 0, 24][..], b"free", &[0; 16]].concat();
    let written = Bytes::from([fmp4::init(track).to_vec(), body, end].concat());
    let is_sane = |sample: &Sample| sample.decode_time >= 0 && sample.decode_time < 1 << 60;
    if samples.0.is_empty() || !samples.0.iter().all(is_sane) {
        return;
    }
    let again = read(&written).expect("a fragment that was written is read again");
    let again = again.tracks.first().expect("the track that was written");
    // Samples of one decode time after another of an earlier one are read in their order too.
    let mut count = 0;
    for (found, sample) in again.samples().zip(&samples.0) {
        let found = found.expect("a sample that was written is read again");
        let told = |sample: &Sample| (sample.size, sample.decode_time, sample.duration, sample.is_sync);
        assert_eq!(told(&found), told(sample), "sample {count}");
        assert_eq!(
            found.composition_offset, sample.composition_offset,
            "sample {count}"
        );
        count += 1;
    }
    assert_eq!(count, samples.0.len(), "number of samples");
}

fn write_manifests(title: &Presentation) {
    let _ = dash::mpd(title);
    let _ = hls::master(title);
    let _ = hls::ts::master(title, hls::ts::Streams::Muxed, &Suffix::default());
    for track in 0..title.tracks.len() {
        let _ = hls::media(title, track);
    }
    for text in 0..title.texts.len() {
        let _ = hls::text(title, text, HlsMedia::TransportStream);
    }
}

fn write_smooth(title: &Presentation, file: &Bytes) {
    let streams = smooth::Streams::of(title);
    let _ = smooth::client_manifest(title, &streams);
    for stream in &streams.streams {
        let level = &stream.levels[0];
        for segment in chosen(stream.segment_count(title)) {
            let Some(fragment) = streams.fragment(title, stream, level, segment) else {
                continue;
            };
            let track = &title.tracks[fragment.track];
            let Some(samples) = read_samples(track, fragment.segment, file) else {
                continue;
            };
            for noun in [Noun::Fragments, Noun::KeyFrames, Noun::FragmentInfo] {
                let plan = smooth_fragment::fragment(track, &fragment, noun, &samples);
                carry_out(&plan, file);
            }
        }
    }
}

fn write_transport_streams(title: &Presentation, file: &Bytes) {
    let tracks = title.tracks.iter().filter(|track| hls::ts::allows(track));
    let mut has_pictures = false;
    let tracks: Vec<&Track> = tracks
        .filter(|track| {
            let is_first = !has_pictures || track.kind != strata_media::codec::MediaKind::Video;
            has_pictures |= track.kind == strata_media::codec::MediaKind::Video;
            is_first
        })
        .take(4)
        .collect();
    let Some(multiplex) = Multiplex::new(tracks) else {
        return;
    };
    for segment in chosen(multiplex.segment_count()) {
        let _ = write_transport_stream(&multiplex, segment, file);
    }
}

fn write_transport_stream(multiplex: &Multiplex<'_>, segment: usize, file: &Bytes) -> Option<()> {
    let mut samples = Vec::new();
    for (track, parts) in multiplex.tracks().iter().zip(multiplex.parts(segment)) {
        let mut of_track = Vec::new();
        for part in parts.take(SEGMENTS_MAX) {
            of_track.extend(read_samples(track, part, file)?.0);
        }
        samples.push(Samples(of_track));
    }
    let tracks: Vec<TsTrack<'_>> = multiplex
        .tracks()
        .iter()
        .zip(&samples)
        .map(|(track, samples)| TsTrack { track, samples })
        .collect();
    let plan = plan_transport_stream(segment, &tracks, file).ok()??;
    if plan.length() > BODY_SIZE_MAX {
        return None;
    }
    let whole = 0..plan.length();
    let mut muxer = plan.muxer(whole.clone());
    let mut media = Some(Bytes::from(carry_out(&plan.media(whole), file)?));
    let mut length = 0;
    loop {
        while let Some(block) = muxer.next_block().ok()? {
            length += block.len() as u64;
        }
        if muxer.is_done() {
            break;
        }
        muxer.supply(media.take().filter(|media| !media.is_empty())?);
    }
    assert_eq!(length, plan.length(), "a plan's length is exact");
    Some(())
}

fn plan_transport_stream(
    segment: usize,
    tracks: &[TsTrack<'_>],
    file: &Bytes,
) -> Result<Option<TsPlan>, TsError> {
    match ts::plan(segment, tracks)? {
        Planned::Ready(plan) => Ok(Some(plan)),
        Planned::Unmeasured(mut unmeasured) => {
            let Some(media) = carry_out(&unmeasured.media(), file) else {
                return Ok(None);
            };
            unmeasured.supply(media.into())?;
            unmeasured.finish().map(Some)
        }
    }
}

fn write_text(text: &TextTrack, file: &Bytes) {
    let _ = text_segment::init(text);
    let forms = [
        SegmentForm::Fragment,
        SegmentForm::WebVtt(HlsMedia::FragmentedMp4),
        SegmentForm::Ttml,
    ];
    for segment in chosen(text.track.segments.len()) {
        for form in forms {
            let Some(mut making) = TextSegment::new(text, segment, form) else {
                continue;
            };
            let mut supplied = Vec::new();
            for step in 0.. {
                assert!(step < STEPS_MAX, "a segment of text does not come to an end");
                match making.step(supplied) {
                    Ok(text_segment::Step::Need(ranges)) => {
                        // Samples of hostile files may overlap without end.
                        let size: u64 = ranges.iter().map(|range| range.end - range.start).sum();
                        if size > 64 * BODY_SIZE_MAX {
                            break;
                        }
                        supplied = slices(file, &ranges);
                    }
                    Ok(text_segment::Step::Done(_)) | Err(_) => break,
                }
            }
        }
    }
}
