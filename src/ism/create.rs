//! `strata ism create`: a server manifest for files that are there.

mod input;
mod reference;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use strata_media::codec::MediaKind;
use strata_media::finding;
use strata_media::manifest::ism::server_manifest;
use strata_media::plan::FileIndex;
use strata_media::presentation::{Presentation, Source};
use strata_media::read::ism::{self, ServerManifest};
use strata_media::segment::SegmentationOptions;

use self::input::{Content, Input};
use self::reference::References;

/// Write a server manifest that makes one title of several files.
///
/// Each track gets a name and a bitrate of its own, which become URLs. Languages are those that the
/// files state, or the one at the end of a file's name: film-fra.mp4, film_sv.srt. Side texts are
/// WebVTT, SubRip and TTML files. Whatever will hurt players is told with numbers.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  strata ism create -o film.ism film-1080.mp4 film-480.mp4 film-eng.mp4 film-fra.mp4
  strata ism create -o film.ism *.mp4 *.vtt
  strata ism create -o film.ism --force --title-language eng film.mp4

Players start with the first video track, and with the first sound: the order of the files counts.

Exit status: 0 when the manifest is written, warnings or not; 1 when it is not, with the reason; 2 for
flags that do not exist.")]
pub(crate) struct Arguments {
    /// The files, in the order of their tracks: MP4 (.mp4, .m4a, .ismv, .cmfv, .mov, ...) and texts
    /// (.vtt, .srt, .ttml, .dfxp). They stand in the folder of the manifest or below it.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The server manifest to write.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Replace the manifest when it is there.
    #[arg(long)]
    force: bool,
    /// The language of sound and texts that state none.
    #[arg(long, value_name = "LANGUAGE")]
    title_language: Option<String>,
}

/// Runs the subcommand.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let output = &arguments.output;
    ensure!(
        output
            .extension()
            .is_some_and(|ending| ending.eq_ignore_ascii_case("ism")),
        "{}: the name of a server manifest ends with .ism",
        output.display()
    );
    if !arguments.force && output.try_exists().unwrap_or(true) {
        bail!("{}: is there already; --force replaces it", output.display());
    }
    let parent = output.parent().filter(|parent| !parent.as_os_str().is_empty());
    let folder = parent.unwrap_or(Path::new("."));
    let inputs = arguments.files.iter().map(|path| Input::open(path, folder));
    let inputs = inputs.collect::<anyhow::Result<Vec<Input>>>()?;
    for (index, input) in inputs.iter().enumerate() {
        let is_twice = inputs.iter().take(index).any(|other| other.src == input.src);
        ensure!(!is_twice, "{}: is named twice", input.path.display());
    }
    let mut warnings = Warnings::default();
    let tracks = tracks(arguments, &inputs, &mut warnings)?;
    let manifest = ServerManifest {
        metas: Vec::new(),
        tracks,
    };
    let text = server_manifest(&manifest);
    let read = ism::read(text.as_bytes()).context("what was made does not read back")?;
    ensure!(read == manifest, "what was made does not read back the same");
    write(output, &text)?;
    warnings.tell();
    let mut out = std::io::stdout();
    writeln!(out, "{}: {} tracks", output.display(), manifest.tracks.len())?;
    for track in &manifest.tracks {
        let name = track.track_name.as_deref().unwrap_or_default();
        let bitrate = track.system_bitrate.unwrap_or(0);
        writeln!(out, "  {name}={bitrate}  {}", track.src)?;
    }
    Ok(())
}

/// The tracks of all files; what will hurt is noted.
fn tracks(
    arguments: &Arguments,
    inputs: &[Input],
    warnings: &mut Warnings,
) -> anyhow::Result<Vec<ism::TrackReference>> {
    let options = SegmentationOptions::default();
    let presentation = assembled(inputs, &options)?;
    let mut references = References::new(arguments.title_language.as_deref());
    for (index, input) in (0_u32..).zip(inputs) {
        let file = FileIndex(index);
        match &input.content {
            Content::Movie { movie, moov } => {
                let texts = presentation.texts.iter().map(|text| &text.track);
                let tracks = presentation.tracks.iter().chain(texts);
                for track in tracks.filter(|track| track.file == file) {
                    references.track(input, track);
                }
                let skipped = presentation.skipped.iter().filter(|track| track.file == file);
                for track in skipped {
                    let id = track
                        .source_id
                        .map(|id| format!("track {id}: "))
                        .unwrap_or_default();
                    warnings.note(input, &format!("{id}left out: {}", track.reason));
                }
                for finding in finding::of_file(movie, *moov, options.target_duration)? {
                    warnings.note(input, &finding.to_string());
                }
            }
            Content::Text { document, notes } => {
                references.text(input, document);
                for note in notes {
                    warnings.note(input, &note.to_string());
                }
            }
        }
    }
    let movies = inputs.iter().filter_map(Input::movie);
    let videos = movies.flat_map(|movie| &movie.tracks);
    let videos = videos.filter(|track| track.kind == MediaKind::Video);
    if let Some(finding) = finding::of_title(videos)? {
        warnings.title(&finding.to_string());
    }
    if let Some(longest) = longest_segment(&presentation)
        && longest > options.target_duration * 2
    {
        let target = options.target_duration;
        warnings.title(&format!(
            "a segment lasts {longest:?}, of {target:?} wished for: sync samples are too rare"
        ));
    }
    Ok(references.finish())
}

/// A title of the files' tracks: what an origin would make of them.
fn assembled(inputs: &[Input], options: &SegmentationOptions) -> anyhow::Result<Presentation> {
    let indexed = (0_u32..).zip(inputs);
    let sources = indexed.filter_map(|(index, input)| {
        Some(Source {
            file: FileIndex(index),
            content: Ok(input.movie()?.clone()),
            reference: None,
        })
    });
    let sources: Vec<Source> = sources.collect();
    ensure!(!sources.is_empty(), "there is no MP4 file among the files");
    Presentation::assemble("title", &sources, options).map_err(|error| {
        let names = (0..)
            .zip(inputs)
            .map(|(index, input): (u32, _)| format!("file {index} is {}", input.path.display()));
        anyhow::anyhow!(error).context(names.collect::<Vec<_>>().join(", "))
    })
}

fn longest_segment(presentation: &Presentation) -> Option<Duration> {
    let videos = presentation
        .tracks
        .iter()
        .filter(|track| track.kind == MediaKind::Video);
    let durations = videos.flat_map(|track| {
        let segments = track.segments.iter();
        segments.map(|segment| track.timescale.duration(segment.duration))
    });
    durations.max()
}

/// Writes the manifest under another name first.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let unfinished = PathBuf::from(format!("{}.unfinished", path.display()));
    let written = fs::write(&unfinished, text).and_then(|()| fs::rename(&unfinished, path));
    if written.is_err() {
        // The reason is what went wrong first.
        let _ = fs::remove_file(&unfinished);
    }
    written.with_context(|| path.display().to_string())
}

/// What will hurt, in the order it was found.
#[derive(Default)]
struct Warnings(Vec<String>);

impl Warnings {
    fn note(&mut self, input: &Input, text: &str) {
        self.0.push(format!("{}: {text}", input.path.display()));
    }

    fn title(&mut self, text: &str) {
        self.0.push(text.to_owned());
    }

    fn tell(&self) {
        for warning in &self.0 {
            // Nobody reads it when stderr is closed.
            let _ = writeln!(std::io::stderr(), "warning: {warning}");
        }
    }
}
