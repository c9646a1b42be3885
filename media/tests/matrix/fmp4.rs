//! Fragmented MP4, which DASH and HLS share, against the packets of the sources.

use crate::support::{self, Packet, Times};
use crate::title::Title;

/// Compares every track with its source, packet by packet.
pub fn compare(title: &Title, times: Times) {
    for (index, track) in title.presentation.tracks.iter().enumerate() {
        let out = title.folder().path("out.mp4");
        std::fs::write(&out, support::output(track, title.files())).unwrap();
        let source = title.packets_of_source(index);
        let output = support::packets(&out, "0:0");
        assert_eq!(output.len(), source.len(), "{}: number of packets", track.token);
        // ffmpeg puts the source's packets where its edit list says, so they all are
        // where they shall be when they are later by what the title is.
        let offset = match times {
            Times::AsRead => track.presentation_time_offset as i64,
            Times::FromTheFirst => output[0].pts - source[0].pts,
        };
        for (index, (output, source)) in output.iter().zip(&source).enumerate() {
            let expected = Packet {
                dts: source.dts + offset,
                pts: source.pts + offset,
                ..source.clone()
            };
            assert_eq!(output, &expected, "{}: packet {index}", track.token);
        }
    }
}
