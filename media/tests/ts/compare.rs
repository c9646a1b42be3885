//! Transport streams against their sources, through ffmpeg.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use strata_media::codec::MediaKind;
use strata_media::multiplex::{CLOCK_AT_START, Multiplex};
use strata_media::presentation::Presentation;
use strata_media::time::Timescale;
use strata_media::track::Track;

use crate::support::{self, Folder, Packet, Times};
use crate::{checker, segment};

/// A title and the files it was made from.
pub struct Sources<'a> {
    /// What is made on the way goes here.
    pub folder: &'a Folder,
    pub paths: &'a [PathBuf],
    pub files: &'a [Bytes],
    pub presentation: &'a Presentation,
    pub times: Times,
    /// Files that together have the pictures of the title's one track, which ffmpeg does
    /// not decode as they are where their size changes; none where it does.
    pub clips: &'a [PathBuf],
}

/// What ffmpeg has to read without a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// Every segment, and all of them joined.
    EachSegment,
    /// All segments joined.
    Joined,
}

impl Sources<'_> {
    /// Makes all segments of a stream with `tracks`; ffmpeg has to find in them what it
    /// finds in the sources.
    pub fn check_streams(&self, tracks: Vec<&Track>, silence: Silence) {
        let multiplex = Multiplex::new(tracks.clone()).unwrap();
        let mut whole = Vec::new();
        for number in 0..multiplex.segment_count() {
            let bytes = segment::segment(&multiplex, number, self.files);
            let streams = checker::check(&bytes);
            // ffmpeg warns of streams that it does not find in what it reads.
            if silence == Silence::EachSegment && streams.values().all(|stream| !stream.units.is_empty()) {
                let path = self.folder.path("segment.ts");
                std::fs::write(&path, &bytes).unwrap();
                decode_silently(&path);
            }
            whole.extend(bytes);
        }
        let path = self.folder.path("whole.ts");
        std::fs::write(&path, &whole).unwrap();
        decode_silently(&path);
        let mut sounds = 0;
        for track in tracks {
            let source = &self.paths[track.file.0 as usize];
            let kind = if track.kind == MediaKind::Video { "v" } else { "a" };
            let before = support::packets(source, &format!("0:{kind}:{}", self.place(track)));
            if track.kind == MediaKind::Video {
                self.compare_times(track, &before, &support::packets(&path, "0:v"), 0);
                let frames: Vec<String> = match self.clips {
                    [] => frame_hashes(source),
                    clips => clips.iter().flat_map(|clip| frame_hashes(clip)).collect(),
                };
                assert_eq!(frame_hashes(&path), frames);
                assert_eq!(frames.len(), before.len());
            } else {
                let after = sound_packets(track, &path, &format!("0:a:{sounds}"));
                // ffmpeg adds rounded durations up within a unit.
                self.compare_times(track, &before, &after, 8);
                for (index, (before, after)) in before.iter().zip(&after).enumerate() {
                    assert_eq!(
                        (after.size, &after.hash),
                        (before.size, &before.hash),
                        "{}: frame {index}",
                        track.token
                    );
                }
                sounds += 1;
            }
        }
    }

    fn compare_times(&self, track: &Track, before: &[Packet], after: &[Packet], tolerance: u64) {
        assert_eq!(after.len(), before.len(), "{}: number of packets", track.token);
        let at_start = Timescale::MPEG2.rescale(before[0].pts, track.timescale);
        let shift = match self.times {
            Times::AsRead => CLOCK_AT_START as i64,
            Times::FromTheFirst => after[0].pts - at_start,
        };
        let ticks = |time: i64| Timescale::MPEG2.rescale(time, track.timescale) + shift;
        for (index, (before, after)) in before.iter().zip(after).enumerate() {
            let (dts, pts) = (ticks(before.dts), ticks(before.pts));
            assert!(
                after.pts.abs_diff(pts) <= tolerance && after.dts.abs_diff(dts) <= tolerance,
                "{}: packet {index} at {} {} and not {dts} {pts}",
                track.token,
                after.dts,
                after.pts
            );
        }
    }

    /// The place of a track among those of its kind in its file.
    fn place(&self, track: &Track) -> usize {
        let earlier = self
            .presentation
            .tracks
            .iter()
            .take_while(|other| other.token != track.token);
        earlier
            .filter(|other| other.file == track.file && other.kind == track.kind)
            .count()
    }
}

/// Decodes a file; ffmpeg may not warn of anything.
pub fn decode_silently(path: &Path) {
    let output = Command::new("ffmpeg")
        .args(["-v", "warning", "-nostdin", "-i"])
        .arg(path)
        .args(["-map", "0", "-f", "null", "-"])
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && words.is_empty(), "{words}");
}

/// Hashes of all decoded pictures, in the order they are shown.
fn frame_hashes(path: &Path) -> Vec<String> {
    let ignore: &[&str] = if path.extension().unwrap() == "ts" {
        &[]
    } else {
        &["-ignore_editlist", "1"]
    };
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin"])
        .args(ignore)
        .arg("-i")
        .arg(path)
        .args([
            "-map",
            "0:v",
            "-fps_mode",
            "passthrough",
            // Pictures whose size changes as they are, not scaled to the first one's.
            "-autoscale",
            "0",
            "-f",
            "framehash",
            "-hash",
            "md5",
            "-",
        ])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.rsplit(',').next().unwrap().trim().to_owned())
        .collect()
}

/// Packets of sound, without ADTS headers.
fn sound_packets(track: &Track, path: &Path, map: &str) -> Vec<Packet> {
    if track.codec().unwrap().codec != strata_media::codec::Codec::Aac {
        return support::packets(path, map);
    }
    let bare = path.with_extension("bare.mp4");
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y", "-copyts", "-i"])
        .arg(path)
        .args([
            "-map",
            map,
            "-c",
            "copy",
            "-bsf:a",
            "aac_adtstoasc",
            "-f",
            "framehash",
            "-hash",
            "md5",
        ])
        .arg(&bare)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    support::parse_framehash(&std::fs::read_to_string(&bare).unwrap())
}
