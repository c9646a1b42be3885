//! Fragments of Smooth Streaming against the packets of their sources.

#![allow(unreachable_pub, reason = "the test binary is all there is")]

use strata_media::codec::MediaKind;
use strata_media::manifest::smooth::Stream;
use strata_media::smooth::TIMESCALE;

use crate::support::Times;
use crate::title::Title;

/// Compares every track that is offered with its source, packet by packet.
pub fn packets(title: &Title, times: Times) {
    // What a time in the title is later than the same moment of the source: one
    // number for all tracks.
    let mut delay = None;
    let is_media = |stream: &&Stream| stream.kind != MediaKind::Text;
    for stream in title.streams.streams.iter().filter(is_media) {
        for level in &stream.levels {
            delay = delay.filter(|_| times == Times::AsRead);
            let track = &title.presentation.tracks[level.track];
            let (first, output) = title.packets_of_output(stream, level);
            let source = title.packets_of_source(level.track);
            assert_eq!(output.len(), source.len(), "{}: number of packets", track.token);
            let on_clock = |ticks: i64| TIMESCALE.rescale(ticks, track.timescale);
            let lead = on_clock(source[0].dts) - first - output[0].dts;
            for (index, (output, source)) in output.iter().zip(&source).enumerate() {
                let place = format!("{}: packet {index}", track.token);
                assert_eq!(
                    (output.size, &output.hash),
                    (source.size, &source.hash),
                    "{place}"
                );
                let late = output.pts + first - on_clock(source.pts);
                assert_eq!(*delay.get_or_insert(late), late, "{place}: presentation time");
                let drift = on_clock(source.dts) - lead - (output.dts + first);
                assert!(drift.abs() <= 1, "{place}: decode time is off by {drift}");
                assert!(output.dts <= output.pts, "{place}: shown before it is decoded");
            }
        }
    }
}
