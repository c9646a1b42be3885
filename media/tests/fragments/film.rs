//! Fragmented files made by hand, in forms that ffmpeg does not write.

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

const SYNC: u32 = 0x0200_0000;
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
    let (_, written, size) = fragments(tracks, form, 0);
    let front = front(tracks, form, &written, size).len() as u64;
    let start = head.len() as u64 + front;
    let (body, written, _) = fragments(tracks, form, start);
    head.extend(self::front(tracks, form, &written, start + body.len() as u64));
    head.extend(body);
    if form.index == Index::Mfra {
        head.extend(mfra(tracks, &written));
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

/// The fragments as they lie from `start` on, and where they end.
fn fragments(tracks: &[MadeTrack], form: &Form, start: u64) -> (Vec<u8>, Vec<Written>, u64) {
    let mut ranges: Vec<Vec<Range<usize>>> = tracks.iter().map(ranges).collect();
    let count = ranges.iter().map(Vec::len).max().unwrap();
    ranges.iter_mut().for_each(|ranges| ranges.reverse());
    let mut out = Vec::new();
    let mut written = Vec::new();
    let groups = if let Index::ChainedSidx(size) = form.index {
        size
    } else {
        usize::MAX
    };
    let mut sequence = 0;
    for number in 0..count {
        if number > 0 && number % groups == 0 {
            // Room for the index of what follows; filled in by `chain`.
            let left = (count - number).min(groups);
            out.extend(vec![0; tracks.len() * (40 + 12 * left)]);
        }
        let due: Vec<(usize, Range<usize>)> = ranges
            .iter_mut()
            .enumerate()
            .filter_map(|(track, ranges)| Some((track, ranges.pop()?)))
            .collect();
        let moofs: Vec<Vec<_>> = if form.is_muxed {
            vec![due]
        } else {
            due.into_iter().map(|one| vec![one]).collect()
        };
        let last = moofs.len() - 1;
        for (position, parts) in moofs.into_iter().enumerate() {
            let offset = start + out.len() as u64;
            sequence += 1;
            let is_last = number + 1 == count && position == last && form.index != Index::Mfra;
            out.extend(fragment(tracks, form, &parts, sequence, offset, is_last));
            for (track, samples) in parts {
                written.push(Written {
                    track,
                    offset,
                    samples,
                });
            }
        }
    }
    let end = start + out.len() as u64;
    if let Index::ChainedSidx(size) = form.index {
        chain(tracks, &mut out, &written, start, size, count);
    }
    (out, written, end)
}

fn ranges(track: &MadeTrack) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut at = 0;
    for size in &track.fragment_sizes {
        let end = (at + size).min(track.samples.len());
        if at < end {
            ranges.push(at..end);
        }
        at = end;
    }
    if at < track.samples.len() {
        ranges.push(at..track.samples.len());
    }
    ranges
}

/// A `moof` and its `mdat`.
fn fragment(
    tracks: &[MadeTrack],
    form: &Form,
    parts: &[(usize, Range<usize>)],
    sequence: u32,
    offset: u64,
    is_last: bool,
) -> Vec<u8> {
    let build = |moof_size: u64| {
        let mut data_at = offset + moof_size + if form.is_large { 16 } else { 8 };
        let mut previous_end = offset;
        let mut content = full(b"mfhd", 0, 0, &words(&[sequence]));
        for (track, samples) in parts {
            let base = match form.base {
                Base::File | Base::Moof => offset,
                Base::Neither => previous_end,
            };
            content.extend(traf(
                &tracks[*track],
                form,
                samples.clone(),
                offset,
                base,
                &mut data_at,
            ));
            previous_end = data_at;
        }
        boxed(b"moof", &content)
    };
    let size = build(0).len() as u64;
    let mut out = build(size);
    let media: Vec<u8> = parts
        .iter()
        .flat_map(|(track, samples)| &tracks[*track].samples[samples.clone()])
        .flat_map(|sample| sample.payload.clone())
        .collect();
    match (form.is_large, is_last) {
        (true, true) => {
            // A size of 1 and one of 0 both say that the box reaches to the end.
            out.put_u32(1);
            out.put_slice(b"mdat");
            out.put_u64(media.len() as u64 + 16);
        }
        (true, false) => {
            out.put_u32(1);
            out.put_slice(b"mdat");
            out.put_u64(media.len() as u64 + 16);
        }
        (false, true) => {
            out.put_u32(0);
            out.put_slice(b"mdat");
        }
        (false, false) => {
            out.put_u32(media.len() as u32 + 8);
            out.put_slice(b"mdat");
        }
    }
    out.extend(media);
    out
}

fn traf(
    track: &MadeTrack,
    form: &Form,
    samples: Range<usize>,
    offset: u64,
    base: u64,
    data_at: &mut u64,
) -> Vec<u8> {
    let samples = &track.samples[samples];
    let first = &samples[0];
    let mut flags = 0;
    let mut tfhd = words(&[track.id]);
    match form.base {
        Base::File => {
            flags |= 1;
            tfhd.put_u64(offset);
        }
        Base::Moof => flags |= 0x2_0000,
        Base::Neither => {}
    }
    if first.entry > 0 || form.defaults == Defaults::Fragment {
        flags |= 2;
        tfhd.put_u32(first.entry + 1);
    }
    if form.defaults == Defaults::Fragment {
        flags |= 0x38;
        tfhd.put_u32(first.duration);
        tfhd.put_u32(first.payload.len() as u32);
        tfhd.put_u32(NON_SYNC);
    }
    let mut content = full(b"tfhd", 0, flags, &tfhd);
    let time = first.decode_time;
    let span: u64 = samples.iter().map(|sample| u64::from(sample.duration)).sum();
    match form.clock {
        Clock::Tfdt => content.extend(full(b"tfdt", 1, 0, &time.to_be_bytes())),
        Clock::ShortTfdt => content.extend(full(b"tfdt", 0, 0, &words(&[time as u32]))),
        Clock::Tfxd => content.extend(tfxd(time, span)),
        Clock::TfxdShown => content.extend(tfxd(time + i64::from(first.composition_offset), span)),
        Clock::None => {}
    }
    for (number, run) in samples.chunks(form.run_size).enumerate() {
        content.extend(trun(track, form, run, number, base, data_at));
    }
    boxed(b"traf", &content)
}

fn tfxd(time: i64, duration: u64) -> Vec<u8> {
    let mut content = vec![
        0x6d, 0x1d, 0x9b, 0x05, 0x42, 0xd5, 0x44, 0xe6, 0x80, 0xe2, 0x14, 0x1d, 0xaf, 0xf7, 0x57, 0xb2,
    ];
    content.put_u32(0x0100_0000);
    content.put_i64(time);
    content.put_u64(duration);
    boxed(b"uuid", &content)
}

fn trun(
    track: &MadeTrack,
    form: &Form,
    run: &[MadeSample],
    number: usize,
    base: u64,
    data_at: &mut u64,
) -> Vec<u8> {
    // What a sample without a field of its own has.
    let (duration, size) = match form.defaults {
        Defaults::Movie => (track.samples[0].duration, track.samples[0].payload.len()),
        Defaults::Fragment => (0, 0),
        Defaults::Sample => (u32::MAX, usize::MAX),
    };
    let first = &run[0];
    let (duration, size) = match form.defaults {
        // The whole fragment's; a run that has them all alike says nothing.
        Defaults::Fragment => (first.duration, first.payload.len()),
        _ => (duration, size),
    };
    let is_common = |of: &dyn Fn(&MadeSample) -> bool| {
        run.iter().all(of) && (number == 0 || form.defaults == Defaults::Movie)
    };
    let durations = !is_common(&|sample| sample.duration == duration);
    let sizes = !is_common(&|sample| sample.payload.len() == size);
    let is_first_only = run[0].is_sync && run[1..].iter().all(|sample| !sample.is_sync);
    let first_flags = form.first_sample_flags && is_first_only && form.defaults != Defaults::Sample;
    let all_flags =
        !first_flags && (form.defaults == Defaults::Sample || run.iter().any(|sample| sample.is_sync));
    let offsets = run.iter().any(|sample| sample.composition_offset != 0);
    // Later runs follow on without an offset of their own.
    let has_offset = number == 0 && !(form.base == Base::Neither && *data_at == base);
    let mut flags = u32::from(has_offset);
    let mut content = words(&[run.len() as u32]);
    if has_offset {
        content.put_i32((*data_at as i64 - base as i64) as i32);
    }
    if first_flags {
        flags |= 4;
        content.put_u32(SYNC);
    }
    for (is_there, flag) in [
        (durations, 0x100),
        (sizes, 0x200),
        (all_flags, 0x400),
        (offsets, 0x800),
    ] {
        flags |= if is_there { flag } else { 0 };
    }
    for sample in run {
        if durations {
            content.put_u32(sample.duration);
        }
        if sizes {
            content.put_u32(sample.payload.len() as u32);
        }
        if all_flags {
            content.put_u32(if sample.is_sync { SYNC } else { NON_SYNC });
        }
        if offsets {
            content.put_i32(sample.composition_offset);
        }
        *data_at += sample.payload.len() as u64;
    }
    full(b"trun", 1, flags, &content)
}

/// The indexes before the first fragment.
fn front(tracks: &[MadeTrack], form: &Form, written: &[Written], end: u64) -> Vec<u8> {
    let size = match form.index {
        Index::None | Index::Mfra => return Vec::new(),
        Index::Sidx => usize::MAX,
        Index::NestedSidx(size) => return nested(tracks, written, end, size),
        Index::ChainedSidx(size) => size,
    };
    let mut out = Vec::new();
    for (index, track) in tracks.iter().enumerate() {
        let own: Vec<&Written> = written.iter().filter(|written| written.track == index).collect();
        let group = &own[..own.len().min(size)];
        let limit = own.get(size).map_or(end, |next| next.offset);
        // What stands between this index and the first fragment of the track.
        let count = |track: usize| written.iter().filter(|written| written.track == track).count();
        let behind: usize = (index + 1..tracks.len())
            .map(|track| 40 + 12 * count(track).min(size))
            .sum();
        let first_offset = (group[0].offset - written[0].offset) + behind as u64;
        out.extend(sidx(
            track,
            group,
            first_offset,
            limit_of(limit, tracks, own.get(size).is_some(), size, own.len()),
        ));
    }
    out
}

/// Where the fragments before the next index end.
fn limit_of(next: u64, tracks: &[MadeTrack], is_followed: bool, size: usize, count: usize) -> u64 {
    if !is_followed {
        return next;
    }
    let left = (count - size).min(size);
    // The first track's fragment comes first, right behind the indexes.
    next - (tracks.len() * (40 + 12 * left)) as u64
}

/// Fills in the indexes between fragments; one track only.
fn chain(tracks: &[MadeTrack], out: &mut [u8], written: &[Written], start: u64, size: usize, count: usize) {
    assert_eq!(tracks.len(), 1, "only one track is chained");
    let end = start + out.len() as u64;
    for first in (size..count).step_by(size) {
        let group: Vec<&Written> = written[first..].iter().take(size).collect();
        let room = 40 + 12 * group.len();
        let limit = written.get(first + size).map_or(end, |next| {
            next.offset - (40 + 12 * (count - first - size).min(size)) as u64
        });
        let index = sidx(&tracks[0], &group, 0, limit);
        assert_eq!(index.len(), room);
        let at = (group[0].offset - start) as usize - room;
        out[at..at + room].copy_from_slice(&index);
    }
}

fn earliest(track: &MadeTrack, written: &Written) -> i64 {
    let samples = &track.samples[written.samples.clone()];
    let shown = samples
        .iter()
        .map(|sample| sample.decode_time + i64::from(sample.composition_offset));
    shown.min().unwrap()
}

fn shown_end(track: &MadeTrack) -> i64 {
    let ends = track
        .samples
        .iter()
        .map(|sample| sample.decode_time + i64::from(sample.composition_offset) + i64::from(sample.duration));
    ends.max().unwrap()
}

fn sidx(track: &MadeTrack, group: &[&Written], first_offset: u64, end: u64) -> Vec<u8> {
    let mut content = words(&[track.id, track.timescale]);
    content.put_i64(earliest(track, group[0]));
    content.put_u64(first_offset);
    content.put_u32(group.len() as u32);
    for (position, written) in group.iter().enumerate() {
        let next = group.get(position + 1);
        content.put_u32((next.map_or(end, |next| next.offset) - written.offset) as u32);
        let behind = written.samples.end;
        let until = if behind == track.samples.len() {
            shown_end(track)
        } else {
            let rest = &track.samples[behind..];
            let shown = rest
                .iter()
                .map(|sample| sample.decode_time + i64::from(sample.composition_offset));
            shown.min().unwrap()
        };
        content.put_u32((until - earliest(track, written)) as u32);
        let is_sync = track.samples[written.samples.start].is_sync;
        content.put_u32(if is_sync { 0x9000_0000 } else { 0 });
    }
    full(b"sidx", 1, 0, &content)
}

/// An index of indexes, right behind each other; one track only.
fn nested(tracks: &[MadeTrack], written: &[Written], end: u64, size: usize) -> Vec<u8> {
    assert_eq!(tracks.len(), 1, "only one track is nested");
    let groups: Vec<Vec<&Written>> = written.chunks(size).map(|group| group.iter().collect()).collect();
    let lengths: Vec<usize> = groups.iter().map(|group| 40 + 12 * group.len()).collect();
    let mut content = words(&[tracks[0].id, tracks[0].timescale]);
    content.put_i64(earliest(&tracks[0], groups[0][0]));
    content.put_u64(0);
    content.put_u32(groups.len() as u32);
    for length in &lengths {
        content.put_u32(1 << 31 | *length as u32);
        content.put_u32(0);
        content.put_u32(0);
    }
    let mut out = full(b"sidx", 1, 0, &content);
    let start = written[0].offset;
    for (number, group) in groups.iter().enumerate() {
        let behind: usize = lengths[number + 1..].iter().sum();
        let first_offset = behind as u64 + group[0].offset - start;
        let limit = groups.get(number + 1).map_or(end, |next| next[0].offset);
        out.extend(sidx(&tracks[0], group, first_offset, limit));
    }
    out
}

fn mfra(tracks: &[MadeTrack], written: &[Written]) -> Vec<u8> {
    let mut content = Vec::new();
    for (index, track) in tracks.iter().enumerate() {
        let own = written.iter().filter(|written| written.track == index);
        let synced = own.filter(|written| track.samples[written.samples.start].is_sync);
        let entries: Vec<&Written> = synced.collect();
        let mut tfra = words(&[track.id, 0, entries.len() as u32]);
        for written in entries {
            let first = &track.samples[written.samples.start];
            tfra.put_i64(first.decode_time + i64::from(first.composition_offset));
            tfra.put_u64(written.offset);
            tfra.put_slice(&[1, 1, 1]);
        }
        content.extend(full(b"tfra", 1, 0, &tfra));
    }
    let size = content.len() as u32 + 24;
    content.extend(full(b"mfro", 0, 0, &words(&[size])));
    boxed(b"mfra", &content)
}
