//! Source files made by ffmpeg, and ffmpeg's own account of their packets.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use strata_media::plan::{FileIndex, Part, Plan};
use strata_media::presentation::{Presentation, Source};
use strata_media::read::mp4::{Movie, ReadError, Reader, SegmentReader, SegmentStep, Step};
use strata_media::sample::Samples;
use strata_media::segment::SegmentationOptions;
use strata_media::track::Track;
use strata_media::write::fmp4;

/// A folder of source files that goes with the test.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs ffmpeg with the words of `arguments` in the folder.
    pub fn ffmpeg(&self, arguments: &str) {
        let output = Command::new("ffmpeg")
            .args(["-v", "error", "-nostdin", "-y"])
            .args(arguments.split_whitespace())
            .current_dir(self.0.path())
            .output()
            .expect("ffmpeg is installed");
        assert!(
            output.status.success(),
            "ffmpeg {arguments}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

/// Drives the reader over a file in memory.
pub fn read(file: &Bytes) -> Result<Movie, ReadError> {
    let mut reader = Reader::new(file.len() as u64);
    let mut step = reader.step(None)?;
    loop {
        match step {
            Step::Need(range) => {
                step = reader.step(Some(file.slice(range.start as usize..range.end as usize)))?;
            }
            Step::Done(movie) => return Ok(movie),
        }
    }
}

/// The first sample entry of a file of the sample title.
pub fn entry(name: &str) -> Vec<u8> {
    let path = format!("{}/../sample/title/{name}", env!("CARGO_MANIFEST_DIR"));
    let movie = read(&Bytes::from(std::fs::read(path).unwrap())).unwrap();
    movie.tracks[0].sample_entries[0].to_vec()
}

/// A title of several files, each with all its tracks.
pub fn assemble(files: &[Bytes], target: Duration) -> Presentation {
    let sources: Vec<Source> = files
        .iter()
        .enumerate()
        .map(|(index, file)| Source {
            file: FileIndex(index as u32),
            content: Ok(read(file).unwrap()),
            reference: None,
        })
        .collect();
    Presentation::assemble(
        "film",
        &sources,
        &SegmentationOptions {
            target_duration: target,
        },
    )
    .unwrap()
}

/// The bytes a plan stands for.
pub fn carry_out(plan: &Plan, files: &[Bytes]) -> Vec<u8> {
    let mut out = Vec::new();
    for part in &plan.parts {
        match part {
            Part::Bytes(bytes) => out.extend_from_slice(bytes),
            Part::Source { file, range } => {
                out.extend_from_slice(&files[file.0 as usize][range.start as usize..range.end as usize]);
            }
        }
    }
    assert_eq!(out.len() as u64, plan.length, "a plan's length is exact");
    out
}

/// The samples of a segment, read as the origin would; with it the number of
/// rounds and of bytes that took.
pub fn read_samples(track: &Track, segment: usize, file: &Bytes) -> Result<(Samples, Reads), ReadError> {
    let mut reader = SegmentReader::new(track, segment);
    let mut reads = Reads::default();
    let mut supplied = Vec::new();
    loop {
        match reader.step(supplied)? {
            SegmentStep::Done(samples) => return Ok((samples, reads)),
            SegmentStep::Need(ranges) => {
                reads.rounds += 1;
                supplied = ranges
                    .into_iter()
                    .map(|range| {
                        assert!(range.start < range.end && range.end <= file.len() as u64);
                        reads.bytes += range.end - range.start;
                        file.slice(range.start as usize..range.end as usize)
                    })
                    .collect();
            }
        }
    }
}

/// What reading took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    pub rounds: u32,
    pub bytes: u64,
}

/// Media segment `segment` of `track`.
pub fn media_segment(track: &Track, segment: usize, files: &[Bytes]) -> Vec<u8> {
    let file = &files[track.file.0 as usize];
    let (samples, _) = read_samples(track, segment, file).unwrap();
    carry_out(&fmp4::media(track, segment, &samples), files)
}

/// The whole track as one fragmented file.
pub fn output(track: &Track, files: &[Bytes]) -> Vec<u8> {
    let mut out = fmp4::init(track).to_vec();
    for segment in 0..track.segments.len() {
        out.extend(media_segment(track, segment, files));
    }
    out
}

/// How the times that ffmpeg reads of a source compare with those of what is made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// They are the same.
    AsRead,
    /// The same for each track, up to a constant: ffmpeg knows no `tfxd`, and shifts
    /// what starts at a negative time.
    FromTheFirst,
}

/// One packet as ffmpeg sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    pub dts: i64,
    pub pts: i64,
    pub size: u64,
    pub hash: String,
}

/// The packets of stream `map` of a file, times in the stream's own clock and
/// as they stand in the file.
pub fn packets(path: &Path, map: &str) -> Vec<Packet> {
    packets_with(&[], path, map)
}

/// As [`packets`], with options for ffmpeg's reader of the file.
pub fn packets_with(options: &[&str], path: &Path, map: &str) -> Vec<Packet> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-copyts"])
        .args(options)
        .arg("-i")
        .arg(path)
        .args([
            "-map",
            map,
            "-c",
            "copy",
            "-copytb",
            "1",
            "-f",
            "framehash",
            "-hash",
            "md5",
            "-",
        ])
        .output()
        .expect("ffmpeg is installed");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    parse_framehash(&String::from_utf8(output.stdout).unwrap())
}

/// The decoded pictures of a file, times in its own clock and as they stand in it; with
/// them what ffmpeg complains of.
pub fn decoded(path: &Path) -> (Vec<Packet>, String) {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-copyts", "-i"])
        .arg(path)
        .args("-map 0:v:0 -fps_mode passthrough -enc_time_base -1 -f framehash -hash md5 -".split(' '))
        .output()
        .expect("ffmpeg is installed");
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{complaints}");
    (
        parse_framehash(&String::from_utf8(output.stdout).unwrap()),
        complaints,
    )
}

/// Compares the packets of what is made of `track` with those of its source.
pub fn compare_packets(track: &Track, output: &[Packet], source: &[Packet], times: Times) {
    assert_eq!(output.len(), source.len(), "{}: number of packets", track.token);
    // ffmpeg puts the source's packets where its edit list says, so they all are
    // where they shall be when they are later by what the title is.
    let offset = match times {
        Times::AsRead => i64::try_from(track.presentation_time_offset).unwrap(),
        Times::FromTheFirst => output[0].pts - source[0].pts,
    };
    for (index, (output, source)) in output.iter().zip(source).enumerate() {
        let expected = Packet {
            dts: source.dts + offset,
            pts: source.pts + offset,
            ..source.clone()
        };
        assert_eq!(output, &expected, "{}: packet {index}", track.token);
    }
}

/// The packets that ffmpeg's `framehash` lists.
pub fn parse_framehash(text: &str) -> Vec<Packet> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let fields: Vec<&str> = line.split(',').map(str::trim).collect();
            Packet {
                dts: fields[1].parse().unwrap(),
                pts: fields[2].parse().unwrap(),
                size: fields[4].parse().unwrap(),
                hash: fields[5].to_owned(),
            }
        })
        .collect()
}
