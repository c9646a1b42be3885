//! Sources that ffmpeg does not write: a track whose sample entry changes, and lengths
//! of NAL units of fewer than four bytes.

use std::path::PathBuf;

use bytes::Bytes;
use strata_media::manifest::smooth::Streams;
use strata_media::manifest::{dash, hls};

use crate::film::{self, Base, Clock, Defaults, Form, Index, MadeTrack};
use crate::progressive::{self, Progressive};
use crate::recipe::Recipe;
use crate::support::{self, Folder, Times};
use crate::{ALL, Dash, Format, Hls, HlsTs, TARGET, check_joined};

/// The first track of a file that ffmpeg made.
struct Clip {
    path: PathBuf,
    track: MadeTrack,
}

fn clip(arguments: &str) -> Clip {
    let path = Recipe::mp4(arguments).path();
    let file = Bytes::from(std::fs::read(&path).unwrap());
    let movie = support::read(&file).unwrap();
    let track = MadeTrack::copied(&movie.tracks[0], &file, 1);
    Clip { path, track }
}

/// The track in fragments of a second.
fn in_seconds(mut track: MadeTrack) -> MadeTrack {
    let per_second = ((track.timescale / track.samples[0].duration) as usize).max(1);
    track.fragment_sizes = vec![per_second; track.samples.len() / per_second];
    track
}

/// The forms that a track is compared in.
fn films(track: MadeTrack) -> [Bytes; 3] {
    let fragments = Form {
        base: Base::Moof,
        clock: Clock::Tfdt,
        defaults: Defaults::Fragment,
        index: Index::None,
        ..Form::default()
    };
    let wide = Progressive {
        chunk_size: 7,
        is_moov_last: true,
        has_wide_offsets: true,
        ..Progressive::default()
    };
    let tracks = [track];
    [
        film::write(&tracks, &fragments),
        progressive::write(&tracks, &Progressive::default()),
        progressive::write(&tracks, &wide),
    ]
}

/// Clips one after the other in one track, an entry each; with it their files.
fn joined(clips: Vec<Clip>) -> (MadeTrack, Vec<PathBuf>) {
    let (tracks, paths): (Vec<MadeTrack>, Vec<PathBuf>) =
        clips.into_iter().map(|clip| (clip.track, clip.path)).unzip();
    let mut tracks = tracks.into_iter();
    let mut whole = tracks.next().unwrap();
    for (clip, entry) in tracks.zip(1..) {
        assert_eq!(clip.timescale, whole.timescale);
        let last = whole.samples.last().unwrap();
        let start = last.decode_time + i64::from(last.duration);
        whole.entries.extend(clip.entries);
        for mut sample in clip.samples {
            sample.decode_time += start;
            sample.entry = entry;
            whole.samples.push(sample);
        }
    }
    (in_seconds(whole), paths)
}

/// Compares the track, which was joined from `clips`, in every form.
fn check_films(track: MadeTrack, clips: &[PathBuf], formats: &[Format]) {
    for film in films(track) {
        let folder = Folder::new();
        let path = folder.path("film.mp4");
        std::fs::write(&path, film).unwrap();
        check_joined(vec![path], clips, Times::AsRead, formats);
    }
}

const X264: &str = "-c:v libx264 -preset veryfast -g 25 -bf 2 -sc_threshold 0";

#[test]
fn sound_whose_channels_change_in_mid_file() {
    let sound = |channels: u32| {
        clip(&format!(
            "-f lavfi -i sine=440:d=2:sample_rate=48000 -c:a aac -ac {channels}"
        ))
    };
    let (track, clips) = joined(vec![sound(1), sound(2)]);
    check_films(track, &clips, &[Dash, Hls, HlsTs]);
}

/// Two seconds of pictures of `size`.
fn pictures(size: &str, coding: &str) -> Clip {
    clip(&format!("-f lavfi -i testsrc2=s={size}:r=25:d=2 {coding}"))
}

/// What manifests state of the track in a film.
fn check_stated(track: &MadeTrack, codecs: &str, size: &str, reference: (u32, u32)) {
    for film in films(track.clone()) {
        let title = support::assemble(&[film], TARGET);
        assert_eq!(title.tracks[0].rfc6381(), codecs);
        let master = hls::master(&title);
        let stated = format!("CODECS=\"{codecs}\",RESOLUTION={size},");
        assert!(master.contains(&stated), "{master}");
        let (width, height) = reference;
        let mpd = dash::mpd(&title);
        let stated = format!("codecs=\"{codecs}\" width=\"{width}\" height=\"{height}\"");
        assert!(mpd.contains(&stated), "{mpd}");
        let left_out = &Streams::of(&title).left_out[0];
        assert_eq!(
            left_out.reason.to_string(),
            "it has 2 sample entries that differ, and the manifest can state one"
        );
    }
}

#[test]
fn pictures_whose_size_and_profile_change_in_mid_file() {
    let small = pictures("64x64", &format!("{X264} -profile:v high"));
    let large = pictures("320x180", &format!("{X264} -profile:v main"));
    let (track, clips) = joined(vec![small, large]);
    // High profile of the first, the second's level.
    check_stated(&track, "avc1.64000c", "320x180", (320, 180));
    check_films(track, &clips, &[Dash, Hls, HlsTs]);
}

#[test]
fn pictures_of_h265_whose_size_changes_in_mid_file() {
    let coding = "-c:v libx265 -preset ultrafast -x265-params \
                  log-level=none:keyint=25:min-keyint=25:bframes=2:scenecut=0";
    let clips = ["128x72", "64x64"].map(|size| pictures(size, coding));
    let (track, clips) = joined(clips.into());
    check_films(track, &clips, &[Dash, Hls, HlsTs]);
}

#[test]
fn an_entry_that_differs_in_what_players_need_not_know() {
    let (mut track, clips) = joined(vec![pictures("64x64", X264), pictures("64x64", X264)]);
    // Another bitrate, which only its own box states.
    let rate = track.entries[1]
        .windows(4)
        .position(|name| name == b"btrt")
        .unwrap()
        + 12;
    track.entries[1][rate] ^= 1;
    check_films(track, &clips, &ALL);
}

/// The clip with lengths of NAL units of `size` bytes.
fn with_lengths(mut clip: Clip, size: usize) -> Clip {
    let entry = &mut clip.track.entries[0];
    let record = entry.windows(4).position(|name| name == b"avcC").unwrap() + 4;
    entry[record + 4] = 0xfc | (size as u8 - 1);
    for sample in &mut clip.track.samples {
        let mut rest = sample.payload.as_slice();
        let mut payload = Vec::new();
        while let Some((length, after)) = rest.split_first_chunk() {
            let (unit, after) = after.split_at(u32::from_be_bytes(*length) as usize);
            assert!(unit.len() < 1 << (8 * size), "a unit of {} bytes", unit.len());
            payload.extend(&(unit.len() as u32).to_be_bytes()[4 - size..]);
            payload.extend(unit);
            rest = after;
        }
        sample.payload = payload;
    }
    clip
}

#[test]
fn lengths_of_two_bytes_and_of_one() {
    for size in [1, 2] {
        // Without the encoder's own description of itself, which is long.
        let pictures = "-f lavfi -i color=gray:s=32x32:r=25:d=3 -bsf:v filter_units=remove_types=6";
        let clip = with_lengths(clip(&format!("{pictures} {X264}")), size);
        check_films(in_seconds(clip.track), &[], &ALL);
    }
}
