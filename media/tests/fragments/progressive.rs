//! Progressive files made by hand, in forms that ffmpeg does not write: sample tables for
//! [`MadeTrack`]s.

use std::ops::Range;

use bytes::{BufMut, Bytes};

use crate::film::{MadeSample, MadeTrack, boxed, full, trak, words};

/// How a progressive file is written.
#[derive(Clone, Copy, Debug)]
pub struct Progressive {
    /// Most samples of a chunk; one holds samples of one entry.
    pub chunk_size: usize,
    /// The media of each track behind that of the one before, not by time.
    pub is_apart: bool,
    /// The `moov` behind the media.
    pub is_moov_last: bool,
    /// `co64`.
    pub has_wide_offsets: bool,
}

impl Default for Progressive {
    fn default() -> Self {
        Self {
            chunk_size: 10,
            is_apart: false,
            is_moov_last: false,
            has_wide_offsets: false,
        }
    }
}

/// Samples of a track that lie together.
struct Chunk {
    track: usize,
    samples: Range<usize>,
    /// From the start of the media.
    offset: u64,
}

/// Writes the file.
pub fn write(tracks: &[MadeTrack], form: &Progressive) -> Bytes {
    let (chunks, media) = chunks(tracks, form);
    let mut file = boxed(b"ftyp", b"isom\0\0\0\0isom");
    // Its size is the same wherever the media lies.
    let moov_size = moov(tracks, &chunks, form, 0).len();
    let before = file.len() + if form.is_moov_last { 0 } else { moov_size };
    let moov = moov(tracks, &chunks, form, before as u64 + 8);
    let mdat = boxed(b"mdat", &media);
    if form.is_moov_last {
        file.extend(mdat);
        file.extend(moov);
    } else {
        file.extend(moov);
        file.extend(mdat);
    }
    Bytes::from(file)
}

fn chunks(tracks: &[MadeTrack], form: &Progressive) -> (Vec<Chunk>, Vec<u8>) {
    let mut chunks = Vec::new();
    for (track, made) in tracks.iter().enumerate() {
        let mut first = 0;
        for run in made.samples.chunk_by(|a, b| a.entry == b.entry) {
            for part in run.chunks(form.chunk_size) {
                chunks.push(Chunk {
                    track,
                    samples: first..first + part.len(),
                    offset: 0,
                });
                first += part.len();
            }
        }
    }
    if !form.is_apart {
        let micros = |chunk: &Chunk| {
            let made = &tracks[chunk.track];
            let first = &made.samples[chunk.samples.start];
            first.decode_time * 1_000_000 / i64::from(made.timescale)
        };
        chunks.sort_by_key(micros);
    }
    let mut media = Vec::new();
    for chunk in &mut chunks {
        chunk.offset = media.len() as u64;
        let samples = &tracks[chunk.track].samples[chunk.samples.clone()];
        samples.iter().for_each(|sample| media.extend(&sample.payload));
    }
    (chunks, media)
}

fn moov(tracks: &[MadeTrack], chunks: &[Chunk], form: &Progressive, media_at: u64) -> Vec<u8> {
    let mut content = full(b"mvhd", 0, 0, &words(&[0, 0, 1000, 0]));
    for (index, track) in tracks.iter().enumerate() {
        let own: Vec<&Chunk> = chunks.iter().filter(|chunk| chunk.track == index).collect();
        content.extend(trak(track, &tables(track, &own, form, media_at)));
    }
    boxed(b"moov", &content)
}

fn tables(track: &MadeTrack, chunks: &[&Chunk], form: &Progressive, media_at: u64) -> Vec<u8> {
    let samples = &track.samples;
    let mut out = runs(b"stts", 0, samples, |sample| sample.duration);
    if samples.iter().any(|sample| sample.composition_offset != 0) {
        out.extend(runs(b"ctts", 1, samples, |sample| {
            sample.composition_offset.cast_unsigned()
        }));
    }
    if samples.iter().any(|sample| !sample.is_sync) {
        let syncs = (1..).zip(samples).filter(|(_, sample)| sample.is_sync);
        let numbers: Vec<u32> = syncs.map(|(number, _)| number).collect();
        out.extend(full(b"stss", 0, 0, &counted(&numbers, 1)));
    }
    let sizes: Vec<u32> = samples.iter().map(|sample| sample.payload.len() as u32).collect();
    out.extend(full(b"stsz", 0, 0, &[words(&[0]), counted(&sizes, 1)].concat()));
    let mut to_chunk = Vec::new();
    for (number, chunk) in (1..).zip(chunks) {
        let entry = samples[chunk.samples.start].entry + 1;
        to_chunk.extend([number, chunk.samples.len() as u32, entry]);
    }
    out.extend(full(b"stsc", 0, 0, &counted(&to_chunk, 3)));
    let mut offsets = words(&[chunks.len() as u32]);
    for chunk in chunks {
        let offset = media_at + chunk.offset;
        if form.has_wide_offsets {
            offsets.put_u64(offset);
        } else {
            offsets.put_u32(offset as u32);
        }
    }
    let kind = if form.has_wide_offsets { b"co64" } else { b"stco" };
    out.extend(full(kind, 0, 0, &offsets));
    out
}

/// A table of runs of equal values.
fn runs(kind: &[u8; 4], version: u8, samples: &[MadeSample], value: impl Fn(&MadeSample) -> u32) -> Vec<u8> {
    let runs = samples.chunk_by(|a, b| value(a) == value(b));
    let entries: Vec<u32> = runs.flat_map(|run| [run.len() as u32, value(&run[0])]).collect();
    full(kind, version, 0, &counted(&entries, 2))
}

/// The number of entries of `width` words, and these.
fn counted(values: &[u32], width: usize) -> Vec<u8> {
    [words(&[(values.len() / width) as u32]), words(values)].concat()
}
