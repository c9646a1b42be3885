//! Fragmented MP4, which DASH and HLS share, against the packets of the sources.

use crate::support::{self, Times};
use crate::title::Title;

/// Compares every track with its source, packet by packet.
pub fn compare(title: &Title, times: Times) {
    for (index, track) in title.presentation.tracks.iter().enumerate() {
        let out = title.folder().path("out.mp4");
        std::fs::write(&out, support::output(track, title.files())).unwrap();
        let source = title.packets_of_source(index);
        let output = support::packets(&out, "0:0");
        support::compare_packets(track, &output, &source, times);
    }
}
