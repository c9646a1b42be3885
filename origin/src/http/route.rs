//! What a path asks of a title.
//!
//! Track tokens (`video=401000`) are looked for at the right end of a file
//! name, because the title's own name before them may hold `-` and `=` too.

use http::HeaderValue;
use strata_media::manifest::dash::Addressing;
use strata_media::manifest::hls;
use strata_media::manifest::smooth::FragmentRequest;
use strata_media::smooth::{Fragment, Noun};
use strata_media::text::{HlsMedia, HlsText, TextForm};

use super::hls::TsTracks;
use super::query::Query;
use super::text::{self, TextResource};
use super::thumbnails::{Thumbnail, ThumbnailPath};
use super::trick_play::{TrickPath, TrickPlay};
use super::ts;
use crate::asset::Title;

/// A resource path, decoded as far as it can be without the title.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route<'p> {
    /// `anything.mpd`.
    Mpd,
    /// `anything.m3u8`: the master playlist, or that of a track or stream.
    Playlist { stem: &'p str },
    /// `dash/film-video=401000.dash`, `dash/film-video=401000-9600.dash`.
    Dash { stem: &'p str },
    /// `dash/film-video=401000-1.m4s`.
    NumberedDash { stem: &'p str },
    /// `hls/film-video=401000.m4s`, `hls/film-video=401000-1.m4s`.
    Hls { stem: &'p str },
    /// `film-audio_eng=64008-video=401000-1.ts`.
    Ts { stem: &'p str },
    /// `hls/film-textstream_eng=1000-1.webvtt` beside fragmented MP4, without the `hls/`
    /// beside transport streams.
    WebVtt { stem: &'p str, media: HlsMedia },
    /// `dash/film-textstream_eng=1000.vtt`, `.ttml`.
    TextFile { stem: &'p str, form: TextForm },
    /// `Manifest`, `manifest`.
    ClientManifest,
    /// `QualityLevels(401000)/Fragments(video=0)`, and other nouns than `Fragments`.
    Fragment(FragmentRequest),
    /// Below `keyframes/`, and what has key frames below `dash/`.
    TrickPlay(TrickPath<'p>),
    /// Below `thumbnails/`.
    Thumbnail(ThumbnailPath<'p>),
}

/// One thing that a title offers. Tracks and segments are 0-based indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resource {
    /// The DASH manifest, in which segments are named by their times.
    Mpd,
    /// The DASH manifest, in which they are named by their numbers.
    NumberedMpd,
    /// The HLS multivariant playlist, with texts in `texts`; `is_default` when the title
    /// offers this kind of segments unasked.
    Master {
        media: HlsMedia,
        texts: HlsText,
        is_default: bool,
    },
    /// The HLS playlist of a track in fragmented MP4.
    MediaPlaylist { track: usize },
    /// The HLS playlist of a transport stream.
    TsPlaylist { tracks: TsTracks },
    /// A segment of a transport stream.
    TsSegment { tracks: TsTracks, segment: usize },
    /// The initialization segment of a track.
    Init { track: usize },
    /// A media segment of a track.
    Segment { track: usize, segment: usize },
    /// The manifest of Smooth Streaming.
    ClientManifest,
    /// What `noun` asks of a fragment of Smooth Streaming.
    Fragment { fragment: Fragment, noun: Noun },
    /// Anything of a text.
    Text(TextResource),
    /// Key frames, or their playlist.
    TrickPlay(TrickPlay),
    /// Thumbnails, or their playlist.
    Thumbnail(Thumbnail),
}

impl<'p> Route<'p> {
    /// Decodes the part of a path after the title; `None`: no title has it.
    pub(super) fn parse(resource: &'p str) -> Option<Self> {
        if let Some(route) = Self::smooth(resource) {
            return Some(route);
        }
        if let Some(path) = TrickPath::parse(resource) {
            return Some(Self::TrickPlay(path));
        }
        if let Some(path) = ThumbnailPath::parse(resource) {
            return Some(Self::Thumbnail(path));
        }
        match resource.split_once('/') {
            None => {
                if let Some(stem) = resource.strip_suffix(".m3u8") {
                    return Some(Self::Playlist { stem });
                }
                if let Some(stem) = resource.strip_suffix(".ts") {
                    return Some(Self::Ts { stem });
                }
                if let Some(stem) = resource.strip_suffix(".webvtt") {
                    let media = HlsMedia::TransportStream;
                    return Some(Self::WebVtt { stem, media });
                }
                resource.strip_suffix(".mpd").map(|_| Self::Mpd)
            }
            Some((_, file)) if file.contains('/') => None,
            Some(("dash", file)) => {
                let (stem, ending) = file.rsplit_once('.')?;
                let form = match ending {
                    "m4s" => return Some(Self::NumberedDash { stem }),
                    "dash" => return Some(Self::Dash { stem }),
                    "vtt" => TextForm::WebVttFile,
                    "ttml" => TextForm::TtmlFile,
                    _ => return None,
                };
                Some(Self::TextFile { stem, form })
            }
            Some(("hls", file)) => {
                let media = HlsMedia::FragmentedMp4;
                let segment = file.strip_suffix(".m4s").map(|stem| Self::Hls { stem });
                let text = || file.strip_suffix(".webvtt");
                segment.or_else(|| text().map(|stem| Self::WebVtt { stem, media }))
            }
            Some(_) => None,
        }
    }

    fn smooth(resource: &str) -> Option<Self> {
        // Some players are told `film.ism/film.ism/Manifest`, and go on below it.
        let below = resource.split_once('/');
        let resource = match below.filter(|(name, _)| is_server_manifest(name)) {
            Some((_, rest)) => rest,
            None => resource,
        };
        match resource {
            "Manifest" | "manifest" => Some(Self::ClientManifest),
            _ => FragmentRequest::parse(resource).map(Self::Fragment),
        }
    }

    /// Finds what the path means in `title`, with the choices of its query; `None`: the title lacks it.
    pub(super) fn resolve(&self, title: &Title, query: &Query) -> Option<Resource> {
        if let Some(text) = TextResource::resolve(self, title, query) {
            return Some(Resource::Text(text));
        }
        let presentation = title.presentation();
        let track_in = |stem| presentation.track_in(stem).map(|(track, _)| track);
        match *self {
            Self::Mpd => Some(match query.addressing.unwrap_or(title.packaging().addressing) {
                Addressing::Time => Resource::Mpd,
                Addressing::Number => Resource::NumberedMpd,
            }),
            Self::Playlist { stem } => playlist(title, stem, query),
            Self::Ts { stem } => {
                let (stem, number) = numbered(stem)?;
                let tracks = hls::ts::tracks_in(presentation, stem)?;
                let tracks = TsTracks::new(presentation, &tracks)?;
                let segment = usize::try_from(number.checked_sub(1)?).ok()?;
                ts::has_segment(presentation, tracks, segment)
                    .then_some(Resource::TsSegment { tracks, segment })
            }
            Self::Dash { stem } => {
                if let Some(track) = track_in(stem) {
                    return Some(Resource::Init { track });
                }
                let (stem, time) = numbered(stem)?;
                let track = track_in(stem)?;
                let segment = presentation.tracks.get(track)?.segment_at(time)?;
                Some(Resource::Segment { track, segment })
            }
            Self::Hls { stem } if track_in(stem).is_some() => {
                track_in(stem).map(|track| Resource::Init { track })
            }
            Self::NumberedDash { stem } | Self::Hls { stem } => {
                let (stem, number) = numbered(stem)?;
                let track = track_in(stem)?;
                let segment = usize::try_from(number.checked_sub(1)?).ok()?;
                presentation.tracks.get(track)?.segments.get(segment)?;
                Some(Resource::Segment { track, segment })
            }
            Self::ClientManifest => {
                let is_offered = !title.smooth().streams.is_empty();
                is_offered.then_some(Resource::ClientManifest)
            }
            Self::Fragment(ref request) => {
                let fragment = title.smooth().resolve(presentation, request)?;
                let noun = request.noun;
                Some(Resource::Fragment { fragment, noun })
            }
            Self::WebVtt { .. } | Self::TextFile { .. } => None,
            Self::TrickPlay(path) => path.resolve(title, query),
            Self::Thumbnail(path) => path.resolve(title),
        }
    }

    /// What a cache in front may fetch ahead once it has `resource`, which this
    /// path means: the value of a `Link` header (`RFC 8288`).
    pub(super) fn link(&self, resource: Resource, title: &Title) -> Option<HeaderValue> {
        match (self, resource) {
            (
                Self::Fragment(request),
                Resource::Fragment { fragment, .. } | Resource::Text(TextResource::Fragment { fragment, .. }),
            ) => HeaderValue::try_from(request.link_to(fragment.next?, &title.presentation().suffix)).ok(),
            _ => None,
        }
    }
}

impl Resource {
    /// Whether it is a manifest or playlist, rather than media.
    pub(super) fn is_manifest(self) -> bool {
        match self {
            Self::Text(text) => text.is_manifest(),
            Self::Mpd
            | Self::NumberedMpd
            | Self::Master { .. }
            | Self::MediaPlaylist { .. }
            | Self::TsPlaylist { .. }
            | Self::ClientManifest => true,
            Self::Init { .. } | Self::Segment { .. } | Self::TsSegment { .. } | Self::Fragment { .. } => {
                false
            }
            Self::TrickPlay(wanted) => wanted.is_playlist(),
            Self::Thumbnail(wanted) => wanted.is_playlist(),
        }
    }

    /// Whether it is made once for all who ask.
    pub(super) fn is_rendered(self) -> bool {
        match self {
            Self::Text(text) => text.is_rendered(),
            _ => self.is_manifest(),
        }
    }

    /// Whether it consists of characters, which are worth compressing.
    pub(super) fn is_characters(self) -> bool {
        match self {
            Self::Text(text) => text.is_characters(),
            _ => self.is_manifest(),
        }
    }

    /// A few bytes that name this resource among all of the title's.
    pub(super) fn tag(self) -> [u8; 17] {
        let (kind, track, segment) = match self {
            Self::Mpd => (0, 0, 0),
            Self::NumberedMpd => (12, 0, 0),
            Self::Master {
                media,
                texts,
                is_default,
            } => {
                let is_ts = media == HlsMedia::TransportStream;
                let has_fragments = texts == HlsText::FragmentedMp4;
                let kind = usize::from(is_ts) | usize::from(has_fragments) << 1;
                (1, kind, usize::from(is_default))
            }
            Self::MediaPlaylist { track } => (2, track, 0),
            Self::Init { track } => (3, track, 0),
            Self::Segment { track, segment } => (4, track, segment),
            Self::ClientManifest => (5, 0, 0),
            Self::Text(text) => text.numbers(),
            Self::TsPlaylist { tracks } => (10, tracks.number(), 0),
            Self::TsSegment { tracks, segment } => (11, tracks.number(), segment),
            Self::Fragment { fragment, noun } => {
                let noun = match noun {
                    Noun::Fragments => 6,
                    Noun::KeyFrames => 7,
                    Noun::FragmentInfo => 8,
                    Noun::RawFragments => 9,
                };
                (noun, fragment.track, fragment.segment)
            }
            Self::TrickPlay(wanted) => wanted.tag(),
            Self::Thumbnail(wanted) => wanted.tag(),
        };
        let mut tag = [kind; 17];
        let indexes = [track, segment].map(|index| (index as u64).to_le_bytes());
        for (to, from) in tag.iter_mut().skip(1).zip(indexes.iter().flatten()) {
            *to = *from;
        }
        tag
    }
}

/// Which playlist of `title` the name `stem` is for.
fn playlist(title: &Title, stem: &str, query: &Query) -> Option<Resource> {
    let presentation = title.presentation();
    let default = title.packaging().hls_media;
    let media = query.hls_media.unwrap_or(default);
    let texts = texts_beside(media, title, query);
    if !text::is_offered(presentation, media) {
        return None;
    }
    let Some(tracks) = hls::ts::tracks_in(presentation, stem) else {
        // Any name is a master's, but a track that the title lacks is
        // not to be answered with something else.
        let is_title = stem == title.stem() || stem == presentation.name;
        let is_default = media == default;
        return (is_title || !stem.contains('=')).then_some(Resource::Master {
            media,
            texts,
            is_default,
        });
    };
    match (media, tracks.as_slice()) {
        (HlsMedia::FragmentedMp4, [track]) => Some(Resource::MediaPlaylist { track: *track }),
        // Several tracks stand together in transport streams only.
        _ => Some(Resource::TsPlaylist {
            tracks: TsTracks::new(presentation, &tracks)?,
        }),
    }
}

/// What texts come in beside `media`.
pub(super) fn texts_beside(media: HlsMedia, title: &Title, query: &Query) -> HlsText {
    match media {
        HlsMedia::FragmentedMp4 => {
            let wanted = query.hls_text.unwrap_or(title.packaging().hls_text);
            hls::texts_in(title.presentation(), wanted)
        }
        HlsMedia::TransportStream => HlsText::WebVtt,
    }
}

fn is_server_manifest(name: &str) -> bool {
    name.rsplit_once('.')
        .is_some_and(|(_, ending)| ending.eq_ignore_ascii_case("ism"))
}

/// Splits `film-video=401000-9600` at its last dash. Only the one way to write
/// a number is taken, so that no two names mean the same segment.
pub(super) fn numbered(stem: &str) -> Option<(&str, u64)> {
    let (stem, digits) = stem.rsplit_once('-')?;
    let canonical =
        digits.bytes().all(|digit| digit.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    canonical
        .then(|| digits.parse().ok())
        .flatten()
        .map(|number| (stem, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fragment() -> Option<Route<'static>> {
        Some(Route::Fragment(FragmentRequest {
            bitrate: 652_000,
            noun: Noun::Fragments,
            stream: "video".to_owned(),
            time: 0,
        }))
    }

    #[test]
    fn a_path_is_decoded_by_its_folder_and_ending() {
        let cases = [
            (".mpd", Some(Route::Mpd)),
            ("anything.mpd", Some(Route::Mpd)),
            (".m3u8", Some(Route::Playlist { stem: "" })),
            (
                "film-video=1.m3u8",
                Some(Route::Playlist { stem: "film-video=1" }),
            ),
            (
                "dash/film-video=1.dash",
                Some(Route::Dash { stem: "film-video=1" }),
            ),
            (
                "dash/film-video=1-0.dash",
                Some(Route::Dash {
                    stem: "film-video=1-0",
                }),
            ),
            (
                "hls/film-video=1-1.m4s",
                Some(Route::Hls {
                    stem: "film-video=1-1",
                }),
            ),
            (
                "dash/film-video=1-1.m4s",
                Some(Route::NumberedDash {
                    stem: "film-video=1-1",
                }),
            ),
            (
                "film-a=1-video=1-1.ts",
                Some(Route::Ts {
                    stem: "film-a=1-video=1-1",
                }),
            ),
            ("Manifest", Some(Route::ClientManifest)),
            ("manifest", Some(Route::ClientManifest)),
            ("anything.ism/Manifest", Some(Route::ClientManifest)),
            ("QualityLevels(652000)/Fragments(video=0)", fragment()),
            ("a.ism/QualityLevels(652000)/Fragments(video=0)", fragment()),
        ];
        for (path, route) in cases {
            assert_eq!(Route::parse(path), route, "{path}");
        }
    }

    #[test]
    fn a_path_of_a_text_is_decoded_too() {
        let cases = [
            (
                "hls/film-textstream=1-1.webvtt",
                Some(Route::WebVtt {
                    stem: "film-textstream=1-1",
                    media: HlsMedia::FragmentedMp4,
                }),
            ),
            (
                "film-textstream=1-1.webvtt",
                Some(Route::WebVtt {
                    stem: "film-textstream=1-1",
                    media: HlsMedia::TransportStream,
                }),
            ),
            (
                "dash/film-textstream=1.vtt",
                Some(Route::TextFile {
                    stem: "film-textstream=1",
                    form: TextForm::WebVttFile,
                }),
            ),
            (
                "dash/film-textstream=1.ttml",
                Some(Route::TextFile {
                    stem: "film-textstream=1",
                    form: TextForm::TtmlFile,
                }),
            ),
        ];
        for (path, route) in cases {
            assert_eq!(Route::parse(path), route, "{path}");
        }
    }

    #[test]
    fn a_path_that_no_title_has_is_not_decoded() {
        for path in [
            "",
            "mpd",
            ".MPD",
            "film.mp4",
            "dash/film.mpd",
            "hls/film.dash",
            "x/film.dash",
            "dash/x/film.dash",
            "dash/film.webvtt",
            "hls/film.vtt",
            "film.vtt",
            "x/Manifest.xml",
            "film.ism",
            "a.ism/b.ism/Manifest",
            "QualityLevels(652000)",
            "QualityLevels(652000)/Manifest(video=0)",
        ] {
            assert_eq!(Route::parse(path), None, "{path}");
        }
    }

    #[test]
    fn a_number_has_one_spelling() {
        assert_eq!(numbered("film-video=1-9600"), Some(("film-video=1", 9600)));
        assert_eq!(numbered("a-b-0"), Some(("a-b", 0)));
        for stem in [
            "film",
            "film-",
            "film-01",
            "film-00",
            "film-+1",
            "film--",
            "film-1x",
            "film-18446744073709551616",
        ] {
            assert_eq!(numbered(stem), None, "{stem}");
        }
    }
}
