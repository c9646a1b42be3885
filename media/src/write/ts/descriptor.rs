//! Descriptors of the program map (`ISO/IEC 13818-1 §2.6`).

use crate::codec::{AudioDetails, ChannelLayout, CodecConfig, Details};
use crate::language;
use crate::multiplex::Carriage;
use crate::track::Track;

/// Descriptor tags.
const REGISTRATION: u8 = 0x05;
const ISO_639_LANGUAGE: u8 = 0x0a;
const AC3_AUDIO_STREAM: u8 = 0x81;
const EAC3_AUDIO: u8 = 0xcc;

/// The descriptors of a track.
pub(super) fn of(track: &Track, carriage: Carriage) -> Vec<u8> {
    let mut descriptors = Vec::new();
    let language = track.language.as_deref().and_then(language::iso_639_2);
    match (carriage, track.codec()) {
        (Carriage::Hevc, _) => descriptors.extend(registration(b"HEVC")),
        (Carriage::Ac3, Some(codec)) => {
            descriptors.extend(registration(b"AC-3"));
            descriptors.extend(ac3(codec, language).unwrap_or_default());
        }
        (Carriage::Eac3, Some(codec)) => {
            descriptors.extend(registration(b"EAC3"));
            descriptors.extend(eac3(codec));
        }
        _ => {}
    }
    let has_sound = !matches!(carriage, Carriage::Avc | Carriage::Hevc);
    if let Some([a, b, c]) = language.filter(|_| has_sound) {
        // audio_type 0: not said (§2.6.18).
        descriptors.extend([ISO_639_LANGUAGE, 4, a, b, c, 0]);
    }
    descriptors
}

/// §2.6.8.
fn registration(format: &[u8; 4]) -> [u8; 6] {
    let [a, b, c, d] = *format;
    [REGISTRATION, 4, a, b, c, d]
}

/// `AC-3_audio_stream_descriptor` by the `dac3` box, `ATSC A/52 §A.4.3`; `None`
/// when the box has no three bytes, as in files that say AC-3 by an object type.
fn ac3(codec: &CodecConfig, language: Option<[u8; 3]>) -> Option<Vec<u8>> {
    let &[a, b, c] = codec.record.first_chunk()?;
    let (rate_code, bit_stream_id) = (a >> 6, a >> 1 & 0x1f);
    let (mode, coding) = ((a & 1) << 2 | b >> 6, b >> 3 & 7);
    let bit_rate_code = (b & 3) << 3 | c >> 5;
    let mut body = vec![
        rate_code << 5 | bit_stream_id,
        // surround_mode 0: not said.
        bit_rate_code << 2,
        // full_svc: what the track has can be listened to alone.
        mode << 5 | coding << 1 | 1,
        0xff,
    ];
    if coding == 0 {
        body.push(0xff);
    }
    // Main services: mainid 0, priority not specified; associated ones: asvcflags.
    body.push(if mode < 2 { 0x1f } else { 0 });
    // No text.
    body.push(1);
    match language {
        Some(code) => {
            body.push(0xbf);
            body.extend(code);
        }
        None => body.push(0x3f),
    }
    Some(descriptor(AC3_AUDIO_STREAM, &body))
}

/// `E-AC-3_audio_descriptor`, `ATSC A/52 §G.3.5`.
fn eac3(codec: &CodecConfig) -> Vec<u8> {
    let channels = match &codec.details {
        Details::Audio(details) => eac3_channels(details),
        Details::Video(_) | Details::Text => 0,
    };
    // No optional field; a full service of type complete main.
    descriptor(EAC3_AUDIO, &[0x80, 0xc0 | channels])
}

/// `number_of_channels`, Table G.3.
fn eac3_channels(details: &AudioDetails) -> u8 {
    /// Loudspeakers of 3/2 + LFE in Dolby's mask.
    const WITHIN_5_1: u16 = 0xf801;
    match (details.channels, details.layout) {
        (0 | 1, _) => 0,
        (2, _) => 2,
        (_, ChannelLayout::Dolby(mask)) if mask & !WITHIN_5_1 != 0 => 5,
        (3..=6, _) => 4,
        _ => 5,
    }
}

fn descriptor(tag: u8, body: &[u8]) -> Vec<u8> {
    let size = u8::try_from(body.len()).unwrap_or(u8::MAX);
    let mut descriptor = vec![tag, size];
    descriptor.extend(body.iter().take(size.into()));
    descriptor
}
