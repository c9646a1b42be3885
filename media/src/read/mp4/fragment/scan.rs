//! Reads every `moof` of a file that has no index.

use std::sync::Arc;

use super::calibration::{clock, head_size};
use super::moof::{self, Moof};
use super::random_access::MFRA;
use crate::read::mp4::boxes::BoxHeader;
use crate::read::mp4::windows::{Halt, Windows};
use crate::read::mp4::{MovieTrack, ReadError};
use crate::sample::{FragmentLayout, Sample};

/// Most fragments of a file: at 50 a second, almost six hours.
const FRAGMENTS_MAX: usize = 1 << 20;

/// Most bytes of `moof` boxes of a file.
const BYTES_MAX: u64 = 128 << 20;

/// Most samples of a track.
const SAMPLES_MAX: u64 = 1 << 26;

/// Bytes asked for where the first fragment starts.
const FIRST_ASK: u64 = 4 << 10;

/// Fragments that take this many bytes with their media, on average, are read
/// several at once: the round trips would cost more than the media.
const SMALL_FRAGMENT: u64 = 32 << 10;

/// Bytes asked for then.
const SMALL_FRAGMENTS_ASK: u64 = 256 << 10;

/// The walk from box to box.
#[derive(Debug)]
pub(super) struct Scan {
    at: u64,
    ask: u64,
    moofs: Vec<Moof>,
    bytes: u64,
    moof_size_max: u64,
    tracks: Vec<ScannedTrack>,
}

#[derive(Debug)]
struct ScannedTrack {
    layout: FragmentLayout,
    decode_time: i64,
    samples: u64,
    has_fragments: bool,
}

impl Scan {
    /// A walk that starts at the box at `start`.
    pub(super) fn new(start: u64, layouts: impl Iterator<Item = FragmentLayout>) -> Self {
        let tracks = layouts.map(|layout| ScannedTrack {
            layout,
            decode_time: 0,
            samples: 0,
            has_fragments: false,
        });
        Self {
            at: start,
            ask: FIRST_ASK,
            moofs: Vec::new(),
            bytes: 0,
            moof_size_max: 0,
            tracks: tracks.collect(),
        }
    }

    /// Reads on to the end of the file.
    pub(super) fn advance(&mut self, windows: &Windows) -> Result<(), Halt> {
        while let Some(header) = self.next(windows)? {
            if header.kind == moof::MOOF {
                let found = windows.whole(header, moof::SIZE_MAX)?;
                self.bytes += header.size();
                if BYTES_MAX < self.bytes {
                    return Err(header
                        .too_many("bytes of fragments", self.bytes, BYTES_MAX)
                        .into());
                }
                if self.moofs.len() == FRAGMENTS_MAX {
                    let count = FRAGMENTS_MAX as u64;
                    return Err(header.too_many("fragments", count + 1, count).into());
                }
                let found = Moof::copied(header, &found.whole);
                self.check(&found)?;
                self.moof_size_max = self.moof_size_max.max(header.size());
                self.moofs.push(found);
            }
            self.at = header.end;
            self.choose_ask();
        }
        Ok(())
    }

    /// The next box; `None` behind the last fragment.
    fn next(&self, windows: &Windows) -> Result<Option<BoxHeader>, Halt> {
        match windows.header(self.at, self.ask) {
            // The index behind the fragments is not needed here, whatever size it states.
            Err(Halt::Failed(ReadError::BoxBeyondEnd { kind, .. } | ReadError::BoxTooSmall { kind, .. }))
                if kind == MFRA =>
            {
                Ok(None)
            }
            header => header,
        }
    }

    /// What to ask for at the next box, by the fragments so far.
    fn choose_ask(&mut self) {
        let (Some(first), Some(last)) = (self.moofs.first(), self.moofs.last()) else {
            return;
        };
        let mean = self.at.saturating_sub(first.offset) / (self.moofs.len() as u64);
        self.ask = if mean <= SMALL_FRAGMENT {
            SMALL_FRAGMENTS_ASK
        } else {
            head_size(last.size()).into()
        };
    }

    /// Reads the samples of every track once, so that damage is found here.
    fn check(&mut self, moof: &Moof) -> Result<(), ReadError> {
        for track in &mut self.tracks {
            let mut samples = moof.samples(&track.layout, track.decode_time)?;
            let Some(first) = samples.first() else { continue };
            if !track.has_fragments {
                track.has_fragments = true;
                let stated = moof.stated_time(track.layout.track_id)?;
                track.layout.clock = clock(stated, first.composition_offset);
                samples = moof.samples(&track.layout, track.decode_time)?;
            }
            track.samples += samples.len() as u64;
            if SAMPLES_MAX < track.samples {
                return Err(moof.open()?.too_many("samples", track.samples, SAMPLES_MAX));
            }
            track.decode_time = samples.last().map_or(track.decode_time, Sample::decode_end);
        }
        Ok(())
    }

    /// Gives the tracks what was read, in their order.
    pub(super) fn finish(self, tracks: &mut [MovieTrack]) {
        let moofs: Arc<[Moof]> = self.moofs.into();
        let heads: Arc<[u64]> = moofs.iter().map(|moof| moof.offset).collect();
        for (track, scanned) in tracks.iter_mut().zip(self.tracks) {
            let mut layout = scanned.layout;
            layout.head_size = head_size(self.moof_size_max);
            layout.start = moofs.first().map_or(self.at, |moof| moof.offset);
            track.fragments = Some(layout);
            track.moofs = Arc::clone(&moofs);
            track.fragment_heads = Arc::clone(&heads);
            track.fragments_end = self.at;
        }
    }
}
