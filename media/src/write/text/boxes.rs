//! Cues and sample entries as boxes, `ISO/IEC 14496-30`.

use bytes::Bytes;

use super::webvtt::{content, settings, timestamp};
use crate::text::{Cue, Node};
use crate::write::box_writer::BoxWriter;

/// Namespace of TTML documents, which the entry of their samples lists.
const TTML_NAMESPACE: &[u8] = b"http://www.w3.org/ns/ttml\0";

/// What the documents are, and the profile they keep to: the text profile of
/// IMSC 1.
const TTML_MIME: &[u8] = b"application/ttml+xml;codecs=im1t\0";

/// The sample entry of `wvtt`; `header` is what a WebVTT file with these cues
/// starts with, `§7.5`.
#[must_use]
pub fn wvtt_entry(header: &str) -> Bytes {
    let mut out = BoxWriter::with_capacity(32 + header.len());
    out.write(b"wvtt", |out| {
        entry_fields(out);
        out.write(b"vttC", |out| out.slice(header.as_bytes()));
    });
    out.finish()
}

/// The sample entry of `stpp` for IMSC 1 text, `§5.3`.
#[must_use]
pub fn stpp_entry() -> Bytes {
    let mut out = BoxWriter::with_capacity(128);
    out.write(b"stpp", |out| {
        entry_fields(out);
        out.slice(TTML_NAMESPACE);
        // No location of a schema, no types of images.
        out.slice(b"\0\0");
        out.full(b"mime", 0, 0, |out| out.slice(TTML_MIME));
    });
    out.finish()
}

/// Reserved bytes and the index of the data reference.
fn entry_fields(out: &mut BoxWriter) {
    out.zeros(6);
    out.u16(1);
}

/// A cue in a sample, `§7.4`. `source` is the same for all parts of a cue that
/// is cut.
#[must_use]
pub fn wvtt_cue(cue: &Cue, source: Option<u32>) -> Bytes {
    let text = content(&cue.content);
    let placement = settings(&cue.placement);
    let mut out = BoxWriter::with_capacity(64 + text.len());
    out.write(b"vttc", |out| {
        if let Some(source) = source {
            out.write(b"vsid", |out| out.u32(source));
        }
        if !cue.identifier.is_empty() {
            out.write(b"iden", |out| out.slice(cue.identifier.as_bytes()));
        }
        // Times within the text are of the file the cue is from.
        if has_timestamp(&cue.content) {
            out.write(b"ctim", |out| out.slice(timestamp(cue.start).as_bytes()));
        }
        if !placement.is_empty() {
            out.write(b"sttg", |out| out.slice(placement.as_bytes()));
        }
        out.write(b"payl", |out| out.slice(text.as_bytes()));
    });
    out.finish()
}

fn has_timestamp(nodes: &[Node]) -> bool {
    nodes.iter().any(|node| match node {
        Node::Text(_) => false,
        Node::Timestamp(_) => true,
        Node::Element(element) => has_timestamp(&element.children),
    })
}

/// A sample without cues, `§7.4`.
#[must_use]
pub fn wvtt_empty() -> Bytes {
    let mut out = BoxWriter::with_capacity(8);
    out.write(b"vtte", |_| {});
    out.finish()
}
