//! The report for people.

use std::io::{self, Write};

use super::report::{PartReport, PlanReport, Report, SegmentReport, TextReport, TrackReport};

pub(super) fn write(report: &Report, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "{}: {:.3} s, segments of about {} s, {} bytes in an origin's memory",
        report.title, report.duration_seconds, report.target_duration_seconds, report.memory_bytes,
    )?;
    if let Some(shape) = &report.shape {
        writeln!(out, "Shaped by {shape}")?;
    }
    writeln!(out, "\nFiles")?;
    for file in &report.files {
        writeln!(out, "  {:>2}  {:>12} bytes  {}", file.index, file.size, file.path)?;
    }
    writeln!(out, "\nTracks")?;
    let width = report
        .tracks
        .iter()
        .map(|track| track.token.len())
        .max()
        .unwrap_or(0);
    for track in &report.tracks {
        write_track(track, width, out)?;
    }
    if let Some(captions) = &report.closed_captions {
        writeln!(out, "\nClosed captions\n  {captions}")?;
    }
    write_key_frames(report, width, out)?;
    write_thumbnails(report, out)?;
    write_left_out(report, out)?;
    if report.plans.is_empty() {
        write_grids(&report.tracks, out)
    } else {
        report
            .plans
            .iter()
            .try_for_each(|plan| write_plan(plan, &report.tracks, out))
    }
}

fn write_key_frames(report: &Report, width: usize, out: &mut impl Write) -> io::Result<()> {
    if report.tracks.iter().any(|track| track.key_frames.is_some()) {
        writeln!(out, "\nTrick play")?;
    }
    for track in &report.tracks {
        if let Some(frames) = &track.key_frames {
            writeln!(
                out,
                "  {:<width$}  {} key frames, {:.3} s apart at most  peak {} and average {} kb/s",
                track.token,
                frames.count,
                frames.longest_seconds,
                frames.bandwidth_peak.div_ceil(1000),
                frames.bandwidth_average.div_ceil(1000),
            )?;
        }
    }
    Ok(())
}

/// What is served nowhere, or not everywhere, and what will hurt players.
fn write_left_out(report: &Report, out: &mut impl Write) -> io::Result<()> {
    if !report.skipped.is_empty() {
        writeln!(out, "\nSkipped")?;
        for track in &report.skipped {
            write!(out, "  file {}", track.file)?;
            if let Some(id) = track.source_id {
                write!(out, ", track {id}")?;
            }
            if let Some(kind) = track.kind {
                write!(out, " ({kind})")?;
            }
            writeln!(out, ": {}", track.reason)?;
        }
    }
    if !report.left_out.is_empty() {
        writeln!(out, "\nLeft out of a format")?;
        for left_out in &report.left_out {
            writeln!(
                out,
                "  {}: {}: {}",
                left_out.format, left_out.track, left_out.reason
            )?;
        }
    }
    if !report.warnings.is_empty() {
        writeln!(out, "\nWarnings")?;
        for warning in &report.warnings {
            writeln!(out, "  {warning}")?;
        }
    }
    Ok(())
}

fn write_thumbnails(report: &Report, out: &mut impl Write) -> io::Result<()> {
    if !report.thumbnails.is_empty() {
        writeln!(out, "\nThumbnails")?;
    }
    for thumbnails in &report.thumbnails {
        writeln!(
            out,
            "  {}  {} images of {} thumbnails of {}x{}, {:.3} s each  peak {} kb/s  file {}",
            thumbnails.token,
            thumbnails.images,
            thumbnails.tiles,
            thumbnails.width,
            thumbnails.height,
            thumbnails.tile_seconds,
            thumbnails.bandwidth_peak.div_ceil(1000),
            thumbnails.file,
        )?;
    }
    Ok(())
}

fn write_track(track: &TrackReport, width: usize, out: &mut impl Write) -> io::Result<()> {
    write!(out, "  {:<width$}  {:<16}", track.token, track.codecs)?;
    if let (Some(width), Some(height)) = (track.width, track.height) {
        write!(out, "  {:<9}", format!("{width}x{height}"))?;
    }
    if let Some(rate) = track.frame_rate {
        let rate = format!("{rate:.3}");
        write!(out, "  {} fps", rate.trim_end_matches('0').trim_end_matches('.'))?;
    }
    if let (Some(rate), Some(channels)) = (track.sample_rate, track.channels) {
        write!(out, "  {rate} Hz, {channels} channels")?;
    }
    if let Some(language) = &track.language {
        write!(out, "  {language}")?;
    }
    if let Some(text) = &track.text {
        write!(out, "  {} as {} in DASH", text.role, text.dash)?;
        if let Some(cues) = text.cues {
            write!(out, ", {cues} cues")?;
        }
        if let Some(label) = &text.label {
            write!(out, ", called {label:?}")?;
        }
    }
    write!(
        out,
        "  peak {} and average {} kb/s  {} segments  file {}",
        track.bandwidth_peak.div_ceil(1000),
        track.bandwidth_average.div_ceil(1000),
        track.segments.len(),
        track.file,
    )?;
    match &track.text {
        // A file of text has no tracks.
        Some(TextReport { cues: Some(_), .. }) => writeln!(out),
        _ => writeln!(out, ", track {}", track.source_id),
    }
}

/// Tracks that are cut alike share one table.
fn write_grids(tracks: &[TrackReport], out: &mut impl Write) -> io::Result<()> {
    let mut rest: Vec<&TrackReport> = tracks.iter().collect();
    while let Some(first) = rest.first().copied() {
        let (alike, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(|track| track.is_cut_like(first));
        rest = others;
        let tokens: Vec<_> = alike.iter().map(|track| track.token.as_str()).collect();
        writeln!(
            out,
            "\nGrid of {} ({} ticks a second)",
            tokens.join(", "),
            first.timescale
        )?;
        writeln!(
            out,
            "  {:>5}  {:>12}  {:>10}  {:>10}  {:>7}",
            "index",
            "time",
            "start",
            "duration",
            if first.text.is_some() { "cues" } else { "samples" }
        )?;
        for segment in &first.segments {
            let (start, duration) = (segment.start_seconds, segment.duration_seconds);
            let (index, time, count) = (segment.index, segment.time, segment.count());
            writeln!(
                out,
                "  {index:>5}  {time:>12}  {start:>8.3} s  {duration:>8.3} s  {count:>7}"
            )?;
        }
    }
    Ok(())
}

impl TrackReport {
    fn is_cut_like(&self, other: &Self) -> bool {
        let cuts = |track: &Self| -> Vec<_> {
            track
                .segments
                .iter()
                .map(|segment| (segment.time, segment.samples, segment.cues))
                .collect()
        };
        self.timescale == other.timescale && cuts(self) == cuts(other)
    }
}

impl SegmentReport {
    /// How many samples or cues are in it, where somebody has counted.
    fn count(&self) -> String {
        let samples = self.samples.map(|samples| samples.to_string());
        let cues = || self.cues.map(|cues| cues.to_string());
        samples.or_else(cues).unwrap_or_else(|| "-".to_owned())
    }
}

fn write_plan(plan: &PlanReport, tracks: &[TrackReport], out: &mut impl Write) -> io::Result<()> {
    write!(out, "\nPlan of {}, segment {}", plan.track, plan.segment)?;
    let track = tracks.iter().find(|track| track.token == plan.track);
    if let Some(segment) = track.and_then(|track| track.segments.get(plan.segment)) {
        let (start, duration) = (segment.start_seconds, segment.duration_seconds);
        write!(
            out,
            ": time {}, start {start:.3} s, duration {duration:.3} s, {} {}",
            segment.time,
            segment.count(),
            if segment.samples.is_some() {
                "samples"
            } else {
                "cues"
            }
        )?;
    }
    writeln!(out, "\n  {:>12}  {:>12}  from", "offset", "length")?;
    for part in &plan.parts {
        match part {
            PartReport::Made { length } => writeln!(out, "  {:>12}  {length:>12}  made here", "-")?,
            PartReport::File {
                path, offset, length, ..
            } => writeln!(out, "  {offset:>12}  {length:>12}  {path}")?,
        }
    }
    writeln!(
        out,
        "  {:>12}  {:>12}  bytes in {} parts",
        "total",
        plan.length,
        plan.parts.len()
    )
}
