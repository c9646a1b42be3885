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

/// What the pictures and the sound of an HLS title come in: it tells on which
/// clock text states its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HlsMedia {
    /// Fragmented MP4, whose times are those of the output timeline.
    FragmentedMp4,
    /// Transport streams, whose clock starts at [`crate::multiplex::CLOCK_AT_START`].
    TransportStream,
}
