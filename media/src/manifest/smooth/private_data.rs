//! `CodecPrivateData`: what decoders need before the first sample
//! (`[MS-SSTR] §2.2.2.5`).

use crate::codec::{AudioDetails, ChannelLayout, Codec, CodecConfig, Details};

/// Samples of one frame of (E-)AC-3 as `wSamplesPerBlock` states them.
const DOLBY_SAMPLES_PER_BLOCK: u16 = 1536;

/// `SubFormat` of AC-3 and E-AC-3: `MEDIASUBTYPE_DOLBY_AC3` and
/// `MEDIASUBTYPE_DOLBY_DDPLUS`, the first three fields little-endian.
const AC3_SUB_FORMAT: [u8; 16] = [
    0x2c, 0x80, 0x6d, 0xe0, 0x46, 0xdb, 0xcf, 0x11, 0xb4, 0xd1, 0x00, 0x80, 0x5f, 0x6c, 0xbb, 0xea,
];
const EAC3_SUB_FORMAT: [u8; 16] = [
    0xaf, 0x87, 0xfb, 0xa7, 0x02, 0x2d, 0xfb, 0x42, 0xa4, 0xd4, 0x05, 0xcd, 0x93, 0x84, 0x3b, 0xdd,
];

/// What a decoder needs of `config`, for a track of `bitrate` bits a second:
/// parameter sets with start codes for pictures, the `AudioSpecificConfig` for
/// AAC, what follows `WAVEFORMATEX` for other sound.
pub(in crate::manifest) fn private_data(config: &CodecConfig, bitrate: u64) -> Vec<u8> {
    let audio = match &config.details {
        Details::Audio(audio) => audio.clone(),
        Details::Video(_) | Details::Text => AudioDetails::default(),
    };
    match config.codec {
        Codec::Avc | Codec::Hevc => {
            let sets = config.parameter_sets().into_iter();
            sets.flat_map(|set| [&[0, 0, 0, 1], set].concat()).collect()
        }
        Codec::Ac3 => extensible(&audio, AC3_SUB_FORMAT, &config.record),
        Codec::Eac3 => extensible(&audio, EAC3_SUB_FORMAT, &config.record),
        Codec::Mp3 => layer_3(&audio, bitrate),
        // A document says everything itself.
        Codec::Stpp | Codec::Wvtt | Codec::Tx3g => Vec::new(),
        _ => config.record.to_vec(),
    }
}

/// What `WAVEFORMATEXTENSIBLE` adds, then the codec's own configuration.
fn extensible(audio: &AudioDetails, sub_format: [u8; 16], record: &[u8]) -> Vec<u8> {
    let mut data = DOLBY_SAMPLES_PER_BLOCK.to_le_bytes().to_vec();
    data.extend(speakers(audio).to_le_bytes());
    data.extend(sub_format);
    data.extend_from_slice(record);
    data
}

/// What `MPEGLAYER3WAVEFORMAT` adds.
fn layer_3(audio: &AudioDetails, bitrate: u64) -> Vec<u8> {
    // A frame is 1152 samples, from 32 kHz down half as many.
    let samples = if audio.sample_rate < 32_000 { 576 } else { 1152 };
    let frame = bitrate.saturating_mul(samples) / 8 / u64::from(audio.sample_rate.max(1));
    let frame = u16::try_from(frame).unwrap_or(u16::MAX).to_le_bytes();
    let id = 1_u16.to_le_bytes(); // MPEGLAYER3_ID_MPEG
    let flags = 2_u32.to_le_bytes(); // MPEGLAYER3_FLAG_PADDING_OFF
    let frames_per_block = 1_u16.to_le_bytes();
    let codec_delay = 0_u16.to_le_bytes(); // not said
    [&id[..], &flags, &frame, &frames_per_block, &codec_delay].concat()
}

/// Bits of `dwChannelMask` for the bits of Dolby's mask, from the most
/// significant one down (`ETSI TS 102 366 Table E.1.4`); none for positions
/// Windows does not know.
const DOLBY_SPEAKERS: [u32; 16] = [
    0x1,     // left
    0x4,     // centre
    0x2,     // right
    0x10,    // left surround
    0x20,    // right surround
    0xc0,    // left and right of centre
    0x600,   // left and right rear surround: Windows numbers the pairs the other way round
    0x100,   // centre surround
    0x800,   // top surround
    0,       // left and right surround direct
    0,       // left and right wide
    0x5000,  // left and right vertical height
    0x2000,  // centre vertical height
    0x28000, // left and right top surround
    0,       // second LFE
    0x8,     // LFE
];

/// `dwChannelMask`: by the layout when Dolby states it, else by the count.
fn speakers(audio: &AudioDetails) -> u32 {
    match (audio.layout, audio.channels) {
        (ChannelLayout::Dolby(mask), _) if mask != 0 => DOLBY_SPEAKERS
            .iter()
            .enumerate()
            .filter(|(bit, _)| mask & (0x8000 >> bit) != 0)
            .fold(0, |speakers, (_, speaker)| speakers | speaker),
        (_, 1) => 0x4,
        (_, 2) => 0x3,
        (_, 3) => 0x7,
        (_, 4) => 0x33,
        (_, 5) => 0x37,
        (_, 6) => 0x3f,
        (_, 8) => 0x63f,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(layout: ChannelLayout, channels: u16, expected: u32) {
        let audio = AudioDetails {
            layout,
            channels,
            ..AudioDetails::default()
        };
        assert_eq!(speakers(&audio), expected);
    }

    #[test]
    fn speakers_are_those_of_the_layout() {
        check(ChannelLayout::Dolby(0xf801), 6, 0x3f);
        check(ChannelLayout::Dolby(0xa000), 2, 0x3);
        check(ChannelLayout::Dolby(0xfa01), 8, 0x63f);
        check(ChannelLayout::Unknown, 6, 0x3f);
        check(ChannelLayout::Unknown, 24, 0);
    }

    #[test]
    fn enhanced_ac_3_is_described_as_its_encoders_do() {
        let audio = AudioDetails {
            layout: ChannelLayout::Dolby(0xf801),
            ..AudioDetails::default()
        };
        let hex: String = extensible(&audio, EAC3_SUB_FORMAT, &[7, 0, 0x20, 0x0f, 0])
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect();
        assert_eq!(hex, "00063F000000AF87FBA7022DFB42A4D405CD93843BDD0700200F00");
    }

    #[test]
    fn mp3_frames_have_the_size_of_their_bitrate() {
        let audio = AudioDetails {
            sample_rate: 44_100,
            ..AudioDetails::default()
        };
        assert_eq!(layer_3(&audio, 128_000), [1, 0, 2, 0, 0, 0, 0xa1, 1, 1, 0, 0, 0]);
    }
}
