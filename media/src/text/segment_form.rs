//! What a segment of text is written as.

/// What a segment is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SegmentForm {
    /// Fragmented MP4 for DASH, in the text's [`super::TextForm`].
    Fragment,
    /// WebVTT for HLS, beside media of this kind.
    WebVtt(HlsMedia),
    /// A TTML document whose times count from the start of the segment, as Smooth
    /// Streaming has them in its samples.
    Ttml,
}

/// What the segments of texts come in that stand beside fragmented MP4 in HLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum HlsText {
    /// WebVTT, which every player reads.
    #[default]
    WebVtt,
    /// Fragmented MP4 (`draft-pantos-hls-rfc8216bis §3.1.4`): the segments of DASH, `wvtt`
    /// or `stpp`. Where these differ, or DASH has a text as one file, all come in WebVTT
    /// all the same, see [`crate::manifest::hls::texts_in`].
    FragmentedMp4,
}

/// What the pictures and the sound of an HLS title come in: it tells on which
/// clock text states its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HlsMedia {
    /// Fragmented MP4, whose times are those of the output timeline.
    FragmentedMp4,
    /// Transport streams, whose clock starts at [`crate::multiplex::CLOCK_AT_START`].
    TransportStream,
}
