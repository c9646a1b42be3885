//! What a query chooses where a format leaves a choice.

use strata_media::manifest::dash::Addressing;
use strata_media::text::HlsMedia;

use super::fault::Fault;

/// The choices of a query; `None`: it says nothing. Unknown parameters are let pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    /// `hls_fmp4` or `hls_fmp4=true` wants fragmented MP4, `hls_fmp4=false`
    /// transport streams.
    pub(super) hls_media: Option<HlsMedia>,
    /// `mpd_segment_template=time` or `=number`.
    pub(super) addressing: Option<Addressing>,
}

impl Query {
    /// Reads a query, without its `?`. Of several values the last one counts.
    ///
    /// # Errors
    /// [`Fault::Query`] for a value that a known parameter cannot have.
    pub(super) fn parse(query: Option<&str>) -> Result<Self, Fault> {
        let mut choices = Self::default();
        for parameter in query.unwrap_or_default().split('&') {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match (name, value) {
                ("hls_fmp4", "" | "true" | "1") => choices.hls_media = Some(HlsMedia::FragmentedMp4),
                ("hls_fmp4", "false" | "0") => choices.hls_media = Some(HlsMedia::TransportStream),
                ("hls_fmp4", _) => return Err(Fault::Query("hls_fmp4")),
                ("mpd_segment_template", "time") => choices.addressing = Some(Addressing::Time),
                ("mpd_segment_template", "number") => choices.addressing = Some(Addressing::Number),
                ("mpd_segment_template", _) => return Err(Fault::Query("mpd_segment_template")),
                _ => {}
            }
        }
        Ok(choices)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_chooses_the_segments_of_hls() {
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
            assert_eq!(Query::parse(query).unwrap().hls_media, expected, "{query:?}");
        }
    }

    #[test]
    fn a_query_chooses_how_an_mpd_names_segments() {
        let addressing = |query| Query::parse(Some(query)).unwrap().addressing;
        assert_eq!(addressing("mpd_segment_template=time"), Some(Addressing::Time));
        assert_eq!(
            addressing("hls_fmp4&mpd_segment_template=number"),
            Some(Addressing::Number)
        );
        assert_eq!(addressing("hls_fmp4"), None);
    }

    #[test]
    fn a_value_that_cannot_be_is_refused() {
        for query in [
            "hls_fmp4=maybe",
            "mpd_segment_template",
            "a&mpd_segment_template=list",
        ] {
            assert!(Query::parse(Some(query)).is_err(), "{query}");
        }
    }

    #[test]
    fn the_query_of_a_playlist_reads_back() {
        for media in [HlsMedia::FragmentedMp4, HlsMedia::TransportStream] {
            let query = query_for(media).trim_start_matches('?');
            assert_eq!(Query::parse(Some(query)).unwrap().hls_media, Some(media));
        }
    }
}
