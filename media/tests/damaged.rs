//! Damaged and hostile files end in an error that says where, or in a title
//! that can be planned; never in a panic, a hang or a large allocation.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failing test may panic"
)]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "test files are small"
)]

mod support;

use bytes::Bytes;
use strata_media::plan::FileIndex;
use strata_media::presentation::{Presentation, Source};
use strata_media::read::mp4::ReadError;
use strata_media::segment::SegmentationOptions;
use strata_media::write::fmp4;
use support::Folder;

/// A small file whose tables have something in each of them.
fn film() -> Vec<u8> {
    let folder = Folder::new();
    folder.ffmpeg(
        "-f lavfi -i testsrc2=s=32x32:r=25:d=4 -f lavfi -i sine=440:d=4 -c:v libx264 -g 10 -bf 2 \
         -c:a aac -b:a 32k -movflags +faststart film.mp4",
    );
    std::fs::read(folder.path("film.mp4")).unwrap()
}

/// Reads a file as the origin would, planning every segment.
fn serve(file: &Bytes) -> Result<(), String> {
    let movie = support::read(file).map_err(|error| error.to_string())?;
    let sources = [Source {
        file: FileIndex(0),
        content: Ok(movie),
        reference: None,
    }];
    let title = Presentation::assemble("film", &sources, &SegmentationOptions::default())
        .map_err(|error| error.to_string())?;
    for track in &title.tracks {
        assert!(!fmp4::init(track).is_empty());
        for segment in 0..track.segments.len() {
            let (samples, _) =
                support::read_samples(track, segment, file).map_err(|error| error.to_string())?;
            let plan = fmp4::media(track, segment, &samples);
            for part in &plan.parts {
                if let strata_media::plan::Part::Source { range, .. } = part {
                    assert!(range.end <= file.len() as u64, "a plan stays within its source");
                }
            }
        }
    }
    Ok(())
}

/// A small generator of reproducible numbers (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

#[test]
fn flipped_bits_never_cause_a_panic() {
    let film = film();
    let moov_end = film.windows(4).position(|window| window == b"mdat").unwrap();
    let mut random = Random(0x5eed);
    let mut served = 0;
    for _ in 0..5000 {
        let mut file = film.clone();
        for _ in 0..=random.below(4) {
            let at = random.below(moov_end);
            match random.below(3) {
                0 => file[at] ^= 1 << random.below(8),
                1 => file[at] = 0xff,
                _ => file[at] = random.below(256) as u8,
            }
        }
        served += usize::from(serve(&Bytes::from(file)).is_ok());
    }
    assert!(
        served > 500,
        "only {served} of the damaged files could be served: the test misses the planner"
    );
}

#[test]
fn files_cut_short_anywhere_are_refused() {
    let film = film();
    let moov_end = film.windows(4).position(|window| window == b"mdat").unwrap();
    let lengths = (0..moov_end)
        .step_by(97)
        .chain((moov_end..film.len()).step_by(4999));
    for length in lengths {
        let result = serve(&Bytes::copy_from_slice(&film[..length]));
        assert!(
            result.is_err(),
            "a file of {length} of {} bytes was served",
            film.len()
        );
    }
}

fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut out = (content.len() as u32 + 8).to_be_bytes().to_vec();
    out.extend(kind);
    out.extend(content);
    out
}

fn full(kind: &[u8; 4], words: &[u32]) -> Vec<u8> {
    let mut content = vec![0; 4];
    words.iter().for_each(|word| content.extend(word.to_be_bytes()));
    boxed(kind, &content)
}

/// A file of a few hundred bytes with one sound track of `count` samples.
fn tiny(count: u32, fixed_size: u32) -> Bytes {
    let entry = boxed(b"sowt", &[0; 28]);
    let mut stsd = vec![0, 0, 0, 0, 0, 0, 0, 1];
    stsd.extend(entry);
    let stbl = [
        boxed(b"stsd", &stsd),
        full(b"stts", &[1, count, 1]),
        full(b"stsc", &[1, 1, count, 1]),
        full(b"stsz", &[fixed_size, count]),
        full(b"stco", &[1, 0]),
    ]
    .concat();
    let minf = boxed(b"minf", &boxed(b"stbl", &stbl));
    let hdlr = full(b"hdlr", &[0, u32::from_be_bytes(*b"soun"), 0, 0, 0]);
    let mdia = boxed(
        b"mdia",
        &[full(b"mdhd", &[0, 0, 48_000, 0, 0]), hdlr, minf].concat(),
    );
    let trak = boxed(b"trak", &[full(b"tkhd", &[0; 20]), mdia].concat());
    let moov = boxed(b"moov", &[full(b"mvhd", &[0, 0, 1000, 0]), trak].concat());
    Bytes::from(moov)
}

#[test]
fn a_tiny_file_cannot_claim_billions_of_samples() {
    for fixed_size in [0, 1, 100] {
        let error = support::read(&tiny(u32::MAX, fixed_size)).unwrap_err();
        assert!(matches!(error, ReadError::TooMany { .. }), "{error}");
    }
    assert!(support::read(&tiny(2, 1)).is_ok());
}

#[test]
fn errors_say_which_box_and_where() {
    let check = |file: &[u8], message: &str| {
        assert_eq!(
            support::read(&Bytes::copy_from_slice(file))
                .unwrap_err()
                .to_string(),
            message
        );
    };
    check(b"", "the file is empty");
    check(b"<!DOCTYPE html><html>", "no MP4 file: its first box is CTYP");
    check(
        &boxed(b"ftyp", b"isom"),
        "the file has no moov box in its 12 bytes",
    );
    check(
        &[0, 0, 0, 4, b'f', b't', b'y', b'p'],
        "box ftyp at offset 0 has size 4, smaller than its header",
    );
    check(
        &[0, 0, 1, 0, b'm', b'o', b'o', b'v'],
        "box moov at offset 0 ends at 256, beyond the end of what holds it at 8",
    );
    check(&boxed(b"moov", &[]), "box moov at offset 0 has no mvhd");
    let compressed = boxed(b"moov", &boxed(b"cmov", &[]));
    check(
        &compressed,
        "a compressed movie header (box cmov at offset 8) cannot be read",
    );
}
