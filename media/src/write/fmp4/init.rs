//! The initialization segment (`ISO/IEC 23000-19 §7.3.1`): `ftyp` and a `moov`
//! without samples.

use bytes::Bytes;

use super::TRACK_ID;
use crate::codec::{Codec, Details, MediaKind};
use crate::track::Track;
use crate::write::box_writer::BoxWriter;

/// The matrix that leaves a picture as it is (`ISO/IEC 14496-12 §8.3.2`).
const UNITY_MATRIX: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];

/// `track_enabled`, `track_in_movie`, `track_in_preview` (§8.3.2).
const TRACK_FLAGS: u32 = 7;

/// The initialization segment of `track`. Sample entries stand in it as they do
/// in the source, so nothing a player may need is lost.
///
/// There is no edit list: media segments carry times of the output timeline.
#[must_use]
pub fn init(track: &Track) -> Bytes {
    let mut out = BoxWriter::with_capacity(1024);
    out.write(b"ftyp", |out| {
        out.slice(b"iso6");
        out.u32(0);
        for brand in [b"iso6", b"cmfc", b"dash"] {
            out.slice(brand);
        }
    });
    out.write(b"moov", |out| {
        movie_header(out, track);
        out.write(b"trak", |out| {
            track_header(out, track);
            out.write(b"mdia", |out| media(out, track));
        });
        out.write(b"mvex", |out| {
            out.full(b"trex", 0, 0, |out| {
                out.u32(TRACK_ID);
                out.u32(1);
                out.zeros(12);
            });
        });
    });
    out.finish()
}

fn movie_header(out: &mut BoxWriter, track: &Track) {
    out.full(b"mvhd", 0, 0, |out| {
        out.zeros(8);
        out.u32(track.timescale.get());
        out.u32(0);
        out.u32(0x1_0000);
        out.u16(0x100);
        out.zeros(10);
        UNITY_MATRIX.into_iter().for_each(|value| out.u32(value));
        out.zeros(24);
        out.u32(TRACK_ID + 1);
    });
}

fn track_header(out: &mut BoxWriter, track: &Track) {
    out.full(b"tkhd", 0, TRACK_FLAGS, |out| {
        out.zeros(8);
        out.u32(TRACK_ID);
        out.zeros(20);
        out.u16(u16::from(track.kind == MediaKind::Audio) * 0x100);
        out.u16(0);
        UNITY_MATRIX.into_iter().for_each(|value| out.u32(value));
        let (width, height) = display_size(track);
        out.u32(width.min(0xffff) << 16);
        out.u32(height.min(0xffff) << 16);
    });
}

/// The size the source shows pictures at, or what its codec says.
fn display_size(track: &Track) -> (u32, u32) {
    match (track.display_size, track.codec().map(|codec| &codec.details)) {
        ((0, _) | (_, 0), Some(Details::Video(video))) => video.display_size(),
        (size, _) => size,
    }
}

fn media(out: &mut BoxWriter, track: &Track) {
    out.full(b"mdhd", 0, 0, |out| {
        out.zeros(8);
        out.u32(track.timescale.get());
        out.u32(0);
        out.u16(packed_language(track.language.as_deref()));
        out.u16(0);
    });
    let handler = match track.kind {
        MediaKind::Video => b"vide",
        MediaKind::Audio => b"soun",
        // `ISO/IEC 14496-30 §5.2`, `§7.2`.
        MediaKind::Text if is_document(track) => b"subt",
        MediaKind::Text => b"text",
    };
    out.full(b"hdlr", 0, 0, |out| {
        out.u32(0);
        out.slice(handler);
        out.zeros(12);
        out.slice(b"\0");
    });
    out.write(b"minf", |out| {
        match track.kind {
            MediaKind::Video => out.full(b"vmhd", 0, 1, |out| out.zeros(8)),
            MediaKind::Audio => out.full(b"smhd", 0, 0, |out| out.zeros(4)),
            MediaKind::Text if is_document(track) => out.full(b"sthd", 0, 0, |_| {}),
            MediaKind::Text => out.full(b"nmhd", 0, 0, |_| {}),
        }
        out.write(b"dinf", |out| {
            out.full(b"dref", 0, 0, |out| {
                out.u32(1);
                // The media is in the file itself.
                out.full(b"url ", 0, 1, |_| {});
            });
        });
        out.write(b"stbl", |out| sample_table(out, track));
    });
}

/// Whether the samples are documents of XML.
fn is_document(track: &Track) -> bool {
    track.codec().is_some_and(|codec| codec.codec == Codec::Stpp)
}

fn sample_table(out: &mut BoxWriter, track: &Track) {
    out.full(b"stsd", 0, 0, |out| {
        out.u32(u32::try_from(track.codecs.len()).unwrap_or(u32::MAX));
        for codec in &track.codecs {
            out.slice(&codec.entry);
        }
    });
    out.full(b"stts", 0, 0, |out| out.u32(0));
    out.full(b"stsc", 0, 0, |out| out.u32(0));
    out.full(b"stsz", 0, 0, |out| out.zeros(8));
    out.full(b"stco", 0, 0, |out| out.u32(0));
    if let Some(distance) = track.roll_distance {
        out.full(b"sgpd", 1, 0, |out| {
            out.slice(b"roll");
            out.u32(2);
            out.u32(1);
            out.u16(distance.cast_unsigned());
        });
    }
}

/// Three letters of five bits each; `und` for what is no ISO 639-2 code.
fn packed_language(language: Option<&str>) -> u16 {
    let code = language.filter(|code| code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_lowercase()));
    code.unwrap_or("und")
        .bytes()
        .fold(0, |packed, byte| packed << 5 | u16::from(byte - 0x60))
}
