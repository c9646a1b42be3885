//! `strata inspect`: what the origin would make of a title, read from local files.

mod images;
mod json;
mod report;
mod text;
mod title;

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use strata_media::segment::SegmentationOptions;
use strata_node::config::Value as _;

use self::report::Report;
use self::title::Title;
use crate::shape::ShapeArguments;

/// Show a title's tracks, texts, codecs and segment grid, and what a segment is made of.
///
/// Reads local files with the readers that the origin uses: a server manifest (.ism) and the MP4
/// files and files of text it names, or one MP4 file. Nothing is written.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  strata inspect titles/film.ism
  strata inspect titles/film.ism --segment 3 --track video=401000
  strata inspect titles/film.ism --track textstream_eng=1000
  strata inspect titles/film.ism --vbegin 5:30 --vend 6:00 --filter 'MaxHeight<=576'
  strata inspect film.mp4 --json | jq '.tracks[].codecs'

A plan lists what a segment is sent from, in order: bytes made here (the moof) and byte ranges
of the source files. Its total is the exact length of the response. A segment of text is made
here, all of it.

A text that cannot be read is left out and named under Skipped or Warnings, with the line and
the reason; so is each part of a text that makes no sense.

Exit status: 0 when the title can be served, 1 when it cannot, with the reason.")]
pub(crate) struct Arguments {
    /// A server manifest (.ism) or an MP4 file.
    file: PathBuf,
    /// Show the plan of this segment, counted from 0.
    #[arg(long, value_name = "N")]
    segment: Option<usize>,
    /// Show this track or text only, such as `video=401000`.
    #[arg(long, value_name = "TOKEN")]
    track: Option<String>,
    /// How long segments should be, such as 6s or 2500ms.
    #[arg(long, value_name = "DURATION", default_value = "6s", value_parser = duration)]
    target_duration: Duration,
    #[command(flatten)]
    shape: ShapeArguments,
    /// Write one JSON document instead of text.
    #[arg(long)]
    json: bool,
}

fn duration(text: &str) -> Result<Duration, String> {
    let duration = Duration::from_scalar(text)?;
    if duration.is_zero() {
        Err("must be above 0".to_owned())
    } else {
        Ok(duration)
    }
}

/// Runs the subcommand.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let options = SegmentationOptions {
        target_duration: arguments.target_duration,
    };
    let shape = arguments.shape.shape()?;
    let mut title = Title::read(&arguments.file, &options)?;
    title.shape(&shape)?;
    let tracks = title.select(arguments.track.as_deref())?;
    let plans = match arguments.segment {
        Some(segment) => tracks
            .iter()
            .map(|selected| title.plan(*selected, segment))
            .collect::<anyhow::Result<_>>()?,
        None => Vec::new(),
    };
    let report = Report::of(&title, &tracks, plans)?;
    let written = write(&report, arguments.json);
    match written {
        // Whoever reads has seen enough: `strata inspect … | head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

fn write(report: &Report, as_json: bool) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    if as_json {
        json::write(report, &mut out)?;
    } else {
        text::write(report, &mut out)?;
    }
    out.flush()
}
