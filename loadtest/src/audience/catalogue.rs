//! The titles there are: from a folder, a list, or a listing of a store.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use serde::Deserialize;
use strata_node::title_path;

/// Most titles of a catalogue.
pub const TITLES_MAX: usize = 1_000_000;

/// Largest list that is read, in bytes.
const LIST_BYTES_MAX: u64 = 1 << 30;

/// There are no titles.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// The list or folder cannot be read.
    #[error("{place}: {reason}")]
    Read {
        /// As given.
        place: String,
        /// What the system said.
        reason: io::Error,
    },
    /// There is none in it.
    #[error("there is no title (.ism, .mp4, …) in {0}")]
    Empty(String),
    /// There are more than are held.
    #[error("there are more than {TITLES_MAX} titles in {0}")]
    TooMany(String),
}

#[derive(Deserialize)]
struct Listing {
    #[serde(rename = "Contents")]
    contents: Vec<Object>,
}

#[derive(Deserialize)]
struct Object {
    #[serde(rename = "Key")]
    key: String,
}

/// Titles, the most popular first: from a folder, whose titles are sorted by name; or from a file
/// (`-` is standard input) with one path a line, with the lines of `aws s3 ls --recursive`, or with
/// the JSON of `aws s3api list-objects-v2`. Where there are server manifests, plain files are taken
/// for their parts and left out.
///
/// # Errors
/// [`CatalogueError`].
pub fn read(place: &str) -> Result<Vec<String>, CatalogueError> {
    let fault = |reason| CatalogueError::Read {
        place: place.to_owned(),
        reason,
    };
    let keys = if Path::new(place).is_dir() {
        files_under(Path::new(place)).map_err(fault)?
    } else {
        let mut text = String::new();
        let mut source: Box<dyn Read> = if place == "-" {
            Box::new(io::stdin())
        } else {
            Box::new(fs::File::open(place).map_err(fault)?)
        };
        source
            .by_ref()
            .take(LIST_BYTES_MAX)
            .read_to_string(&mut text)
            .map_err(fault)?;
        keys_of(&text)
    };
    let titles = titles_of(keys);
    match titles.len() {
        0 => Err(CatalogueError::Empty(place.to_owned())),
        count if TITLES_MAX < count => Err(CatalogueError::TooMany(place.to_owned())),
        _ => Ok(titles),
    }
}

fn files_under(root: &Path) -> io::Result<Vec<String>> {
    let mut folders = vec![(root.to_owned(), String::new())];
    let mut files = Vec::new();
    while let Some((folder, prefix)) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if fs::metadata(entry.path())?.is_dir() {
                folders.push((entry.path(), format!("{name}/")));
            } else {
                files.push(name);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn keys_of(text: &str) -> Vec<String> {
    if let Ok(listing) = serde_json::from_str::<Listing>(text) {
        return listing.contents.into_iter().map(|object| object.key).collect();
    }
    text.lines().map(|line| listed_key(line).to_owned()).collect()
}

/// The key in a line of `aws s3 ls`: `2025-10-10 13:55:36   4708 shows/film.ism`; else the line.
fn listed_key(line: &str) -> &str {
    let line = line.trim();
    let mut rest = line;
    for is_expected in [is_digits_and as fn(&str) -> bool, is_digits_and, is_digits_and] {
        let Some((word, after)) = rest.split_once(' ') else {
            return line;
        };
        if !is_expected(word) {
            return line;
        }
        rest = after.trim_start();
    }
    rest
}

fn is_digits_and(word: &str) -> bool {
    !word.is_empty()
        && word
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'-' || byte == b':')
}

fn titles_of(keys: Vec<String>) -> Vec<String> {
    let is_title = |key: &String| {
        let path = format!("/{}", key.trim_start_matches('/'));
        title_path::parse(&encoded(&path)).is_ok_and(|path| path.resource.is_empty())
    };
    let titles: Vec<String> = keys.into_iter().filter(is_title).collect();
    let is_manifest = |key: &&String| key.to_ascii_lowercase().ends_with(".ism");
    let manifests: Vec<String> = titles.iter().filter(is_manifest).cloned().collect();
    if manifests.is_empty() { titles } else { manifests }
}

/// The path of a name, with what may not stand in a path percent-encoded.
#[must_use]
pub fn encoded(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/=!,()'*+:@&;$".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn titles(text: &str) -> Vec<String> {
        titles_of(keys_of(text))
    }

    #[test]
    fn lists_and_listings_are_read() {
        assert_eq!(
            titles("a.ism\n\nshows/b c.ism\nnotes.txt\n"),
            ["a.ism", "shows/b c.ism"]
        );
        let listing =
            "2025-10-10 13:55:36       4708 shows/film.ism\n2025-10-10 13:55:36    1000 shows/film-1.mp4\n";
        assert_eq!(titles(listing), ["shows/film.ism"]);
        let json = r#"{"Contents":[{"Key":"x/a.mp4","Size":1},{"Key":"x/b.mp4"}]}"#;
        assert_eq!(titles(json), ["x/a.mp4", "x/b.mp4"]);
    }

    #[test]
    fn a_folder_is_a_catalogue() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("s")).unwrap();
        for name in ["b.ism", "s/a.ism", "a.mp4"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(
            read(&folder.path().display().to_string()).unwrap(),
            ["b.ism", "s/a.ism"]
        );
    }

    #[test]
    fn a_catalogue_of_nothing_is_told() {
        assert!(read("/none").unwrap_err().to_string().contains("/none"));
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(
            read(&folder.path().display().to_string()),
            Err(CatalogueError::Empty(_))
        ));
    }

    #[test]
    fn names_become_paths() {
        assert_eq!(encoded("shows/b c%.ism"), "shows/b%20c%25.ism");
    }
}
