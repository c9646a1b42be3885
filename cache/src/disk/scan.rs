//! A tier's files, read without the engine: what is in them, and whether it is
//! what was written.
//!
//! A block file is a row of blobs: a page of indexes, then entries, each at the
//! start of a page. An entry is a header of 36 bytes (big-endian: length of the
//! name, length of the value, hash, sequence, checksum, magic and compression),
//! the value, the name. The checksum is XXH64 of the last two.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use xxhash_rust::xxh64::xxh64;

use super::engine::{Claim, Geometry, OpenError, block_name, remove_blocks};
use crate::key::{DiskName, EntryKind};

const PAGE: u64 = 4096;
const HEADER_BYTES: usize = 36;
const MAGIC: u32 = 0x9703_2700;
/// The magic's lowest byte tells the compression, of which there is none.
const MAGIC_MASK: u32 = 0xffff_ff00;

/// Names and values start with their length.
const LENGTH_BYTES: usize = 8;

/// What a tier's files hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// How the files are cut.
    pub geometry: Geometry,
    /// By kind of entry.
    pub kinds: BTreeMap<EntryKind, ScannedKind>,
    /// By object, whatever its version: entries and bytes.
    pub objects: BTreeMap<String, (u64, u64)>,
    /// Entries that are not what was written.
    pub damaged: u64,
    /// Whether values were compared with their checksums.
    pub is_verified: bool,
}

/// The entries of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScannedKind {
    /// How many.
    pub entries: u64,
    /// Bytes of their values.
    pub bytes: u64,
}

/// Tells what is in the tier of `directory`, by the headers of its entries.
///
/// Reads only, so that it can be asked of a node that runs; entries that are
/// being written are then told of or not.
///
/// # Errors
/// The files cannot be read.
pub fn inspect(directory: &Path) -> Result<Scan, OpenError> {
    scan(directory, false)
}

/// Compares every entry of the tier of `directory` with its checksum.
///
/// # Errors
/// The files cannot be read, or a node uses them.
pub fn verify(directory: &Path) -> Result<Scan, OpenError> {
    let _claim = claim(directory)?;
    scan(directory, true)
}

/// Removes every entry of the tier of `directory` with its files. Tells how
/// many bytes of disk are free by that.
///
/// # Errors
/// A node uses them, or they cannot be removed.
pub fn clear(directory: &Path) -> Result<u64, OpenError> {
    let _claim = claim(directory)?;
    remove_blocks(directory)
}

/// Only of a folder that is a tier's: nothing is made where none is.
fn claim(directory: &Path) -> Result<Claim, OpenError> {
    Geometry::read(directory).map_err(OpenError::io(directory))?;
    Claim::take(directory)
}

fn scan(directory: &Path, is_verified: bool) -> Result<Scan, OpenError> {
    let geometry = Geometry::read(directory).map_err(OpenError::io(directory))?;
    let mut scan = Scan {
        geometry,
        kinds: BTreeMap::new(),
        objects: BTreeMap::new(),
        damaged: 0,
        is_verified,
    };
    for index in 0..geometry.blocks {
        let path = directory.join(block_name(index));
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            opened => opened.map_err(OpenError::io(&path))?,
        };
        scan_block(&file, &mut scan).map_err(OpenError::io(&path))?;
    }
    Ok(scan)
}

/// The header of an entry.
struct Header {
    name_size: u32,
    value_size: u32,
    sequence: u64,
    checksum: u64,
}

impl Header {
    /// `None` when there is none.
    fn parse(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let (name_size, rest) = bytes.split_first_chunk()?;
        let (value_size, rest) = rest.split_first_chunk()?;
        let (_hash, rest) = rest.split_first_chunk::<8>()?;
        let (sequence, rest) = rest.split_first_chunk()?;
        let (checksum, rest) = rest.split_first_chunk()?;
        let magic = u32::from_be_bytes(*rest.first_chunk()?);
        (magic & MAGIC_MASK == MAGIC).then(|| Self {
            name_size: u32::from_be_bytes(*name_size),
            value_size: u32::from_be_bytes(*value_size),
            sequence: u64::from_be_bytes(*sequence),
            checksum: u64::from_be_bytes(*checksum),
        })
    }

    fn size(&self) -> u64 {
        HEADER_BYTES as u64 + u64::from(self.name_size) + u64::from(self.value_size)
    }
}

fn scan_block(file: &File, scan: &mut Scan) -> io::Result<()> {
    let end = file.metadata()?.len().min(scan.geometry.block_bytes);
    let mut at = 0;
    let mut last_sequence = None;
    while at + PAGE <= end {
        let mut bytes = [0; HEADER_BYTES];
        file.read_exact_at(&mut bytes, at)?;
        let header = Header::parse(&bytes).filter(|header| at + header.size() <= end);
        let Some(header) = header else {
            at += PAGE;
            continue;
        };
        // Behind the last entry lies what the block held before.
        if last_sequence.is_some_and(|last| header.sequence < last) {
            return Ok(());
        }
        last_sequence = Some(header.sequence);
        count(file, at, &header, scan)?;
        at += header.size().next_multiple_of(PAGE);
    }
    Ok(())
}

/// Counts the entry at `at`.
fn count(file: &File, at: u64, header: &Header, scan: &mut Scan) -> io::Result<()> {
    let too_large = |_| io::Error::other("an entry exceeds memory");
    let value_size = usize::try_from(header.value_size).map_err(too_large)?;
    let name_size = usize::try_from(header.name_size).map_err(too_large)?;
    let skipped = if scan.is_verified { 0 } else { value_size };
    // Bounded by the block: its size was compared with that.
    let mut bytes = vec![0; value_size - skipped + name_size];
    file.read_exact_at(&mut bytes, at + (HEADER_BYTES + skipped) as u64)?;
    if scan.is_verified && xxh64(&bytes, 0) != header.checksum {
        scan.damaged += 1;
        return Ok(());
    }
    let name = bytes.get(value_size - skipped + LENGTH_BYTES..);
    let Some(name) = name.and_then(DiskName::parse) else {
        scan.damaged += 1;
        return Ok(());
    };
    let value_bytes = value_size.saturating_sub(LENGTH_BYTES) as u64;
    let kind = scan.kinds.entry(name.kind).or_default();
    kind.entries += 1;
    kind.bytes += value_bytes;
    let (entries, sum) = scan.objects.entry(name.object).or_default();
    *entries += 1;
    *sum += value_bytes;
    Ok(())
}
