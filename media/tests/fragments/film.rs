//! Fragmented files made by hand, in forms that ffmpeg does not write.

// By path: test binaries that take this file by path look beside it for others.
#[path = "film/fragment.rs"]
mod fragment;
#[path = "film/index.rs"]
mod index;

use std::ops::Range;

use bytes::{BufMut, Bytes};
use strata_media::read::mp4::MovieTrack;

/// A sample and its payload, times as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeSample {
    pub payload: Vec<u8>,
    pub decode_time: i64,
    pub duration: u32,
    pub composition_offset: i32,
    pub is_sync: bool,
    /// 0-based.
    pub entry: u32,
}

/// A track to be written.
#[derive(Clone, Debug)]
pub struct MadeTrack {
    pub id: u32,
    pub handler: [u8; 4],
    pub timescale: u32,
    pub entries: Vec<Vec<u8>>,
    pub samples: Vec<MadeSample>,
    /// Duration in ticks of the movie (1000 a second), media time.
    pub edits: Vec<(u64, i64)>,
    /// Number of samples of each fragment; the rest is in the last one.
    pub fragment_sizes: Vec<usize>,
}

impl MadeTrack {
    /// The samples of `track` of `file` in one fragment, without its edit list.
    pub fn copied(track: &MovieTrack, file: &Bytes, id: u32) -> Self {
        let samples = track.samples().map(|sample| {
            let sample = sample.unwrap();
            let start = sample.offset as usize;
            MadeSample {
                payload: file[start..start + sample.size as usize].to_vec(),
                decode_time: sample.decode_time,
                duration: sample.duration,
                composition_offset: sample.composition_offset,
                is_sync: sample.is_sync,
                entry: sample.entry,
            }
        });
        Self {
            id,
            handler: track.handler.0,
            timescale: track.timescale.get(),
            entries: track.sample_entries.iter().map(|entry| entry.to_vec()).collect(),
            samples: samples.collect(),
            edits: Vec::new(),
            fragment_sizes: Vec::new(),
        }
    }
}

/// What data offsets count from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    File,
    Moof,
    Neither,
}

/// How a fragment says when it is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    Tfdt,
    ShortTfdt,
    Tfxd,
    /// By presentation time.
    TfxdShown,
    None,
}

/// Where what samples have in common is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defaults {
    /// `trex`, as far as possible.
    Movie,
    /// `tfhd`.
    Fragment,
    /// Every sample says everything.
    Sample,
}

/// What says where the fragments are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Index {
    None,
    Sidx,
    /// One that refers to others, each of so many fragments.
    NestedSidx(usize),
    /// One after the other through the file, each of so many fragments.
    ChainedSidx(usize),
    Mfra,
}

/// How a film is written.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    pub base: Base,
    pub clock: Clock,
    pub defaults: Defaults,
    pub index: Index,
    /// Most samples of a `trun`.
    pub run_size: usize,
    /// All tracks in one `moof`.
    pub is_muxed: bool,
    /// `first-sample-flags` instead of flags for each sample.
    pub first_sample_flags: bool,
    /// 64-bit sizes of `mdat`; the last one has size 0 unless something follows.
    pub is_large: bool,
}

impl Default for Form {
    fn default() -> Self {
        Self {
            base: Base::Moof,
            clock: Clock::Tfdt,
            defaults: Defaults::Fragment,
            index: Index::None,
            run_size: usize::MAX,
            is_muxed: false,
            first_sample_flags: true,
            is_large: false,
        }
    }
}

const NON_SYNC: u32 = 0x0101_0000;

pub fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut out = (content.len() as u32 + 8).to_be_bytes().to_vec();
    out.extend(kind);
    out.extend(content);
    out
}

pub fn full(kind: &[u8; 4], version: u8, flags: u32, content: &[u8]) -> Vec<u8> {
    let mut body = (u32::from(version) << 24 | flags).to_be_bytes().to_vec();
    body.extend(content);
    boxed(kind, &body)
}

pub fn words(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_be_bytes()).collect()
}

/// Where each fragment of a track lies, and when it is shown.
struct Written {
    track: usize,
    offset: u64,
    samples: Range<usize>,
}

/// Writes the file.
pub fn write(tracks: &[MadeTrack], form: &Form) -> Bytes {
    let mut head = boxed(b"ftyp", b"iso6\0\0\0\0iso6");
    head.extend(moov(tracks, form));
    // Twice, since indexes stand before what they point at.
    let (_, written, size) = fragment::fragments(tracks, form, 0);
    let front = index::front(tracks, form, &written, size).len() as u64;
    let start = head.len() as u64 + front;
    let (body, written, _) = fragment::fragments(tracks, form, start);
    head.extend(index::front(tracks, form, &written, start + body.len() as u64));
    head.extend(body);
    if form.index == Index::Mfra {
        head.extend(index::mfra(tracks, &written));
    }
    Bytes::from(head)
}

fn moov(tracks: &[MadeTrack], form: &Form) -> Vec<u8> {
    let mut content = full(b"mvhd", 0, 0, &words(&[0, 0, 1000, 0]));
    let mut mvex = Vec::new();
    for track in tracks {
        // No table: some packagers leave them out.
        content.extend(trak(track, &[]));
        let common = match form.defaults {
            Defaults::Movie => [
                1,
                track.samples[0].duration,
                track.samples[0].payload.len() as u32,
                NON_SYNC,
            ],
            _ => [1, 0, 0, 0],
        };
        mvex.extend(full(
            b"trex",
            0,
            0,
            &[words(&[track.id]), words(&common)].concat(),
        ));
    }
    content.extend(boxed(b"mvex", &mvex));
    boxed(b"moov", &content)
}

/// A track with `tables` beside its sample entries.
pub fn trak(track: &MadeTrack, tables: &[u8]) -> Vec<u8> {
    let mut stsd = words(&[track.entries.len() as u32]);
    track.entries.iter().for_each(|entry| stsd.extend(entry));
    let stbl = boxed(b"stbl", &[full(b"stsd", 0, 0, &stsd).as_slice(), tables].concat());
    let mut hdlr = words(&[0]);
    hdlr.extend(track.handler);
    hdlr.extend([0; 12]);
    let mdia = [
        full(b"mdhd", 0, 0, &words(&[0, 0, track.timescale, 0, 0x55c4_0000])),
        full(b"hdlr", 0, 0, &hdlr),
        boxed(b"minf", &stbl),
    ]
    .concat();
    let mut tkhd = words(&[0, 0, track.id]);
    tkhd.extend([0; 68]);
    let mut elst = words(&[track.edits.len() as u32]);
    for (duration, media_time) in &track.edits {
        elst.put_u64(*duration);
        elst.put_i64(*media_time);
        elst.put_u32(0x1_0000);
    }
    let mut content = full(b"tkhd", 0, 3, &tkhd);
    if !track.edits.is_empty() {
        content.extend(boxed(b"edts", &full(b"elst", 1, 0, &elst)));
    }
    content.extend(boxed(b"mdia", &mdia));
    boxed(b"trak", &content)
}
