//! Key frames: each is exactly one picture, the source's own, and together they last
//! as long as the track.

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
#![allow(
    unreachable_pub,
    dead_code,
    reason = "modules of a test binary have no outside"
)]

#[path = "ts/segment.rs"]
mod segment;
mod support;

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use strata_media::manifest::dash::{self, trick_mode};
use strata_media::manifest::hls;
use strata_media::manifest::smooth::Streams;
use strata_media::multiplex::CLOCK_AT_START;
use strata_media::presentation::Presentation;
use strata_media::smooth::Noun;
use strata_media::text::HlsMedia;
use strata_media::time::Timescale;
use strata_media::track::Track;
use strata_media::write::{fmp4, smooth};
use support::{Folder, Packet};

/// Moving pictures with a counter, so that no two are alike.
const PICTURES: &str = "-f lavfi -i testsrc2=s=192x108:r=25:d=9 -pix_fmt yuv420p";

/// Segments of about so many seconds; key frames are 1 s apart in most sources.
const TARGET: Duration = Duration::from_secs(4);

/// A title of one file, and that file.
struct Title {
    folder: Folder,
    presentation: Presentation,
    files: Vec<Bytes>,
}

impl Title {
    /// Made by ffmpeg with these options behind [`PICTURES`].
    fn made(options: &str) -> Self {
        let folder = Folder::new();
        folder.ffmpeg(&format!("{PICTURES} {options} film.mp4"));
        Self::of(folder)
    }

    fn of(folder: Folder) -> Self {
        let files = vec![Bytes::from(std::fs::read(folder.path("film.mp4")).unwrap())];
        Self {
            presentation: support::assemble(&files, TARGET),
            folder,
            files,
        }
    }

    fn track(&self) -> &Track {
        &self.presentation.tracks[0]
    }

    /// Key frame `frame` as a segment of fragmented MP4, behind its initialization.
    fn fragment(&self, frame: usize) -> Vec<u8> {
        let track = self.track();
        let segment = track.segment_of_key_frame(frame).unwrap();
        let (samples, _) = support::read_samples(track, segment, &self.files[0]).unwrap();
        let plan = fmp4::key_frames(track, frame, frame..frame + 1, &samples);
        let mut out = fmp4::init(track).to_vec();
        out.extend(support::carry_out(&plan, &self.files));
        out
    }

    /// Key frame `frame` as a transport stream.
    fn transport_stream(&self, frame: usize) -> Vec<u8> {
        let track = self.track();
        let number = track.segment_of_key_frame(frame).unwrap();
        let (samples, _) = support::read_samples(track, number, &self.files[0]).unwrap();
        let shown = track.key_frame_samples(frame..frame + 1, &samples);
        let plan = segment::plan(frame, &[track], &[shown], &self.files).unwrap();
        segment::mux(&plan, 0..plan.length(), &self.files, 1000).unwrap()
    }

    /// The key frames of a segment of the track.
    fn segment(&self, segment: usize) -> Vec<u8> {
        let track = self.track();
        let (samples, _) = support::read_samples(track, segment, &self.files[0]).unwrap();
        let plan = fmp4::key_frames(track, segment, track.key_frames_of(segment), &samples);
        support::carry_out(&plan, &self.files)
    }

    fn decode(&self, name: &str, bytes: &[u8]) -> Vec<Packet> {
        let path = self.folder.path(name);
        std::fs::write(&path, bytes).unwrap();
        decode(&path)
    }
}

/// The pictures of a file, of which ffmpeg may not complain.
fn decode(path: &Path) -> Vec<Packet> {
    let (pictures, complaints) = support::decoded(path);
    assert_eq!(complaints, "");
    pictures
}

/// When ffprobe says that the sync samples of a file are shown, in ticks as stored.
fn sync_times(path: &Path) -> Vec<i64> {
    let output = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-select_streams",
            "v",
            "-show_entries",
            "packet=pts,flags",
        ])
        .args(["-of", "csv=p=0"])
        .arg(path)
        .output()
        .expect("ffprobe is installed");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().filter_map(|line| line.split_once(','));
    let syncs = lines.filter(|(_, flags)| flags.starts_with('K'));
    syncs.map(|(time, _)| time.parse().unwrap()).collect()
}

/// Every key frame of the title is one picture of the source, in all forms.
///
/// Decoders that have been told of every picture do not do without: where a group of
/// pictures is open, they are shown that some are missing, so key frames are decoded
/// one by one only.
fn check(title: &Title, has_ts: bool, is_closed: bool) {
    let (track, source) = (title.track(), title.folder.path("film.mp4"));
    let pictures = decode(&source);
    let hashes: HashMap<i64, &str> = pictures
        .iter()
        .map(|picture| (picture.pts, picture.hash.as_str()))
        .collect();
    assert_eq!(hashes.len(), pictures.len(), "times of the source are its own");
    let syncs = sync_times(&source);
    assert_eq!(track.key_frame_count(), syncs.len());
    assert_eq!(hls::has_key_frames(track, HlsMedia::TransportStream), has_ts);
    let expected: Vec<&str> = syncs.iter().map(|time| hashes[time]).collect();
    let mut elapsed = track.segments[0].start;
    for (index, (frame, hash)) in track.key_frames().zip(&expected).enumerate() {
        assert_eq!(frame.start, elapsed, "key frames follow each other");
        elapsed += frame.duration;
        let found = title.decode("frame.mp4", &title.fragment(index));
        assert_eq!(found.len(), 1, "key frame {index}");
        assert_eq!(found[0].hash, *hash, "key frame {index}");
        assert_eq!(found[0].pts, frame.start as i64, "key frame {index}");
        if has_ts {
            let stream = title.transport_stream(index);
            assert_eq!(stream.len() % 188, 0);
            let found = title.decode("frame.ts", &stream);
            assert_eq!(found.len(), 1, "key frame {index}");
            assert_eq!(found[0].hash, *hash, "key frame {index} in a transport stream");
            let ticks = frame.start as i64 - track.presentation_time_offset as i64;
            let stamp = Timescale::MPEG2.rescale(ticks, track.timescale) + CLOCK_AT_START as i64;
            assert_eq!(found[0].pts, stamp, "key frame {index}");
        }
    }
    assert_eq!(elapsed, track.end());
    let mut all = fmp4::init(track).to_vec();
    for segment in 0..track.segments.len() {
        all.extend(title.segment(segment));
    }
    let path = title.folder.path("frames.mp4");
    std::fs::write(&path, &all).unwrap();
    let starts: Vec<i64> = track.key_frames().map(|frame| frame.start as i64).collect();
    let packets = support::packets(&path, "0:v");
    assert_eq!(
        packets.iter().map(|packet| packet.pts).collect::<Vec<_>>(),
        starts
    );
    if is_closed {
        let found = decode(&path);
        let shown: Vec<(i64, &str)> = found
            .iter()
            .map(|picture| (picture.pts, picture.hash.as_str()))
            .collect();
        assert_eq!(shown, starts.into_iter().zip(expected).collect::<Vec<_>>());
    }
}

#[test]
fn closed_groups_of_pictures() {
    let title = Title::made("-c:v libx264 -preset veryfast -g 25 -bf 3 -flags +cgop");
    check(&title, true, true);
    assert_eq!(title.track().segments.len(), 3);
    assert_eq!(title.track().key_frames_of(0), 0..4);
    assert_eq!(title.track().key_frames_of(1), 4..8);
    assert_eq!(title.track().key_frames_of(2), 8..9);
    assert_eq!(title.track().key_frames_of(3), 0..0);
    let rate = title.track().key_frame_rate().unwrap();
    assert_eq!((rate.numerator, rate.denominator), (1, 1));
    assert_eq!(title.track().pictures_per_key_frame(), 25);
}

#[test]
fn open_groups_of_pictures() {
    check(
        &Title::made("-c:v libx264 -preset veryfast -g 25 -bf 3 -x264-params open-gop=1:scenecut=0"),
        true,
        false,
    );
}

#[test]
fn hevc_with_its_own_delimiters() {
    check(
        &Title::made(
            "-c:v libx265 -preset ultrafast -x265-params keyint=25:min-keyint=25:log-level=none:aud=1 -tag:v hvc1",
        ),
        true,
        true,
    );
}

#[test]
fn a_fragmented_file_with_an_index() {
    check(
        &Title::made(
            "-c:v libx264 -preset veryfast -g 25 -bf 2 -flags +cgop -movflags frag_keyframe+empty_moov+default_base_moof+global_sidx",
        ),
        true,
        true,
    );
}

#[test]
fn a_fragmented_file_without_an_index() {
    check(
        &Title::made(
            "-c:v libx264 -preset veryfast -g 25 -flags +cgop -movflags frag_keyframe+empty_moov+skip_trailer",
        ),
        true,
        true,
    );
}

#[test]
fn vp9_has_no_transport_stream() {
    check(
        &Title::made("-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 25 -keyint_min 25"),
        false,
        true,
    );
}

#[test]
fn an_edit_list_that_starts_between_key_frames() {
    let folder = Folder::new();
    folder.ffmpeg(&format!(
        "{PICTURES} -c:v libx264 -preset veryfast -g 25 -bf 2 -flags +cgop whole.mp4"
    ));
    folder.ffmpeg("-ss 2.5 -i whole.mp4 -c copy film.mp4");
    let title = Title::of(folder);
    let track = title.track();
    let first = track.key_frame(0).unwrap();
    assert!(
        first.start < track.presentation_time_offset,
        "it is decoded before the title starts"
    );
    let total: u64 = track.key_frames().map(|frame| frame.duration).sum();
    assert_eq!(first.start + total, track.end());
    for index in 0..track.key_frame_count() {
        assert_eq!(title.decode("frame.mp4", &title.fragment(index)).len(), 1);
    }
}

#[test]
fn of_pictures_that_are_all_key_frames_two_a_second_are_offered() {
    let title = Title::made("-c:v libx264 -preset ultrafast -g 1");
    let track = title.track();
    assert!(track.key_frame_count() <= 2 * 9);
    let shortest = track.key_frames().map(|frame| frame.duration).min().unwrap();
    assert!(track.timescale.duration(shortest) >= Duration::from_millis(480));
    for index in 0..track.key_frame_count() {
        assert_eq!(title.decode("frame.mp4", &title.fragment(index)).len(), 1);
    }
}

#[test]
fn key_frames_of_smooth_streaming_are_the_pictures_of_the_source() {
    let title = Title::made("-c:v libx264 -preset veryfast -g 25 -bf 3 -flags +cgop");
    let (track, source) = (title.track(), title.folder.path("film.mp4"));
    let pictures = decode(&source);
    let syncs = sync_times(&source);
    let expected = syncs.iter().map(|time| {
        let mut shown = pictures.iter().filter(|picture| picture.pts == *time);
        shown.next().unwrap().hash.as_str()
    });
    let streams = Streams::of(&title.presentation);
    let stream = &streams.streams[0];
    let mut found = Vec::new();
    for segment in 0..track.segments.len() {
        let fragment = streams
            .fragment(&title.presentation, stream, &stream.levels[0], segment)
            .unwrap();
        let (samples, _) = support::read_samples(track, segment, &title.files[0]).unwrap();
        let plan = smooth::fragment(track, &fragment, Noun::KeyFrames, &samples);
        let mut bytes = fmp4::init(track).to_vec();
        bytes.extend(support::carry_out(&plan, &title.files));
        found.extend(title.decode("fragment.mp4", &bytes));
    }
    let found = found.iter().map(|picture| picture.hash.as_str());
    assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
}

#[test]
fn sound_has_no_key_frames() {
    let folder = Folder::new();
    folder.ffmpeg("-f lavfi -i sine=d=9 -c:a aac film.mp4");
    let title = Title::of(folder);
    assert_eq!(title.track().key_frame_count(), 0);
    assert!(!trick_mode::has_key_frames(title.track()));
    assert!(!dash::mpd(&title.presentation).contains("keyframes"));
    assert!(!hls::master(&title.presentation).contains("I-FRAME"));
}

#[test]
fn no_key_frame_exceeds_the_stated_bandwidth() {
    let title = Title::made("-c:v libx264 -preset veryfast -g 25 -bf 3 -flags +cgop");
    let track = title.track();
    for media in [HlsMedia::FragmentedMp4, HlsMedia::TransportStream] {
        let master = match media {
            HlsMedia::FragmentedMp4 => hls::master(&title.presentation),
            HlsMedia::TransportStream => hls::ts::master(
                &title.presentation,
                hls::ts::Streams::Muxed,
                &title.presentation.suffix,
            ),
        };
        let (_, stated) = master.split_once("I-FRAME-STREAM-INF:BANDWIDTH=").unwrap();
        let stated: u64 = stated.split(',').next().unwrap().parse().unwrap();
        let init = fmp4::init(track).len();
        let mut largest = 0;
        for (index, frame) in track.key_frames().enumerate() {
            let bytes = match media {
                HlsMedia::FragmentedMp4 => title.fragment(index).len() - init,
                HlsMedia::TransportStream => title.transport_stream(index).len(),
            };
            largest = largest.max(bytes as u64 * 8 * u64::from(track.timescale.get()) / frame.duration);
        }
        assert!(largest <= stated, "{media:?}: {largest} of {stated}");
        assert!(stated <= largest * 3 / 2, "{media:?}: {largest} of {stated}");
    }
}

#[test]
fn both_playlists_list_every_key_frame() {
    let title = Title::made("-c:v libx264 -preset veryfast -g 25 -bf 3 -flags +cgop");
    let track = title.track();
    for (media, ending) in [
        (HlsMedia::FragmentedMp4, "m4s"),
        (HlsMedia::TransportStream, "ts"),
    ] {
        let text = hls::key_frames(&title.presentation, 0, media);
        let (rest, playlist) = m3u8_rs::parse_media_playlist(text.as_bytes()).unwrap();
        assert!(rest.is_empty() && playlist.i_frames_only && playlist.end_list);
        assert_eq!(playlist.segments.len(), track.key_frame_count());
        for (number, segment) in (1..).zip(&playlist.segments) {
            assert_eq!(segment.uri, format!("film-{}-{number}.{ending}", track.token));
            assert!(segment.duration.round() <= playlist.target_duration as f32);
        }
        let has_map = playlist.segments[0].map.is_some();
        assert_eq!(has_map, media == HlsMedia::FragmentedMp4);
    }
}

#[test]
fn the_mpd_has_the_key_frames_in_a_set_of_their_own() {
    let title = Title::made("-c:v libx264 -preset veryfast -g 25 -bf 3 -flags +cgop");
    let track = title.track();
    let mpd = dash_mpd_core::parse(&dash::mpd(&title.presentation)).unwrap();
    let sets = &mpd.periods[0].adaptations;
    let (main, trick) = (&sets[0], &sets[1]);
    let property = &trick.essential_property[0];
    assert_eq!(property.schemeIdUri, "http://dashif.org/guidelines/trickmode");
    assert_eq!(property.value.as_ref(), main.id.as_ref());
    assert_eq!(trick.codingDependency, Some(false));
    let representation = &trick.representations[0];
    assert_eq!(representation.id, Some(format!("{}-keyframes", track.token)));
    assert_eq!(representation.maxPlayoutRate, Some(25.0));
    assert_eq!(representation.frameRate.as_deref(), Some("1"));
    let timeline = |set: &dash_mpd_core::AdaptationSet| {
        let template = set.SegmentTemplate.as_ref().unwrap();
        template.SegmentTimeline.clone().unwrap().segments
    };
    assert_eq!(timeline(main), timeline(trick));
}
