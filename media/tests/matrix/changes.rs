//! Sources that ffmpeg does not write: a track whose sample entry changes, and lengths
//! of NAL units of fewer than four bytes.

use bytes::Bytes;

use crate::film::{Base, Clock, Defaults, Form, Index, MadeSample, MadeTrack, write};
use crate::recipe::Recipe;
use crate::support::{self, Folder, Times};
use crate::{ALL, Dash, Hls, HlsTs, check_files};

/// The first track of a file that ffmpeg made.
struct Clip {
    entry: Vec<u8>,
    timescale: u32,
    samples: Vec<MadeSample>,
}

fn clip(arguments: &str) -> Clip {
    let file = Bytes::from(std::fs::read(Recipe::mp4(arguments).path()).unwrap());
    let movie = support::read(&file).unwrap();
    let track = &movie.tracks[0];
    let samples = track.samples().map(|sample| {
        let sample = sample.unwrap();
        MadeSample {
            payload: file[sample.offset as usize..][..sample.size as usize].to_vec(),
            decode_time: sample.decode_time,
            duration: sample.duration,
            composition_offset: sample.composition_offset,
            is_sync: sample.is_sync,
            entry: 0,
        }
    });
    Clip {
        entry: track.sample_entries[0].to_vec(),
        timescale: track.timescale.get(),
        samples: samples.collect(),
    }
}

/// Writes one track in fragments of a second.
fn film(handler: [u8; 4], timescale: u32, entries: Vec<Vec<u8>>, samples: Vec<MadeSample>) -> Bytes {
    let per_second = (timescale / samples[0].duration) as usize;
    let track = MadeTrack {
        id: 1,
        handler,
        timescale,
        entries,
        fragment_sizes: vec![per_second.max(1); samples.len() / per_second.max(1)],
        samples,
        edits: Vec::new(),
    };
    let form = Form {
        base: Base::Moof,
        clock: Clock::Tfdt,
        defaults: Defaults::Fragment,
        index: Index::None,
        ..Form::default()
    };
    write(&[track], &form)
}

/// Clips one after the other in one track, an entry each.
fn joined(handler: [u8; 4], clips: Vec<Clip>) -> Bytes {
    let timescale = clips[0].timescale;
    let (mut entries, mut samples, mut start) = (Vec::new(), Vec::new(), 0);
    for (entry, clip) in (0..).zip(clips) {
        assert_eq!(clip.timescale, timescale);
        entries.push(clip.entry);
        for mut sample in clip.samples {
            sample.decode_time += start;
            sample.entry = entry;
            samples.push(sample);
        }
        let last = samples.last().unwrap();
        start = last.decode_time + i64::from(last.duration);
    }
    film(handler, timescale, entries, samples)
}

fn check_film(film: &Bytes, formats: &[crate::Format]) {
    let folder = Folder::new();
    let path = folder.path("film.mp4");
    std::fs::write(&path, film).unwrap();
    check_files(vec![path], Times::AsRead, formats);
}

const X264: &str = "-c:v libx264 -preset veryfast -g 25 -bf 2 -sc_threshold 0";

#[test]
fn sound_whose_channels_change_in_mid_file() {
    let sound = |channels: u32| {
        clip(&format!(
            "-f lavfi -i sine=440:d=2:sample_rate=48000 -c:a aac -ac {channels}"
        ))
    };
    check_film(&joined(*b"soun", vec![sound(1), sound(2)]), &[Dash, Hls, HlsTs]);
}

/// The clip with lengths of NAL units of `size` bytes.
fn with_lengths(mut clip: Clip, size: usize) -> Clip {
    let record = clip.entry.windows(4).position(|name| name == b"avcC").unwrap() + 4;
    clip.entry[record + 4] = 0xfc | (size as u8 - 1);
    for sample in &mut clip.samples {
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
        let film = film(*b"vide", clip.timescale, vec![clip.entry], clip.samples);
        check_film(&film, &ALL);
    }
}
