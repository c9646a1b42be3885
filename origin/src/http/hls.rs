//! What a client may choose of HLS: the query `hls_fmp4`, and which tracks stand
//! in one transport stream.

use strata_media::manifest::hls::ts;
use strata_media::multiplex::Multiplex;
use strata_media::presentation::Presentation;
use strata_media::text::HlsMedia;
use strata_media::track::Track;

use super::fault::Fault;

/// Most tracks that are put into one stream: pictures, and sound in three ways.
const TRACKS_MAX: usize = 4;

/// What the query says of the segments: `hls_fmp4` or `hls_fmp4=true` wants
/// fragmented MP4, `hls_fmp4=false` transport streams; `None`: nothing.
///
/// # Errors
/// [`Fault::Query`] for any other value.
pub(super) fn stated(query: Option<&str>) -> Result<Option<HlsMedia>, Fault> {
    let parameters = query.unwrap_or_default().split('&');
    let named = parameters.map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")));
    let mut values = named.filter_map(|(name, value)| (name == "hls_fmp4").then_some(value));
    match values.next() {
        None => Ok(None),
        Some("" | "true" | "1") => Ok(Some(HlsMedia::FragmentedMp4)),
        Some("false" | "0") => Ok(Some(HlsMedia::TransportStream)),
        Some(_) => Err(Fault::Query("hls_fmp4")),
    }
}

/// What a master playlist puts behind the names of other playlists, so that they
/// are of its kind.
pub(super) fn query_for(media: HlsMedia) -> &'static str {
    match media {
        HlsMedia::FragmentedMp4 => "?hls_fmp4=true",
        HlsMedia::TransportStream => "?hls_fmp4=false",
    }
}

/// The tracks of a transport stream, by their places in the presentation, in the
/// order of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TsTracks([Option<u16>; TRACKS_MAX]);

impl TsTracks {
    /// `None` without tracks, with more than fit, or with one that transport
    /// streams do not carry.
    pub(super) fn new(presentation: &Presentation, tracks: &[usize]) -> Option<Self> {
        let is_allowed = |track: &usize| presentation.tracks.get(*track).is_some_and(ts::allows);
        if tracks.is_empty() || TRACKS_MAX < tracks.len() || !tracks.iter().all(is_allowed) {
            return None;
        }
        let mut places = [None; TRACKS_MAX];
        for (place, track) in places.iter_mut().zip(tracks) {
            *place = Some(u16::try_from(*track).ok()?);
        }
        Some(Self(places))
    }

    /// Their places in the presentation.
    pub(super) fn places(self) -> Vec<usize> {
        self.0.into_iter().flatten().map(usize::from).collect()
    }

    /// The tracks themselves.
    pub(super) fn of(self, presentation: &Presentation) -> Vec<&Track> {
        let places = self.places().into_iter();
        places
            .filter_map(|place| presentation.tracks.get(place))
            .collect()
    }

    /// How they are cut together.
    pub(super) fn multiplex(self, presentation: &Presentation) -> Option<Multiplex<'_>> {
        Multiplex::new(self.of(presentation))
    }

    /// A number of its own for each choice of tracks.
    pub(super) fn number(self) -> usize {
        let places = self.0.map(|place| place.unwrap_or(u16::MAX));
        let number = places
            .into_iter()
            .fold(0_u64, |number, place| number << 16 | u64::from(place));
        usize::try_from(number).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_chooses_the_segments() {
        let cases = [
            (None, None),
            (Some(""), None),
            (Some("a=b&fmp4"), None),
            (Some("hls_fmp4"), Some(HlsMedia::FragmentedMp4)),
            (Some("a=b&hls_fmp4=true"), Some(HlsMedia::FragmentedMp4)),
            (Some("hls_fmp4=false&a"), Some(HlsMedia::TransportStream)),
            (Some("hls_fmp4=0"), Some(HlsMedia::TransportStream)),
        ];
        for (query, expected) in cases {
            assert_eq!(stated(query).unwrap(), expected, "{query:?}");
        }
        assert!(stated(Some("hls_fmp4=maybe")).is_err());
    }

    #[test]
    fn the_query_of_a_playlist_reads_back() {
        for media in [HlsMedia::FragmentedMp4, HlsMedia::TransportStream] {
            let query = query_for(media).trim_start_matches('?');
            assert_eq!(stated(Some(query)).unwrap(), Some(media));
        }
    }
}
