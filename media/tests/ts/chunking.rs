//! Chunks of any size and ranges of any place give the same bytes.

use bytes::Bytes;
use proptest::prelude::*;
use strata_media::sample::{Sample, Samples};
use strata_media::write::ts::TsError;

use crate::nal_lengths::{sample, track};
use crate::{checker, segment};

/// Samples of up to 5 NAL units, some with a delimiter first, sizes that matter more
/// likely than others.
fn samples(length_size: u8) -> impl Strategy<Value = Vec<Vec<u8>>> {
    let largest: usize = if length_size == 1 { 255 } else { 3000 };
    let unit_size = prop_oneof![1..20_usize, 100..256_usize, 1..=largest];
    let one =
        (any::<bool>(), prop::collection::vec(unit_size, 1..5)).prop_map(move |(has_delimiter, sizes)| {
            let units: Vec<Vec<u8>> = sizes.into_iter().map(|size| vec![0x41; size]).collect();
            let delimiter: &[u8] = &[9, 0x30];
            let first = has_delimiter.then_some(delimiter);
            let all: Vec<&[u8]> = first.into_iter().chain(units.iter().map(Vec::as_slice)).collect();
            sample(length_size, &all)
        });
    prop::collection::vec(one, 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_chunks_and_any_range_give_the_planned_bytes(
        (length_size, parts) in prop_oneof![Just(1), Just(2), Just(4)].prop_flat_map(|size| (Just(size), samples(size))),
        chunk_size in prop_oneof![1..9_usize, 1..5000_usize],
        from in 0.0..1.0_f64,
        size in 0.0..1.0_f64,
    ) {
        let track = track(length_size);
        let (samples, file) = segment::made(&track, 512, &parts);
        let files = [file];
        let plan = segment::plan(3, &[&track], &[samples], &files).unwrap();
        let whole = segment::mux(&plan, 0..plan.length(), &files, usize::MAX / 2).unwrap();
        prop_assert_eq!(whole.len() as u64, plan.length());
        let streams = checker::check(&whole);
        prop_assert_eq!(streams[&0x100].units.len(), parts.len());
        let again = segment::mux(&plan, 0..plan.length(), &files, chunk_size).unwrap();
        prop_assert!(again == whole, "chunks of {}", chunk_size);
        let start = (from * whole.len() as f64) as usize;
        let end = (start + 1 + (size * whole.len() as f64) as usize).min(whole.len());
        let range = segment::mux(&plan, start as u64..end as u64, &files, chunk_size).unwrap();
        prop_assert!(range == whole[start..end], "bytes {}..{}", start, end);
    }
}

/// A sample with any numbers in it.
fn hostile_sample() -> impl Strategy<Value = Sample> {
    let size = prop_oneof![0..20_u32, 0..9000_u32, any::<u32>()];
    let time = prop_oneof![-100_000..100_000_i64, any::<i64>()];
    (
        any::<u64>(),
        size,
        any::<u32>(),
        time,
        any::<i32>(),
        any::<bool>(),
    )
        .prop_map(
            |(offset, size, duration, decode_time, composition_offset, is_sync)| Sample {
                offset,
                size,
                duration,
                decode_time,
                composition_offset,
                is_sync,
                entry: u32::from(size == 7),
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_muxed_or_refused(
        parts in prop::collection::vec(prop::collection::vec(0..12_u8, 1..400), 1..8),
        length_size in prop_oneof![Just(1), Just(2), Just(4)],
        chunk_size in 1..500_usize,
    ) {
        let track = track(length_size);
        let (samples, file) = segment::made(&track, 512, &parts);
        let files = [file];
        let plan = segment::plan(0, &[&track], &[samples], &files);
        if let Ok(plan) = plan
            && let Ok(bytes) = segment::mux(&plan, 0..plan.length(), &files, chunk_size)
        {
            prop_assert_eq!(bytes.len() as u64, plan.length());
            checker::check(&bytes);
        }
    }

    #[test]
    fn any_samples_are_planned_or_refused(samples in prop::collection::vec(hostile_sample(), 0..20)) {
        let track = track(4);
        if let Ok(plan) = segment::plan(usize::MAX, &[&track], &[Samples(samples)], &[]) {
            prop_assert_eq!(plan.length() % 188, 0);
            let media = plan.media(plan.length() / 2..plan.length());
            prop_assert!(media.length <= plan.length());
        }
    }
}

#[test]
fn a_range_reads_little_more_than_it_needs() {
    let track = track(4);
    let parts = vec![sample(4, &[&[0x41; 20_000]]); 40];
    let (samples, file) = segment::made(&track, 512, &parts);
    let files = [file];
    let plan = segment::plan(0, &[&track], &[samples], &files).unwrap();
    let whole = segment::mux(&plan, 0..plan.length(), &files, 65_536).unwrap();
    for start in (0..whole.len()).step_by(9973) {
        let end = (start + 1000).min(whole.len());
        let range = start as u64..end as u64;
        let media = plan.media(range.clone());
        assert!(media.length <= 2 * 20_004, "two pictures at most");
        assert_eq!(
            segment::mux(&plan, range, &files, 1000).unwrap(),
            whole[start..end]
        );
    }
    assert_eq!(plan.media(0..100).length, 0, "the tables need no media");
    assert!(plan.muxer(5..5).is_done());
    let behind = plan.length()..plan.length() + 10;
    assert!(plan.muxer(behind).is_done());
}

#[test]
fn a_segment_without_samples_is_its_tables() {
    let track = track(4);
    let files = [Bytes::new()];
    let plan = segment::plan(0, &[&track], &[Samples::default()], &files).unwrap();
    assert_eq!(plan.length(), 2 * 188);
    let bytes = segment::mux(&plan, 0..plan.length(), &files, 1).unwrap();
    assert!(checker::check(&bytes)[&0x100].units.is_empty());
}

#[test]
fn media_that_ends_early_is_noticed() {
    let track = track(4);
    let (samples, file) = segment::made(&track, 512, &[sample(4, &[&[0x41; 500]])]);
    let plan = segment::plan(0, &[&track], &[samples], std::slice::from_ref(&file)).unwrap();
    let mut muxer = plan.muxer(0..plan.length());
    muxer.supply(file.slice(..300));
    while muxer.next_block().unwrap().is_some() {}
    assert!(!muxer.is_done());
    assert_eq!(
        TsError::TrackCount { count: 0 },
        segment::plan(0, &[], &[], &[]).unwrap_err()
    );
}
