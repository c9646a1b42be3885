//! How much of a file is read.

use bytes::Bytes;
use strata_media::read::mp4::{Movie, Reader, Step};

use crate::film::{Form, Index, boxed, write};
use crate::made::{assemble, pictures, sound};
use crate::progressive::{self, Progressive};
use crate::support::{self, Reads};

/// Reads a file, and counts.
fn read(file: &Bytes) -> (Movie, Reads) {
    let mut reader = Reader::new(file.len() as u64);
    let mut reads = Reads::default();
    let mut step = reader.step(None).unwrap();
    loop {
        match step {
            Step::Done(movie) => return (movie, reads),
            Step::Need(range) => {
                reads.rounds += 1;
                reads.bytes += range.end - range.start;
                let bytes = file.slice(range.start as usize..range.end as usize);
                step = reader.step(Some(bytes)).unwrap();
            }
        }
    }
}

/// Half an hour of pictures and sound, of a size that reading it whole would show.
fn film(index: Index) -> Bytes {
    let mut pictures = pictures(45_000, 50);
    for sample in &mut pictures.samples {
        sample.payload.resize(2000, 0);
    }
    let form = Form {
        index,
        ..Form::default()
    };
    write(&[pictures, sound(84_375, 94)], &form)
}

#[test]
fn an_index_spares_reading_the_fragments() {
    for index in [Index::Sidx, Index::Mfra] {
        let (movie, reads) = read(&film(index));
        assert!(movie.tracks.iter().all(|track| track.index.is_some()));
        assert!(reads.rounds <= 6, "{index:?}: {reads:?}");
        assert!(reads.bytes < 400_000, "{index:?}: {reads:?}");
    }
}

#[test]
fn without_an_index_each_fragment_is_read_once() {
    let file = film(Index::None);
    let (movie, reads) = read(&file);
    let fragments = movie.tracks[0].fragments_read();
    assert_eq!(fragments, 900 + 898);
    assert!(reads.rounds as usize <= fragments + 10, "{reads:?}");
    assert!(
        reads.bytes * 20 < file.len() as u64,
        "{reads:?} of {}",
        file.len()
    );
}

#[test]
fn a_segment_is_read_in_a_round_or_two_wherever_it_is() {
    for index in [Index::None, Index::Sidx, Index::Mfra] {
        let file = film(index);
        let title = assemble(&file);
        for track in &title.tracks {
            for segment in [0, 1, track.segments.len() / 2, track.segments.len() - 1] {
                let (samples, reads) = support::read_samples(track, segment, &file).unwrap();
                assert!(!samples.0.is_empty());
                assert!(
                    reads.rounds <= 2,
                    "{index:?}: {} segment {segment}: {reads:?}",
                    track.token
                );
                assert!(
                    reads.bytes <= 300_000,
                    "{index:?}: {} segment {segment}: {reads:?}",
                    track.token
                );
            }
        }
    }
}

#[test]
fn what_stays_in_memory_is_less_than_two_bytes_a_sample() {
    for index in [Index::None, Index::Sidx, Index::Mfra] {
        let title = assemble(&film(index));
        let size = title.heap_size();
        assert!(size < 2 * (45_000 + 84_000), "{index:?}: {size} bytes");
    }
}

#[test]
fn entries_that_no_sample_completes_are_looked_at_once() {
    let unsaid = boxed(b"av01", &[vec![0; 78], boxed(b"av1C", &[])].concat());
    let tracks = (1..=6).map(|id| {
        let mut track = pictures(2, 1);
        track.id = id;
        track.entries = vec![unsaid.clone()];
        // Far apart, so that no two are read at once.
        for sample in &mut track.samples {
            sample.payload = vec![0; 100_000];
        }
        track
    });
    let form = Progressive {
        is_apart: true,
        ..Progressive::default()
    };
    let file = progressive::write(&tracks.collect::<Vec<_>>(), &form);
    let (movie, reads) = read(&file);
    assert_eq!(movie.tracks.len(), 6);
    assert!(reads.rounds <= 8, "{reads:?}");
}
