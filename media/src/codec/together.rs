//! What a decoder needs for all sample entries of a track: manifests state one codec a
//! track, and one size.

use std::borrow::Cow;

use super::{Codec, CodecConfig, Details, avc, hevc};

/// The entry that manifests describe: of pictures the largest, of sound the one with
/// most channels; of equal ones the first. `None` of none.
pub(crate) fn described(entries: &[CodecConfig]) -> Option<&CodecConfig> {
    let (first, others) = entries.split_first()?;
    Some(others.iter().fold(first, |largest, entry| {
        if extent(largest) < extent(entry) {
            entry
        } else {
            largest
        }
    }))
}

/// Pixels, or channels and their rate.
fn extent(entry: &CodecConfig) -> u64 {
    match &entry.details {
        Details::Video(video) => u64::from(video.width) * u64::from(video.height),
        Details::Audio(audio) => u64::from(audio.channels) << 32 | u64::from(audio.sample_rate),
        Details::Text => 0,
    }
}

/// The `codecs` parameter (`RFC 6381`) of a track with `entries`: of each family one, of
/// the profile, tier and level that all its entries need. Empty of none.
pub(crate) fn rfc6381(entries: &[CodecConfig]) -> Cow<'_, str> {
    let Some((first, others)) = entries.split_first() else {
        return Cow::Borrowed("");
    };
    if others.iter().all(|other| other.rfc6381 == first.rfc6381) {
        return Cow::Borrowed(&first.rfc6381);
    }
    let mut families: Vec<(Codec, Vec<&CodecConfig>)> = Vec::new();
    for entry in entries {
        match families.iter_mut().find(|(codec, _)| *codec == entry.codec) {
            Some((_, members)) => members.push(entry),
            None => families.push((entry.codec, vec![entry])),
        }
    }
    let needed = families.iter().map(|(codec, members)| of_family(*codec, members));
    Cow::Owned(needed.collect::<Vec<String>>().join(","))
}

/// What all `members` of a family need.
fn of_family(codec: Codec, members: &[&CodecConfig]) -> String {
    let records = || members.iter().map(|member| member.record.as_ref());
    let profile = match codec {
        Codec::Avc => avc::joint_profile(records()),
        Codec::Hevc => hevc::joint_profile(records()),
        _ => None,
    };
    match profile {
        Some(profile) => format!("{}.{profile}", least_promising(members)),
        None => {
            let texts = members.iter().map(|member| member.rfc6381.clone());
            texts.reduce(|a, b| larger_fields(&a, &b)).unwrap_or_default()
        }
    }
}

/// The code of an entry whose parameter sets may be in the samples, when there is one.
fn least_promising(members: &[&CodecConfig]) -> String {
    let in_band = members
        .iter()
        .find(|member| matches!(&member.four_cc().0, b"avc3" | b"hev1"));
    let chosen = in_band.or(members.first());
    chosen
        .map(|member| member.four_cc().to_string())
        .unwrap_or_default()
}

/// Field by field the larger of two `codecs` parameters of one family, which count
/// profiles, levels and depths upwards; the optional fields of the one that has more.
fn larger_fields(a: &str, b: &str) -> String {
    let (longer, shorter) = if a.len() < b.len() { (b, a) } else { (a, b) };
    let mut others = shorter.split('.');
    let fields = longer.split('.').map(|field| match others.next() {
        Some(other) => larger_field(field, other),
        None => field.to_owned(),
    });
    fields.collect::<Vec<String>>().join(".")
}

fn larger_field(a: &str, b: &str) -> String {
    // AV1's tier stands behind its level: H asks for more than M.
    if let (Some((level_a, tier_a)), Some((level_b, tier_b))) = (level_and_tier(a), level_and_tier(b)) {
        return format!("{}{}", level_a.max(level_b), tier_a.min(tier_b));
    }
    match (a.parse::<u32>(), b.parse::<u32>()) {
        (Ok(number_a), Ok(number_b)) if number_a < number_b => b.to_owned(),
        (Ok(_), Ok(_)) => a.to_owned(),
        _ => a.max(b).to_owned(),
    }
}

fn level_and_tier(field: &str) -> Option<(&str, &str)> {
    let (level, tier) = field.split_at_checked(2)?;
    let is_level = level.bytes().all(|digit| digit.is_ascii_digit());
    (is_level && matches!(tier, "M" | "H")).then_some((level, tier))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::codec::{AudioDetails, VideoDetails};

    fn entry(codec: Codec, rfc6381: &str, record: &[u8], details: Details) -> CodecConfig {
        let four_cc = rfc6381.split('.').next().unwrap();
        CodecConfig {
            codec,
            rfc6381: rfc6381.to_owned(),
            supplemental: None,
            details,
            entry: Bytes::from([&[0, 0, 0, 8], four_cc.as_bytes()].concat()),
            record: Bytes::copy_from_slice(record),
        }
    }

    fn check(codec: Codec, entries: &[(&str, &[u8])], expected: &str) {
        let mut entries: Vec<CodecConfig> = entries
            .iter()
            .map(|(text, record)| entry(codec, text, record, Details::Text))
            .collect();
        assert_eq!(rfc6381(&entries), expected);
        entries.reverse();
        assert_eq!(rfc6381(&entries), expected);
    }

    #[test]
    fn avc_of_the_highest_profile_and_level() {
        check(
            Codec::Avc,
            &[
                ("avc1.64000c", &[1, 0x64, 0, 0x0c]),
                ("avc1.42c01e", &[1, 0x42, 0xc0, 0x1e]),
            ],
            "avc1.64001e",
        );
        // All are constrained as the main profile has it; parameter sets of one may be in the samples.
        check(
            Codec::Avc,
            &[
                ("avc3.4d400d", &[1, 0x4d, 0x40, 0x0d]),
                ("avc1.42e01f", &[1, 0x42, 0xe0, 0x1f]),
            ],
            "avc3.4d401f",
        );
    }

    #[test]
    fn hevc_of_the_highest_profile_tier_and_level() {
        let record = |profile: u8, compatibility: u8, level: u8| {
            let mut record = vec![1, profile, compatibility, 0, 0, 0, 0xb0, 0, 0, 0, 0, 0, level];
            record.resize(23, 0);
            record
        };
        check(
            Codec::Hevc,
            &[
                ("hvc1.1.6.L93.B0", &record(1, 0x60, 93)),
                ("hvc1.2.4.H60.B0", &record(0x22, 0x20, 60)),
            ],
            "hvc1.2.4.H93.B0",
        );
    }

    #[test]
    fn others_field_by_field() {
        check(
            Codec::Av1,
            &[("av01.0.04H.08", &[]), ("av01.0.08M.10", &[])],
            "av01.0.08H.10",
        );
        check(
            Codec::Av1,
            &[("av01.0.08M.08", &[]), ("av01.0.04M.10.0.110.09.16.09.0", &[])],
            "av01.0.08M.10.0.110.09.16.09.0",
        );
        check(
            Codec::Aac,
            &[("mp4a.40.5", &[]), ("mp4a.40.29", &[])],
            "mp4a.40.29",
        );
        check(Codec::Aac, &[("mp4a.40.2", &[]), ("mp4a.40.2", &[])], "mp4a.40.2");
    }

    #[test]
    fn families_are_told_one_by_one() {
        let entries = [
            entry(Codec::Avc, "avc1.64000c", &[1, 0x64, 0, 0x0c], Details::Text),
            entry(Codec::Vp9, "vp09.00.10.08", &[], Details::Text),
            entry(Codec::Avc, "avc1.640028", &[1, 0x64, 0, 0x28], Details::Text),
        ];
        assert_eq!(rfc6381(&entries), "avc1.640028,vp09.00.10.08");
        assert_eq!(rfc6381(&[]), "");
    }

    #[test]
    fn the_largest_is_described() {
        let picture = |width: u32, height: u32| {
            let details = VideoDetails {
                width,
                height,
                ..VideoDetails::default()
            };
            entry(Codec::Avc, "avc1.64000c", &[], Details::Video(details))
        };
        let sound = |channels: u16| {
            let details = AudioDetails {
                channels,
                ..AudioDetails::default()
            };
            entry(Codec::Aac, "mp4a.40.2", &[], Details::Audio(details))
        };
        let pictures = [picture(64, 36), picture(128, 72), picture(128, 72)];
        assert!(std::ptr::eq(described(&pictures).unwrap(), &pictures[1]));
        let sounds = [sound(6), sound(2)];
        assert!(std::ptr::eq(described(&sounds).unwrap(), &sounds[0]));
        assert!(described(&[]).is_none());
    }
}
