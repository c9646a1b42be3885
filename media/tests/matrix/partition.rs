//! Segments partition their track.

use strata_media::track::Track;

use crate::support;
use crate::title::Title;

/// Segments follow on from each other without a gap, their durations add up to the
/// track's, their samples are all of its samples in order, and their plans are as long
/// as they say and take little more of the source than the media asked for.
pub fn check(title: &Title, track: &Track) {
    let file = &title.files()[track.file.0 as usize];
    let (mut end, mut decoded) = (track.segments[0].start, None);
    for (index, segment) in track.segments.iter().enumerate() {
        assert_eq!(segment.start, end, "{}: segment {index}", track.token);
        assert!(segment.duration > 0, "{}: segment {index}", track.token);
        end += segment.duration;
        let (samples, _) = support::read_samples(track, index, file).unwrap();
        let shown = samples.0.iter().map(|sample| sample.presentation_time()).min();
        assert_eq!(
            shown,
            Some(segment.start as i64),
            "{}: segment {index}",
            track.token
        );
        if let Some(decoded) = decoded {
            assert_eq!(
                samples.0[0].decode_time, decoded,
                "{}: segment {index}",
                track.token
            );
        }
        decoded = samples.0.last().map(|sample| sample.decode_end());
    }
    assert_eq!(end, track.end(), "{}", track.token);
}
