//! The indexes that say where fragments are.

use bytes::BufMut;

use super::{Form, Index, MadeTrack, Written, boxed, full, words};

/// The indexes before the first fragment.
pub(super) fn front(tracks: &[MadeTrack], form: &Form, written: &[Written], end: u64) -> Vec<u8> {
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
pub(super) fn chain(
    tracks: &[MadeTrack],
    out: &mut [u8],
    written: &[Written],
    start: u64,
    size: usize,
    count: usize,
) {
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

pub(super) fn mfra(tracks: &[MadeTrack], written: &[Written]) -> Vec<u8> {
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
