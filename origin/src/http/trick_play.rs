//! Key frames: what their paths mean, and what is sent for them.

use std::ops::Range;
use std::sync::Arc;

use strata_media::manifest::dash::trick_mode;
use strata_media::manifest::{dash::Addressing, hls};
use strata_media::plan::Plan;
use strata_media::text::HlsMedia;
use strata_media::track::Track;
use strata_media::write::fmp4;
use strata_media::write::ts::TsPlan;

use super::fault::Fault;
use super::hls::TsTracks;
use super::query::Query;
use super::route::{Resource, numbered};
use super::{media, ts};
use crate::asset::Title;
use crate::source::Tally;

/// A path to key frames, decoded as far as it can be without the title.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TrickPath<'p> {
    /// `keyframes/film-video=401000.m3u8`.
    Playlist { stem: &'p str },
    /// `keyframes/film-video=401000-1.m4s`, `keyframes/film-video=401000-1.ts`.
    Picture { stem: &'p str, media: HlsMedia },
    /// `dash/film-video=401000-keyframes-9600.dash`, or `-1.m4s`.
    Segment { stem: &'p str, addressing: Addressing },
    /// `dash/film-video=401000-keyframes.dash`.
    Init { stem: &'p str },
}

/// Key frames that a title offers. Tracks, key frames and segments are 0-based
/// indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TrickPlay {
    /// The I-frame playlist of a track.
    Playlist { track: usize, media: HlsMedia },
    /// One key frame.
    Picture {
        track: usize,
        frame: usize,
        media: HlsMedia,
    },
    /// The key frames of a media segment.
    Segment { track: usize, segment: usize },
}

impl<'p> TrickPath<'p> {
    /// Decodes the part of a path after the title; `None`: it is something else.
    pub(super) fn parse(resource: &'p str) -> Option<Self> {
        let (folder, file) = resource.split_once('/')?;
        if file.contains('/') {
            return None;
        }
        let (stem, ending) = file.rsplit_once('.')?;
        match (folder, ending) {
            ("keyframes", "m3u8") => Some(Self::Playlist { stem }),
            ("keyframes", "m4s") => Some(Self::Picture {
                stem,
                media: HlsMedia::FragmentedMp4,
            }),
            ("keyframes", "ts") => Some(Self::Picture {
                stem,
                media: HlsMedia::TransportStream,
            }),
            ("dash", "dash") if stem.ends_with(trick_mode::SUFFIX) => Some(Self::Init { stem }),
            ("dash", "dash" | "m4s") => {
                let (start, _) = numbered(stem)?;
                let addressing = match ending {
                    "dash" => Addressing::Time,
                    _ => Addressing::Number,
                };
                start
                    .ends_with(trick_mode::SUFFIX)
                    .then_some(Self::Segment { stem, addressing })
            }
            _ => None,
        }
    }

    /// Finds what the path means in `title`; `None`: the title lacks it.
    pub(super) fn resolve(self, title: &Title, query: &Query) -> Option<Resource> {
        let presentation = title.presentation();
        let found = match self {
            Self::Playlist { stem } => {
                let media = query.hls_media.unwrap_or(title.packaging().hls_media);
                let (track, _) = presentation.track_in(stem)?;
                let is_offered = hls::has_key_frames(presentation.tracks.get(track)?, media);
                is_offered.then_some(TrickPlay::Playlist { track, media })?
            }
            Self::Picture { stem, media } => {
                let (stem, number) = numbered(stem)?;
                let (track, _) = presentation.track_in(stem)?;
                let found = presentation.tracks.get(track)?;
                let frame = usize::try_from(number.checked_sub(1)?).ok()?;
                let is_offered = hls::has_key_frames(found, media) && frame < found.key_frame_count();
                is_offered.then_some(TrickPlay::Picture { track, frame, media })?
            }
            Self::Segment { stem, addressing } => {
                let (stem, number) = numbered(stem)?;
                let (track, _) = presentation.track_in(stem.strip_suffix(trick_mode::SUFFIX)?)?;
                let found = presentation.tracks.get(track)?;
                let segment = match addressing {
                    Addressing::Time => found.segment_at(number)?,
                    Addressing::Number => usize::try_from(number.checked_sub(1)?).ok()?,
                };
                let is_offered =
                    trick_mode::has_key_frames(found) && !found.key_frames_of(segment).is_empty();
                is_offered.then_some(TrickPlay::Segment { track, segment })?
            }
            Self::Init { stem } => {
                let (track, _) = presentation.track_in(stem.strip_suffix(trick_mode::SUFFIX)?)?;
                let is_offered = trick_mode::has_key_frames(presentation.tracks.get(track)?);
                // The same bytes as for all pictures.
                return is_offered.then_some(Resource::Init { track });
            }
        };
        Some(Resource::TrickPlay(found))
    }
}

impl TrickPlay {
    pub(super) fn is_playlist(self) -> bool {
        matches!(self, Self::Playlist { .. })
    }

    /// Numbers that name it among all key frames of the title.
    pub(super) fn tag(self) -> (u8, usize, usize) {
        match self {
            Self::Playlist { track, media } => (32, track, usize::from(is_ts(media))),
            Self::Picture { track, frame, media } => (33 + u8::from(is_ts(media)), track, frame),
            Self::Segment { track, segment } => (35, track, segment),
        }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Playlist { .. } => "application/vnd.apple.mpegurl",
            Self::Picture {
                media: HlsMedia::TransportStream,
                ..
            } => "video/mp2t",
            Self::Picture { .. } | Self::Segment { .. } => "video/mp4",
        }
    }
}

fn is_ts(media: HlsMedia) -> bool {
    media == HlsMedia::TransportStream
}

/// What is sent for key frames.
pub(super) enum TrickPlan {
    Plan(Plan),
    TransportStream(TsPlan),
}

/// Plans key frames that are not a playlist. Media that has to be measured is read
/// with up to `ahead_max` chunks at a time.
pub(super) async fn plan(
    title: &Arc<Title>,
    wanted: TrickPlay,
    ahead_max: usize,
    tally: &Arc<Tally>,
) -> Result<TrickPlan, Fault> {
    let track = |track: usize| title.presentation().tracks.get(track).ok_or(Fault::Resource);
    match wanted {
        TrickPlay::Playlist { .. } => Err(Fault::Bug("a playlist is no media")),
        TrickPlay::Picture {
            track: index,
            frame,
            media: HlsMedia::TransportStream,
        } => {
            let track = track(index)?;
            let tracks = TsTracks::new(title.presentation(), &[index]).ok_or(Fault::Resource)?;
            let segment = track.segment_of_key_frame(frame).ok_or(Fault::Resource)?;
            let samples = title.samples(track, segment, tally).await?;
            let shown = track.key_frame_samples(frame..frame.saturating_add(1), &samples);
            if shown.0.is_empty() {
                return Err(Fault::Resource);
            }
            let plan = ts::plan_of(title, tracks, frame, &[shown], ahead_max, tally).await?;
            Ok(TrickPlan::TransportStream(plan))
        }
        TrickPlay::Picture {
            track: index, frame, ..
        } => {
            let track = track(index)?;
            let segment = track.segment_of_key_frame(frame).ok_or(Fault::Resource)?;
            let frames = frame..frame.saturating_add(1);
            fragment(title, track, segment, frame, frames, tally).await
        }
        TrickPlay::Segment {
            track: index,
            segment,
        } => {
            let track = track(index)?;
            let frames = track.key_frames_of(segment);
            fragment(title, track, segment, segment, frames, tally).await
        }
    }
}

/// The key frames `frames` of `segment`, as segment `number` of its kind.
async fn fragment(
    title: &Title,
    track: &Track,
    segment: usize,
    number: usize,
    frames: Range<usize>,
    tally: &Arc<Tally>,
) -> Result<TrickPlan, Fault> {
    let samples = title.samples(track, segment, tally).await?;
    let plan = fmp4::key_frames(track, number, frames, &samples);
    // An index may promise a sync sample that the fragment does not have.
    if plan.length == 0 {
        return Err(Fault::Resource);
    }
    Ok(TrickPlan::Plan(media::checked(title, plan)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_to_key_frames_are_told_from_others() {
        let picture = |media| {
            let stem = "film-video=1-2";
            Some(TrickPath::Picture { stem, media })
        };
        let segment = |stem, addressing| Some(TrickPath::Segment { stem, addressing });
        let cases = [
            (
                "keyframes/film-video=1.m3u8",
                Some(TrickPath::Playlist { stem: "film-video=1" }),
            ),
            ("keyframes/film-video=1-2.m4s", picture(HlsMedia::FragmentedMp4)),
            ("keyframes/film-video=1-2.ts", picture(HlsMedia::TransportStream)),
            (
                "dash/film-video=1-keyframes-0.dash",
                segment("film-video=1-keyframes-0", Addressing::Time),
            ),
            (
                "dash/film-video=1-keyframes-1.m4s",
                segment("film-video=1-keyframes-1", Addressing::Number),
            ),
            (
                "dash/film-video=1-keyframes.dash",
                Some(TrickPath::Init {
                    stem: "film-video=1-keyframes",
                }),
            ),
            ("dash/film-video=1-0.dash", None),
            ("dash/film-video=1.dash", None),
            ("dash/film-keyframes-video=1-0.dash", None),
            ("hls/film-video=1-keyframes-1.m4s", None),
            ("keyframes/film-video=1-2.dash", None),
            ("keyframes/x/film-video=1.m3u8", None),
            ("keyframes", None),
        ];
        for (path, expected) in cases {
            assert_eq!(TrickPath::parse(path), expected, "{path}");
        }
    }

    #[test]
    fn key_frames_are_told_apart() {
        let (track, frame, segment) = (1, 1, 1);
        let all = [HlsMedia::FragmentedMp4, HlsMedia::TransportStream].map(|media| {
            [
                TrickPlay::Playlist { track, media },
                TrickPlay::Picture { track, frame, media },
            ]
        });
        let mut tags: Vec<_> = all.into_iter().flatten().map(TrickPlay::tag).collect();
        tags.push(TrickPlay::Segment { track, segment }.tag());
        let distinct: std::collections::HashSet<_> = tags.iter().collect();
        assert_eq!(distinct.len(), tags.len());
    }
}
