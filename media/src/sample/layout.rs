//! The tables of one track together, and the walk over them.

use std::ops::Range;

use bytes::Bytes;

use super::{Cursor, Place, Sample, Table, TableError, TablePlace, Window};

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
    /// Number of sample entries.
    pub entry_count: u32,
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
    /// `end` need: one a table, some empty. An `end` behind the tables takes
    /// what is left of them.
    #[must_use]
    pub fn ranges(&self, start: &Cursor, end: &Cursor) -> Vec<Range<u64>> {
        let Place::Tables(first) = &start.place else {
            return Vec::new();
        };
        let firsts = first.positions(start.sample);
        let lasts = match &end.place {
            Place::Tables(last) => last.positions(end.sample),
            Place::Fragment(_) => [u32::MAX; TABLE_COUNT],
        };
        // Entries beyond the one that a table stands at which are looked at.
        let beyond = [1, 1, 0, 2, 1, 1];
        let mut ranges = Vec::with_capacity(TABLE_COUNT);
        for (((table, first), last), beyond) in self.tables().iter().zip(firsts).zip(lasts).zip(beyond) {
            ranges.push(table.range(first, last.saturating_add(beyond)));
        }
        ranges
    }

    /// The walk from `start` on over `bytes`, the contents of the file ranges
    /// that [`Self::ranges`] named for it, in their order. A missing one reads
    /// as an empty table. From a place behind the tables there is nothing to walk.
    #[must_use]
    pub fn walk(&self, start: Cursor, bytes: &[Bytes]) -> TableWalk {
        let place = match start.place {
            Place::Tables(place) => place,
            Place::Fragment(_) => TablePlace::default(),
        };
        let mut windows = self
            .tables()
            .into_iter()
            .zip(place.positions(start.sample))
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
        let walk = TableWalk {
            layout: *self,
            tables,
            sample: 0,
            decode_time: 0,
            place,
            chunk: None,
        };
        walk.starting_at(start)
    }
}

impl TablePlace {
    /// The entry each table stands at before `sample`, in the order of the
    /// layout's tables.
    fn positions(&self, sample: u32) -> [u32; TABLE_COUNT] {
        [
            self.stts_entry,
            self.ctts_entry,
            sample,
            self.stsc_entry,
            self.chunk,
            self.stss_entry,
        ]
    }
}

/// The bytes of the tables, whole or as windows around a segment.
#[derive(Clone, Debug, Default)]
struct TableBytes {
    stts: Window,
    ctts: Window,
    stsz: Window,
    stsc: Window,
    chunks: Window,
    stss: Window,
}

/// Walks samples in decode order. Ends after the last one or the first error.
#[derive(Clone, Debug)]
pub struct TableWalk {
    layout: TableLayout,
    tables: TableBytes,
    sample: u32,
    decode_time: i64,
    place: TablePlace,
    chunk: Option<Chunk>,
}

/// The chunk at hand: what its entries in `stsc` and `stco` say.
#[derive(Clone, Copy, Debug)]
struct Chunk {
    sample_count: u32,
    /// In the file.
    offset: u64,
    /// 0-based sample entry of its samples.
    entry: u32,
}

impl TableWalk {
    /// Where the walk stands: before the sample that [`Iterator::next`] gives.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        Cursor {
            run: 0,
            sample: self.sample,
            decode_time: self.decode_time,
            place: Place::Tables(self.place),
        }
    }

    /// The same walk from another place on, within the bytes at hand.
    #[must_use]
    pub fn starting_at(mut self, cursor: Cursor) -> Self {
        self.sample = cursor.sample;
        self.decode_time = cursor.decode_time;
        self.chunk = None;
        match cursor.place {
            Place::Tables(place) => self.place = place,
            Place::Fragment(_) => self.sample = self.layout.sample_count,
        }
        self
    }

    fn read(&mut self) -> Result<Sample, TableError> {
        let sample = self.sample;
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
            .checked_add(self.place.chunk_bytes_used)
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
        let decode_time = self.decode_time;

        self.sample += 1;
        self.decode_time = decode_time.checked_add(i64::from(duration)).ok_or(overflow)?;
        self.place.chunk_samples_used += 1;
        self.place.chunk_bytes_used += u64::from(size);
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
                sample: self.sample,
            };
            let (count, duration) = self.tables.stts.pair(self.place.stts_entry).ok_or(missing)?;
            if self.place.stts_used < count {
                self.place.stts_used += 1;
                return Ok(duration);
            }
            self.place.stts_entry += 1;
            self.place.stts_used = 0;
        }
    }

    /// Version 1 offsets are signed; version 0 ones are not, yet are written
    /// with wrapped negatives, so both read as signed. A table that ends early
    /// leaves the rest without an offset, as other readers have it.
    fn read_composition_offset(&mut self) -> i32 {
        while let Some((count, offset)) = self.tables.ctts.pair(self.place.ctts_entry) {
            if self.place.ctts_used < count {
                self.place.ctts_used += 1;
                return offset.cast_signed();
            }
            self.place.ctts_entry += 1;
            self.place.ctts_used = 0;
        }
        0
    }

    /// Moves on to the chunk of the next sample; its file offset and the
    /// 0-based sample entry its samples use.
    fn enter_chunk(&mut self) -> Result<(u64, u32), TableError> {
        if let Some(chunk) = self.chunk
            && self.place.chunk_samples_used < chunk.sample_count
        {
            return Ok((chunk.offset, chunk.entry));
        }
        let sample = self.sample;
        loop {
            let stsc = &self.tables.stsc;
            let missing = TableError::Missing {
                table: "stsc",
                sample,
            };
            let (_, samples_per_chunk, description) = stsc.triple(self.place.stsc_entry).ok_or(missing)?;
            if self.place.chunk_samples_used < samples_per_chunk {
                let missing = TableError::Missing {
                    table: "stco",
                    sample,
                };
                let offset = self.tables.chunks.wide(self.place.chunk).ok_or(missing)?;
                let entry = self.entry(description)?;
                self.chunk = Some(Chunk {
                    sample_count: samples_per_chunk,
                    offset,
                    entry,
                });
                return Ok((offset, entry));
            }
            if self.place.chunk >= self.layout.chunks.count {
                return Err(TableError::Missing {
                    table: "stco",
                    sample,
                });
            }
            self.place.chunk += 1;
            self.place.chunk_samples_used = 0;
            self.place.chunk_bytes_used = 0;
            // The next run of chunks begins where its 1-based first chunk says.
            if stsc
                .triple(self.place.stsc_entry.saturating_add(1))
                .is_some_and(|(first_chunk, ..)| first_chunk <= self.place.chunk.saturating_add(1))
            {
                self.place.stsc_entry += 1;
            }
        }
    }

    /// The 0-based sample entry of the 1-based number that chunks state; 0, which
    /// is none, is written where there is only one.
    fn entry(&self, description: u32) -> Result<u32, TableError> {
        let entry = description.saturating_sub(1);
        if self.layout.entry_count <= entry {
            return Err(TableError::NoEntry {
                sample: self.sample,
                entry: description,
                count: self.layout.entry_count,
            });
        }
        Ok(entry)
    }

    fn read_sync(&mut self) -> bool {
        if !self.layout.has_stss {
            return true;
        }
        let number = self.sample.saturating_add(1);
        while let Some(sync) = self.tables.stss.narrow(self.place.stss_entry) {
            if sync > number {
                return false;
            }
            self.place.stss_entry += 1;
            if sync == number {
                return true;
            }
        }
        false
    }
}

impl Iterator for TableWalk {
    type Item = Result<Sample, TableError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.sample >= self.layout.sample_count {
            return None;
        }
        let sample = self.read();
        if sample.is_err() {
            self.layout.sample_count = 0;
        }
        Some(sample)
    }
}
