//! Thumbnails in files of their own.

use std::time::Duration;

use super::{IMAGES_MAX, ImageOrigin, Thumbnails, Tiles};
use crate::codec::MediaKind;
use crate::plan::FileIndex;
use crate::presentation::{Presentation, bandwidth, naming};
use crate::read::ism::TrackReference;
use crate::sample::{Cursor, SampleMap};
use crate::time::Timescale;
use crate::track::{AudioTraits, Bandwidth, Segment, Track};
use crate::trick_play::KeyFrames;

/// What names thumbnails when nobody says.
const NAME: &str = "thumbnails";

/// An image in a file of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageFile {
    /// Which file of the title it is.
    pub file: FileIndex,
    /// Bytes of it.
    pub size: u64,
    /// Width and height in pixels.
    pub pixels: (u32, u32),
}

/// Images in files, shown one after the other from the start of the title on.
#[derive(Clone, Debug)]
pub struct SideImages {
    /// What the server manifest says of them.
    pub reference: TrackReference,
    /// How thumbnails lie in each.
    pub tiles: Tiles,
    /// For how long of the title each thumbnail stands, at least 1 µs.
    pub tile_duration: Duration,
    /// The files in time order, at least one.
    pub files: Vec<ImageFile>,
}

impl Presentation {
    /// Adds thumbnails. Images behind the end of the title are left out.
    pub fn add_images(&mut self, side: SideImages) {
        let timescale = Timescale::MICROSECONDS;
        let ticks = timescale.ticks_of(side.tile_duration).unsigned_abs().max(1);
        let duration = ticks.saturating_mul(side.tiles.count().into());
        let end = self.duration().on(timescale).max(0).unsigned_abs();
        let count = usize::try_from(end.div_ceil(duration)).unwrap_or(usize::MAX);
        let files = side.files.get(..count.min(side.files.len())).unwrap_or_default();
        let files = files.get(..files.len().min(IMAGES_MAX)).unwrap_or_default();
        let Some(first) = files.first() else {
            return;
        };
        let segments: Vec<Segment> = files
            .iter()
            .zip(0_u64..)
            .map(|(file, number)| Segment {
                start: duration.saturating_mul(number),
                duration,
                media_size: file.size,
                cursor: Cursor::default(),
            })
            .collect();
        let bandwidth = rates(&segments, timescale);
        let (token, name, bitrate) = self.thumbnail_token(Some(&side.reference), bandwidth);
        let track = Track {
            kind: MediaKind::Video,
            file: first.file,
            source_id: 0,
            token,
            name,
            bitrate,
            language: None,
            audio: AudioTraits::default(),
            timescale,
            codecs: Vec::new(),
            display_size: first.pixels,
            frame_rate: None,
            roll_distance: None,
            presentation_time_offset: 0,
            bandwidth,
            segments,
            key_frames: KeyFrames::default(),
            samples: SampleMap::default(),
            end: Cursor::default(),
        };
        self.thumbnails.push(Thumbnails {
            track,
            tiles: side.tiles,
            size: first.pixels,
            origin: ImageOrigin::Files(files.iter().map(|file| file.file).collect()),
        });
    }

    /// The token of a track of thumbnails that takes `bandwidth`, with its name and
    /// bitrate; no other track has it.
    pub(crate) fn thumbnail_token(
        &self,
        reference: Option<&TrackReference>,
        bandwidth: Bandwidth,
    ) -> (String, String, u64) {
        let stated = reference.and_then(|reference| reference.system_bitrate);
        let stated = stated.filter(|bitrate| *bitrate > 0);
        let bitrate = stated.unwrap_or(bandwidth.average);
        let texts = self.texts.iter().map(|text| &text.track);
        let thumbnails = self.thumbnails.iter().map(|thumbnails| &thumbnails.track);
        let taken: Vec<&str> = self
            .tracks
            .iter()
            .chain(texts)
            .chain(thumbnails)
            .map(|track| track.token.as_str())
            .collect();
        let stated = reference.and_then(|reference| reference.track_name.as_deref());
        let stated = stated.filter(|name| !name.is_empty());
        let name = naming::url_safe(stated.unwrap_or(NAME));
        let numbered = (1_u32..).map(|number| format!("{name}_{number}"));
        let mut names = [name.clone()].into_iter().chain(numbered);
        // The numbers never run out before the tracks do.
        let free = names.find(|name| !taken.contains(&format!("{name}={bitrate}").as_str()));
        let name = free.unwrap_or(name);
        (format!("{name}={bitrate}"), name, bitrate)
    }
}

/// The rates of images that are fetched one by one: the peak is that of the heaviest.
pub(crate) fn rates(images: &[Segment], timescale: Timescale) -> Bandwidth {
    let sizes: Vec<(u64, u64)> = images
        .iter()
        .map(|image| (image.media_size, image.duration))
        .collect();
    bandwidth::of(&sizes, timescale, Duration::ZERO)
}
