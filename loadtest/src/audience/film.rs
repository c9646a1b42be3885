//! A title as its manifest describes it, whatever the protocol.

use std::sync::Arc;

/// What can be fetched of a title.
#[derive(Debug, Clone, PartialEq)]
pub struct Film {
    /// Renditions of the picture, by rising rate. At least one, unless the title has none.
    pub video: Vec<Track>,
    /// The sound that is fetched beside it, if it has addresses of its own.
    pub audio: Option<Track>,
}

/// A rendition.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// Bits a second, as the manifest says.
    pub bandwidth: u64,
    /// What has to be fetched before the first segment: path and query.
    pub init: Option<String>,
    /// Its segments, where the manifest has them.
    pub segments: Source,
}

/// Where the segments of a rendition are listed.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// Here.
    Listed(Arc<[Segment]>),
    /// In a playlist of their own: path and query.
    Playlist(String),
}

/// A segment.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// Path and query.
    pub path: String,
    /// Where it begins, in seconds of the title.
    pub at_s: f64,
    /// How long it is, in seconds.
    pub duration_s: f64,
}

/// A manifest cannot be played.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// It is not in its format.
    #[error("cannot be read: {0}")]
    Syntax(String),
    /// It is, and something is missing or makes no sense.
    #[error("{0}")]
    Sense(String),
}

/// Largest gap between two segments, in seconds: what rounding to a clock may leave.
const GAP_S_MAX: f64 = 0.1;

/// Most segments of a rendition: a week of two-second ones.
pub const SEGMENTS_MAX: usize = 302_400;

/// Checks that segments follow one another, without holes, each of some length.
///
/// # Errors
/// Where they do not.
pub fn check_segments(segments: &[Segment]) -> Result<(), ManifestError> {
    let sense = |text: String| Err(ManifestError::Sense(text));
    if segments.is_empty() {
        return sense("a rendition has no segment".to_owned());
    }
    for (index, segment) in segments.iter().enumerate() {
        if !segment.duration_s.is_finite() || segment.duration_s <= 0.0 {
            return sense(format!("segment {index} lasts {} s", segment.duration_s));
        }
    }
    for (index, (a, b)) in segments.iter().zip(segments.iter().skip(1)).enumerate() {
        let gap = b.at_s - (a.at_s + a.duration_s);
        if gap.abs() > GAP_S_MAX {
            return sense(format!(
                "between segments {index} and {} there are {gap:.3} s",
                index + 1
            ));
        }
    }
    Ok(())
}

impl Film {
    /// A film of these renditions, sorted; sanity is checked as far as the manifest goes.
    ///
    /// # Errors
    /// When nothing can be played, or segments do not follow one another.
    pub fn new(mut video: Vec<Track>, audio: Option<Track>) -> Result<Self, ManifestError> {
        // A title of sound only is watched by its sound.
        let audio = if video.is_empty() {
            video.extend(audio);
            None
        } else {
            audio
        };
        if video.is_empty() {
            return Err(ManifestError::Sense("there is no rendition in it".to_owned()));
        }
        for track in video.iter().chain(&audio) {
            if let Source::Listed(segments) = &track.segments {
                check_segments(segments)?;
            }
        }
        video.sort_by_key(|track| track.bandwidth);
        Ok(Self { video, audio })
    }
}

/// The path that `reference` names in a manifest at `base`: both are paths with queries, or URLs.
#[must_use]
pub fn resolve(base: &str, reference: &str) -> String {
    if let Some((_, rest)) = reference.split_once("://") {
        return rest
            .find('/')
            .and_then(|at| rest.get(at..))
            .unwrap_or("/")
            .to_owned();
    }
    if reference.starts_with('/') {
        return reference.to_owned();
    }
    let base = base.split('?').next().unwrap_or_default();
    let folder = base.rsplit_once('/').map_or("", |(folder, _)| folder);
    let (path, query) = match reference.split_once('?') {
        Some((path, query)) => (path, format!("?{query}")),
        None => (reference, String::new()),
    };
    let mut names: Vec<&str> = folder.split('/').collect();
    for name in path.split('/') {
        match name {
            "." => {}
            ".." if names.len() > 1 => {
                names.pop();
            }
            ".." => {}
            name => names.push(name),
        }
    }
    format!("{}{query}", names.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_resolved_against_the_manifest() {
        for (reference, path) in [
            ("dash/a-0.dash", "/shows/film.ism/dash/a-0.dash"),
            ("../x.ts?q=1", "/shows/x.ts?q=1"),
            ("./a", "/shows/film.ism/a"),
            ("/b", "/b"),
            ("http://cdn/c/d?e", "/c/d?e"),
            ("../../../../z", "/z"),
        ] {
            assert_eq!(
                resolve("/shows/film.ism/.mpd?x=/y", reference),
                path,
                "{reference}"
            );
        }
    }

    fn segment(at_s: f64, duration_s: f64) -> Segment {
        Segment {
            path: String::new(),
            at_s,
            duration_s,
        }
    }

    #[test]
    fn holes_and_segments_of_no_length_are_found() {
        assert!(check_segments(&[segment(0.0, 6.0), segment(6.01, 6.0)]).is_ok());
        let hole = check_segments(&[segment(0.0, 6.0), segment(7.0, 6.0)])
            .unwrap_err()
            .to_string();
        assert!(hole.contains("between segments 0 and 1"), "{hole}");
        assert!(check_segments(&[segment(0.0, 0.0)]).is_err());
        assert!(check_segments(&[]).is_err());
        assert!(Film::new(Vec::new(), None).is_err());
    }
}
