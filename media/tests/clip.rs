//! A clip shows the pictures of its source within that time and no others, in every
//! format; what has to be decoded before them takes no time to speak of.

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

#[path = "ts/segment.rs"]
mod segment;
mod support;

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use strata_media::codec::MediaKind;
use strata_media::manifest::smooth::Streams;
use strata_media::manifest::{dash, hls};
use strata_media::multiplex::Multiplex;
use strata_media::presentation::{Presentation, ShapeError};
use strata_media::sample::Samples;
use strata_media::shape::{Shape, parse_moment};
use strata_media::smooth::{Noun, TIMESCALE};
use strata_media::track::{Segment, Track};
use strata_media::write::{fmp4, smooth};
use support::{Folder, Packet};

const VIDEO: &str = "-f lavfi -i testsrc2=s=192x108:r=25:d=14";
const SOUND: &str = "-f lavfi -i sine=440:d=14:sample_rate=48000";
const X264: &str = "-c:v libx264 -preset veryfast -g 50 -sc_threshold 0";

/// Ticks a second of the pictures; one lasts 512.
const CLOCK: f64 = 12_800.0;

struct Film {
    folder: Folder,
    files: Vec<Bytes>,
    title: Presentation,
    /// Decoded pictures of the source.
    pictures: Vec<Packet>,
    sounds: Vec<Packet>,
}

impl Film {
    fn new(options: &str) -> Self {
        let folder = Folder::new();
        folder.ffmpeg(&format!(
            "{VIDEO} {SOUND} {X264} -c:a aac -b:a 64k {options} film.mp4"
        ));
        let path = folder.path("film.mp4");
        let files = vec![Bytes::from(std::fs::read(&path).unwrap())];
        let title = support::assemble(&files, Duration::from_secs(4));
        assert_eq!((title.skipped.len(), title.tracks.len()), (0, 2));
        Self {
            pictures: decoded(&path),
            sounds: support::packets(&path, "0:a"),
            folder,
            files,
            title,
        }
    }

    fn clip(&self, query: &str) -> Result<Presentation, ShapeError> {
        let mut shape = Shape::default();
        for parameter in query.split('&') {
            match parameter.split_once('=').unwrap() {
                ("vbegin", value) => shape.begin = Some(parse_moment(value).unwrap()),
                ("vend", value) => shape.end = Some(parse_moment(value).unwrap()),
                _ => panic!("{query}"),
            }
        }
        let shaping = self.title.shaping(&shape)?;
        let samples = shaping.needs().iter().map(|need| {
            let track = &shaping.presentation().tracks[need.track];
            support::read_samples(track, need.segment, &self.files[0])
                .unwrap()
                .0
        });
        let samples: Vec<Samples> = samples.collect();
        assert!(samples.len() <= 4, "two a track");
        let clip = shaping.finish(&samples)?;
        assert_eq!(clip.suffix.as_str(), format!("?{query}"));
        Ok(clip)
    }

    /// The file `bytes` decoded.
    fn decode(&self, name: &str, bytes: &[u8]) -> Vec<Packet> {
        let path = self.folder.path(name);
        std::fs::write(&path, bytes).unwrap();
        decoded(&path)
    }
}

/// The pictures of a file. Of open groups ffmpeg says that pictures refer to others which
/// are not there.
fn decoded(path: &Path) -> Vec<Packet> {
    support::decoded(path).0
}

/// The pictures that are shown from `begin` to `end`, in seconds.
fn within(pictures: &[Packet], begin: f64, end: f64) -> Vec<&Packet> {
    let shown = pictures.iter().filter(|picture| {
        let start = picture.pts as f64;
        begin * CLOCK < start + 512.0 && start < end * CLOCK
    });
    shown.collect()
}

/// Where `expected` stands in `found`: the number of pictures before it and behind it.
fn place(found: &[Packet], expected: &[&Packet], what: &str) -> (usize, usize) {
    let is_alike = |window: &[Packet]| {
        let pairs = window.iter().zip(expected);
        pairs.clone().count() == expected.len() && pairs.clone().all(|(a, b)| a.hash == b.hash)
    };
    let at = found.windows(expected.len()).position(is_alike);
    let at = at.unwrap_or_else(|| panic!("{what}: {} pictures, of {} wanted", found.len(), expected.len()));
    (at, found.len() - at - expected.len())
}

/// Checks the clip of `film` in every format. `hidden_max` is how many pictures may
/// have to be decoded before the first one.
fn check(film: &Film, query: &str, begin: f64, end: f64, hidden_max: usize) {
    let clip = film.clip(query).unwrap();
    let expected = within(&film.pictures, begin, end);
    let duration = clip.duration();
    let whole = film.title.duration();
    let end_of_title = whole.timescale.seconds(whole.ticks);
    let exact = if query.contains("vend") { end } else { end_of_title } - begin;
    let off = (duration.timescale.seconds(duration.ticks) - exact).abs();
    assert!(off < 1e-4, "{query}: {duration:?}");
    let [video, audio] = clip.tracks.as_slice() else {
        panic!()
    };
    check_grid(query, &film.title, &clip);
    check_fragments(film, query, video, &expected, hidden_max);
    check_sound(film, query, audio, begin, end);
    check_transport_stream(film, query, &clip, &expected, hidden_max);
    check_smooth(film, query, &clip, &expected, hidden_max);
    check_manifests(query, &clip);
}

/// Segments follow on from each other, begin at the start of the clip and end with it,
/// and start where those of the whole title do.
fn check_grid(query: &str, title: &Presentation, clip: &Presentation) {
    for (track, whole) in clip.tracks.iter().zip(&title.tracks) {
        for pair in track.segments.windows(2) {
            assert_eq!(pair[0].start + pair[0].duration, pair[1].start, "{query}");
        }
        for segment in &track.segments[1..] {
            assert!(whole.segment_at(segment.start).is_some(), "{query}");
        }
        assert!(
            track.segments.iter().all(|segment| segment.duration > 0),
            "{query}"
        );
        let first = track.segments[0].start;
        let frame = match track.kind {
            MediaKind::Video => 0,
            _ => 2 * 1024,
        };
        assert!(first + frame >= track.presentation_time_offset, "{query}");
        // Pictures that start late, by the priming of the sound, start then.
        assert!(first <= track.presentation_time_offset + 1024, "{query}");
        let counted: u64 = track.segments.iter().map(|segment| segment.media_size).sum();
        assert!(counted > 0 && track.bandwidth.peak > 0, "{query}");
    }
    let [video, audio] = clip.tracks.as_slice() else {
        panic!()
    };
    // Fragments of sound that start before those of the pictures are cut a fragment later.
    if are_cut_alike(title) {
        assert_eq!(video.segments.len(), audio.segments.len(), "{query}");
    }
}

fn are_cut_alike(title: &Presentation) -> bool {
    let [video, audio] = title.tracks.as_slice() else {
        panic!()
    };
    let seconds = |track: &Track, start: u64| {
        let since = start as f64 - track.presentation_time_offset as f64;
        since / f64::from(track.timescale.get())
    };
    let pairs = video.segments.iter().zip(&audio.segments);
    let is_near =
        |(v, a): (&Segment, &Segment)| (seconds(video, v.start) - seconds(audio, a.start)).abs() < 0.1;
    video.segments.len() == audio.segments.len() && pairs.skip(1).all(is_near)
}

fn check_fragments(film: &Film, query: &str, video: &Track, expected: &[&Packet], hidden_max: usize) {
    let bytes = support::output(video, &film.files);
    let media: u64 = video.segments.iter().map(|segment| segment.media_size).sum();
    assert!(
        (media / 2..2 * media + 10_000).contains(&(bytes.len() as u64)),
        "{query}"
    );
    let found = film.decode("clip.mp4", &bytes);
    let (before, behind) = place(&found, expected, query);
    assert!(
        before <= hidden_max && behind <= 2,
        "{query}: {before} before, {behind} behind"
    );
    // Times are those of the source, but for what gives way to pictures that are only
    // decoded.
    let offset = film.title.tracks[0].presentation_time_offset as i64;
    let begin = video.presentation_time_offset as i64;
    let end = video.end() as i64;
    // Decoders show none of those that lead the first sync sample of open groups.
    let hidden = begin..=begin + hidden_max as i64;
    for (found, expected) in found[before..].iter().zip(expected) {
        let own = (expected.pts + offset).clamp(begin + before as i64, end - 1 - behind as i64);
        let is_late = found.pts >= own && hidden.contains(&found.pts);
        assert!(found.pts == own || is_late, "{query}: {} of {own}", found.pts);
    }
    for found in &found[..before] {
        assert!(hidden.contains(&found.pts), "{query}: {}", found.pts);
    }
    let packets = support::packets(&film.folder.path("clip.mp4"), "0:0");
    assert!(packets.iter().all(|packet| packet.dts <= packet.pts), "{query}");
    assert!(
        packets.windows(2).all(|pair| pair[0].dts < pair[1].dts),
        "{query}"
    );
}

/// The sound that is heard, one frame before it for the decoder, and no other.
fn check_sound(film: &Film, query: &str, audio: &Track, begin: f64, end: f64) {
    let path = film.folder.path("sound.mp4");
    std::fs::write(&path, support::output(audio, &film.files)).unwrap();
    let found = support::packets(&path, "0:0");
    let end = if query.contains("vend") {
        end
    } else {
        f64::INFINITY
    };
    let heard = film.sounds.iter().filter(|frame| {
        let start = frame.pts as f64;
        (begin * 48_000.0).round() < start + 1024.0 && start < (end * 48_000.0).round()
    });
    let heard: Vec<&Packet> = heard.collect();
    let before = found.len() - heard.len();
    assert!(before <= 1, "{query}: {before}");
    let offset = film.title.tracks[1].presentation_time_offset as i64;
    for (found, source) in found[before..].iter().zip(&heard) {
        assert_eq!(
            (found.pts, &found.hash),
            (source.pts + offset, &source.hash),
            "{query}"
        );
    }
}

fn check_transport_stream(
    film: &Film,
    query: &str,
    clip: &Presentation,
    expected: &[&Packet],
    hidden_max: usize,
) {
    let multiplex = Multiplex::new(clip.tracks.iter().collect()).unwrap();
    let mut bytes = Vec::new();
    for number in 0..multiplex.segment_count() {
        bytes.extend(segment::segment(&multiplex, number, &film.files));
    }
    let found = film.decode("clip.ts", &bytes);
    let (before, behind) = place(&found, expected, query);
    assert!(
        before <= hidden_max && behind <= 2,
        "{query}: {before} before, {behind} behind"
    );
    let total: u64 = multiplex.durations_us().iter().sum();
    let seconds = clip.duration().timescale.seconds(clip.duration().ticks);
    assert!((total as f64 / 1e6 - seconds).abs() < 1e-3, "{query}: {total} µs");
}

fn check_smooth(film: &Film, query: &str, clip: &Presentation, expected: &[&Packet], hidden_max: usize) {
    let streams = Streams::of(clip);
    assert_eq!(streams.left_out, [], "{query}");
    let stream = &streams.streams[0];
    let track = &clip.tracks[stream.levels[0].track];
    let mut on_stream_clock = track.clone();
    on_stream_clock.timescale = TIMESCALE;
    let mut bytes = fmp4::init(&on_stream_clock).to_vec();
    let mut next = None;
    for number in 0..track.segments.len() {
        let fragment = streams.fragment(clip, stream, &stream.levels[0], number).unwrap();
        assert_eq!(next.unwrap_or(fragment.start), fragment.start, "{query}");
        next = fragment.next;
        let samples = support::read_samples(track, number, &film.files[0]).unwrap().0;
        let plan = smooth::fragment(track, &fragment, Noun::Fragments, &samples);
        bytes.extend(support::carry_out(&plan, &film.files));
    }
    let found = film.decode("clip.ismv", &bytes);
    let (before, behind) = place(&found, expected, query);
    assert!(
        before <= hidden_max && behind <= 2,
        "{query}: {before} before, {behind} behind"
    );
}

/// Parsers of other people agree on how long the clip is.
fn check_manifests(query: &str, clip: &Presentation) {
    let seconds = clip.duration().timescale.seconds(clip.duration().ticks);
    let mpd = dash_mpd_core::parse(&dash::mpd(clip)).unwrap();
    let stated = mpd.mediaPresentationDuration.unwrap().as_secs_f64();
    assert!((stated - seconds).abs() < 1e-5, "{query}: {stated}");
    let period = &mpd.periods[0];
    assert_eq!(period.duration, mpd.mediaPresentationDuration);
    for (set, track) in period.adaptations.iter().zip(&clip.tracks) {
        let template = set.SegmentTemplate.as_ref().unwrap();
        let offset = template.presentationTimeOffset.unwrap();
        assert_eq!(offset, track.presentation_time_offset, "{query}");
        assert!(
            template
                .media
                .as_ref()
                .unwrap()
                .ends_with(&format!(".dash?{query}"))
        );
    }
    for track in 0..2 {
        let playlist = hls::media(clip, track);
        let (_, playlist) = m3u8_rs::parse_media_playlist(playlist.as_bytes()).unwrap();
        let total: f64 = playlist
            .segments
            .iter()
            .map(|segment| f64::from(segment.duration))
            .sum();
        let (first, end) = (clip.tracks[track].segments[0].start, clip.tracks[track].end());
        let exact = (end - first) as f64 / f64::from(clip.tracks[track].timescale.get());
        assert!((total - exact).abs() < 1e-4, "{query}: {total}");
        for segment in &playlist.segments {
            assert!(segment.uri.ends_with(&format!(".m4s?{query}")), "{}", segment.uri);
        }
    }
}

fn check_clips(options: &str, reorder: usize) {
    let film = Film::new(options);
    // At a sync sample, which is where a segment starts, or not.
    check(&film, "vbegin=4&vend=8", 4.0, 8.0, reorder);
    check(&film, "vbegin=6&vend=9.5", 6.0, 9.5, reorder);
    check(&film, "vend=3.3", 0.0, 3.3, 0);
    // In the middle of a group of pictures, and of a picture.
    check(&film, "vbegin=5.32&vend=11", 5.32, 11.0, 33 + reorder);
    check(&film, "vbegin=7.99", 7.99, 14.0, 49 + reorder);
    check(
        &film,
        "vbegin=3.123&vend=12.345678",
        3.123,
        12.345_678,
        28 + reorder,
    );
    // Shorter than a segment; across a boundary; next to one on either side.
    check(&film, "vbegin=5.2&vend=5.3", 5.2, 5.3, 30 + reorder);
    check(&film, "vbegin=3.9&vend=4.1", 3.9, 4.1, 48 + reorder);
    check(&film, "vbegin=4.04&vend=7.96", 4.04, 7.96, 1 + reorder);
    // Pictures that lead a sync sample cannot be decoded from it: a clip that begins among
    // them begins with what follows.
    if !options.contains("open-gop") {
        check(&film, "vbegin=3.96&vend=8.04", 3.96, 8.04, 49 + reorder);
    }
}

#[test]
fn clips_of_a_file_with_reordered_pictures() {
    check_clips("-bf 2", 0);
}

#[test]
fn clips_of_a_file_without_reordered_pictures() {
    check_clips("-bf 0", 0);
}

#[test]
fn clips_of_a_file_with_negative_composition_offsets() {
    check_clips("-bf 2 -movflags +negative_cts_offsets", 0);
}

#[test]
fn clips_of_groups_of_pictures_that_are_open() {
    // What leads a sync sample is decoded with it.
    check_clips("-bf 3 -x264-params open-gop=1:keyint=50:min-keyint=50", 3);
}

/// Without an edit list, pictures start late by the priming of the sound: clips begin
/// a moment before sync samples, and a group of pictures is decoded first.
const LATE: usize = 50;

#[test]
fn clips_of_a_fragmented_file_with_an_index() {
    check_clips(
        "-bf 0 -movflags +frag_keyframe+empty_moov+default_base_moof+global_sidx",
        LATE,
    );
}

#[test]
fn clips_of_a_fragmented_file_without_one() {
    check_clips(
        "-bf 0 -movflags +frag_keyframe+empty_moov+default_base_moof",
        LATE,
    );
}

#[test]
fn a_clip_that_begins_behind_the_end_is_none() {
    let film = Film::new("-bf 2");
    let error = film.clip("vbegin=14.5").unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("the clip begins at 14.5s, and the title ends after 14")
    );
    // What ends behind the end ends there.
    let clip = film.clip("vbegin=13.5&vend=100").unwrap();
    let duration = clip.duration();
    let seconds = duration.timescale.seconds(duration.ticks);
    assert!((0.5..0.6).contains(&seconds), "{seconds}");
}

#[test]
fn a_clip_of_any_length_has_the_grid_of_the_title() {
    let film = Film::new("-bf 2");
    for begin in (0..130).step_by(7) {
        for length in [1, 3, 12, 41, 80] {
            let (begin, end) = (
                f64::from(begin) / 10.0 + 0.013,
                f64::from(begin + length) / 10.0 + 0.013,
            );
            if end < 14.0 {
                let query = format!("vbegin={begin:.3}&vend={end:.3}");
                check_grid(&query, &film.title, &film.clip(&query).unwrap());
            }
        }
    }
}
