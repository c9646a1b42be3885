//! Damaged and hostile fragmented files end in an error that says where, or in a
//! title that can be planned; never in a panic, a hang or a large allocation.

use std::time::Duration;

use bytes::Bytes;
use strata_media::finding::{self, Finding};
use strata_media::plan::{FileIndex, Part};
use strata_media::presentation::{Presentation, Source};
use strata_media::read::mp4::ReadError;
use strata_media::segment::SegmentationOptions;
use strata_media::write::fmp4;

use crate::film::{Base, Clock, Form, Index, MadeTrack, boxed, full, words, write};
use crate::made::{assemble, pictures, read_back, sound};
use crate::support::{self, Reads};

/// Reads a file as the origin would, planning every segment.
fn serve(file: &Bytes) -> Result<(), String> {
    let source = Source {
        file: FileIndex(0),
        content: support::read(file),
        reference: None,
    };
    let title = Presentation::assemble("film", &[source], &SegmentationOptions::default())
        .map_err(|error| error.to_string())?;
    for track in &title.tracks {
        for segment in 0..track.segments.len() {
            let (samples, _) =
                support::read_samples(track, segment, file).map_err(|error| error.to_string())?;
            let plan = fmp4::media(track, segment, &samples);
            for part in &plan.parts {
                if let Part::Source { range, .. } = part {
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

const INDEXES: [Index; 4] = [Index::None, Index::Sidx, Index::NestedSidx(2), Index::Mfra];

/// A film of 12 s, and where what is not media lies in it.
fn film(index: Index, clock: Clock) -> (Vec<u8>, Vec<usize>) {
    let form = Form {
        index,
        clock,
        base: Base::Neither,
        run_size: 30,
        ..Form::default()
    };
    let tracks = match index {
        Index::NestedSidx(_) => vec![pictures(300, 50)],
        _ => vec![pictures(300, 50), sound(560, 94)],
    };
    let file = write(&tracks, &form).to_vec();
    let mut heads = Vec::new();
    let mut at = 0;
    while at + 8 <= file.len() {
        let size = u32::from_be_bytes(file[at..at + 4].try_into().unwrap()) as usize;
        let size = if size == 0 { file.len() - at } else { size };
        let is_media = &file[at + 4..at + 8] == b"mdat";
        heads.extend(at..at + if is_media { 8 } else { size });
        at += size;
    }
    (file, heads)
}

#[test]
fn flipped_bits_never_cause_a_panic() {
    let mut random = Random(0x5eed);
    for index in INDEXES {
        for clock in [Clock::Tfdt, Clock::Tfxd, Clock::None] {
            let (film, heads) = film(index, clock);
            let mut served = 0;
            for _ in 0..600 {
                let mut file = film.clone();
                for _ in 0..=random.below(4) {
                    let at = heads[random.below(heads.len())];
                    match random.below(3) {
                        0 => file[at] ^= 1 << random.below(8),
                        1 => file[at] = 0xff,
                        _ => file[at] = random.below(256) as u8,
                    }
                }
                served += usize::from(serve(&Bytes::from(file)).is_ok());
            }
            assert!(served > 60, "{index:?}, {clock:?}: only {served} could be served");
        }
    }
}

#[test]
fn files_cut_short_are_refused_or_end_with_a_whole_fragment() {
    for index in INDEXES {
        let (film, _) = film(index, Clock::Tfdt);
        let mut served = 0;
        for length in (0..film.len()).step_by(61) {
            served += usize::from(serve(&Bytes::copy_from_slice(&film[..length])).is_ok());
        }
        // The last media box of these has no size: it ends where the file does.
        let whole = film.len() / 61;
        assert!(served * 3 < whole, "{index:?}: {served} of {whole}");
    }
}

/// A `moof` whose `trun` claims samples.
fn claims(count: u32, run_flags: u32, size: u32) -> Bytes {
    let tfhd = full(b"tfhd", 0, 0x2_0010, &words(&[2, size]));
    let trun = full(b"trun", 0, run_flags, &words(&[count]));
    let traf = boxed(b"traf", &[tfhd, trun].concat());
    let mut file = write(&[sound(94, 94)], &Form::default()).to_vec();
    // The last media box has no size, so nothing can follow it.
    let media = file.windows(4).position(|window| window == b"mdat").unwrap() - 4;
    let size = (file.len() - media) as u32;
    file[media..media + 4].copy_from_slice(&size.to_be_bytes());
    file.extend(boxed(b"moof", &traf));
    Bytes::from(file)
}

#[test]
fn a_tiny_fragment_cannot_claim_billions_of_samples() {
    for (flags, size) in [(0, 0), (0, 1), (0, 100), (0x200, 0), (0xf00, 0)] {
        let error = support::read(&claims(u32::MAX, flags, size)).unwrap_err();
        assert!(matches!(error, ReadError::TooMany { .. }), "{error}");
    }
    assert!(support::read(&claims(2, 0, 1)).is_ok());
}

#[test]
fn errors_say_which_box_and_where() {
    let error = support::read(&claims(10, 0x200, 0)).unwrap_err().to_string();
    assert!(error.starts_with("box trun at offset "), "{error}");
    assert!(
        error.ends_with("claims 10 samples, more than the 0 possible here"),
        "{error}"
    );
}

/// The film of `tracks` with an index of this kind, with `damage` done to it.
fn damaged(tracks: &[MadeTrack], index: Index, damage: impl Fn(&mut Vec<u8>)) -> Bytes {
    let form = Form {
        index,
        ..Form::default()
    };
    let mut file = write(tracks, &form).to_vec();
    damage(&mut file);
    Bytes::from(file)
}

/// The film with `damage` done to its index is read without it, and says so.
fn check_wrong_index(kind: &[u8; 4], damage: impl Fn(&mut Vec<u8>)) {
    let tracks = [pictures(300, 50), sound(560, 94)];
    let index = if kind == b"mfra" { Index::Mfra } else { Index::Sidx };
    let file = damaged(&tracks, index, damage);
    let movie = support::read(&file).unwrap();
    assert!(movie.tracks.iter().all(|track| track.index.is_none()));
    let faults: Vec<[u8; 4]> = movie.index_faults.iter().map(|fault| fault.kind.0).collect();
    assert_eq!(faults, [*kind]);
    let told = finding::of_file(&movie, None, Duration::from_secs(4)).unwrap();
    assert!(matches!(told[0], Finding::WrongIndex(_)), "{told:?}");
    let title = assemble(&file);
    for (track, made) in title.tracks.iter().zip(&tracks) {
        let found = read_back(track, &file);
        assert_eq!(found.len(), made.samples.len());
        assert!(found.iter().zip(&made.samples).all(|(found, made)| found == made));
    }
}

/// Where the first box of this type is named behind `from`.
fn find(file: &[u8], from: usize, kind: &[u8; 4]) -> usize {
    from + file[from..].windows(4).position(|window| window == kind).unwrap()
}

/// Writes a number over the file.
fn put(file: &mut [u8], at: usize, bytes: &[u8]) {
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

#[test]
fn an_index_behind_the_fragments_that_is_wrong_is_not_used() {
    let tfra = |file: &[u8]| find(file, find(file, 0, b"mfra"), b"tfra");
    // The first time, too late; then offsets: into the first box, behind the index, the
    // next fragment's.
    check_wrong_index(b"mfra", |file| {
        let at = tfra(file) + 20;
        put(file, at, &9_999_999_u64.to_be_bytes());
    });
    for offset in [3, u64::MAX, 1 << 20] {
        check_wrong_index(b"mfra", |file| {
            let at = tfra(file) + 28;
            put(file, at, &u64::to_be_bytes(offset));
        });
    }
    // More entries than there are bytes.
    check_wrong_index(b"mfra", |file| {
        let at = tfra(file) + 16;
        put(file, at, &u32::MAX.to_be_bytes());
    });
    // A box that ends behind the file, and one that nothing points at.
    check_wrong_index(b"mfra", |file| {
        let at = find(file, 0, b"mfra") - 4;
        put(file, at, &0x00ff_ffff_u32.to_be_bytes());
    });
    check_wrong_index(b"mfra", |file| {
        let at = file.len() - 4;
        put(file, at, &40_u32.to_be_bytes());
    });
}

#[test]
fn an_index_before_the_fragments_that_is_wrong_is_not_used() {
    let sidx = |file: &[u8]| find(file, 0, b"sidx");
    // A clock that stands still, a first fragment too large, a last one beyond the file,
    // and one that starts elsewhere.
    check_wrong_index(b"sidx", |file| {
        let at = sidx(file) + 12;
        put(file, at, &[0; 4]);
    });
    for size in [20_u32, 0x7fff_ffff] {
        check_wrong_index(b"sidx", |file| {
            let at = sidx(file) + 36;
            put(file, at, &size.to_be_bytes());
        });
    }
    check_wrong_index(b"sidx", |file| {
        let at = sidx(file) + 24;
        put(file, at, &12_u64.to_be_bytes());
    });
}

/// The film, whose index `damage` makes wrong where nobody compares it, is read by it, and
/// its segments have all samples nevertheless; with it how much that read.
fn check_wrong_within(index: Index, damage: impl Fn(&mut Vec<u8>)) -> Reads {
    let tracks = [pictures(600, 50), sound(1120, 94)];
    let file = damaged(&tracks, index, damage);
    let movie = support::read(&file).unwrap();
    assert!(movie.tracks.iter().all(|track| track.index.is_some()));
    let title = assemble(&file);
    let mut most = Reads::default();
    for (track, made) in title.tracks.iter().zip(&tracks) {
        let found = read_back(track, &file);
        assert_eq!(found.len(), made.samples.len(), "{}", track.token);
        assert!(found.iter().zip(&made.samples).all(|(found, made)| found == made));
        for segment in 0..track.segments.len() {
            let (_, reads) = support::read_samples(track, segment, &file).unwrap();
            most.rounds = most.rounds.max(reads.rounds);
            most.bytes = most.bytes.max(reads.bytes);
        }
    }
    most
}

#[test]
fn an_index_that_is_wrong_within_costs_reads_and_no_samples() {
    let right = check_wrong_within(Index::Sidx, |_| {});
    assert_eq!(right.rounds, 1);
    // The fourth fragment, with which a segment starts, is said to start in the media of the
    // one before, or at its end.
    for late in [-900, -60, 40, 500] {
        let most = check_wrong_within(Index::Sidx, |file| {
            for (entry, change) in [(3, late), (4, -late)] {
                let at = find(file, 0, b"sidx") + 36 + 12 * entry;
                let size = u32::from_be_bytes(file[at..at + 4].try_into().unwrap());
                put(file, at, &size.checked_add_signed(change).unwrap().to_be_bytes());
            }
        });
        assert!((2..=24).contains(&most.rounds), "{late}: {most:?}");
        let most = check_wrong_within(Index::Mfra, |file| {
            let at = find(file, find(file, 0, b"mfra"), b"tfra") + 28 + 19 * 4;
            let offset = u64::from_be_bytes(file[at..at + 8].try_into().unwrap());
            put(
                file,
                at,
                &offset.checked_add_signed(late.into()).unwrap().to_be_bytes(),
            );
        });
        assert!((2..=24).contains(&most.rounds), "{late}: {most:?}");
    }
}

#[test]
fn a_fragment_that_is_damaged_is_told_of_with_its_place() {
    let form = Form {
        index: Index::Sidx,
        ..Form::default()
    };
    let mut file = write(&[pictures(600, 50)], &form).to_vec();
    let mut moof = 0;
    for _ in 0..6 {
        moof = find(&file, moof + 1, b"moof");
    }
    let run = find(&file, moof, b"trun");
    put(&mut file, run + 8, &u32::MAX.to_be_bytes());
    let file = Bytes::from(file);
    let title = assemble(&file);
    let told: Vec<String> = (0..title.tracks[0].segments.len())
        .filter_map(|segment| support::read_samples(&title.tracks[0], segment, &file).err())
        .map(|error| error.to_string())
        .collect();
    assert_eq!(told.len(), 1, "{told:?}");
    let place = format!("box trun at offset {} claims", run - 4);
    assert!(told[0].starts_with(&place), "{told:?}");
}
