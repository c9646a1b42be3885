//! Playlists of transport streams, RFC 8216 §3.2.
//!
//! A media playlist is named by the tracks in its segments, which stand beside it:
//! `film-audio_eng=64008-video=401000.m3u8` has `film-audio_eng=64008-video=401000-1.ts`
//! and so on. Texts have playlists of their own, see [`super::text`].

use crate::codec::MediaKind;
use crate::multiplex::{Multiplex, carriage_of};
use crate::presentation::Presentation;
use crate::shape::Suffix;
use crate::text::{HlsMedia, HlsText};
use crate::track::{Bandwidth, Track};

use super::super::escape::path_segment;
use super::super::rendition::Rendition;
use super::audio_group::{self, AudioGroup};
use super::media_playlist::{head, write_segments};
use super::offer::Offer;
use super::variant::{self, Variant};
use super::{image_playlist, key_frames};

/// `EXTINF` with decimals needs it, `RFC 8216 §7`.
const VERSION: u32 = 3;

/// Renditions to choose from came with it.
const VERSION_WITH_GROUPS: u32 = 4;

/// Whether pictures and sound stand in the same segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Streams {
    /// One stream of pictures with the first sound of each group; other languages
    /// have streams of their own. With one sound, any player of version 3 plays it.
    Muxed,
    /// Every track in a stream of its own.
    Demuxed,
}

/// Whether the track stands in transport streams; the others are left out of the
/// playlists. The reason is [`carriage_of`]'s.
#[must_use]
pub fn allows(track: &Track) -> bool {
    carriage_of(track).is_ok()
}

/// The multivariant playlist of a title: a variant for each pairing of a video track
/// with an audio group, or for each audio group when there is no video. `suffix`,
/// which holds the presentation's own, stands behind every URI.
#[must_use]
pub fn master(presentation: &Presentation, streams: Streams, suffix: &Suffix) -> String {
    let tracks = presentation.tracks.iter().enumerate();
    let allowed = tracks.filter(|(_, track)| allows(track));
    let renditions = allowed.filter_map(|(index, track)| Rendition::new(index, track));
    let (videos, audio): (Vec<_>, Vec<_>) =
        renditions.partition(|rendition| rendition.kind() == MediaKind::Video);
    let groups = audio_group::groups(&audio);
    let title = Title {
        presentation,
        offer: Offer::of(presentation, HlsText::WebVtt),
        // Without pictures there is nothing to stand together with.
        streams: if videos.is_empty() {
            Streams::Demuxed
        } else {
            streams
        },
        suffix,
    };
    let has_texts = !presentation.texts.is_empty();
    let has_groups = has_texts || groups.iter().any(|group| title.offers_choice(group, &videos));
    let version = if has_groups { VERSION_WITH_GROUPS } else { VERSION };
    let version = version.max(title.offer.version());
    let mut playlist = format!("#EXTM3U\n#EXT-X-VERSION:{version}\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    for group in groups.iter().filter(|group| title.offers_choice(group, &videos)) {
        group.write(&mut playlist, |index, rendition| {
            let is_within = title.streams == Streams::Muxed && index == 0;
            (!is_within).then(|| title.uri(&[rendition]))
        });
    }
    title.offer.write(&mut playlist, presentation, suffix);
    let without_sound = groups.is_empty().then_some(None);
    let choices: Vec<_> = groups.iter().map(Some).chain(without_sound).collect();
    // Players start with the first variant, so the order of the title decides.
    for video in videos.iter().map(Some).chain(videos.is_empty().then_some(None)) {
        for group in &choices {
            title.write_variant(&mut playlist, video, *group);
        }
    }
    let media = HlsMedia::TransportStream;
    key_frames::write_streams(&mut playlist, presentation, &videos, media, suffix);
    image_playlist::write_streams(&mut playlist, presentation, suffix);
    playlist
}

/// The playlist of the stream with the presentation's tracks `tracks` (0-based, in the
/// order of its name); empty if there is no such track.
#[must_use]
pub fn media(presentation: &Presentation, tracks: &[usize]) -> String {
    let tracks: Vec<&Track> = tracks
        .iter()
        .filter_map(|index| presentation.tracks.get(*index))
        .collect();
    let stem = stem(presentation, &tracks);
    let Some(multiplex) = Multiplex::new(tracks) else {
        return String::new();
    };
    let suffix = &presentation.suffix;
    let durations = multiplex.durations_us();
    let mut playlist = head(VERSION, &durations);
    write_segments(&mut playlist, &durations, |number| {
        format!("{stem}-{number}.ts{suffix}")
    });
    playlist
}

/// The tracks that `stem`, a file name without its ending and number, closes with, in
/// the order of the name: `film-audio_eng=64008-video=401000` closes with two. `None`
/// when it closes with none.
#[must_use]
pub fn tracks_in(presentation: &Presentation, stem: &str) -> Option<Vec<usize>> {
    let mut tracks = Vec::new();
    let mut rest = stem;
    while let Some((track, before)) = presentation.track_in(rest) {
        // No stream holds a track twice, whatever the title is called.
        if tracks.contains(&track) {
            break;
        }
        tracks.push(track);
        rest = before;
    }
    tracks.reverse();
    (!tracks.is_empty()).then_some(tracks)
}

/// The name of a stream, as part of a URI.
fn stem(presentation: &Presentation, tracks: &[&Track]) -> String {
    let tokens = tracks.iter().map(|track| track.token.as_str());
    let parts: Vec<&str> = std::iter::once(presentation.name.as_str())
        .chain(tokens)
        .collect();
    path_segment(&parts.join("-"))
}

/// A title as its multivariant playlist has it.
struct Title<'a> {
    presentation: &'a Presentation,
    offer: Offer,
    streams: Streams,
    suffix: &'a Suffix,
}

impl Title<'_> {
    /// Whether a player is told of the group: not when its only sound stands in the
    /// variants, or is them.
    fn offers_choice(&self, group: &AudioGroup<'_>, videos: &[Rendition<'_>]) -> bool {
        match self.streams {
            Streams::Demuxed => !videos.is_empty() || group.renditions.len() > 1,
            Streams::Muxed => group.renditions.len() > 1,
        }
    }

    fn uri(&self, renditions: &[&Rendition<'_>]) -> String {
        let tracks: Vec<&Track> = renditions.iter().map(|rendition| rendition.track).collect();
        format!("{}.m3u8{}", stem(self.presentation, &tracks), self.suffix)
    }

    fn bandwidth(&self, renditions: &[&Rendition<'_>]) -> Bandwidth {
        let tracks = renditions.iter().map(|rendition| rendition.track).collect();
        let multiplex = Multiplex::new(tracks);
        multiplex.map_or_else(Bandwidth::default, |multiplex| {
            multiplex.bandwidth(self.presentation.target_duration)
        })
    }

    fn write_variant(
        &self,
        playlist: &mut String,
        video: Option<&Rendition<'_>>,
        group: Option<&AudioGroup<'_>>,
    ) {
        let sounds = group.map(|group| group.renditions.as_slice()).unwrap_or_default();
        let Some(main) = video.or(sounds.first()) else {
            return;
        };
        let within: Vec<&Rendition<'_>> = match (self.streams, video) {
            (Streams::Muxed, Some(video)) => sounds.iter().take(1).chain([video]).collect(),
            _ => vec![main],
        };
        let has_own = |sound: &&Rendition<'_>| within.iter().all(|one| one.index != sound.index);
        let others = sounds.iter().filter(has_own);
        let beside = variant::highest(others.map(|sound| self.bandwidth(&[sound])));
        let bandwidth = self.bandwidth(&within).and(beside).and(self.offer.bandwidth);
        let video = video.map(std::slice::from_ref).unwrap_or_default();
        Variant {
            main,
            sounds,
            audio_group: group
                .filter(|group| self.offers_choice(group, video))
                .map(|group| group.id.as_str()),
            bandwidth,
            uri: self.uri(&within),
        }
        .write(playlist, &self.offer);
    }
}
