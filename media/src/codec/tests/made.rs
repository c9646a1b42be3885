//! Sample entries made by hand.

/// Entries and their configuration boxes, to be filled with anything.
pub(super) const CONFIGURATIONS: [(&[u8; 4], &[u8; 4]); 17] = [
    (b"avc1", b"avcC"),
    (b"hvc1", b"hvcC"),
    (b"av01", b"av1C"),
    (b"vp09", b"vpcC"),
    (b"dvh1", b"dvcC"),
    (b"mp4a", b"esds"),
    (b"ac-3", b"dac3"),
    (b"ec-3", b"dec3"),
    (b"ac-4", b"dac4"),
    (b"Opus", b"dOps"),
    (b"fLaC", b"dfLa"),
    (b"alac", b"alac"),
    (b"mha1", b"mhaC"),
    (b"dtsc", b"ddts"),
    (b"wvtt", b"vttC"),
    (b"stpp", b"mime"),
    (b"tx3g", b"ftab"),
];

pub(super) fn boxed(name: &[u8; 4], payload: &[u8]) -> Vec<u8> {
    let size = u32::try_from(payload.len() + 8).unwrap();
    [&size.to_be_bytes()[..], name, payload].concat()
}

pub(super) fn visual_entry(four_cc: &[u8; 4], children: &[u8]) -> Vec<u8> {
    let mut fields = [0; 78];
    fields[24..28].copy_from_slice(&[0x07, 0x80, 0x04, 0x38]);
    boxed(four_cc, &[&fields[..], children].concat())
}

pub(super) fn sound_entry(four_cc: &[u8; 4], version: u8, after: &[u8]) -> Vec<u8> {
    let mut fields = [0; 28];
    fields[9] = version;
    fields[17] = 2;
    fields[24..26].copy_from_slice(&[0xBB, 0x80]);
    boxed(four_cc, &[&fields[..], after].concat())
}

pub(super) fn text_entry(four_cc: &[u8; 4], after: &[u8]) -> Vec<u8> {
    boxed(four_cc, &[&[0; 8][..], after].concat())
}

pub(super) fn mp4a(object_type: u8, record: &[u8]) -> Vec<u8> {
    sound_entry(b"mp4a", 0, &esds(object_type, record))
}

pub(super) fn esds(object_type: u8, record: &[u8]) -> Vec<u8> {
    let descriptor = |tag: u8, payload: Vec<u8>| {
        let size = payload.len();
        let low = |shift: u32| u8::try_from(size >> shift & 0x7F).unwrap();
        [vec![tag, 0x80, 0x80, 0x80 | low(7), low(0)], payload].concat()
    };
    let specific = descriptor(5, record.to_vec());
    let config = descriptor(4, [&[object_type, 0x15][..], &[0; 11], &specific].concat());
    let stream = descriptor(3, [&[0, 1, 0][..], &config, &[6, 1, 2]].concat());
    boxed(b"esds", &[&[0; 4][..], &stream].concat())
}

/// The box with its size field set anew.
pub(super) fn resized(mut bytes: Vec<u8>) -> Vec<u8> {
    let size = u32::try_from(bytes.len()).unwrap();
    if let Some(field) = bytes.first_chunk_mut() {
        *field = size.to_be_bytes();
    }
    bytes
}

pub(super) fn renamed(entry: &[u8], four_cc: &[u8; 4]) -> Vec<u8> {
    [&entry[..4], four_cc, &entry[8..]].concat()
}

pub(super) fn with_child(entry: &[u8], child: &[u8]) -> Vec<u8> {
    resized([entry, child].concat())
}

/// The video entry without its boxes of this name.
pub(super) fn without(entry: &[u8], name: &[u8; 4]) -> Vec<u8> {
    let mut kept = entry[..86].to_vec();
    let mut rest = &entry[86..];
    while !rest.is_empty() {
        let size = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
        if rest[4..8] != name[..] {
            kept.extend(&rest[..size]);
        }
        rest = &rest[size..];
    }
    resized(kept)
}

/// The video entry with its own width and height unsaid.
pub(super) fn without_size(entry: &[u8]) -> Vec<u8> {
    [&entry[..32], &[0; 4], &entry[36..]].concat()
}
