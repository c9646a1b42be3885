use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::codec::{AudioDetails, Codec, CodecConfig, Details, VideoDetails};
use crate::plan::FileIndex;
use crate::sample::{Cursor, SampleMap};
use crate::trick_play::KeyFrames;

/// A track in clock 1000 with segments that start at `bounds`, the last of which is
/// its end.
fn track(kind: MediaKind, bounds: &[u64]) -> Track {
    let (codec, details) = match kind {
        MediaKind::Video => (Codec::Avc, Details::Video(VideoDetails::default())),
        _ => (Codec::Ac3, Details::Audio(AudioDetails::default())),
    };
    let segments = bounds.windows(2).map(|pair| Segment {
        start: pair[0],
        duration: pair[1] - pair[0],
        media_size: 1000,
        cursor: Cursor::default(),
    });
    Track {
        kind,
        file: FileIndex(0),
        source_id: 1,
        token: "track=1".to_owned(),
        name: "track".to_owned(),
        bitrate: 1,
        language: None,
        audio: crate::track::AudioTraits::default(),
        timescale: Timescale::MILLISECONDS,
        codecs: vec![CodecConfig {
            codec,
            rfc6381: String::new(),
            supplemental: None,
            details,
            entry: Bytes::new(),
            record: Bytes::new(),
        }],
        display_size: (0, 0),
        frame_rate: None,
        roll_distance: None,
        presentation_time_offset: 0,
        bandwidth: Bandwidth::default(),
        segments: segments.collect(),
        key_frames: KeyFrames::default(),
        samples: SampleMap::default(),
        end: Cursor::default(),
    }
}

/// Pictures and sounds by the bounds of their segments: the parts of each segment, as
/// `picture segments / sound segments`, and how long it lasts.
fn check(pictures: &[u64], sounds: &[u64], expected: &[(&str, u64)]) {
    let (video, audio) = (track(MediaKind::Video, pictures), track(MediaKind::Audio, sounds));
    for tracks in [vec![&video, &audio], vec![&audio, &video]] {
        let is_video_first = tracks[0].kind == MediaKind::Video;
        let multiplex = Multiplex::new(tracks).unwrap();
        let durations = multiplex.durations_us();
        assert_eq!(durations.len(), multiplex.segment_count());
        let segments = durations.iter().enumerate().map(|(segment, duration)| {
            let mut parts = multiplex.parts(segment);
            if !is_video_first {
                parts.reverse();
            }
            let name = |part: &Range<usize>| part.clone().map(|index| index.to_string()).collect::<String>();
            (
                format!("{}/{}", name(&parts[0]), name(&parts[1])),
                duration / 1000,
            )
        });
        let segments: Vec<(String, u64)> = segments.collect();
        let found: Vec<(&str, u64)> = segments
            .iter()
            .map(|(parts, duration)| (parts.as_str(), *duration))
            .collect();
        assert_eq!(found, expected);
        assert!(multiplex.parts(durations.len()).iter().all(Range::is_empty));
    }
}

#[test]
fn segments_of_one_grid_go_together() {
    // Sound is cut on the first frame at or behind a boundary.
    check(
        &[0, 6000, 12_000, 15_000],
        &[0, 6016, 12_010, 15_020],
        &[("0/0", 6000), ("1/1", 6000), ("2/2", 3020)],
    );
}

#[test]
fn pictures_rounded_late_take_the_sound_of_their_boundary() {
    check(
        &[0, 6001, 12_000],
        &[0, 6000, 12_000],
        &[("0/0", 6001), ("1/1", 5999)],
    );
}

#[test]
fn pictures_without_a_sync_sample_at_a_boundary_take_two_sounds() {
    check(
        &[0, 12_000, 18_000],
        &[0, 6000, 12_000, 18_000],
        &[("0/01", 12_000), ("1/2", 6000)],
    );
}

#[test]
fn sound_that_goes_on_has_segments_of_its_own() {
    check(
        &[0, 6000, 12_000],
        &[0, 6000, 12_010, 18_010, 20_000],
        &[("0/0", 6000), ("1/1", 6010), ("/2", 6000), ("/3", 1990)],
    );
}

#[test]
fn sound_that_starts_early_has_segments_of_its_own() {
    check(
        &[12_000, 18_000],
        &[0, 6000, 12_010, 18_000],
        &[("/0", 6000), ("/1", 6000), ("0/2", 6000)],
    );
}

#[test]
fn sound_that_starts_late_leaves_pictures_alone() {
    check(
        &[0, 6000, 12_000],
        &[7000, 12_000],
        &[("0/", 6000), ("1/0", 6000)],
    );
}

#[test]
fn what_lies_within_the_first_and_last_segment_stays_there() {
    check(
        &[4000, 6000, 12_000],
        &[0, 6000, 14_000],
        &[("0/0", 2000), ("1/1", 8000)],
    );
}

#[test]
fn the_first_track_leads_when_none_has_pictures() {
    let (a, b) = (
        track(MediaKind::Audio, &[0, 6000]),
        track(MediaKind::Audio, &[0, 3000, 6000]),
    );
    let multiplex = Multiplex::new(vec![&a, &b]).unwrap();
    assert_eq!(multiplex.segment_count(), 1);
    assert_eq!(multiplex.parts(0), [0..1, 0..2]);
    assert!(Multiplex::new(Vec::new()).is_none());
}

#[test]
fn rates_count_the_packets() {
    let video = track(MediaKind::Video, &[0, 6000, 12_000]);
    let multiplex = Multiplex::new(vec![&video]).unwrap();
    let bandwidth = multiplex.bandwidth(Duration::from_secs(6));
    // 1000 bytes in 5 packets, tables in 2, 15 packets of padding at most.
    assert_eq!(bandwidth.peak, (5 + 2 + 15) * 188 * 8_u64 / 6 + 1);
    assert_eq!(bandwidth.average, (5 + 2 + 7) * 188 * 8_u64 / 6 + 1);
}
