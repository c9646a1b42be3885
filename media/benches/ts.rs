//! What it takes to make transport streams: GB/s of muxed output, on one core, from
//! media in chunks of 1 MiB as the cache holds it; and the time of a plan.
//!
//! `cargo bench -p strata-media --bench ts`

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failing benchmark may panic"
)]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "small figures"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use strata_media::plan::FileIndex;
use strata_media::presentation::{Presentation, Source};
use strata_media::read::mp4::{Reader, Step};
use strata_media::sample::{Sample, Samples};
use strata_media::segment::SegmentationOptions;
use strata_media::track::Track;
use strata_media::write::ts::{self, Planned, TsPlan, TsTrack};

/// Rounds of each measurement; the median counts.
const ROUNDS: usize = 15;

/// Pictures of a segment of 6 s.
const PICTURES: u32 = 150;

/// Copies of the media that are muxed in turn, so that no cache holds it.
const COPIES: usize = 64;

/// Bytes of a chunk of media.
const CHUNK: usize = 1 << 20;

fn main() {
    let title = title(&["harbour-144.mp4", "harbour-eng.mp4"]);
    let [pictures, sound] = &title.tracks[..] else {
        panic!("a picture track and a sound track");
    };
    // A first picture ten times as large as the others, as encoders have it.
    for (name, bitrate) in [
        ("5 Mb/s", 5_000_000),
        ("1 Mb/s", 1_000_000),
        ("0.4 Mb/s", 400_000),
    ] {
        let size = bitrate * 6 / 8 / (PICTURES + 9);
        measure(
            &format!("pictures at {name}"),
            &[Input::new(pictures, PICTURES, 512, size, 10)],
        );
    }
    let size = 5_000_000 * 6 / 8 / (PICTURES + 9);
    measure_uncached("pictures at 5 Mb/s, from memory", pictures, size);
    let frames = 6 * 48_000 / 1024;
    measure("sound at 128 kb/s", &[Input::new(sound, frames, 1024, 341, 1)]);
    let size = 2_500_000 * 6 / 8 / (PICTURES + 9);
    measure(
        "both, at 2.5 Mb/s and 128 kb/s",
        &[
            Input::new(pictures, PICTURES, 512, size, 10),
            Input::new(sound, frames, 1024, 341, 1),
        ],
    );
}

/// Samples of one track, and the file they lie in.
struct Input {
    track: Track,
    samples: Samples,
    media: Bytes,
}

impl Input {
    /// `count` samples of `size` bytes, the first `factor` times as large.
    fn new(track: &Track, count: u32, duration: u32, size: u32, factor: u32) -> Self {
        let mut media = Vec::new();
        let mut samples = Vec::new();
        for index in 0..count {
            let size = if index == 0 { size * factor } else { size };
            samples.push(Sample {
                offset: media.len() as u64,
                size,
                duration,
                decode_time: i64::from(index) * i64::from(duration),
                composition_offset: 0,
                is_sync: index == 0,
                entry: 0,
            });
            // One NAL unit of a slice.
            media.extend((size - 4).to_be_bytes());
            media.push(0x41);
            media.extend((5..size).map(|byte| byte as u8));
        }
        Self {
            track: track.clone(),
            samples: Samples(samples),
            media: media.into(),
        }
    }
}

fn measure(name: &str, inputs: &[Input]) {
    let tracks: Vec<TsTrack<'_>> = inputs
        .iter()
        .map(|input| TsTrack {
            track: &input.track,
            samples: &input.samples,
        })
        .collect();
    let plan = plan(&tracks);
    let chunks = read(&plan, inputs);
    let (mut planning, mut muxing) = (Vec::new(), Vec::new());
    // Short segments many times, so that a round takes some 10 ms.
    let repeats = (40_000_000 / plan.length()).max(1) as u32;
    for _ in 0..ROUNDS {
        planning.push(time(repeats, || plan_length(&tracks)));
        muxing.push(time(repeats, || mux(&plan, &chunks)));
    }
    let (planning, muxing) = (median(planning), median(muxing));
    println!(
        "{name:<32} {:>9} bytes  plan {:>7.1} µs  mux {:>7.1} µs  {:>6.2} GB/s",
        plan.length(),
        planning.as_secs_f64() * 1e6,
        muxing.as_secs_f64() * 1e6,
        plan.length() as f64 / muxing.as_secs_f64() / 1e9
    );
}

/// As [`measure`], with media that is in no cache of the processor.
fn measure_uncached(name: &str, track: &Track, size: u32) {
    let inputs: Vec<Input> = (0..COPIES)
        .map(|_| Input::new(track, PICTURES, 512, size, 10))
        .collect();
    let plan = plan(&[TsTrack {
        track,
        samples: &inputs[0].samples,
    }]);
    let media: Vec<Vec<Bytes>> = inputs
        .iter()
        .map(|input| read(&plan, std::slice::from_ref(input)))
        .collect();
    let (mut muxing, mut copying) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let mut turns = media.iter().cycle();
        let repeats = COPIES as u32;
        muxing.push(time(repeats, || mux(&plan, turns.next().unwrap())));
        copying.push(time(repeats, || copy(turns.next().unwrap())));
    }
    for (what, times) in [("mux", muxing), ("copy", copying)] {
        let time = median(times).as_secs_f64();
        println!(
            "{name:<32} {:>9} bytes                   {what:<4}{:>7.1} µs  {:>6.2} GB/s",
            plan.length(),
            time * 1e6,
            plan.length() as f64 / time / 1e9
        );
    }
}

/// The same media copied in blocks as large, and nothing else.
fn copy(chunks: &[Bytes]) -> u64 {
    let mut size = 0;
    for chunk in chunks {
        for piece in chunk.chunks(64 << 10) {
            size += black_box(Bytes::copy_from_slice(piece)).len() as u64;
        }
    }
    size
}

fn time(repeats: u32, mut work: impl FnMut() -> u64) -> Duration {
    let start = Instant::now();
    for _ in 0..repeats {
        black_box(work());
    }
    start.elapsed() / repeats
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn plan(tracks: &[TsTrack<'_>]) -> TsPlan {
    match ts::plan(0, tracks).unwrap() {
        Planned::Ready(plan) => plan,
        Planned::Unmeasured(_) => panic!("lengths of 4 bytes"),
    }
}

fn plan_length(tracks: &[TsTrack<'_>]) -> u64 {
    plan(tracks).length()
}

/// The media of the plan in chunks, as a cache gives it out.
fn read(plan: &TsPlan, inputs: &[Input]) -> Vec<Bytes> {
    let mut chunks = Vec::new();
    for part in plan.media(0..plan.length()).parts {
        let strata_media::plan::Part::Source { file, range } = part else {
            panic!("source ranges only");
        };
        let input = inputs.iter().find(|input| input.track.file == file);
        let media = &input.unwrap().media;
        let mut start = range.start as usize;
        while start < range.end as usize {
            let end = (range.end as usize).min((start / CHUNK + 1) * CHUNK);
            chunks.push(media.slice(start..end));
            start = end;
        }
    }
    chunks
}

fn mux(plan: &TsPlan, chunks: &[Bytes]) -> u64 {
    let mut muxer = plan.muxer(0..plan.length());
    let mut size = 0;
    for chunk in chunks {
        muxer.supply(chunk.clone());
        while let Some(block) = muxer.next_block().unwrap() {
            size += black_box(block).len() as u64;
        }
    }
    assert!(muxer.is_done());
    size
}

/// Files of the sample title, for their sample entries.
fn title(names: &[&str]) -> Presentation {
    let source = |(index, name): (usize, &&str)| {
        let path = format!("{}/../sample/title/{name}", env!("CARGO_MANIFEST_DIR"));
        let file = Bytes::from(std::fs::read(path).unwrap());
        let mut reader = Reader::new(file.len() as u64);
        let mut step = reader.step(None).unwrap();
        let movie = loop {
            match step {
                Step::Need(range) => {
                    let bytes = file.slice(range.start as usize..range.end as usize);
                    step = reader.step(Some(bytes)).unwrap();
                }
                Step::Done(movie) => break movie,
            }
        };
        Source {
            file: FileIndex(index as u32),
            content: Ok(movie),
            reference: None,
        }
    };
    let sources: Vec<Source> = names.iter().enumerate().map(source).collect();
    Presentation::assemble("film", &sources, &SegmentationOptions::default()).unwrap()
}
