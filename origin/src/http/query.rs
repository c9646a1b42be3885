//! What a query chooses where a format leaves a choice, and what of the title it
//! wants.

use std::borrow::Cow;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use strata_media::manifest::dash::Addressing;
use strata_media::shape::{Filter, Shape, Suffix, parse_moment};
use strata_media::text::{HlsMedia, HlsText};

/// A query; `None` where it says nothing. Unknown parameters are let pass, among
/// them `t`, which is for players: where in the title to start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    /// `hls_fmp4` or `hls_fmp4=true` wants fragmented MP4, `hls_fmp4=false`
    /// transport streams.
    pub(super) hls_media: Option<HlsMedia>,
    /// `hls_text=fmp4` wants texts beside fragmented MP4 in it too, `hls_text=vtt` in
    /// WebVTT.
    pub(super) hls_text: Option<HlsText>,
    /// `mpd_segment_template=time` or `=number`.
    pub(super) addressing: Option<Addressing>,
    /// `filter=` leaves tracks out, `vbegin=` and `vend=` what plays before and behind.
    pub(super) shape: Shape,
}

/// A parameter has a value that it cannot have.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{parameter}: {reason}")]
pub(super) struct QueryError {
    parameter: &'static str,
    reason: String,
}

impl Query {
    /// Reads a query, without its `?`. Of several values the last one counts.
    ///
    /// # Errors
    /// For a value that a known parameter cannot have.
    pub(super) fn parse(query: Option<&str>) -> Result<Self, QueryError> {
        let mut choices = Self::default();
        let mut rest = query.unwrap_or_default();
        while !rest.is_empty() {
            let (parameter, behind) = split(rest);
            rest = behind;
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match (name, value) {
                ("hls_fmp4", "" | "true" | "1") => choices.hls_media = Some(HlsMedia::FragmentedMp4),
                ("hls_fmp4", "false" | "0") => choices.hls_media = Some(HlsMedia::TransportStream),
                ("hls_fmp4", _) => return Err(error("hls_fmp4", "it is true or false")),
                ("hls_text", "fmp4") => choices.hls_text = Some(HlsText::FragmentedMp4),
                ("hls_text", "vtt") => choices.hls_text = Some(HlsText::WebVtt),
                ("hls_text", _) => return Err(error("hls_text", "it is fmp4 or vtt")),
                ("mpd_segment_template", "time") => choices.addressing = Some(Addressing::Time),
                ("mpd_segment_template", "number") => choices.addressing = Some(Addressing::Number),
                ("mpd_segment_template", _) => {
                    return Err(error("mpd_segment_template", "it is time or number"));
                }
                ("filter", value) => choices.shape.filter = filter(value)?,
                ("vbegin", value) => choices.shape.begin = Some(moment("vbegin", value)?),
                ("vend", value) => choices.shape.end = Some(moment("vend", value)?),
                _ => {}
            }
        }
        let shape = &mut choices.shape;
        if shape
            .end
            .is_some_and(|end| end <= shape.begin.unwrap_or_default())
        {
            return Err(error("vend", "at character 0: expected a moment behind vbegin"));
        }
        shape.begin = shape.begin.filter(|begin| !begin.is_zero());
        Ok(choices)
    }
}

/// The first parameter of `query`, and what is behind it. In a filter `&&` is an
/// operator: some clients send it as it is.
fn split(query: &str) -> (&str, &str) {
    let is_filter = query.starts_with(FILTER);
    let mut from = 0;
    while let Some(at) = query.get(from..).and_then(|rest| rest.find('&')) {
        let (parameter, behind) = query.split_at_checked(from + at).unwrap_or((query, ""));
        let behind = behind.strip_prefix('&').unwrap_or(behind);
        if !(is_filter && behind.starts_with('&')) {
            return (parameter, behind);
        }
        from += at + 2;
    }
    (query, "")
}

const FILTER: &str = "filter=";

fn filter(value: &str) -> Result<Option<Filter>, QueryError> {
    let expression = decoded("filter", value)?;
    if expression.trim().is_empty() {
        return Ok(None);
    }
    let filter = Filter::parse(&expression);
    filter
        .map(Some)
        .map_err(|refusal| error("filter", &refusal.to_string()))
}

fn moment(parameter: &'static str, value: &str) -> Result<Duration, QueryError> {
    let text = decoded(parameter, value)?;
    parse_moment(&text).map_err(|refusal| error(parameter, &refusal.to_string()))
}

/// The characters that `value` stands for.
fn decoded(parameter: &'static str, value: &str) -> Result<String, QueryError> {
    let value: Cow<'_, str> = if value.contains('+') {
        value.replace('+', " ").into()
    } else {
        value.into()
    };
    let text = percent_decode_str(&value).decode_utf8();
    match text {
        Ok(text) => Ok(text.into_owned()),
        Err(fault) => Err(error(
            parameter,
            &format!(
                "byte {} behind its percent signs is not UTF-8",
                fault.valid_up_to()
            ),
        )),
    }
}

fn error(parameter: &'static str, reason: &str) -> QueryError {
    QueryError {
        parameter,
        reason: reason.to_owned(),
    }
}

/// As [`suffix_for`], of the playlists of texts that come in `texts`.
pub(super) fn suffix_for_texts(texts: HlsText, suffix: &Suffix) -> Suffix {
    suffix.and(
        "hls_text",
        match texts {
            HlsText::FragmentedMp4 => "fmp4",
            HlsText::WebVtt => "vtt",
        },
    )
}

/// What a master playlist puts behind the names of other playlists, so that they
/// are of its kind and of the shape that `suffix` is for.
pub(super) fn suffix_for(media: HlsMedia, suffix: &Suffix) -> Suffix {
    suffix.and(
        "hls_fmp4",
        match media {
            HlsMedia::FragmentedMp4 => "true",
            HlsMedia::TransportStream => "false",
        },
    )
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
            "hls_text",
            "hls_text=srt",
            "mpd_segment_template",
            "a&mpd_segment_template=list",
        ] {
            assert!(Query::parse(Some(query)).is_err(), "{query}");
        }
    }

    #[test]
    fn the_query_of_a_playlist_reads_back() {
        for media in [HlsMedia::FragmentedMp4, HlsMedia::TransportStream] {
            let shape = shape("filter=type%3D%3D%22audio%22");
            let suffix = suffix_for(media, &shape.suffix());
            let query = suffix.as_str().strip_prefix('?');
            let expected = Query {
                hls_media: Some(media),
                shape,
                ..Query::default()
            };
            assert_eq!(Query::parse(query).unwrap(), expected);
        }
        for texts in [HlsText::WebVtt, HlsText::FragmentedMp4] {
            let suffix = suffix_for_texts(texts, &Suffix::default());
            let query = suffix.as_str().strip_prefix('?');
            assert_eq!(Query::parse(query).unwrap().hls_text, Some(texts));
        }
    }

    fn shape(query: &str) -> Shape {
        Query::parse(Some(query)).unwrap().shape
    }

    #[test]
    fn a_filter_may_be_encoded_or_not() {
        let encoded = shape("filter=type%3D%3D%22audio%22%26%26channels%3C3&a=b");
        assert_eq!(
            encoded.filter,
            Some(Filter::parse("type=='audio'&&channels<3").unwrap())
        );
        for query in [
            "filter=type=='audio'&&channels<3",
            "filter=(type+==+'audio')+&&+channels<3&a=b",
            "filter=MaxWidth<5&filter=type=='audio'%26%26channels<3",
        ] {
            assert_eq!(shape(query), encoded, "{query}");
        }
        assert!(shape("").is_whole() && shape("filter=").is_whole() && shape("filter=+&t=5").is_whole());
    }

    #[test]
    fn a_stretch_of_time_is_read() {
        let clip = shape("vbegin=5:46&vend=1668.5");
        assert_eq!(clip.begin, Some(Duration::from_secs(346)));
        assert_eq!(clip.suffix().as_str(), "?vbegin=346&vend=1668.5");
        assert_eq!(shape("vend=0%3A05&filter=&vbegin=0").suffix().as_str(), "?vend=5");
        assert!(shape("vbegin=0.0").is_whole());
        for (query, reason) in [
            ("vbegin=", "vbegin: at character 0: expected a digit"),
            ("vend=5x", "vend: at character 1: expected a digit"),
            ("vend=0", "vend: at character 0: expected a moment behind vbegin"),
            (
                "vbegin=5&vend=5",
                "vend: at character 0: expected a moment behind vbegin",
            ),
        ] {
            let error = Query::parse(Some(query)).unwrap_err().to_string();
            assert!(error.starts_with(reason), "{query}: {error}");
        }
    }

    #[test]
    fn a_mistake_in_a_filter_has_its_place() {
        let error = Query::parse(Some("a=b&filter=type%3D%3D%22audio%22%26%26bitrate%3C5")).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("filter: at character 15: expected "), "{text}");
        let error = Query::parse(Some("filter=trackName=='%ff'")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "filter: byte 12 behind its percent signs is not UTF-8"
        );
    }
}
