//! The form entries are served in.

use super::*;

fn served(entry: &[u8], handler: FourCc) -> CodecConfig {
    let read = read_sample_entry(entry, handler).unwrap();
    let served = read_served_entry(entry, handler).unwrap();
    assert_eq!((served.codec, &served.details), (read.codec, &read.details));
    let again = read_served_entry(&served.entry, handler).unwrap();
    assert_eq!(again, served, "what is served is served as it is");
    served
}

#[test]
fn entries_as_iso_has_them_are_served_to_the_byte() {
    let quicktime = ["hev1-hdr10", "avc3", "mp4a-quicktime"];
    for (name, handler) in FILES {
        if !quicktime.contains(&name) {
            assert_eq!(served(&entry(name), handler).entry, entry(name), "{name}");
        }
    }
}

#[test]
fn parameter_sets_in_the_entry_are_promised_there() {
    let hev1 = entry("hev1-hdr10");
    let config = served(&hev1, VIDEO);
    assert_eq!(config.four_cc(), FourCc(*b"hvc1"));
    assert!(config.rfc6381.starts_with("hvc1.2.4."), "{}", config.rfc6381);
    // Beside the name, only what says that the arrays are complete.
    let differing = hev1.iter().zip(&config.entry).filter(|(a, b)| a != b).count();
    assert!(
        config.entry.len() == hev1.len() && differing <= 2 + 3,
        "{differing}"
    );
    for four_cc in [(b"dvhe", b"dvh1"), (b"hev1", b"hvc1")] {
        let child = boxed(b"dvcC", &[1, 0, 0x0a, 0x35, 0, 0, 0, 0]);
        let vision = with_child(&renamed(&hev1, four_cc.0), &child);
        assert_eq!(served(&vision, VIDEO).four_cc(), FourCc(*four_cc.1));
    }
    assert_eq!(
        served(&renamed(&entry("avc1"), b"avc3"), VIDEO).entry,
        entry("avc1")
    );
}

#[test]
fn parameter_sets_in_the_samples_are_promised_there() {
    // No array.
    let record = [
        &[1, 1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 0x5d, 0xf0, 0, 0xfc][..],
        &[0xfd, 0xf8, 0xf8, 0, 0, 0x0f, 0],
    ]
    .concat();
    let in_band = with_child(&visual_entry(b"hev1", &[]), &boxed(b"hvcC", &record));
    assert_eq!(served(&in_band, VIDEO).four_cc(), FourCc(*b"hev1"));
}

#[test]
fn quicktime_descriptions_become_entries_of_iso() {
    let config = served(&entry("mp4a-quicktime"), AUDIO);
    assert_eq!(config.rfc6381, "mp4a.40.2");
    let esds = config.entry.windows(4).position(|name| name == b"esds").unwrap();
    assert_eq!(esds, 8 + 28 + 4, "right behind the fields");
    assert_eq!(config.entry[16..18], [0, 0], "version 0");
    assert!(!config.entry.windows(4).any(|name| name == b"wave"));

    let cookie = [
        &[0; 4][..],
        &[0; 4],
        &[0, 24, 0, 0, 0, 2, 0, 0],
        &[0; 8],
        &96_000_u32.to_be_bytes(),
    ];
    let alac = boxed(b"alac", &cookie.concat());
    let wave = [boxed(b"frma", b"alac"), alac.clone(), boxed(&[0; 4], &[])].concat();
    let after = [&[0; 16][..], &boxed(b"wave", &wave), &[0; 4]].concat();
    let lossless = served(&sound_entry(b"alac", 1, &after), AUDIO);
    assert_eq!(lossless.entry[36..], alac);
    assert_eq!(lossless.entry[32..34], [0, 0], "the rate has more than 16 bits");

    let mut added = vec![0, 0, 0, 72];
    added.extend(48_000_f64.to_be_bytes());
    added.extend([0, 0, 0, 2, 0x7F, 0, 0, 0]);
    added.extend([0; 16]);
    let config = served_mp3(&sound_entry(b".mp3", 2, &added));
    assert_eq!(config.rfc6381, "mp4a.6B");
    assert_eq!(config.entry[24..26], [0, 2], "channels");
    assert_eq!(config.entry[32..36], [0xBB, 0x80, 0, 0], "rate");
}

/// Its codec is called by another name, so nothing else is compared.
fn served_mp3(entry: &[u8]) -> CodecConfig {
    let config = read_served_entry(entry, AUDIO).unwrap();
    assert_eq!(config.codec, Codec::Mp3);
    config
}

#[test]
fn zeros_behind_the_boxes_and_other_references_are_not_served() {
    let plain = entry("avc1");
    let mut odd = resized([&plain[..], &[0; 4]].concat());
    odd[15] = 3;
    assert_eq!(served(&odd, VIDEO).entry, plain);
}
