//! Whatever the form, segments partition the track.

use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, prop_oneof};
use proptest::{collection, proptest};

use crate::film::{Base, Clock, Defaults, Form, Index, MadeTrack, write};
use crate::made::{assemble, pictures, read_back, sound};
use crate::support;

fn forms() -> impl Strategy<Value = Form> {
    let base = prop_oneof![Just(Base::File), Just(Base::Moof), Just(Base::Neither)];
    let clock = prop_oneof![
        Just(Clock::Tfdt),
        Just(Clock::ShortTfdt),
        Just(Clock::Tfxd),
        Just(Clock::None)
    ];
    let defaults = prop_oneof![
        Just(Defaults::Movie),
        Just(Defaults::Fragment),
        Just(Defaults::Sample)
    ];
    let index = prop_oneof![Just(Index::None), Just(Index::Sidx), Just(Index::Mfra)];
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (base, clock, defaults, index, 1_usize..40, flags).prop_map(
        |(base, clock, defaults, index, run_size, (is_muxed, first_sample_flags, is_large))| Form {
            base,
            clock,
            defaults,
            index,
            run_size,
            is_muxed,
            first_sample_flags,
            is_large,
        },
    )
}

fn tracks() -> impl Strategy<Value = Vec<MadeTrack>> {
    let sizes = || collection::vec(1_usize..120, 1..8);
    (1_usize..300, 3_usize..80, sizes(), 1_usize..300, sizes()).prop_map(
        |(frames, gop, picture_sizes, sounds, sound_sizes)| {
            let mut pictures = pictures(frames, gop);
            pictures.fragment_sizes = picture_sizes;
            let mut sound = sound(sounds, 1);
            sound.fragment_sizes = sound_sizes;
            vec![pictures, sound]
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn segments_partition_the_track(tracks in tracks(), form in forms()) {
        let file = write(&tracks, &form);
        let title = assemble(&file);
        prop_assert_eq!(&title.skipped, &[]);
        for (track, made) in title.tracks.iter().zip(&tracks) {
            let found = read_back(track, &file);
            prop_assert_eq!(found.len(), made.samples.len());
            for (index, (found, made)) in found.iter().zip(&made.samples).enumerate() {
                prop_assert_eq!(found, made, "track {}, sample {}", track.source_id, index);
            }
            let mut end = track.segments[0].start;
            for (index, segment) in track.segments.iter().enumerate() {
                prop_assert_eq!(segment.start, end);
                prop_assert!(segment.duration > 0);
                end += segment.duration;
                let (samples, _) = support::read_samples(track, index, &file).unwrap();
                prop_assert!(!samples.0.is_empty());
            }
            prop_assert_eq!(end, track.end());
        }
    }
}
