//! Sample entries as they are served. Boxes stay as they are in the source; what is
//! changed is the form around them, where players want another one for the same media:
//!
//! - names that promise parameter sets in the samples (`hev1`, `avc3`), when the entry
//!   has them all: Apple's players refuse these names;
//! - QuickTime's sound descriptions, with fields and a `wave` that only QuickTime knows,
//!   and its `.mp3`;
//! - QuickTime's bytes of zero behind the boxes;
//! - the number of the data reference: there is one where the entry is served.

use super::boxes::{self, Boxes, boxed, is_chain, push};
use super::{AudioDetails, Codec, CodecConfig, Details, FourCc, sound, visual};

/// Bytes at the start of every entry: reserved ones, then the data reference.
const DATA_REFERENCE: std::ops::Range<usize> = 6..8;
/// The data reference of what is served.
const FIRST: [u8; 2] = [0, 1];

/// Bytes before the number of arrays in an `HEVCDecoderConfigurationRecord`.
const HEVC_HEAD: usize = 22;
/// Says that all parameter sets of an array's type are in it (`ISO/IEC 14496-15 §8.3.3.1.3`).
const ARRAY_COMPLETENESS: u8 = 0x80;

/// The entry that is served for `config`; `None`: its own.
pub(super) fn entry(config: &CodecConfig) -> Option<Vec<u8>> {
    let (four_cc, payload) = boxes::open(&config.entry).ok()?;
    match &config.details {
        Details::Video(details) => video(four_cc, payload, details.parameter_sets_in_entry),
        Details::Audio(details) => audio(four_cc, payload, config, details),
        Details::Text => None,
    }
}

fn video(four_cc: FourCc, payload: &[u8], is_complete: bool) -> Option<Vec<u8>> {
    let (fixed, children) = payload.split_at_checked(visual::FIXED_SIZE)?;
    let name = out_of_band(four_cc).filter(|_| is_complete);
    if name.is_none() && is_chain(children) && fixed.get(DATA_REFERENCE) == Some(FIRST.as_slice()) {
        return None;
    }
    let mut out = with_first_reference(fixed);
    for (kind, content) in Boxes::read(children).ok()?.iter() {
        let mut content = content.to_vec();
        if name.is_some() && &kind.0 == b"hvcC" {
            complete_arrays(&mut content);
        }
        push(&mut out, kind, &content);
    }
    Some(boxed(name.unwrap_or(four_cc), &out))
}

/// The name of the same codec with parameter sets in the entry only
/// (`ISO/IEC 14496-15 §5.3.3, §8.3.3`).
fn out_of_band(four_cc: FourCc) -> Option<FourCc> {
    let name = match &four_cc.0 {
        b"avc3" => b"avc1",
        b"hev1" => b"hvc1",
        b"dvhe" => b"dvh1",
        b"dvav" => b"dva1",
        _ => return None,
    };
    Some(FourCc(*name))
}

/// Says of every array of parameter sets that it is complete, as `hvc1` must.
fn complete_arrays(record: &mut [u8]) -> Option<()> {
    let count = *record.get(HEVC_HEAD)?;
    let mut at = HEVC_HEAD + 1;
    for _ in 0..count {
        let head = record.get_mut(at)?;
        if matches!(*head & 0x3f, 32..=34) {
            *head |= ARRAY_COMPLETENESS;
        }
        let &[high, low] = record.get(at + 1..)?.first_chunk()?;
        at += 3;
        for _ in 0..u16::from_be_bytes([high, low]) {
            let &[high, low] = record.get(at..)?.first_chunk()?;
            at += 2 + usize::from(u16::from_be_bytes([high, low]));
        }
    }
    Some(())
}

fn audio(four_cc: FourCc, payload: &[u8], config: &CodecConfig, details: &AudioDetails) -> Option<Vec<u8>> {
    let (fixed, after) = payload.split_at_checked(sound::FIXED_SIZE)?;
    let quicktime = sound::quicktime_size(fixed, after);
    let children = after.get(quicktime.unwrap_or(0)..)?;
    let boxes = Boxes::read(children).ok()?;
    let is_quicktime = quicktime.is_some() || boxes.find(b"wave").is_some() || &four_cc.0 == b".mp3";
    if !is_quicktime {
        if is_chain(children) && fixed.get(DATA_REFERENCE) == Some(FIRST.as_slice()) {
            return None;
        }
        let mut out = with_first_reference(fixed);
        boxes
            .iter()
            .for_each(|(kind, content)| push(&mut out, kind, content));
        return Some(boxed(four_cc, &out));
    }
    let mut out = iso_fields(fixed, details);
    // Those inside `wave` first: they configure the decoder.
    let within = boxes.find(b"wave").and_then(|wave| Boxes::read(wave).ok());
    for (kind, content) in within.unwrap_or_default().iter().chain(boxes.iter()) {
        // The codec's name again, byte order, the loudspeakers in QuickTime's terms.
        let is_known_to_quicktime_only = matches!(
            &kind.0,
            b"wave" | b"frma" | b"mp4a" | b"enda" | b"chan" | b"\0\0\0\0"
        );
        if !is_known_to_quicktime_only {
            push(&mut out, kind, content);
        }
    }
    if &four_cc.0 != b".mp3" {
        return Some(boxed(four_cc, &out));
    }
    push(&mut out, FourCc(*b"esds"), &layer_3_descriptor(config.codec)?);
    Some(boxed(FourCc(*b"mp4a"), &out))
}

/// The fields of an `AudioSampleEntry` of version 0 (`ISO/IEC 14496-12 §12.2.3`).
fn iso_fields(quicktime: &[u8], details: &AudioDetails) -> Vec<u8> {
    /// Where the size of a decoded sample stands in both.
    const SAMPLE_SIZE: std::ops::Range<usize> = 18..20;
    let mut out = vec![0; sound::FIXED_SIZE];
    let sample_size = match quicktime.get(SAMPLE_SIZE) {
        Some(&[high, low]) if matches!(u16::from_be_bytes([high, low]), 8 | 16 | 24 | 32) => [high, low],
        _ => [0, 16],
    };
    // Rates of more than 16 bits are said by the codec's own box.
    let rate = u16::try_from(details.sample_rate).unwrap_or(0).to_be_bytes();
    let fields = [
        (DATA_REFERENCE, FIRST),
        (16..18, details.channels.to_be_bytes()),
        (SAMPLE_SIZE, sample_size),
        (24..26, rate),
    ];
    for (place, bytes) in fields {
        if let Some(field) = out.get_mut(place) {
            field.copy_from_slice(&bytes);
        }
    }
    out
}

/// An `esds` without configuration, which layer III does not have
/// (`ISO/IEC 14496-1 §7.2.6.5`).
fn layer_3_descriptor(codec: Codec) -> Option<Vec<u8>> {
    /// MPEG-1 audio.
    const OBJECT_TYPE: u8 = 0x6b;
    /// `streamType` 5, sound; a reserved bit of 1.
    const STREAM_TYPE: u8 = 5 << 2 | 1;
    if codec != Codec::Mp3 {
        return None;
    }
    let mut config = vec![4, 13, OBJECT_TYPE, STREAM_TYPE];
    config.extend([0; 11]); // bufferSizeDB, maxBitrate, avgBitrate: not said
    let sync_layer = [6, 1, 2];
    let size = u8::try_from(3 + config.len() + sync_layer.len()).ok()?;
    let mut out = vec![0, 0, 0, 0, 3, size, 0, 0, 0];
    out.extend(config);
    out.extend(sync_layer);
    Some(out)
}

fn with_first_reference(fixed: &[u8]) -> Vec<u8> {
    let mut out = fixed.to_vec();
    if let Some(reference) = out.get_mut(DATA_REFERENCE) {
        reference.copy_from_slice(&FIRST);
    }
    out
}
