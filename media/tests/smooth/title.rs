//! Titles for the tests, and fragments as a parser of other people reads them.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use mp4_atom::{Decode as _, DecodeMaybe as _};
use strata_media::codec::MediaKind;
use strata_media::manifest::smooth::{QualityLevel, Stream, Streams, client_manifest};
use strata_media::plan::FileIndex;
use strata_media::presentation::{Presentation, Source};
use strata_media::read::ism::{self, TrackReference};
use strata_media::read::text::TextFormat;
use strata_media::segment::SegmentationOptions;
use strata_media::smooth::{Fragment, Noun, TIMESCALE};
use strata_media::text::SegmentForm;
use strata_media::text_segment::{Step, TextSegment};
use strata_media::write::{fmp4, smooth};

use crate::support::{self, Folder, Packet};

pub const VIDEO: &str = "-f lavfi -i testsrc2=s=192x108:r=25:d=14";
pub const SOUND: &str = "-f lavfi -i sine=440:d=14:sample_rate=48000";
pub const X264: &str = "-c:v libx264 -preset veryfast -g 50 -bf 2 -sc_threshold 0";

pub fn muxed(options: &str) -> String {
    format!("{VIDEO} {SOUND} {X264} -c:a aac -b:a 64k {options}")
}

/// What a server manifest says of a track.
pub fn reference(kind: MediaKind, name: &str, bitrate: u64, language: Option<&str>) -> TrackReference {
    TrackReference {
        kind,
        src: String::new(),
        system_bitrate: Some(bitrate),
        system_language: language.map(str::to_owned),
        track_id: None,
        track_name: Some(name.to_owned()),
        params: Vec::new(),
    }
}

pub struct Title {
    folder: Folder,
    paths: Vec<PathBuf>,
    files: Vec<Bytes>,
    pub references: Vec<TrackReference>,
    pub presentation: Presentation,
    pub streams: Streams,
}

impl Title {
    /// Files made by ffmpeg, one for each of `commands`, with all their tracks.
    pub fn new(commands: &[String]) -> Self {
        Self::described(commands, &[])
    }

    /// As [`Title::new`], in files of one track each that a server manifest
    /// describes so.
    pub fn described(commands: &[String], tracks: &[TrackReference]) -> Self {
        let folder = Folder::new();
        let mut paths = Vec::new();
        for (index, command) in commands.iter().enumerate() {
            let name = format!("source-{index}.mp4");
            folder.ffmpeg(&format!("{command} {name}"));
            paths.push(folder.path(&name));
        }
        Self::assemble(folder, paths, tracks.to_vec(), Duration::from_secs(4))
    }

    /// Files that are there, with all their tracks.
    pub fn of_files(paths: Vec<PathBuf>, target_duration: Duration) -> Self {
        Self::assemble(Folder::new(), paths, Vec::new(), target_duration)
    }

    /// The sample title of this repository.
    pub fn sample() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sample/title");
        let manifest = ism::read(&std::fs::read(folder.join("harbour.ism")).unwrap()).unwrap();
        let paths = manifest.tracks.iter().map(|track| folder.join(&track.src));
        Self::assemble(
            Folder::new(),
            paths.collect(),
            manifest.tracks,
            Duration::from_secs(6),
        )
    }

    fn assemble(
        folder: Folder,
        paths: Vec<PathBuf>,
        references: Vec<TrackReference>,
        target_duration: Duration,
    ) -> Self {
        let files: Vec<Bytes> = paths
            .iter()
            .map(|path| Bytes::from(std::fs::read(path).unwrap()))
            .collect();
        let (mut sources, mut texts) = (Vec::new(), Vec::new());
        for (file, index) in files.iter().zip(0..) {
            let reference = references.get(index as usize).cloned();
            match reference.as_ref().and_then(TextFormat::of_reference) {
                Some(format) => texts.push((FileIndex(index), reference, format, file)),
                None => sources.push(Source {
                    file: FileIndex(index),
                    content: Ok(support::read(file).unwrap()),
                    reference,
                }),
            }
        }
        let options = SegmentationOptions { target_duration };
        let mut presentation = Presentation::assemble("film", &sources, &options).unwrap();
        for (file, reference, format, bytes) in texts {
            assert_eq!(presentation.add_text_file(file, reference, format, Ok(bytes)), []);
        }
        assert_eq!(presentation.skipped, []);
        let streams = Streams::of(&presentation);
        Self {
            folder,
            paths,
            files,
            references,
            presentation,
            streams,
        }
    }

    /// Where what is made on the way goes.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    pub fn files(&self) -> &[Bytes] {
        &self.files
    }

    pub fn source_path(&self, file: usize) -> &Path {
        &self.paths[file]
    }

    pub fn manifest(&self) -> String {
        client_manifest(&self.presentation, &self.streams)
    }

    pub fn starts(&self, stream: &Stream) -> Vec<u64> {
        (0..stream.segment_count(&self.presentation))
            .map(|segment| self.fragment(stream, &stream.levels[0], segment).start)
            .collect()
    }

    fn fragment(&self, stream: &Stream, level: &QualityLevel, segment: usize) -> Fragment {
        self.streams
            .fragment(&self.presentation, stream, level, segment)
            .unwrap()
    }

    /// What is served for `fragment`.
    pub fn bytes(&self, fragment: &Fragment, noun: Noun) -> Vec<u8> {
        if fragment.kind == MediaKind::Text {
            let text = &self.presentation.texts[fragment.track];
            let mut making = TextSegment::new(text, fragment.segment, SegmentForm::Ttml).unwrap();
            let Step::Done(document) = making.step(Vec::new()).unwrap() else {
                panic!("a file of text is in memory");
            };
            return smooth::document(fragment, noun, &document).to_vec();
        }
        let track = &self.presentation.tracks[fragment.track];
        let file = &self.files[track.file.0 as usize];
        let (samples, _) = support::read_samples(track, fragment.segment, file).unwrap();
        support::carry_out(&smooth::fragment(track, fragment, noun, &samples), &self.files)
    }

    /// The time of the first fragment, and the packets ffmpeg finds in all of
    /// them. Without a `tfdt`, it counts from 0.
    pub fn packets_of_output(&self, stream: &Stream, level: &QualityLevel) -> (i64, Vec<Packet>) {
        let track = &self.presentation.tracks[level.track];
        let mut on_stream_clock = track.clone();
        on_stream_clock.timescale = TIMESCALE;
        let mut out = fmp4::init(&on_stream_clock).to_vec();
        for segment in 0..track.segments.len() {
            out.extend(self.bytes(&self.fragment(stream, level, segment), Noun::Fragments));
        }
        let path = self.folder.path("out.mp4");
        std::fs::write(&path, out).unwrap();
        let first = self.fragment(stream, level, 0).start as i64;
        (first, support::packets(&path, "0:0"))
    }

    pub fn packets_of_source(&self, index: usize) -> Vec<Packet> {
        let track = &self.presentation.tracks[index];
        let before = self.presentation.tracks[..index]
            .iter()
            .filter(|other| other.file == track.file && other.kind == track.kind);
        let map = match track.kind {
            MediaKind::Video => format!("0:v:{}", before.count()),
            _ => format!("0:a:{}", before.count()),
        };
        support::packets(&self.paths[track.file.0 as usize], &map)
    }
}

/// A fragment as `mp4-atom` reads it.
pub struct Parsed {
    /// From `tfxd`.
    pub start: u64,
    /// From `tfxd`.
    pub duration: u64,
    pub durations: Vec<u64>,
    pub samples: Vec<Vec<u8>>,
}

pub fn parse(bytes: &[u8]) -> Parsed {
    let mut rest = bytes;
    let moof = mp4_atom::Moof::decode(&mut rest).unwrap();
    let moof_size = bytes.len() - rest.len();
    let mdat = mp4_atom::Mdat::decode_maybe(&mut rest).unwrap().unwrap();
    assert!(rest.is_empty());
    let [traf] = moof.traf.as_slice() else {
        panic!("one traf");
    };
    let [trun] = traf.trun.as_slice() else {
        panic!("one trun");
    };
    assert_eq!(traf.tfdt, None);
    assert_eq!(trun.data_offset, Some(moof_size as i32 + 8));
    let mut data = mdat.data.as_slice();
    let mut samples = Vec::new();
    let mut durations = Vec::new();
    for entry in trun.samples.iter() {
        let size = entry.size.or(traf.tfhd.default_sample_size).unwrap();
        let (sample, after) = data.split_at(size as usize);
        samples.push(sample.to_vec());
        data = after;
        let duration = entry.duration.or(traf.tfhd.default_sample_duration).unwrap();
        durations.push(u64::from(duration));
    }
    assert!(data.is_empty());
    // The parser passes over user types: the last 20 bytes of a tfxd box are its times.
    let uuid = [
        0x6d, 0x1d, 0x9b, 0x05, 0x42, 0xd5, 0x44, 0xe6, 0x80, 0xe2, 0x14, 0x1d, 0xaf, 0xf7, 0x57, 0xb2,
    ];
    let at = bytes.windows(16).position(|window| window == uuid).unwrap() + 20;
    let field = |at: usize| u64::from_be_bytes(bytes[at..at + 8].try_into().unwrap());
    Parsed {
        start: field(at),
        duration: field(at + 8),
        durations,
        samples,
    }
}
