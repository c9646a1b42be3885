//! The `trak` (`ISO/IEC 14496-12 §8.3`).

use std::sync::Arc;

use bytes::Bytes;

use super::boxes::BoxBytes;
use super::movie::{MovieTrack, RefusedTrack, unsupported};
use super::{ReadError, edit, sample_table};
use crate::codec::{FourCc, MediaKind};
use crate::time::Timescale;

/// Reads a `trak`; `None` for one that carries no video, audio or text, whose
/// tables are not even looked at.
pub(super) fn read(
    trak: &BoxBytes,
    movie_timescale: Timescale,
    file_size: u64,
) -> Result<Option<MovieTrack>, ReadError> {
    let mdia = trak.required(*b"mdia")?;
    // QuickTime has a second hdlr, under minf, that names the data handler.
    let (handler, handler_name) = read_handler(&mdia.required(*b"hdlr")?)?;
    let Some(kind) = kind_of(handler) else {
        return Ok(None);
    };
    let (id, display_size) = track_header(&trak.required(*b"tkhd")?)?;
    let (timescale, packed_language) = media_header(&mdia.required(*b"mdhd")?)?;
    let language = match mdia.child(*b"elng")? {
        Some(elng) => extended_language(&elng)?.or(packed_language),
        None => packed_language,
    };
    let edits = match trak
        .child(*b"edts")?
        .map(|edts| edts.child(*b"elst"))
        .transpose()?
        .flatten()
    {
        Some(elst) => edit::read(&elst)?,
        None => Vec::new(),
    };
    let minf = mdia.required(*b"minf")?;
    let stbl = minf.required(*b"stbl")?;
    let table = sample_table::read(&stbl, file_size)?;
    check_data_references(&minf, &table.entries)?;
    Ok(Some(MovieTrack {
        id,
        kind,
        handler,
        timescale,
        movie_timescale,
        language,
        handler_name,
        display_size,
        edits,
        sample_entries: table.entries,
        mpeg_layer: None,
        roll_distance: table.roll_distance,
        layout: table.layout,
        fragments: None,
        index: None,
        tables: table.bytes,
        moofs: Arc::default(),
        fragment_heads: Arc::default(),
        fragments_end: 0,
    }))
}

/// What can be told of a track that cannot be read.
pub(super) fn refused(trak: &BoxBytes, error: ReadError) -> RefusedTrack {
    let header = trak.required(*b"tkhd").and_then(|tkhd| track_header(&tkhd));
    let handler = trak.required(*b"mdia").and_then(|mdia| mdia.required(*b"hdlr"));
    let handler = handler.and_then(|hdlr| read_handler(&hdlr));
    RefusedTrack {
        id: header.ok().map(|(id, _)| id),
        kind: handler.ok().and_then(|(handler, _)| kind_of(handler)),
        error,
    }
}

/// Refuses samples that lie in another file (`dref`, `ISO/IEC 14496-12 §8.7.2`).
fn check_data_references(minf: &BoxBytes, entries: &[Bytes]) -> Result<(), ReadError> {
    /// The media is in the same file.
    const SELF_CONTAINED: u32 = 1;
    let dref = minf.child(*b"dinf")?.map(|dinf| dinf.child(*b"dref"));
    let Some(dref) = dref.transpose()?.flatten() else {
        return Ok(());
    };
    for entry in entries {
        // Size, name, reserved bytes, then the number from 1.
        let Some(&[high, low]) = entry.get(14..16).and_then(|bytes| bytes.first_chunk()) else {
            continue;
        };
        let index = usize::from(u16::from_be_bytes([high, low])).saturating_sub(1);
        // The version, the flags and the number of references.
        if let Some(reference) = dref.children(8).nth(index).transpose()?
            && reference.full()?.flags & SELF_CONTAINED == 0
        {
            return Err(unsupported(&reference, "media in another file"));
        }
    }
    Ok(())
}

fn kind_of(handler: FourCc) -> Option<MediaKind> {
    match &handler.0 {
        b"vide" => Some(MediaKind::Video),
        b"soun" => Some(MediaKind::Audio),
        b"text" | b"subt" | b"sbtl" => Some(MediaKind::Text),
        _ => None,
    }
}

fn read_handler(hdlr: &BoxBytes) -> Result<(FourCc, Option<String>), ReadError> {
    let mut fields = hdlr.full()?.fields;
    fields.u32()?;
    let handler = FourCc(fields.u32()?.to_be_bytes());
    let mut name = String::new();
    if fields.take(12).is_ok() {
        let rest = fields.take(usize::try_from(fields.remaining()).unwrap_or(0))?;
        let text = rest.split(|byte| *byte == 0).next().unwrap_or_default();
        name.push_str(&String::from_utf8_lossy(text));
    }
    Ok((handler, (!name.is_empty()).then_some(name)))
}

/// The track's identifier and its display size in whole pixels.
fn track_header(tkhd: &BoxBytes) -> Result<(u32, (u32, u32)), ReadError> {
    let mut full = tkhd.full()?;
    full.fields.by_version(full.version)?;
    full.fields.by_version(full.version)?;
    let id = full.fields.u32()?;
    full.fields.u32()?;
    full.fields.by_version(full.version)?;
    // Reserved, layer, alternate group, volume and the matrix.
    full.fields.take(52)?;
    // 16.16 fixed point.
    let width = full.fields.u32()? >> 16;
    let height = full.fields.u32()? >> 16;
    Ok((id, (width, height)))
}

fn media_header(mdhd: &BoxBytes) -> Result<(Timescale, Option<String>), ReadError> {
    let mut full = mdhd.full()?;
    full.fields.by_version(full.version)?;
    full.fields.by_version(full.version)?;
    let timescale = Timescale::new(full.fields.u32()?).ok_or(mdhd.bad("the timescale is 0"))?;
    full.fields.by_version(full.version)?;
    Ok((timescale, packed_language(full.fields.u16()?)))
}

/// Three letters of five bits each (§8.4.2.3). QuickTime's numbered languages
/// fall below the range of letters and count as undetermined.
fn packed_language(packed: u16) -> Option<String> {
    let letter = |shift: u16| {
        let bits = u8::try_from(packed >> shift & 31).unwrap_or(0);
        (1..=26).contains(&bits).then(|| char::from(bits + 0x60))
    };
    let code: String = [letter(10)?, letter(5)?, letter(0)?].into_iter().collect();
    (code != "und").then_some(code)
}

fn extended_language(elng: &BoxBytes) -> Result<Option<String>, ReadError> {
    let mut fields = elng.full()?.fields;
    let bytes = fields.take(usize::try_from(fields.remaining()).unwrap_or(0))?;
    let tag = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    let is_tag = tag
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
    Ok((!tag.is_empty() && is_tag && tag != b"und").then(|| String::from_utf8_lossy(tag).into_owned()))
}
