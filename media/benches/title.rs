//! What a title costs: time to read its tables, memory it holds, and time to
//! plan one segment with its head, for films of 10 minutes and of 2 hours.
//!
//! `cargo bench -p strata-media --bench title`

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failing benchmark may panic"
)]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "small figures"
)]

use std::hint::black_box;
use std::ops::Range;
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};
use strata_media::manifest::{dash, hls};
use strata_media::plan::FileIndex;
use strata_media::presentation::{Presentation, Source};
use strata_media::read::mp4::{Movie, Reader, SegmentReader, SegmentStep, Step};
use strata_media::segment::SegmentationOptions;
use strata_media::write::fmp4;

/// Rounds of each measurement; the median counts.
const ROUNDS: usize = 15;

fn main() {
    for (name, seconds) in [("10 min", 600), ("2 h", 7200)] {
        let film = Film::new(seconds);
        let movie = film.read();
        let title = assemble(movie.clone());
        let samples: u32 = title
            .tracks
            .iter()
            .map(|track| {
                (0..track.segments.len())
                    .map(|s| track.sample_count(s))
                    .sum::<u32>()
            })
            .sum();
        println!(
            "{name}: {samples} samples, moov {:.2} MB",
            film.head.len() as f64 / 1e6
        );
        row("read the moov", median(|| film.read()));
        row("assemble the title", median(|| assemble(movie.clone())));
        println!(
            "  memory held           {:>12.3} bytes a sample",
            title.heap_size() as f64 / f64::from(samples)
        );
        let last = title.tracks[0].segments.len() - 2;
        for (place, segment) in [("first", 0), ("last", last)] {
            row(
                &format!("plan the {place} segment"),
                median_of(1000, || film.plan(&title, segment)),
            );
        }
        row("DASH manifest", median(|| dash::mpd(&title)));
        row("HLS media playlist", median(|| hls::media(&title, 0)));
    }
}

fn row(what: &str, time: Duration) {
    println!("  {what:<22}{:>12.2} µs", time.as_secs_f64() * 1e6);
}

fn median<T>(work: impl FnMut() -> T) -> Duration {
    median_of(1, work)
}

/// The median over the rounds of the mean over `count` runs.
fn median_of<T>(count: u32, mut work: impl FnMut() -> T) -> Duration {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            (0..count).for_each(|_| drop(black_box(work())));
            start.elapsed() / count
        })
        .collect();
    times.sort_unstable();
    times[ROUNDS / 2]
}

fn assemble(movie: Movie) -> Presentation {
    let sources = [Source {
        file: FileIndex(0),
        content: Ok(movie),
        reference: None,
    }];
    Presentation::assemble("film", &sources, &SegmentationOptions::default()).unwrap()
}

/// A muxed film without its media: 25 pictures a second with B-frames, a sync
/// sample each 2 s, AAC at 48 kHz, a chunk of each a second.
struct Film {
    head: Bytes,
    size: u64,
}

impl Film {
    fn new(seconds: u32) -> Self {
        let ftyp = boxed(b"ftyp", |out| out.put_slice(b"isom\0\0\0\0"));
        // Written once to learn its size, then with the offsets that follow.
        let size = moov(seconds, 0).0.len() as u64 + ftyp.len() as u64 + 8;
        let (moov, media) = moov(seconds, size);
        Self {
            head: Bytes::from([ftyp, moov].concat()),
            size: size + media,
        }
    }

    fn bytes(&self, range: Range<u64>) -> Bytes {
        self.head
            .slice(range.start as usize..range.end.min(self.head.len() as u64) as usize)
    }

    fn read(&self) -> Movie {
        let mut reader = Reader::new(self.size);
        let mut step = reader.step(None).unwrap();
        loop {
            match step {
                Step::Need(range) => step = reader.step(Some(self.padded(range))).unwrap(),
                Step::Done(movie) => return movie,
            }
        }
    }

    /// The first scan may reach into the media, which is not there.
    fn padded(&self, range: Range<u64>) -> Bytes {
        let bytes = self.bytes(range.clone());
        let missing = (range.end - range.start) as usize - bytes.len();
        if missing == 0 {
            bytes
        } else {
            Bytes::from([&bytes[..], &vec![0; missing]].concat())
        }
    }

    fn plan(&self, title: &Presentation, segment: usize) -> u64 {
        let track = &title.tracks[0];
        let mut reader = SegmentReader::new(track, segment);
        let mut supplied = Vec::new();
        loop {
            match reader.step(supplied).unwrap() {
                SegmentStep::Done(samples) => return fmp4::media(track, segment, &samples).length,
                SegmentStep::Need(ranges) => {
                    supplied = ranges.into_iter().map(|range| self.bytes(range)).collect();
                }
            }
        }
    }
}

fn boxed(kind: &[u8; 4], content: impl FnOnce(&mut BytesMut)) -> Vec<u8> {
    let mut out = BytesMut::new();
    out.put_u32(0);
    out.put_slice(kind);
    content(&mut out);
    let size = out.len() as u32;
    out[..4].copy_from_slice(&size.to_be_bytes());
    out.to_vec()
}

fn words(kind: &[u8; 4], words: impl IntoIterator<Item = u32>) -> Vec<u8> {
    boxed(kind, |out| {
        out.put_u32(0);
        words.into_iter().for_each(|word| out.put_u32(word));
    })
}

fn nested(kind: &[u8; 4], children: &[Vec<u8>]) -> Vec<u8> {
    boxed(kind, |out| children.iter().for_each(|child| out.put_slice(child)))
}

/// One track's `trak` apart from where its chunks lie.
struct Shape {
    id: u32,
    handler: [u8; 4],
    timescale: u32,
    sample_duration: u32,
    entry: Vec<u8>,
    /// Size of sample `index`.
    size: fn(u32) -> u32,
    samples: u32,
    has_pictures: bool,
}

fn moov(seconds: u32, media_start: u64) -> (Vec<u8>, u64) {
    let video = Shape {
        id: 1,
        handler: *b"vide",
        timescale: 12_800,
        sample_duration: 512,
        entry: avc_entry(),
        size: |index| {
            if index % 50 == 0 {
                30_000
            } else {
                2000 + index % 7 * 800
            }
        },
        samples: seconds * 25,
        has_pictures: true,
    };
    let audio = Shape {
        id: 2,
        handler: *b"soun",
        timescale: 48_000,
        sample_duration: 1024,
        entry: aac_entry(),
        size: |index| 300 + index % 90,
        samples: seconds * 48_000 / 1024,
        has_pictures: false,
    };
    let mut at = media_start;
    let mut offsets = [Vec::new(), Vec::new()];
    for second in 0..seconds {
        for (shape, offsets) in [&video, &audio].into_iter().zip(&mut offsets) {
            let (first, end) = (
                shape.first_of(second, seconds),
                shape.first_of(second + 1, seconds),
            );
            offsets.push((at as u32, end - first));
            at += (first..end)
                .map(|index| u64::from((shape.size)(index)))
                .sum::<u64>();
        }
    }
    let mvhd = words(b"mvhd", [0, 0, 1000, 0].into_iter().chain([0; 20]));
    (
        nested(b"moov", &[mvhd, video.trak(&offsets[0]), audio.trak(&offsets[1])]),
        at - media_start,
    )
}

impl Shape {
    fn first_of(&self, second: u32, seconds: u32) -> u32 {
        (u64::from(self.samples) * u64::from(second) / u64::from(seconds)) as u32
    }

    fn trak(&self, chunks: &[(u32, u32)]) -> Vec<u8> {
        let count = self.samples;
        let mut tables = vec![
            boxed(b"stsd", |out| {
                out.put_u64(1);
                out.put_slice(&self.entry);
            }),
            words(b"stts", [1, count, self.sample_duration]),
        ];
        if self.has_pictures {
            // I P B B: every picture has an offset of its own.
            let offsets = (0..count).flat_map(|index| [1, if index % 3 == 1 { 1536 } else { 512 }]);
            tables.push(words(b"ctts", [count].into_iter().chain(offsets)));
            tables.push(words(
                b"stss",
                [count.div_ceil(50)]
                    .into_iter()
                    .chain((0..count).step_by(50).map(|s| s + 1)),
            ));
        }
        let runs: Vec<u32> = (1..)
            .zip(chunks)
            .flat_map(|(chunk, (_, samples))| [chunk, *samples, 1])
            .collect();
        tables.push(words(b"stsc", [chunks.len() as u32].into_iter().chain(runs)));
        tables.push(words(
            b"stsz",
            [0, count].into_iter().chain((0..count).map(self.size)),
        ));
        tables.push(words(
            b"stco",
            [chunks.len() as u32]
                .into_iter()
                .chain(chunks.iter().map(|chunk| chunk.0)),
        ));
        let hdlr = words(b"hdlr", [0, u32::from_be_bytes(self.handler), 0, 0, 0]);
        let mdhd = words(b"mdhd", [0, 0, self.timescale, 0, 0x55c4_0000]);
        let minf = nested(b"minf", &[nested(b"stbl", &tables)]);
        let tkhd = words(b"tkhd", [0, 0, self.id].into_iter().chain([0; 18]));
        nested(b"trak", &[tkhd, nested(b"mdia", &[mdhd, hdlr, minf])])
    }
}

/// A 320x180 entry as x264 writes it.
fn avc_entry() -> Vec<u8> {
    const RECORD: &[u8] = &[
        0x01, 0x64, 0x00, 0x0c, 0xff, 0xe1, 0x00, 0x18, 0x67, 0x64, 0x00, 0x0c, 0xac, 0xd9, 0x41, 0x41, 0x9f,
        0x9f, 0x01, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10, 0x00, 0x00, 0x03, 0x03, 0x20, 0xf1, 0x42, 0x99, 0x60,
        0x01, 0x00, 0x06, 0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0, 0xfd, 0xf8, 0xf8, 0x00,
    ];
    boxed(b"avc1", |out| {
        out.put_slice(&[0, 0, 0, 0, 0, 0, 0, 1]);
        out.put_bytes(0, 16);
        out.put_u16(320);
        out.put_u16(180);
        out.put_bytes(0, 50);
        out.put_slice(&boxed(b"avcC", |out| out.put_slice(RECORD)));
    })
}

/// Stereo AAC-LC at 48 kHz.
fn aac_entry() -> Vec<u8> {
    const DESCRIPTOR: &[u8] = &[
        0x03, 0x19, 0x00, 0x01, 0x00, 0x04, 0x11, 0x40, 0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x05, 0x02,
        0x11, 0x90, 0x06, 0x01, 0x02,
    ];
    boxed(b"mp4a", |out| {
        out.put_slice(&[
            0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 16, 0, 0, 0, 0,
        ]);
        out.put_u32(48_000 << 16);
        out.put_slice(&boxed(b"esds", |out| {
            out.put_u32(0);
            out.put_slice(DESCRIPTOR);
        }));
    })
}
