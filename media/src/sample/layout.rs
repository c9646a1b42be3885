//! The tables of one track together, and the walk over them.

use std::ops::Range;

use bytes::Bytes;

use super::{Cursor, Sample, Table, TableError, Window};

/// Where the sample tables of a track lie in its file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableLayout {
    /// Decode durations, pairs (`stts`, `ISO/IEC 14496-12 §8.6.1.2`).
    pub stts: Table,
    /// Composition offsets, pairs; none when absent (`ctts`, §8.6.1.3).
    pub ctts: Table,
    /// Sample sizes (`stsz`, `stz2`, §8.7.3); without entries when `fixed_size` is not 0.
    pub stsz: Table,
    /// Size of every sample in bytes, or 0 when `stsz` lists them.
    pub fixed_size: u32,
    /// Number of samples.
    pub sample_count: u32,
    /// Chunks to samples, triples (`stsc`, §8.7.4).
    pub stsc: Table,
    /// Chunk offsets, 32 or 64 bits (`stco`, `co64`, §8.7.5).
    pub chunks: Table,
    /// Sync samples (`stss`, §8.6.2).
    pub stss: Table,
    /// Whether there is an `stss`: without one every sample is a sync sample,
    /// with an empty one none is.
    pub has_stss: bool,
    /// Size of the source file in bytes.
    pub file_size: u64,
}

/// Number of tables a [`TableLayout`] reads.
const TABLE_COUNT: usize = 6;

impl TableLayout {
    fn tables(&self) -> [Table; TABLE_COUNT] {
        [self.stts, self.ctts, self.stsz, self.stsc, self.chunks, self.stss]
    }

    /// File ranges with all table entries that the samples from `start` up to
    /// `end` need: one a table, some empty.
    #[must_use]
    pub fn ranges(&self, start: &Cursor, end: &Cursor) -> Vec<Range<u64>> {
        let last = end.positions();
        let ends = [1, 1, 0, 2, 1, 1];
        let firsts = start.positions();
        let mut ranges = Vec::with_capacity(TABLE_COUNT);
        for (((table, first), last), beyond) in self.tables().iter().zip(firsts).zip(last).zip(ends) {
            ranges.push(table.range(first, last.saturating_add(beyond)));
        }
        ranges
    }

    /// The walk from `start` on over `bytes`, the contents of the file ranges
    /// that [`Self::ranges`] named for it, in their order. A missing one reads
    /// as an empty table.
    #[must_use]
    pub fn walk(&self, start: Cursor, bytes: &[Bytes]) -> SampleIter {
        let mut windows = self
            .tables()
            .into_iter()
            .zip(start.positions())
            .zip(bytes.iter().cloned().chain(std::iter::repeat(Bytes::new())))
            .map(|((table, first), bytes)| table.window(first, bytes));
        let mut next = || windows.next().unwrap_or_default();
        let tables = TableBytes {
            stts: next(),
            ctts: next(),
            stsz: next(),
            stsc: next(),
            chunks: next(),
            stss: next(),
        };
        SampleIter {
            layout: *self,
            tables,
            cursor: start,
        }
    }
}

impl Cursor {
    /// The entry each table stands at, in the order of the layout's tables.
    fn positions(&self) -> [u32; TABLE_COUNT] {
        [
            self.stts_entry,
            self.ctts_entry,
            self.sample,
            self.stsc_entry,
            self.chunk,
            self.stss_entry,
        ]
    }
}

/// The bytes of the tables, whole or as windows around a segment.
#[derive(Clone, Debug, Default)]
pub struct TableBytes {
    stts: Window,
    ctts: Window,
    stsz: Window,
    stsc: Window,
    chunks: Window,
    stss: Window,
}

/// Walks samples in decode order. Ends after the last one or the first error.
#[derive(Clone, Debug)]
pub struct SampleIter {
    layout: TableLayout,
    tables: TableBytes,
    cursor: Cursor,
}

impl SampleIter {
    /// Where the walk stands: before the sample that [`Iterator::next`] gives.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// The same walk from another place on, within the bytes at hand.
    #[must_use]
    pub fn starting_at(mut self, cursor: Cursor) -> Self {
        self.cursor = cursor;
        self
    }

    fn read(&mut self) -> Result<Sample, TableError> {
        let sample = self.cursor.sample;
        let duration = self.read_duration()?;
        let composition_offset = self.read_composition_offset();
        let size = match self.layout.fixed_size {
            0 => self.tables.stsz.narrow(sample).ok_or(TableError::Missing {
                table: "stsz",
                sample,
            })?,
            fixed => fixed,
        };
        let (chunk_offset, entry) = self.enter_chunk()?;
        let overflow = TableError::Overflow { sample };
        let offset = chunk_offset
            .checked_add(self.cursor.chunk_bytes_used)
            .ok_or(overflow.clone())?;
        let file_size = self.layout.file_size;
        if offset
            .checked_add(u64::from(size))
            .is_none_or(|end| file_size < end)
        {
            return Err(TableError::BeyondEnd {
                sample,
                offset,
                size,
                file_size,
            });
        }
        let is_sync = self.read_sync();
        let decode_time = self.cursor.decode_time;

        self.cursor.sample += 1;
        self.cursor.decode_time = decode_time.checked_add(i64::from(duration)).ok_or(overflow)?;
        self.cursor.chunk_samples_used += 1;
        self.cursor.chunk_bytes_used += u64::from(size);
        Ok(Sample {
            offset,
            size,
            duration,
            decode_time,
            composition_offset,
            is_sync,
            entry,
        })
    }

    fn read_duration(&mut self) -> Result<u32, TableError> {
        loop {
            let missing = TableError::Missing {
                table: "stts",
                sample: self.cursor.sample,
            };
            let (count, duration) = self.tables.stts.pair(self.cursor.stts_entry).ok_or(missing)?;
            if self.cursor.stts_used < count {
                self.cursor.stts_used += 1;
                return Ok(duration);
            }
            self.cursor.stts_entry += 1;
            self.cursor.stts_used = 0;
        }
    }

    /// Version 1 offsets are signed; version 0 ones are not, yet are written
    /// with wrapped negatives, so both read as signed. A table that ends early
    /// leaves the rest without an offset, as other readers have it.
    fn read_composition_offset(&mut self) -> i32 {
        while let Some((count, offset)) = self.tables.ctts.pair(self.cursor.ctts_entry) {
            if self.cursor.ctts_used < count {
                self.cursor.ctts_used += 1;
                return offset.cast_signed();
            }
            self.cursor.ctts_entry += 1;
            self.cursor.ctts_used = 0;
        }
        0
    }

    /// Moves on to the chunk of the next sample; its file offset and the
    /// 0-based sample entry its samples use.
    fn enter_chunk(&mut self) -> Result<(u64, u32), TableError> {
        let sample = self.cursor.sample;
        loop {
            let stsc = &self.tables.stsc;
            let missing = TableError::Missing {
                table: "stsc",
                sample,
            };
            let (_, samples_per_chunk, description) = stsc.triple(self.cursor.stsc_entry).ok_or(missing)?;
            if self.cursor.chunk_samples_used < samples_per_chunk {
                let missing = TableError::Missing {
                    table: "stco",
                    sample,
                };
                let offset = self.tables.chunks.wide(self.cursor.chunk).ok_or(missing)?;
                return Ok((offset, description.saturating_sub(1)));
            }
            if self.cursor.chunk >= self.layout.chunks.count {
                return Err(TableError::Missing {
                    table: "stco",
                    sample,
                });
            }
            self.cursor.chunk += 1;
            self.cursor.chunk_samples_used = 0;
            self.cursor.chunk_bytes_used = 0;
            // The next run of chunks begins where its 1-based first chunk says.
            if stsc
                .triple(self.cursor.stsc_entry.saturating_add(1))
                .is_some_and(|(first_chunk, ..)| first_chunk <= self.cursor.chunk.saturating_add(1))
            {
                self.cursor.stsc_entry += 1;
            }
        }
    }

    fn read_sync(&mut self) -> bool {
        if !self.layout.has_stss {
            return true;
        }
        let number = self.cursor.sample.saturating_add(1);
        while let Some(sync) = self.tables.stss.narrow(self.cursor.stss_entry) {
            if sync > number {
                return false;
            }
            self.cursor.stss_entry += 1;
            if sync == number {
                return true;
            }
        }
        false
    }
}

impl Iterator for SampleIter {
    type Item = Result<Sample, TableError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.cursor.sample >= self.layout.sample_count {
            return None;
        }
        let sample = self.read();
        if sample.is_err() {
            self.layout.sample_count = 0;
        }
        Some(sample)
    }
}
