//! HLS playlists (RFC 8216).

use m3u8_rs::{AlternativeMediaType, MasterPlaylist, MediaPlaylist};

use crate::audience::film::{
    Film, ManifestError, SEGMENTS_MAX, Segment, Source, Track, check_segments, resolve,
};

fn syntax(error: &impl std::fmt::Debug) -> ManifestError {
    // The parser's errors carry the rest of the playlist.
    let text = format!("{error:?}");
    ManifestError::Syntax(text.chars().take(120).collect())
}

pub(super) fn read_master(path: &str, body: &[u8]) -> Result<Film, ManifestError> {
    let master: MasterPlaylist = m3u8_rs::parse_master_playlist_res(body).map_err(|error| syntax(&error))?;
    let playlist = |bandwidth, uri: &str| Track {
        bandwidth,
        init: None,
        segments: Source::Playlist(resolve(path, uri)),
    };
    let variants: Vec<_> = master
        .variants
        .iter()
        .filter(|variant| !variant.is_i_frame)
        .collect();
    let video = variants
        .iter()
        .map(|variant| playlist(variant.bandwidth, &variant.uri));
    let group = variants.iter().find_map(|variant| variant.audio.as_deref());
    let mut sound = master.alternatives.iter().filter(|media| {
        media.media_type == AlternativeMediaType::Audio && Some(media.group_id.as_str()) == group
    });
    let audio = sound
        .find_map(|media| media.uri.as_deref())
        .map(|uri| playlist(0, uri));
    let mut video: Vec<Track> = video.collect();
    // The same pictures are listed once for each group of sound.
    video.sort_by_key(|track| track.bandwidth);
    video.dedup_by(|a, b| a.segments == b.segments);
    Film::new(video, audio)
}

pub(super) fn read_media(path: &str, body: &[u8]) -> Result<(Option<String>, Vec<Segment>), ManifestError> {
    let playlist: MediaPlaylist = m3u8_rs::parse_media_playlist_res(body).map_err(|error| syntax(&error))?;
    if SEGMENTS_MAX < playlist.segments.len() {
        return Err(ManifestError::Sense(format!(
            "a playlist has more than {SEGMENTS_MAX} segments"
        )));
    }
    let init = playlist.segments.iter().find_map(|segment| segment.map.as_ref());
    let init = init.map(|map| resolve(path, &map.uri));
    let mut at_s = 0.0;
    let mut segments = Vec::with_capacity(playlist.segments.len());
    for segment in &playlist.segments {
        let duration_s = f64::from(segment.duration);
        segments.push(Segment {
            path: resolve(path, &segment.uri),
            at_s,
            duration_s,
        });
        at_s += duration_s;
    }
    check_segments(&segments)?;
    let longest = segments
        .iter()
        .map(|segment| segment.duration_s)
        .fold(0.0, f64::max);
    // RFC 8216 §4.3.3.1: rounded, no segment is longer than the target.
    if longest.round() > crate::number::float(playlist.target_duration) {
        return Err(ManifestError::Sense(format!(
            "a segment lasts {longest} s, EXT-X-TARGETDURATION is {}",
            playlist.target_duration
        )));
    }
    Ok((init, segments))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASTER: &str = "#EXTM3U\n#EXT-X-VERSION:6\n\
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"eng\",LANGUAGE=\"en\",DEFAULT=YES,URI=\"hls/eng.m3u8\"\n\
#EXT-X-STREAM-INF:BANDWIDTH=900000,CODECS=\"avc1.64001f,mp4a.40.2\",AUDIO=\"a\"\nhls/hi.m3u8\n\
#EXT-X-STREAM-INF:BANDWIDTH=300000,CODECS=\"avc1.64001f,mp4a.40.2\",AUDIO=\"a\"\nhls/lo.m3u8\n";
    const MEDIA: &str = "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:6\n#EXT-X-MAP:URI=\"lo.dash\"\n\
#EXTINF:6.0,\nlo-0.dash\n#EXTINF:2.5,\nlo-60.dash\n#EXT-X-ENDLIST\n";

    #[test]
    fn variants_their_sound_and_their_segments_are_followed() {
        let film = read_master("/film.ism/.m3u8", MASTER.as_bytes()).unwrap();
        assert_eq!(
            film.video[0].segments,
            Source::Playlist("/film.ism/hls/lo.m3u8".to_owned())
        );
        assert_eq!(
            film.audio.unwrap().segments,
            Source::Playlist("/film.ism/hls/eng.m3u8".to_owned())
        );
        let (init, segments) = read_media("/film.ism/hls/lo.m3u8", MEDIA.as_bytes()).unwrap();
        assert_eq!(init.as_deref(), Some("/film.ism/hls/lo.dash"));
        assert_eq!(segments[1].path, "/film.ism/hls/lo-60.dash");
        assert_eq!((segments[1].at_s, segments[1].duration_s), (6.0, 2.5));
    }

    #[test]
    fn what_cannot_be_played_is_told() {
        assert!(read_master("/m", b"hello").is_err());
        assert!(read_media("/m", b"#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-ENDLIST\n").is_err());
        let long = MEDIA.replace("#EXTINF:2.5", "#EXTINF:9.0");
        let error = read_media("/m", long.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("TARGETDURATION"), "{error}");
    }
}
