//! ADTS headers of AAC frames (`ISO/IEC 13818-7 §6.2`, `ISO/IEC 14496-3 §1.A.2.2`).

use crate::multiplex::AdtsProfile;

/// Size of a header without a checksum, in bytes.
pub(super) const HEADER_SIZE: u32 = 7;

/// Largest frame a header can state, the header included: 13 bits.
pub(super) const FRAME_SIZE_MAX: u32 = (1 << 13) - 1;

/// `syncword`, and `protection_absent` of MPEG-4.
const SYNC: u64 = 0xfff1;

/// `adts_buffer_fullness` of a variable rate.
const VARIABLE_RATE: u64 = 0x7ff;

/// The header of a frame with `size` bytes of AAC.
pub(super) fn header(profile: AdtsProfile, size: u32) -> [u8; 7] {
    let frame_size = u64::from(size.saturating_add(HEADER_SIZE).min(FRAME_SIZE_MAX));
    let bits = SYNC << 40
        | u64::from(profile.profile & 3) << 38
        | u64::from(profile.sampling_frequency_index & 15) << 34
        | u64::from(profile.channel_configuration & 7) << 30
        | frame_size << 13
        | VARIABLE_RATE << 2;
    let [_, header @ ..] = bits.to_be_bytes();
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_the_one_other_muxers_write() {
        let profile = AdtsProfile {
            profile: 1,
            sampling_frequency_index: 3,
            channel_configuration: 2,
        };
        assert_eq!(
            header(profile, 371 - 7),
            [0xff, 0xf1, 0x4c, 0x80, 0x2e, 0x7f, 0xfc]
        );
    }
}
