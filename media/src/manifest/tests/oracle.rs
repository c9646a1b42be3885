//! Parsers other people wrote must read what is made, and find in it what the
//! title has.

use crate::codec::MediaKind;
use crate::presentation::Presentation;
use crate::track::Track;

pub(super) fn check_mpd(presentation: &Presentation, text: &str) {
    let mpd = dash_mpd_core::parse(text).unwrap();
    assert_eq!(mpd.mpdtype.as_deref(), Some("static"));
    let period = &mpd.periods[0];
    assert_eq!(mpd.mediaPresentationDuration, period.duration);
    let listed: Vec<_> = period
        .adaptations
        .iter()
        .flat_map(|set| {
            set.representations
                .iter()
                .map(move |representation| (set, representation))
        })
        .collect();
    for (set, representation) in listed {
        let token = representation.id.as_deref().unwrap();
        let texts = presentation.texts.iter().map(|text| &text.track);
        let mut tracks = presentation.tracks.iter().chain(texts);
        let track = tracks.find(|track| track.token == token).unwrap();
        assert_eq!(representation.bandwidth, Some(track.bandwidth.peak));
        let template = representation.SegmentTemplate.as_ref();
        let Some(template) = template.or(set.SegmentTemplate.as_ref()) else {
            assert_eq!(representation.BaseURL.len(), 1, "{token} is one file");
            continue;
        };
        assert_eq!(template.timescale, Some(track.timescale.get().into()));
        let mut times = Vec::new();
        let mut next = 0;
        for entry in &template.SegmentTimeline.as_ref().unwrap().segments {
            next = entry.t.unwrap_or(next);
            for _ in 0..=entry.r.unwrap_or(0) {
                times.push((next, entry.d));
                next += entry.d;
            }
        }
        let expected: Vec<_> = track
            .segments
            .iter()
            .map(|segment| (segment.start, segment.duration))
            .collect();
        assert_eq!(times, expected);
    }
}

pub(super) fn check_master(presentation: &Presentation, text: &str) {
    let (rest, playlist) = m3u8_rs::parse_master_playlist(text.as_bytes()).unwrap();
    assert!(rest.is_empty());
    assert!(playlist.unknown_tags.is_empty(), "{:?}", playlist.unknown_tags);
    let named = |uri: &str| {
        presentation
            .tracks
            .iter()
            .any(|track| uri.ends_with(&format!("-{}.m3u8", track.token)))
    };
    assert!(!playlist.variants.is_empty());
    for variant in &playlist.variants {
        assert!(named(&variant.uri));
        assert!(variant.average_bandwidth.unwrap() <= variant.bandwidth);
        if let Some(group) = &variant.audio {
            assert!(playlist.alternatives.iter().any(|media| &media.group_id == group));
        }
    }
    let sounds = presentation
        .tracks
        .iter()
        .filter(|track| track.kind == MediaKind::Audio);
    for sound in sounds {
        let uri = format!("-{}.m3u8", sound.token);
        let is_offered =
            |media: &m3u8_rs::AlternativeMedia| media.uri.as_ref().is_some_and(|it| it.ends_with(&uri));
        assert!(playlist.alternatives.iter().any(is_offered), "{uri}");
    }
    for text in &presentation.texts {
        let uri = format!("-{}.m3u8", text.track.token);
        let media = playlist.alternatives.iter();
        let mut media = media.filter(|media| media.uri.as_ref().is_some_and(|it| it.ends_with(&uri)));
        let media = media.next().unwrap();
        assert_eq!(media.media_type, m3u8_rs::AlternativeMediaType::Subtitles);
        for variant in &playlist.variants {
            assert_eq!(variant.subtitles.as_ref(), Some(&media.group_id));
        }
    }
    for media in &playlist.alternatives {
        let in_group = playlist
            .alternatives
            .iter()
            .filter(|other| other.group_id == media.group_id);
        assert_eq!(
            in_group.clone().filter(|other| other.name == media.name).count(),
            1
        );
        assert!(in_group.filter(|other| other.default).count() <= 1);
    }
}

pub(super) fn check_media(track: &Track, text: &str) {
    let (rest, playlist) = m3u8_rs::parse_media_playlist(text.as_bytes()).unwrap();
    assert!(rest.is_empty());
    assert!(playlist.end_list);
    assert_eq!(playlist.segments.len(), track.segments.len());
    for segment in &playlist.segments {
        assert!(segment.duration.round() <= playlist.target_duration as f32);
    }
    // The parser keeps durations as floats: the sum is taken from the text.
    let micros = text
        .lines()
        .filter_map(|line| line.strip_prefix("#EXTINF:"))
        .map(|line| {
            let (seconds, fraction) = line.trim_end_matches(',').split_once('.').unwrap();
            seconds.parse::<u128>().unwrap() * 1_000_000 + fraction.parse::<u128>().unwrap()
        });
    let ticks: u128 = track
        .segments
        .iter()
        .map(|segment| u128::from(segment.duration))
        .sum();
    let scale = u128::from(track.timescale.get());
    assert_eq!(micros.sum::<u128>(), (ticks * 1_000_000 + scale / 2) / scale);
}
