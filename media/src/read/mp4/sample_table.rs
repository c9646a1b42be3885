//! The `stbl` (`ISO/IEC 14496-12 §8.5`): sample entries, and where the sample
//! tables lie.

use bytes::Bytes;

use super::ReadError;
use super::boxes::{BoxBytes, Fields};
use crate::sample::{Table, TableLayout};

/// Most samples a track may have: at 100 a second, a week.
const SAMPLES_MAX: u64 = 1 << 26;

/// Most sample entries a track may have.
const SAMPLE_ENTRIES_MAX: usize = 256;

/// What a `stbl` holds.
pub(super) struct SampleTable {
    pub(super) entries: Vec<Bytes>,
    pub(super) roll_distance: Option<i16>,
    pub(super) layout: TableLayout,
    /// The tables' bytes in the order of [`TableLayout::ranges`].
    pub(super) bytes: Vec<Bytes>,
}

/// A table and its bytes.
type Read = (Table, Bytes);

/// Reads a `stbl` of a file of `file_size` bytes. One without a table has none
/// of its entries, as the `moov` before fragments often does.
pub(super) fn read(stbl: &BoxBytes, file_size: u64) -> Result<SampleTable, ReadError> {
    let entries = sample_entries(&stbl.required(*b"stsd")?)?;
    let stts = optional_table(stbl, *b"stts", 64)?;
    let ctts = optional_table(stbl, *b"ctts", 64)?;
    let stsc = optional_table(stbl, *b"stsc", 96)?;
    let chunks = match stbl.child(*b"co64")? {
        Some(co64) => counted_table(&co64, 64)?,
        None => optional_table(stbl, *b"stco", 32)?,
    };
    let stss_box = stbl.child(*b"stss")?;
    let stss = stss_box
        .as_ref()
        .map(|stss| counted_table(stss, 32))
        .transpose()?
        .unwrap_or_default();
    let (size_box, sizes) = sample_sizes(stbl)?;

    let SampleSizes {
        fixed_size,
        sample_count,
        table: stsz,
    } = sizes;
    let held = samples_held(&stsc, chunks.0.count).min(SAMPLES_MAX);
    // A fixed size claims any number of samples in a few bytes; a file can hold
    // no more than its chunks list and its size has room for.
    let limit = if fixed_size == 0 {
        held
    } else {
        held.min(file_size / u64::from(fixed_size))
    };
    if limit < u64::from(sample_count) {
        return Err(size_box
            .unwrap_or(stbl.clone())
            .too_many("samples", sample_count.into(), limit));
    }
    let layout = TableLayout {
        stts: stts.0,
        ctts: ctts.0,
        stsz: stsz.0,
        fixed_size,
        sample_count,
        stsc: stsc.0,
        chunks: chunks.0,
        stss: stss.0,
        has_stss: stss_box.is_some(),
        entry_count: u32::try_from(entries.len()).unwrap_or(u32::MAX),
        file_size,
    };
    let bytes = vec![stts.1, ctts.1, stsz.1, stsc.1, chunks.1, stss.1];
    Ok(SampleTable {
        entries,
        roll_distance: roll_distance(stbl)?,
        layout,
        bytes,
    })
}

fn sample_entries(stsd: &BoxBytes) -> Result<Vec<Bytes>, ReadError> {
    // Version, flags and the count, which the boxes themselves tell again.
    let mut entries = Vec::new();
    for entry in stsd.children(8) {
        entries.push(entry?.whole);
        if entries.len() > SAMPLE_ENTRIES_MAX {
            let limit = SAMPLE_ENTRIES_MAX as u64;
            return Err(stsd.too_many("sample entries", entries.len() as u64, limit));
        }
    }
    if entries.is_empty() {
        return Err(stsd.bad("there is no sample entry"));
    }
    Ok(entries)
}

/// A full box that holds a count and that many entries of `entry_bits` bits.
fn counted_table(found: &BoxBytes, entry_bits: u32) -> Result<Read, ReadError> {
    let mut fields = found.full()?.fields;
    let count = fields.u32()?;
    table(found, fields, count, entry_bits)
}

fn optional_table(stbl: &BoxBytes, kind: [u8; 4], entry_bits: u32) -> Result<Read, ReadError> {
    stbl.child(kind)?
        .map(|found| counted_table(&found, entry_bits))
        .transpose()
        .map(Option::unwrap_or_default)
}

fn table(found: &BoxBytes, mut fields: Fields, count: u32, entry_bits: u32) -> Result<Read, ReadError> {
    let table = Table {
        offset: fields.offset(),
        count,
        entry_bits,
    };
    if fields.remaining() < table.size() {
        let limit = fields.remaining() * 8 / u64::from(entry_bits.max(1));
        return Err(found.too_many("entries", count.into(), limit));
    }
    let bytes = fields.take(usize::try_from(table.size()).unwrap_or(usize::MAX))?;
    Ok((table, bytes))
}

#[derive(Default)]
struct SampleSizes {
    fixed_size: u32,
    sample_count: u32,
    table: Read,
}

/// Reads `stsz` (§8.7.3.2) or `stz2` (§8.7.3.3).
fn sample_sizes(stbl: &BoxBytes) -> Result<(Option<BoxBytes>, SampleSizes), ReadError> {
    if let Some(stz2) = stbl.child(*b"stz2")? {
        let mut fields = stz2.full()?.fields;
        let field_size = fields.u32()? & 0xff;
        if ![4, 8, 16].contains(&field_size) {
            return Err(stz2.bad("the field size is none of 4, 8 and 16"));
        }
        let sample_count = fields.u32()?;
        let table = table(&stz2, fields, sample_count, field_size)?;
        return Ok((
            Some(stz2),
            SampleSizes {
                fixed_size: 0,
                sample_count,
                table,
            },
        ));
    }
    let Some(stsz) = stbl.child(*b"stsz")? else {
        return Ok((None, SampleSizes::default()));
    };
    let mut fields = stsz.full()?.fields;
    let fixed_size = fields.u32()?;
    let sample_count = fields.u32()?;
    let table = if fixed_size == 0 {
        table(&stsz, fields, sample_count, 32)?
    } else {
        Read::default()
    };
    Ok((
        Some(stsz),
        SampleSizes {
            fixed_size,
            sample_count,
            table,
        },
    ))
}

/// How many samples the chunks hold by the `stsc`.
fn samples_held(stsc: &Read, chunk_count: u32) -> u64 {
    let window = stsc.0.window(0, stsc.1.clone());
    let mut held: u64 = 0;
    for index in 0..stsc.0.count {
        let Some((first, samples_per_chunk, _)) = window.triple(index) else {
            break;
        };
        let end = match window.triple(index + 1) {
            Some((next, ..)) => next.min(chunk_count.saturating_add(1)),
            None => chunk_count.saturating_add(1),
        };
        let chunks = u64::from(end.saturating_sub(first.max(1)));
        held = held.saturating_add(chunks.saturating_mul(samples_per_chunk.into()));
    }
    held
}

/// The roll distance in a `stbl` or `traf` of a track whose samples all belong to one `roll` group,
/// as AAC and Opus tracks state their pre-roll (§8.9.2, §10.1).
pub(super) fn roll_distance(stbl: &BoxBytes) -> Result<Option<i16>, ReadError> {
    for child in stbl.children(0) {
        let child = child?;
        if child.kind() != *b"sgpd" {
            continue;
        }
        let mut full = child.full()?;
        if full.fields.u32()?.to_be_bytes() != *b"roll" || full.version == 0 {
            continue;
        }
        let default_length = full.fields.u32()?;
        let entries = full.fields.u32()?;
        if default_length == 2 && entries == 1 {
            return Ok(Some(full.fields.u16()?.cast_signed()));
        }
    }
    Ok(None)
}
