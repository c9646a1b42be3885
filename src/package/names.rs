//! The names that manifests have for files, relative to the title.

mod mpd;
mod smooth;

use anyhow::{Context as _, ensure};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What stays as it is in a path segment.
const KEPT: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'=')
    .remove(b'(')
    .remove(b')');

/// What a manifest names, as references relative to the title, in its order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    /// Other manifests, which name more.
    pub(super) manifests: Vec<String>,
    /// Everything else.
    pub(super) files: Vec<String>,
}

/// The names in the manifest called `name`.
pub(super) fn named_in(name: &str, text: &[u8]) -> anyhow::Result<Named> {
    let text = std::str::from_utf8(text)?;
    if name.ends_with(".mpd") {
        return Ok(Named {
            files: mpd::files(text)?,
            ..Named::default()
        });
    }
    if name.ends_with(".m3u8") {
        return Ok(of_playlist(text));
    }
    Ok(Named {
        files: smooth::files(text)?,
        ..Named::default()
    })
}

/// The lines of a playlist that are no tags, and the `URI` of those that are
/// (`RFC 8216 §4.1`).
fn of_playlist(playlist: &str) -> Named {
    let named = playlist.lines().filter_map(|line| match line.strip_prefix('#') {
        Some(tag) => tag
            .split_once("URI=\"")
            .and_then(|(_, rest)| rest.split('"').next()),
        None => (!line.is_empty()).then_some(line),
    });
    let is_playlist = |name: &&str| name.split('?').next().is_some_and(|path| path.ends_with(".m3u8"));
    let (manifests, files) = named.partition::<Vec<&str>, _>(is_playlist);
    let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
    Named {
        manifests: owned(manifests),
        files: owned(files),
    }
}

/// `reference`, which stands in the manifest called `name`, relative to the title
/// (`RFC 3986 §5.2.3`): that of a playlist in a folder counts from there.
pub(super) fn resolved(name: &str, reference: &str) -> String {
    if reference.starts_with('/') || reference.contains("://") {
        return reference.to_owned();
    }
    let (path, query) = match reference.find(['?', '#']) {
        Some(at) => reference.split_at_checked(at).unwrap_or((reference, "")),
        None => (reference, ""),
    };
    let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut segments: Vec<&str> = Vec::new();
    for segment in folder.split('/').chain(path.split('/')) {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            name => segments.push(name),
        }
    }
    format!("{}{query}", segments.join("/"))
}

/// The name of the file that `reference` means: without its query, decoded.
pub(super) fn file_name(reference: &str) -> anyhow::Result<String> {
    ensure!(
        !reference.starts_with('/') && !reference.contains("://"),
        "{reference} is not below the title"
    );
    let path = reference.split(['?', '#']).next().unwrap_or_default();
    let name = percent_decode_str(path).decode_utf8();
    Ok(name.with_context(|| reference.to_owned())?.into_owned())
}

/// `name` as one segment of a path.
pub(super) fn encoded(name: &str) -> String {
    utf8_percent_encode(name, &KEPT).to_string()
}

/// The attribute `name` of an element of XML.
fn attribute(element: &quick_xml::events::BytesStart<'_>, name: &str) -> anyhow::Result<Option<String>> {
    let Some(attribute) = element.try_get_attribute(name)? else {
        return Ok(None);
    };
    let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0)?;
    Ok(Some(value.into_owned()))
}

/// The attribute `name` as a number.
fn number(element: &quick_xml::events::BytesStart<'_>, name: &str) -> anyhow::Result<Option<u64>> {
    let value = attribute(element, name)?;
    let number = value.map(|value| value.parse::<u64>()).transpose();
    number.with_context(|| format!("{name} is no number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_count_from_the_folder_of_their_manifest() {
        for (name, reference, expected) in [
            ("film.m3u8", "hls/v-1.m4s?x=1", "hls/v-1.m4s?x=1"),
            ("keyframes/v.m3u8", "v-1.m4s", "keyframes/v-1.m4s"),
            ("keyframes/v.m3u8", "../hls/v.m4s?x=../y", "hls/v.m4s?x=../y"),
            ("film.mpd", "dash/../thumbnails/t-1.jpg", "thumbnails/t-1.jpg"),
            ("film.mpd", "/elsewhere", "/elsewhere"),
        ] {
            assert_eq!(resolved(name, reference), expected);
        }
    }

    #[test]
    fn a_playlist_names_playlists_and_files() {
        let text = b"#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,URI=\"a=1.m3u8?x=1\"\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv=1.m3u8\n\
            #EXT-X-MAP:URI=\"hls/v.m4s\"\n#EXTINF:1,\nhls/v-1.m4s?x=1\n\n#EXT-X-ENDLIST\n";
        let named = named_in("film.m3u8", text).unwrap();
        assert_eq!(named.manifests, ["a=1.m3u8?x=1", "v=1.m3u8"]);
        assert_eq!(named.files, ["hls/v.m4s", "hls/v-1.m4s?x=1"]);
    }

    #[test]
    fn a_file_is_named_without_query_and_encoding() {
        assert_eq!(file_name("dash/a%20b=1.dash?x=%2F").unwrap(), "dash/a b=1.dash");
        assert!(file_name("/a").is_err() && file_name("http://a/b").is_err());
    }
}
