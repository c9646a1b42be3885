//! The fragments themselves.

use std::ops::Range;

use bytes::BufMut;

use super::{
    Base, Clock, Defaults, Form, Index, MadeSample, MadeTrack, NON_SYNC, Written, boxed, full, index, words,
};

const SYNC: u32 = 0x0200_0000;

/// The fragments as they lie from `start` on, and where they end.
pub(super) fn fragments(tracks: &[MadeTrack], form: &Form, start: u64) -> (Vec<u8>, Vec<Written>, u64) {
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
        index::chain(tracks, &mut out, &written, start, size, count);
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
