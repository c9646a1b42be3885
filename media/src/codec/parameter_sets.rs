//! Parameter sets of H.264 and H.265 as their configuration records hold them.

use super::{Codec, CodecConfig};

/// Bytes before the number of sequence parameter sets in an
/// `AVCDecoderConfigurationRecord`, `ISO/IEC 14496-15 §5.3.3.1`.
const AVC_HEAD: usize = 5;
/// Bytes before the number of arrays in an `HEVCDecoderConfigurationRecord`, §8.3.3.1.
const HEVC_HEAD: usize = 22;
/// `nal_unit_type` of H.265's parameter sets in the order they are sent: video,
/// sequence, picture, `ITU-T H.265 Table 7-1`.
const HEVC_TYPES: [u8; 3] = [32, 33, 34];

impl CodecConfig {
    /// The parameter sets in the sample entry, as NAL units in the order a decoder
    /// wants them. What follows damage is left out. Empty for other codecs.
    ///
    /// H.264's extensions for auxiliary pictures are not among them: no player
    /// shows those pictures.
    #[must_use]
    pub fn parameter_sets(&self) -> Vec<&[u8]> {
        let mut sets = Vec::new();
        // Sets found before the damage are kept: a decoder may do with them.
        let _ = match self.codec {
            Codec::Avc => read_avc(&self.record, &mut sets),
            Codec::Hevc => read_hevc(&self.record, &mut sets),
            _ => Some(()),
        };
        sets
    }
}

fn read_avc<'a>(record: &'a [u8], sets: &mut Vec<&'a [u8]>) -> Option<()> {
    let (count, rest) = record.get(AVC_HEAD..)?.split_first()?;
    let rest = read_array(rest, (count & 0x1f).into(), sets)?;
    let (count, rest) = rest.split_first()?;
    read_array(rest, (*count).into(), sets)?;
    Some(())
}

fn read_hevc<'a>(record: &'a [u8], sets: &mut Vec<&'a [u8]>) -> Option<()> {
    let mut by_type = Vec::new();
    let outcome = read_hevc_arrays(record, &mut by_type);
    for wanted in HEVC_TYPES {
        let of_type = by_type.iter().filter(|(nal_type, _)| *nal_type == wanted);
        sets.extend(of_type.map(|(_, set)| *set));
    }
    outcome
}

fn read_hevc_arrays<'a>(record: &'a [u8], sets: &mut Vec<(u8, &'a [u8])>) -> Option<()> {
    let (count, mut rest) = record.get(HEVC_HEAD..)?.split_first()?;
    for _ in 0..*count {
        let (head, after) = rest.split_first()?;
        let (count, after) = after.split_first_chunk()?;
        let mut array = Vec::new();
        let outcome = read_array(after, u16::from_be_bytes(*count), &mut array);
        sets.extend(array.into_iter().map(|set| (head & 0x3f, set)));
        rest = outcome?;
    }
    Some(())
}

/// Reads `count` NAL units with their sizes; what follows them.
fn read_array<'a>(mut rest: &'a [u8], count: u16, sets: &mut Vec<&'a [u8]>) -> Option<&'a [u8]> {
    for _ in 0..count {
        let (size, after) = rest.split_first_chunk()?;
        let (set, after) = after.split_at_checked(u16::from_be_bytes(*size).into())?;
        if !set.is_empty() {
            sets.push(set);
        }
        rest = after;
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn avc_sequence_sets_come_before_picture_sets() {
        let record = [1, 0x64, 0, 0x1f, 0xff, 0xe1, 0, 2, 0x67, 9, 1, 0, 1, 0x68, 0xfd];
        let mut sets = Vec::new();
        assert!(read_avc(&record, &mut sets).is_some());
        assert_eq!(sets, [&[0x67, 9][..], &[0x68]]);
    }

    #[test]
    fn hevc_sets_are_sorted_and_others_left_out() {
        let mut record = vec![1; HEVC_HEAD];
        // Picture set, user data, sequence set, video set.
        record.push(4);
        for (nal_type, byte) in [(34, 0x44), (39, 0x4e), (0x80 | 33, 0x42), (0x80 | 32, 0x40)] {
            record.extend([nal_type, 0, 1, 0, 2, byte, 1]);
        }
        let mut sets = Vec::new();
        assert!(read_hevc(&record, &mut sets).is_some());
        assert_eq!(sets, [[0x40, 1], [0x42, 1], [0x44, 1]]);
    }

    #[test]
    fn damage_leaves_the_sets_before_it() {
        let record = [1, 0x64, 0, 0x1f, 0xff, 0xe2, 0, 2, 0x67, 9, 0, 200, 0x67];
        let mut sets = Vec::new();
        assert_eq!(read_avc(&record, &mut sets), None);
        assert_eq!(sets, [[0x67, 9]]);
        assert_eq!(read_hevc(&[], &mut sets), None);
    }
}
