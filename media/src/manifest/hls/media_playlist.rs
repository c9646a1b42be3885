//! Media playlists, RFC 8216 §4.3.2 and §4.3.3.

use std::fmt::Write as _;

use crate::presentation::Presentation;
use crate::time::Timescale;
use crate::track::Track;

use super::super::escape::path_segment;
use super::{FIRST_SEGMENT_NUMBER, VERSION};

/// The playlist of the presentation's track `track` (0-based); empty if there
/// is no such track.
#[must_use]
pub fn media(presentation: &Presentation, track: usize) -> String {
    let Some(track) = presentation.tracks.get(track) else {
        return String::new();
    };
    let stem = path_segment(&format!("{}-{}", presentation.name, track.token));
    let suffix = &presentation.suffix;
    let durations = durations_us(track);
    let mut playlist = head(VERSION, &durations);
    // Writing to a String cannot fail.
    let _ = writeln!(playlist, "#EXT-X-MAP:URI=\"hls/{stem}.m4s{suffix}\"");
    write_segments(&mut playlist, &durations, |number| {
        format!("hls/{stem}-{number}.m4s{suffix}")
    });
    playlist
}

/// The tags before the segments; these last `durations` microseconds.
pub(super) fn head(version: u32, durations: &[u64]) -> String {
    let rounded = durations.iter().map(|duration| rounded_seconds(*duration));
    let target = rounded.max().unwrap_or(0).max(1);
    format!(
        "#EXTM3U\n\
         #EXT-X-VERSION:{version}\n\
         #EXT-X-TARGETDURATION:{target}\n\
         #EXT-X-MEDIA-SEQUENCE:{FIRST_SEGMENT_NUMBER}\n\
         #EXT-X-PLAYLIST-TYPE:VOD\n"
    )
}

/// The segments, which `uri` places by their numbers, and the end.
pub(super) fn write_segments(playlist: &mut String, durations: &[u64], uri: impl Fn(usize) -> String) {
    for (number, duration) in (FIRST_SEGMENT_NUMBER..).zip(durations) {
        let (seconds, fraction) = (duration / 1_000_000, duration % 1_000_000);
        let uri = uri(number);
        playlist.reserve(uri.len() + 24);
        // Writing to a String cannot fail.
        let _ = writeln!(playlist, "#EXTINF:{seconds}.{fraction:06},\n{uri}");
    }
    playlist.push_str("#EXT-X-ENDLIST\n");
}

/// Durations of the segments in microseconds. Ends are rounded, not durations,
/// so that the sum of any run of segments is off by a microsecond at most.
pub(super) fn durations_us(track: &Track) -> Vec<u64> {
    let durations = track.segments.iter().map(|segment| segment.duration);
    cumulated_us(track.timescale, durations)
}

/// Durations in ticks of `timescale`, one after the other, in microseconds; rounded
/// as [`durations_us`] does.
pub(super) fn cumulated_us(timescale: Timescale, durations: impl Iterator<Item = u64>) -> Vec<u64> {
    let scale = u128::from(timescale.get());
    let micros = |ticks: u64| {
        let micros = (u128::from(ticks) * 1_000_000 + scale / 2) / scale;
        u64::try_from(micros).unwrap_or(u64::MAX)
    };
    let mut elapsed = 0_u64;
    let rounded = durations.map(|duration| {
        let start = micros(elapsed);
        elapsed = elapsed.saturating_add(duration);
        micros(elapsed) - start
    });
    rounded.collect()
}

/// To the nearest second, as `EXT-X-TARGETDURATION` counts, §4.3.3.1.
fn rounded_seconds(duration_us: u64) -> u64 {
    duration_us.saturating_add(500_000) / 1_000_000
}
