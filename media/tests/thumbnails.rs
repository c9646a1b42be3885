//! Thumbnails: the images of a title come out of it as they went in.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failing test may panic"
)]
#![allow(clippy::cast_possible_truncation, reason = "test files are small")]

mod support;

use std::path::Path;

use bytes::Bytes;
use strata_media::codec::MediaKind;
use strata_media::manifest::{dash, hls};
use strata_media::plan::FileIndex;
use strata_media::presentation::{Presentation, SkipReason, Source};
use strata_media::read::ism::{self, TrackReference};
use strata_media::read::jpeg;
use strata_media::sample::Samples;
use strata_media::segment::SegmentationOptions;
use strata_media::thumbnail::{ImageFile, NamedImages, SideImages, SideImagesError};
use support::Folder;

/// 25 s in 3 images of 3 by 2 thumbnails, one every 2 s, the last one not full.
const IMAGES: &str = "-f lavfi -i testsrc2=s=96x54:r=1/2:d=25 -vf tile=3x2 -c:v mjpeg \
                      -fps_mode passthrough -enc_time_base 1/1000 -video_track_timescale 1000";

/// A title of pictures and, as its second file, the images.
struct Title {
    presentation: Presentation,
    files: Vec<Bytes>,
}

/// What a server manifest with these elements beside the pictures says.
fn references(elements: &str) -> Vec<TrackReference> {
    let text = format!("<smil><body><switch><video src=\"film.mp4\"/>{elements}</switch></body></smil>");
    ism::read(text.as_bytes()).unwrap().tracks
}

fn film(folder: &Folder) -> Bytes {
    folder.ffmpeg("-f lavfi -i testsrc2=s=96x54:r=5:d=25 -c:v libx264 -preset ultrafast -g 10 film.mp4");
    Bytes::from(std::fs::read(folder.path("film.mp4")).unwrap())
}

/// Puts the pictures and the file `images` with what `element` says of it together.
fn assemble(folder: &Folder, images: &str, element: &str) -> Title {
    let files = vec![
        film(folder),
        Bytes::from(std::fs::read(folder.path(images)).unwrap()),
    ];
    let sources: Vec<Source> = references(element)
        .into_iter()
        .zip(0..)
        .map(|(reference, index)| Source {
            file: FileIndex(index),
            content: support::read(&files[index as usize]),
            reference: Some(reference),
        })
        .collect();
    let presentation = Presentation::assemble("film", &sources, &SegmentationOptions::default()).unwrap();
    Title { presentation, files }
}

impl Title {
    /// The bytes of image `image` of the first track of thumbnails.
    fn image(&self, image: usize) -> Vec<u8> {
        let thumbnails = &self.presentation.thumbnails[0];
        let file = &self.files[thumbnails.track.file.0 as usize];
        let samples = if thumbnails.reads_samples() {
            support::read_samples(&thumbnails.track, image, file).unwrap().0
        } else {
            Samples::default()
        };
        support::carry_out(&thumbnails.plan(image, &samples), &self.files)
    }
}

/// The images of a file as ffmpeg takes them out of it.
fn images_of(folder: &Folder, file: &str) -> Vec<Vec<u8>> {
    folder.ffmpeg(&format!("-i {file} -map 0:v -c copy -f image2 image-%d.jpg"));
    (1..=3)
        .map(|number| std::fs::read(folder.path(&format!("image-{number}.jpg"))).unwrap())
        .collect()
}

#[test]
fn a_track_of_images_is_served_as_it_is() {
    for (options, file) in [
        ("", "images.mp4"),
        ("-movflags +faststart", "images.mov"),
        (
            "-movflags frag_every_frame+empty_moov+default_base_moof+global_sidx",
            "images.mp4",
        ),
        ("-movflags frag_every_frame+empty_moov+skip_trailer", "images.mp4"),
    ] {
        let folder = Folder::new();
        folder.ffmpeg(&format!("{IMAGES} {options} {file}"));
        let element = format!("<img src=\"{file}\"><param name=\"tiles\" value=\"3x2\"/></img>");
        let title = assemble(&folder, file, &element);
        assert_eq!(title.presentation.tracks.len(), 1, "{options}");
        assert!(
            title.presentation.skipped.is_empty(),
            "{:?}",
            title.presentation.skipped
        );
        let thumbnails = &title.presentation.thumbnails[0];
        assert_eq!(thumbnails.size, (288, 108));
        assert_eq!(thumbnails.tile_size(), (96, 54));
        assert!(thumbnails.track.token.starts_with("thumbnails="));
        let lasts: Vec<(u64, u64)> = thumbnails
            .track
            .segments
            .iter()
            .map(|image| {
                let scale = u64::from(thumbnails.track.timescale.get());
                let start = image.start - thumbnails.track.presentation_time_offset;
                (start / scale, image.duration / scale)
            })
            .collect();
        assert_eq!(lasts, [(0, 12), (12, 12), (24, 12)], "{options}");
        for (index, expected) in images_of(&folder, file).iter().enumerate() {
            let image = title.image(index);
            assert!(image == *expected, "image {index} {options}");
            assert_eq!(jpeg::size(&image), Ok((288, 108)));
        }
    }
}

#[test]
fn both_manifests_tell_how_thumbnails_lie() {
    let folder = Folder::new();
    folder.ffmpeg(&format!("{IMAGES} images.mp4"));
    let title = assemble(
        &folder,
        "images.mp4",
        "<img src=\"images.mp4\" systemBitrate=\"5000\"><param name=\"tiles\" value=\"3x2\"/></img>",
    );
    let presentation = &title.presentation;
    let mpd = dash_mpd_core::parse(&dash::mpd(presentation)).unwrap();
    let sets = &mpd.periods[0].adaptations;
    let set = sets
        .iter()
        .find(|set| set.contentType.as_deref() == Some("image"))
        .unwrap();
    assert_eq!(set.mimeType.as_deref(), Some("image/jpeg"));
    let representation = &set.representations[0];
    assert_eq!(representation.id.as_deref(), Some("thumbnails=5000"));
    assert_eq!(
        (representation.width, representation.height),
        (Some(288), Some(108))
    );
    let property = &representation.essential_property[0];
    assert_eq!(
        property.schemeIdUri,
        "http://dashif.org/guidelines/thumbnail_tile"
    );
    assert_eq!(property.value.as_deref(), Some("3x2"));
    let template = set.SegmentTemplate.as_ref().unwrap();
    assert_eq!(template.duration, Some(12_000.0));
    assert_eq!(
        template.media.as_deref(),
        Some("../thumbnails/film-$RepresentationID$-$Number$.jpg")
    );
    let master = hls::master(presentation);
    let (rest, _) = m3u8_rs::parse_master_playlist(master.as_bytes()).unwrap();
    assert!(rest.is_empty());
    let line = master.lines().find(|line| line.contains("IMAGE-STREAM")).unwrap();
    let peak = presentation.thumbnails[0].track.bandwidth.peak;
    let average = presentation.thumbnails[0].track.bandwidth.average;
    assert_eq!(
        line,
        format!(
            "#EXT-X-IMAGE-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={average},RESOLUTION=96x54,\
             CODECS=\"jpeg\",URI=\"thumbnails/film-thumbnails=5000.m3u8\""
        )
    );
    let text = hls::images(presentation, 0);
    let (rest, playlist) = m3u8_rs::parse_media_playlist(text.as_bytes()).unwrap();
    assert!(rest.is_empty() && playlist.end_list);
    assert!(text.contains("#EXT-X-IMAGES-ONLY\n"));
    assert_eq!(playlist.segments.len(), 3);
    assert_eq!(playlist.segments[2].uri, "film-thumbnails=5000-3.jpg");
    assert_eq!(playlist.target_duration, 12);
    let tiles = "#EXT-X-TILES:RESOLUTION=96x54,LAYOUT=3x2,DURATION=2.000000\n";
    assert_eq!(text.matches(tiles).count(), 3);
}

#[test]
fn what_is_no_track_of_images_is_left_out_with_the_reason() {
    let folder = Folder::new();
    folder.ffmpeg(&format!("{IMAGES} images.mp4"));
    for (file, element, reason) in [
        (
            "film.mp4",
            "<img src=\"film.mp4\"><param name=\"trackID\" value=\"1\"/></img>",
            SkipReason::NotJpeg,
        ),
        ("film.mp4", "<img src=\"film.mp4\"/>", SkipReason::Missing),
        (
            "images.mp4",
            "<img src=\"images.mp4\"><param name=\"trackID\" value=\"7\"/></img>",
            SkipReason::Missing,
        ),
        (
            "images.mp4",
            "<img src=\"images.mp4\"><param name=\"tiles\" value=\"3\"/></img>",
            SkipReason::Tiles("3".parse::<strata_media::thumbnail::Tiles>().unwrap_err()),
        ),
    ] {
        film(&folder);
        let title = assemble(&folder, file, element);
        assert!(title.presentation.thumbnails.is_empty(), "{element}");
        assert_eq!(title.presentation.skipped[0].reason, reason, "{element}");
        assert_eq!(title.presentation.tracks.len(), 1);
    }
}

/// Images in files of their own, which the files of the title end with.
fn side_files(folder: &Folder, params: &str) -> (NamedImages, Vec<ImageFile>, Vec<Bytes>) {
    folder.ffmpeg(&format!("{IMAGES} images.mp4"));
    let images: Vec<Bytes> = images_of(folder, "images.mp4")
        .into_iter()
        .map(Bytes::from)
        .collect();
    let elements: String = (1..=3)
        .map(|number| format!("<img src=\"image-{number}.jpg\">{params}</img>"))
        .collect();
    let mut references = references(&elements);
    let named = NamedImages::take(&mut references).remove(0);
    assert_eq!(references.len(), 1, "the film is left");
    let files = images
        .iter()
        .zip(1..)
        .map(|(image, index)| ImageFile {
            file: FileIndex(index),
            size: image.len() as u64,
            pixels: jpeg::size(image).unwrap(),
        })
        .collect();
    (named, files, images)
}

#[test]
fn images_in_files_are_shown_one_after_the_other() {
    let folder = Folder::new();
    let params = "<param name=\"tiles\" value=\"3x2\"/><param name=\"tileDuration\" value=\"2\"/>";
    let (named, files, images) = side_files(&folder, params);
    let film = film(&folder);
    let mut presentation = support::assemble(std::slice::from_ref(&film), std::time::Duration::from_secs(6));
    let side = SideImages::of_images(named.reference().unwrap(), files).unwrap();
    presentation.add_images(side);
    let mut all = vec![film];
    all.extend(images.iter().cloned());
    let title = Title {
        presentation,
        files: all,
    };
    for (index, image) in images.iter().enumerate() {
        assert_eq!(title.image(index), *image);
    }
    let thumbnails = &title.presentation.thumbnails[0];
    assert_eq!(thumbnails.track.segments.len(), 3);
    assert_eq!(thumbnails.track.segments[2].start, 24_000_000);
    assert_eq!(thumbnails.tile_ticks(2), 2_000_000);
    assert!(thumbnails.plan(3, &Samples::default()).parts.is_empty());
}

#[test]
fn images_in_files_have_to_say_how_long_they_last_and_be_of_one_size() {
    let folder = Folder::new();
    let (named, mut files, _) = side_files(&folder, "");
    let reference = named.reference().unwrap();
    assert_eq!(
        SideImages::of_images(reference, files.clone()).unwrap_err(),
        SideImagesError::NoTileDuration
    );
    files[1].pixels = (10, 10);
    assert_eq!(
        SideImages::of_images(reference, files).unwrap_err(),
        SideImagesError::Size { image: 1 }
    );
    assert_eq!(
        SideImages::of_images(reference, Vec::new()).unwrap_err(),
        SideImagesError::None
    );
}

#[test]
fn the_sample_title_has_a_thumbnail_every_two_seconds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sample/title");
    let manifest = ism::read(&std::fs::read(folder.join("harbour.ism")).unwrap()).unwrap();
    let sources: Vec<Source> = manifest
        .tracks
        .into_iter()
        .zip(0..)
        .map(|(reference, index)| {
            let file = Bytes::from(std::fs::read(folder.join(&reference.src)).unwrap());
            Source {
                file: FileIndex(index),
                content: support::read(&file),
                reference: Some(reference),
            }
        })
        .collect();
    let title = Presentation::assemble("harbour", &sources, &SegmentationOptions::default()).unwrap();
    let thumbnails = &title.thumbnails[0];
    assert_eq!(thumbnails.tile_size(), (128, 72));
    assert_eq!(thumbnails.track.segments.len(), 4);
    assert_eq!(
        thumbnails.track.timescale.duration(thumbnails.tile_ticks(3)),
        std::time::Duration::from_secs(2)
    );
    let videos = title.tracks.iter().filter(|track| track.kind == MediaKind::Video);
    assert_eq!(videos.count(), 4);
}
