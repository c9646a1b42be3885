//! Fragments of Smooth Streaming (`[MS-SSTR] §2.2.4`): a `moof` with times on
//! the 10 MHz clock, and an `mdat` of ranges of the source.
//!
//! `tfxd` repeats what the URL and the manifest say of the fragment. There is no
//! `tfrf`: it announces later fragments of live streams. There is no `sdtp`
//! either: the sample flags already say which samples depend on others.

use bytes::Bytes;

use super::box_writer::BoxWriter;
use super::track_run::TrackRun;
use crate::plan::Plan;
use crate::sample::{Sample, Samples};
use crate::smooth::{Fragment, Noun};
use crate::track::Track;

/// The track's identifier: fragments hold one track, and players tell streams
/// apart by URL.
const TRACK_ID: u32 = 1;

/// `TfxdBox` (`[MS-SSTR] §2.2.4.4`).
const TFXD_UUID: [u8; 16] = [
    0x6d, 0x1d, 0x9b, 0x05, 0x42, 0xd5, 0x44, 0xe6, 0x80, 0xe2, 0x14, 0x1d, 0xaf, 0xf7, 0x57, 0xb2,
];

/// Plans what `noun` asks of `fragment`; `track` is its track and `samples` are
/// all samples of its segment.
///
/// The plan is empty when there is nothing to send: no sample, or no key frame.
#[must_use]
pub fn fragment(track: &Track, fragment: &Fragment, noun: Noun, samples: &Samples) -> Plan {
    let mut plan = Plan::default();
    let samples = on_stream_clock(track, fragment, noun, &samples.0);
    if samples.is_empty() {
        return plan;
    }
    if noun != Noun::RawFragments {
        let mut head = BoxWriter::with_capacity(160 + samples.len() * 16);
        write_head(&mut head, fragment, noun, &samples);
        plan.push_bytes(head.finish());
    }
    if noun != Noun::FragmentInfo {
        for sample in &samples {
            let end = sample.offset.saturating_add(u64::from(sample.size));
            plan.push_source(track.file, sample.offset..end);
        }
    }
    plan
}

/// What `noun` asks of a `fragment` of text: one sample, a TTML document whose
/// times count from the fragment's start.
#[must_use]
pub fn document(fragment: &Fragment, noun: Noun, document: &[u8]) -> Bytes {
    let mut out = BoxWriter::with_capacity(192 + document.len());
    if noun != Noun::RawFragments {
        let sample = Sample {
            offset: 0,
            size: u32::try_from(document.len()).unwrap_or(u32::MAX),
            duration: u32::try_from(fragment.duration).unwrap_or(u32::MAX),
            decode_time: i64::try_from(fragment.start).unwrap_or(i64::MAX),
            composition_offset: 0,
            is_sync: true,
            entry: 0,
        };
        write_head(&mut out, fragment, noun, &[sample]);
    }
    if noun != Noun::FragmentInfo {
        out.slice(document);
    }
    out.finish()
}

/// The samples that `noun` asks for, with times in ticks of the stream. They
/// follow on from each other from the fragment's start to the next one's, so
/// that a player that adds up durations arrives where the manifest says.
fn on_stream_clock(track: &Track, fragment: &Fragment, noun: Noun, samples: &[Sample]) -> Vec<Sample> {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else {
        return Vec::new();
    };
    let start = i64::try_from(fragment.start).unwrap_or(i64::MAX);
    // Tracks of one stream that reorder pictures less deeply than another could
    // start later. Their composition offsets make up for it.
    let lead = fragment.time(track, first.decode_time).saturating_sub(start);
    let decoded = |ticks| fragment.time(track, ticks).saturating_sub(lead);
    let end = match fragment.next {
        Some(next) => i64::try_from(next).unwrap_or(i64::MAX),
        None => decoded(last.decode_end()),
    };
    let kept: Vec<&Sample> = samples
        .iter()
        .filter(|sample| noun != Noun::KeyFrames || sample.is_sync)
        .collect();
    let followers = kept.iter().skip(1).map(|next| decoded(next.decode_time));
    let mut from = start;
    kept.iter()
        .zip(followers.chain([end]))
        .map(|(sample, to)| {
            let decode_time = from;
            from = to.max(from);
            let offset = fragment
                .time(track, sample.presentation_time())
                .saturating_sub(decode_time);
            Sample {
                duration: u32::try_from(from.saturating_sub(decode_time)).unwrap_or(u32::MAX),
                decode_time,
                composition_offset: i32::try_from(offset.max(0)).unwrap_or(i32::MAX),
                entry: 0,
                ..**sample
            }
        })
        .collect()
}

/// Writes the `moof` and, unless it is all that is asked for, the head of the `mdat`.
fn write_head(out: &mut BoxWriter, fragment: &Fragment, noun: Noun, samples: &[Sample]) {
    let run = TrackRun::of(samples);
    let mut data_offset_at = 0;
    out.write(b"moof", |out| {
        let number = u32::try_from(fragment.segment).unwrap_or(u32::MAX);
        out.full(b"mfhd", 0, 0, |out| out.u32(number.saturating_add(1)));
        out.write(b"traf", |out| {
            // Data offsets count from the start of the moof by default (§8.8.7);
            // the flag that says so is younger than some players.
            run.write_header(out, TRACK_ID, 0);
            data_offset_at = run.write(out);
            out.write(b"uuid", |out| {
                out.slice(&TFXD_UUID);
                out.u32(0x0100_0000); // version 1: 64 bits
                out.u64(fragment.start);
                out.u64(fragment.duration);
            });
        });
    });
    let moof_size = out.position();
    let mut media_header = BoxWriter::default();
    let header_size = media_header.media_data_header(run.media_size());
    let data_offset = u32::try_from(moof_size + header_size).unwrap_or(u32::MAX);
    out.patch(data_offset_at, data_offset);
    if noun != Noun::FragmentInfo {
        out.slice(&media_header.finish());
    }
}
