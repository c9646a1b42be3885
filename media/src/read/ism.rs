//! The server manifest (`.ism`): a SMIL document that lists a title's tracks.
//!
//! Manifests in the wild come from several packagers and from hands: names of
//! attributes and params vary in case, params are missing, elements nobody
//! knows stand between. What is unknown is let pass; what the tracks' identity
//! hangs on (`src`, bitrates, identifiers) must be readable.

mod error;
mod source;

#[cfg(test)]
mod tests;

use std::time::Duration;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

pub use error::{IsmError, Problem};
use source::Position;

use crate::codec::MediaKind;
use crate::thumbnail::{Tiles, TilesError};

/// Largest server manifest read, in bytes. Real ones take a few KiB.
pub const MANIFEST_SIZE_MAX: usize = 4 * 1024 * 1024;
/// Deepest nesting of elements.
pub const DEPTH_MAX: usize = 32;
/// Most tracks in one manifest.
pub const TRACKS_MAX: usize = 512;
/// Most metas, and most params of one track.
pub const PARAMS_MAX: usize = 256;

/// A server manifest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerManifest {
    /// `meta` elements as name and content, in their order.
    pub metas: Vec<(String, String)>,
    /// The tracks, in their order; at least one.
    pub tracks: Vec<TrackReference>,
}

impl ServerManifest {
    /// The content of the first meta of this name, in any case.
    #[must_use]
    pub fn meta(&self, name: &str) -> Option<&str> {
        find(&self.metas, name)
    }
}

/// One `video`, `audio` or `textstream` element: a track of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackReference {
    /// What the track carries.
    pub kind: MediaKind,
    /// The file, relative to the manifest, or an `http` or `https` URL; as written.
    pub src: String,
    /// `systemBitrate`, in bits a second. Part of the track's URLs.
    pub system_bitrate: Option<u64>,
    /// `systemLanguage`, as written: an ISO 639-2 code or a BCP 47 tag.
    pub system_language: Option<String>,
    /// `trackID`: the track's identifier in the file. Absent: the file's first
    /// track of this kind.
    pub track_id: Option<u32>,
    /// `trackName`. Part of the track's URLs.
    pub track_name: Option<String>,
    /// All params as name and value, in their order, the ones above included.
    pub params: Vec<(String, String)>,
}

/// The param that makes a track one of thumbnails.
const TILES: &str = "tiles";

/// The param that says how long a thumbnail in a file of its own stands for the title.
const TILE_DURATION: &str = "tileDuration";

#[cfg(test)]
impl TrackReference {
    /// A reference that states nothing but `params`.
    pub(crate) fn with_params(kind: MediaKind, params: &[(&str, &str)]) -> Self {
        let params = params.iter();
        Self {
            kind,
            src: String::new(),
            system_bitrate: None,
            system_language: None,
            track_id: None,
            track_name: None,
            params: params
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        }
    }
}

impl TrackReference {
    /// For a track of thumbnails, how they lie in its images: an `img` element, or the
    /// param `tiles`, such as `10x20`, columns before rows. `None` for any other track.
    #[must_use]
    pub fn tiles(&self) -> Option<Result<Tiles, TilesError>> {
        self.param(TILES).map(str::parse)
    }

    /// The param `tileDuration` in seconds, such as `2` or `2.5`: for how long of the
    /// title each thumbnail stands. `None` when it is absent or no such number.
    #[must_use]
    pub fn tile_duration(&self) -> Option<Duration> {
        let seconds: f64 = self.param(TILE_DURATION)?.trim().parse().ok()?;
        let duration = Duration::try_from_secs_f64(seconds).ok()?;
        (duration >= Duration::from_millis(1)).then_some(duration)
    }

    /// The value of the first param of this name, in any case.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        find(&self.params, name)
    }
}

impl TrackReference {
    /// The roles and kinds it is given, in lower case, without the scheme before them:
    /// `urn:mpeg:dash:role:2011@caption`, `about:html-kind@captions`.
    pub(crate) fn roles(&self) -> impl Iterator<Item = String> {
        let names = ["role", "trackRole", "kind", "trackKind", "Subtype"];
        let values = names.into_iter().filter_map(|name| self.param(name));
        values.map(|value| {
            let value = value.rsplit('@').next().unwrap_or(value);
            value.trim().to_ascii_lowercase()
        })
    }

    /// The name people choose it by.
    pub(crate) fn label(&self) -> Option<&str> {
        let names = ["label", "trackLabel", "trackDescription"];
        let mut labels = names.into_iter().filter_map(|name| self.param(name));
        labels.find(|label| !label.is_empty())
    }
}

fn find<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

/// Reads a server manifest in UTF-8 or UTF-16.
///
/// # Errors
///
/// See [`Problem`]; the error has the line and column.
pub fn read(bytes: &[u8]) -> Result<ServerManifest, IsmError> {
    if bytes.len() > MANIFEST_SIZE_MAX {
        return Err(IsmError::at_start(Problem::TooLarge { size: bytes.len() }));
    }
    let text = source::decode(bytes)?;
    let mut reader = Reader::from_str(&text);
    let mut builder = Builder::default();
    loop {
        let start = reader.buffer_position();
        let position = || Position::of(&text, start);
        let event = reader.read_event().map_err(|error| {
            Position::of(&text, reader.error_position()).error(Problem::Syntax(error.to_string()))
        })?;
        match event {
            Event::Start(element) => builder
                .open(&element)
                .map_err(|problem| position().error(problem))?,
            Event::Empty(element) => {
                builder
                    .open(&element)
                    .map_err(|problem| position().error(problem))?;
                builder.close();
            }
            Event::End(_) => builder.close(),
            Event::Eof => {
                return builder.finish().map_err(|problem| position().error(problem));
            }
            // Text, comments, instructions and a document type say nothing here;
            // entities a document type declares are never expanded.
            _ => {}
        }
    }
}

/// What has been read so far.
#[derive(Default)]
struct Builder {
    manifest: ServerManifest,
    depth: usize,
    /// Depth of the open track element, whose params are being read.
    track_depth: Option<usize>,
    /// It is an `img`.
    is_image: bool,
}

impl Builder {
    fn open(&mut self, element: &BytesStart<'_>) -> Result<(), Problem> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Problem::TooDeep);
        }
        let name = element.local_name().into_inner().to_ascii_lowercase();
        if self.depth == 1 && name != "smil" {
            return Err(Problem::NotSmil {
                root: element.local_name().into_inner().to_owned(),
            });
        }
        match name.as_str() {
            "meta" => self.meta(element),
            "video" => self.track(MediaKind::Video, element),
            "audio" => self.track(MediaKind::Audio, element),
            // Not of the format: what thumbnails are named by, images in files.
            "img" => {
                self.track(MediaKind::Video, element)?;
                self.is_image = true;
                Ok(())
            }
            "textstream" | "text" => self.track(MediaKind::Text, element),
            "param" => self.param(element),
            _ => Ok(()),
        }
    }

    fn close(&mut self) {
        if self.track_depth == Some(self.depth) {
            self.track_depth = None;
            if let Some(image) = self.manifest.tracks.last_mut().filter(|_| self.is_image)
                && image.param(TILES).is_none()
                && image.params.len() < PARAMS_MAX
            {
                image.params.push((TILES.to_owned(), Tiles::ONE.to_string()));
            }
        }
        self.depth = self.depth.saturating_sub(1);
    }

    fn finish(self) -> Result<ServerManifest, Problem> {
        if self.depth > 0 {
            return Err(Problem::Unclosed);
        }
        if self.manifest.tracks.is_empty() {
            return Err(Problem::NoTracks);
        }
        let mut manifest = self.manifest;
        for track in &mut manifest.tracks {
            track.fill_from_params()?;
        }
        Ok(manifest)
    }

    fn meta(&mut self, element: &BytesStart<'_>) -> Result<(), Problem> {
        let [name, content] = attributes(element, ["name", "content"])?;
        if let Some(name) = name {
            push(&mut self.manifest.metas, name, content)?;
        }
        Ok(())
    }

    fn track(&mut self, kind: MediaKind, element: &BytesStart<'_>) -> Result<(), Problem> {
        if self.manifest.tracks.len() == TRACKS_MAX {
            return Err(Problem::TooManyTracks);
        }
        let [src, bitrate, language] = attributes(element, ["src", "systemBitrate", "systemLanguage"])?;
        let src = src.filter(|src| !src.is_empty()).ok_or(Problem::MissingSource)?;
        let system_bitrate = bitrate.map(|value| number("systemBitrate", &value)).transpose()?;
        self.track_depth = Some(self.depth);
        self.is_image = false;
        self.manifest.tracks.push(TrackReference {
            kind,
            src,
            system_bitrate,
            system_language: language.filter(|language| !language.is_empty()),
            track_id: None,
            track_name: None,
            params: Vec::new(),
        });
        Ok(())
    }

    fn param(&mut self, element: &BytesStart<'_>) -> Result<(), Problem> {
        // A param outside of a track belongs to something unknown.
        let (Some(_), Some(track)) = (self.track_depth, self.manifest.tracks.last_mut()) else {
            return Ok(());
        };
        let [name, value] = attributes(element, ["name", "value"])?;
        let Some(name) = name else { return Ok(()) };
        match name.to_ascii_lowercase().as_str() {
            // Read here so that an error has the line of the param.
            "trackid" => {
                track.track_id = value
                    .as_deref()
                    .map(|value| number("trackID", value))
                    .transpose()?
            }
            "trackname" => track.track_name = value.clone().filter(|value| !value.is_empty()),
            _ => {}
        }
        push(&mut track.params, name, value)
    }
}

impl TrackReference {
    /// Some packagers state bitrate and language as params.
    fn fill_from_params(&mut self) -> Result<(), Problem> {
        if self.system_bitrate.is_none() {
            let value = self.param("systemBitrate");
            self.system_bitrate = value.map(|value| number("systemBitrate", value)).transpose()?;
        }
        if self.system_language.is_none() {
            let value = self.param("systemLanguage").filter(|value| !value.is_empty());
            self.system_language = value.map(str::to_owned);
        }
        Ok(())
    }
}

fn push(pairs: &mut Vec<(String, String)>, name: String, value: Option<String>) -> Result<(), Problem> {
    if pairs.len() == PARAMS_MAX {
        return Err(Problem::TooManyParams);
    }
    pairs.push((name, value.unwrap_or_default()));
    Ok(())
}

/// The values of these attributes, their names in any case and any namespace.
fn attributes<const N: usize>(
    element: &BytesStart<'_>,
    wanted: [&str; N],
) -> Result<[Option<String>; N], Problem> {
    let mut values = [const { None }; N];
    for attribute in element.attributes() {
        let attribute = attribute.map_err(|error| Problem::Syntax(error.to_string()))?;
        let local_name = attribute.key.local_name();
        let slots = wanted.iter().zip(&mut values);
        for (_, slot) in slots.filter(|(name, _)| name.eq_ignore_ascii_case(local_name.into_inner())) {
            let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0);
            let value = value.map_err(|error| Problem::Syntax(error.to_string()))?;
            *slot = Some(value.trim().to_owned());
        }
    }
    Ok(values)
}

fn number<T: std::str::FromStr>(name: &'static str, value: &str) -> Result<T, Problem> {
    value.parse().map_err(|_| Problem::NotANumber {
        name,
        value: value.to_owned(),
    })
}
