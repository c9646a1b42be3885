//! The sample title, written out as its manifests name it and read back by
//! ffmpeg's own DASH and HLS readers: every packet arrives, in its place.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failing test may panic"
)]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "test files are small"
)]

mod support;

use std::path::{Path, PathBuf};

use bytes::Bytes;
use strata_media::codec::MediaKind;
use strata_media::manifest::{dash, hls};
use strata_media::plan::FileIndex;
use strata_media::presentation::{Presentation, Source};
use strata_media::read::ism;
use strata_media::segment::SegmentationOptions;
use strata_media::write::fmp4;
use support::{Folder, Packet};

/// ffmpeg reads segments of local files by their usual endings only.
const ANY_ENDING: [&str; 2] = ["-allowed_extensions", "ALL"];

/// The title, with its source files and their names.
struct Title {
    presentation: Presentation,
    files: Vec<Bytes>,
    names: Vec<PathBuf>,
}

fn harbour() -> Title {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sample/title");
    let mut manifest = ism::read(&std::fs::read(folder.join("harbour.ism")).unwrap()).unwrap();
    // Texts have packets of their own making.
    manifest.tracks.retain(|track| track.kind != MediaKind::Text);
    let names: Vec<_> = manifest
        .tracks
        .iter()
        .map(|track| folder.join(&track.src))
        .collect();
    let files: Vec<_> = names
        .iter()
        .map(|name| Bytes::from(std::fs::read(name).unwrap()))
        .collect();
    let sources: Vec<_> = manifest
        .tracks
        .into_iter()
        .zip(0..)
        .map(|(reference, index)| Source {
            file: FileIndex(index),
            content: Ok(support::read(&files[index as usize]).unwrap()),
            reference: Some(reference),
        })
        .collect();
    let presentation = Presentation::assemble("harbour", &sources, &SegmentationOptions::default()).unwrap();
    Title {
        presentation,
        files,
        names,
    }
}

/// Writes everything a player asks for.
fn write_out(title: &Title, folder: &Folder) {
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path(name), bytes).unwrap();
    std::fs::create_dir(folder.path("dash")).unwrap();
    std::fs::create_dir(folder.path("hls")).unwrap();
    write("title.mpd", dash::mpd(&title.presentation).as_bytes());
    write("title.m3u8", hls::master(&title.presentation).as_bytes());
    for (index, track) in title.presentation.tracks.iter().enumerate() {
        let stem = format!("harbour-{}", track.token);
        write(
            &format!("{stem}.m3u8"),
            hls::media(&title.presentation, index).as_bytes(),
        );
        let init = fmp4::init(track);
        write(&format!("dash/{stem}.dash"), &init);
        write(&format!("hls/{stem}.m4s"), &init);
        for (number, segment) in (hls::FIRST_SEGMENT_NUMBER..).zip(&track.segments) {
            let media = support::media_segment(track, number - hls::FIRST_SEGMENT_NUMBER, &title.files);
            write(&format!("dash/{stem}-{}.dash", segment.start), &media);
            write(&format!("hls/{stem}-{number}.m4s"), &media);
        }
        // ffmpeg takes sets that it does not know the purpose of for ordinary ones.
        for (index, segment) in track.segments.iter().enumerate() {
            let file = &title.files[track.file.0 as usize];
            let (samples, _) = support::read_samples(track, index, file).unwrap();
            let plan = fmp4::key_frames(track, index, track.key_frames_of(index), &samples);
            let name = format!("dash/{stem}-keyframes-{}.dash", segment.start);
            write(&name, &support::carry_out(&plan, &title.files));
        }
        write(&format!("dash/{stem}-keyframes.dash"), &init);
    }
}

/// Packets without what the readers add to all times alike.
fn from_first(packets: &[Packet]) -> Vec<(i64, u64, &str)> {
    let first = packets[0].pts;
    packets
        .iter()
        .map(|packet| (packet.pts - first, packet.size, packet.hash.as_str()))
        .collect()
}

#[test]
fn ffmpeg_reads_every_packet_of_the_sample_title_over_dash_and_hls() {
    let title = harbour();
    let folder = Folder::new();
    write_out(&title, &folder);
    let (mut videos, mut sounds) = (0, 0);
    for (track, source) in title.presentation.tracks.iter().zip(&title.names) {
        let (letter, index) = match track.kind {
            MediaKind::Video => ('v', &mut videos),
            _ => ('a', &mut sounds),
        };
        let map = format!("0:{letter}:{index}");
        *index += 1;
        let expected = support::packets(source, "0:0");
        let over_dash = support::packets_with(&ANY_ENDING, &folder.path("title.mpd"), &map);
        assert!(
            from_first(&over_dash) == from_first(&expected),
            "{} over DASH",
            track.token
        );
        let playlist = folder.path(&format!("harbour-{}.m3u8", track.token));
        let over_hls = support::packets_with(&ANY_ENDING, &playlist, "0:0");
        assert!(
            from_first(&over_hls) == from_first(&expected),
            "{} over HLS",
            track.token
        );
    }
}

#[test]
fn no_segment_exceeds_the_stated_bandwidth() {
    let title = harbour();
    for track in &title.presentation.tracks {
        for (index, segment) in track.segments.iter().enumerate() {
            let seconds = segment.duration as f64 / f64::from(track.timescale.get());
            // Shorter ones only count together with their neighbours.
            if seconds >= title.presentation.target_duration.as_secs_f64() / 2.0 {
                let bits = support::media_segment(track, index, &title.files).len() as f64 * 8.0;
                assert!(
                    bits / seconds <= track.bandwidth.peak as f64,
                    "{} segment {index}",
                    track.token
                );
            }
        }
        assert!(track.bandwidth.average <= track.bandwidth.peak);
    }
}

#[test]
fn sound_and_pictures_have_the_same_number_of_segments() {
    let title = harbour();
    let counts: Vec<_> = title
        .presentation
        .tracks
        .iter()
        .map(|track| track.segments.len())
        .collect();
    assert_eq!(counts, [12; 6]);
}
