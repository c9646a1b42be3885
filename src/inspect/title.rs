//! A title read from local files.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail, ensure};
use bytes::Bytes;
use strata_media::codec::MediaKind;
use strata_media::finding;
use strata_media::plan::{FileIndex, Plan};
use strata_media::presentation::{Presentation, Source};
use strata_media::read::ism::{self, MANIFEST_SIZE_MAX, ServerManifest, TrackReference};
use strata_media::read::mp4::{Movie, ReadError, SegmentReader, SegmentStep};
use strata_media::read::text::{TextBudget, TextError, TextFormat, check_size};
use strata_media::sample::Samples;
use strata_media::segment::SegmentationOptions;
use strata_media::shape::Shape;
use strata_media::text::{SegmentForm, TextTrack};
use strata_media::text_segment::{Step as TextStep, TextSegment};
use strata_media::thumbnail::NamedImages;
use strata_media::track::Track;
use strata_media::write::fmp4;

use super::images;
use crate::local_file::{find_moov, read_movie, read_range};

/// A title and the files it is made of.
pub(super) struct Title {
    pub(super) path: PathBuf,
    /// By [`FileIndex`].
    pub(super) files: Vec<SourceFile>,
    pub(super) presentation: Presentation,
    /// Files, and parts of texts, that were left out, and why.
    pub(super) left_out: Vec<String>,
}

/// One file of a title.
pub(super) struct SourceFile {
    pub(super) path: PathBuf,
    pub(super) size: u64,
    file: File,
    content: Content,
}

/// What is in a file.
enum Content {
    /// Its tables, or why they cannot be read.
    Movie(Result<Movie, ReadError>),
    /// All of a text, or why it is not read; and what the server manifest says of it.
    Text(TextFormat, Result<Bytes, TextError>, Vec<TrackReference>),
    /// An image of thumbnails, or a list of them.
    Image,
}

/// What the files of a title were found to be.
#[derive(Default)]
struct Found {
    files: Vec<SourceFile>,
    sources: Vec<Source>,
    manifest: ServerManifest,
    images: Vec<NamedImages>,
    left_out: Vec<String>,
}

/// A segment and what it is made of.
pub(super) struct SegmentPlan<'t> {
    pub(super) track: &'t Track,
    pub(super) segment: usize,
    pub(super) plan: Plan,
}

/// A track or text of a title.
#[derive(Clone, Copy)]
pub(super) enum Selected<'t> {
    Track(&'t Track),
    Text(&'t TextTrack),
}

impl<'t> Selected<'t> {
    /// The track it is served as.
    pub(super) fn track(self) -> &'t Track {
        match self {
            Self::Track(track) => track,
            Self::Text(text) => &text.track,
        }
    }
}

impl Title {
    /// Reads a server manifest and its files, or one MP4 file.
    pub(super) fn read(path: &Path, options: &SegmentationOptions) -> anyhow::Result<Self> {
        let is_manifest = path
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("ism"));
        let found = if is_manifest {
            read_manifest(path)?
        } else {
            read_file(path)?
        };
        let name = path
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
            .unwrap_or_default();
        let Found {
            mut files,
            sources,
            manifest,
            images,
            mut left_out,
        } = found;
        let mut presentation = Presentation::assemble(&name, &sources, options)
            .map_err(|error| anyhow!(error).context(legend(&files)))
            .with_context(|| path.display().to_string())?;
        presentation.read_metas(&manifest);
        let mut budget = TextBudget::default();
        for (file, index) in files.iter().zip(0..) {
            let Content::Text(format, bytes, references) = &file.content else {
                continue;
            };
            let bytes = bytes.as_deref().map_err(TextError::clone);
            let bytes = bytes.and_then(|bytes| budget.take(bytes.len()).map(|()| bytes));
            let notes = presentation.add_text_file(FileIndex(index), references.clone(), *format, bytes);
            let path = file.path.display();
            left_out.extend(
                notes
                    .into_iter()
                    .map(|note| format!("{path}: left out of the text: {note}")),
            );
        }
        for named in &images {
            images::add(path, named, &mut files, &mut presentation);
        }
        Ok(Self {
            path: path.to_owned(),
            files,
            presentation,
            left_out,
        })
    }

    /// Brings the title into `shape`.
    pub(super) fn shape(&mut self, shape: &Shape) -> anyhow::Result<()> {
        let shaping = self.presentation.shaping(shape)?;
        let tracks = &shaping.presentation().tracks;
        let samples = shaping.needs().iter().map(|edge| {
            let track = tracks.get(edge.track).context("no such track")?;
            let source = self.file(track.file).context("the track names no file")?;
            source.samples(track, edge.segment)
        });
        let samples = samples.collect::<anyhow::Result<Vec<Samples>>>()?;
        self.presentation = shaping.finish(&samples)?;
        Ok(())
    }

    /// What will hurt about the files.
    pub(super) fn findings(&self) -> anyhow::Result<Vec<String>> {
        let mut findings = Vec::new();
        let target = self.presentation.target_duration;
        for source in &self.files {
            let Content::Movie(Ok(movie)) = &source.content else {
                continue;
            };
            let moov = find_moov(&source.file, source.size)?;
            let path = source.path.display();
            let found = finding::of_file(movie, moov, target)?;
            findings.extend(found.iter().map(|finding| format!("{path}: {finding}")));
        }
        let movies = self.files.iter().filter_map(|file| match &file.content {
            Content::Movie(Ok(movie)) => Some(movie),
            _ => None,
        });
        let videos = movies.flat_map(|movie| &movie.tracks);
        let videos = videos.filter(|track| track.kind == MediaKind::Video);
        findings.extend(finding::of_title(videos)?.map(|finding| finding.to_string()));
        Ok(findings)
    }

    /// The tracks and texts with this token, or all.
    pub(super) fn select(&self, token: Option<&str>) -> anyhow::Result<Vec<Selected<'_>>> {
        let tracks = self.presentation.tracks.iter().map(Selected::Track);
        let texts = self.presentation.texts.iter().map(Selected::Text);
        let all = tracks.chain(texts);
        let selected: Vec<_> = all
            .clone()
            .filter(|one| token.is_none_or(|token| one.track().token == token))
            .collect();
        if selected.is_empty() {
            let known: Vec<_> = all.map(|one| one.track().token.as_str()).collect();
            bail!(
                "no track {}; there are {}",
                token.unwrap_or_default(),
                known.join(", ")
            );
        }
        Ok(selected)
    }

    /// Plans one segment as the origin would.
    pub(super) fn plan<'t>(&self, selected: Selected<'t>, segment: usize) -> anyhow::Result<SegmentPlan<'t>> {
        let track = selected.track();
        let count = track.segments.len();
        ensure!(
            segment < count,
            "{} has {count} segments: 0 to {}",
            track.token,
            count.saturating_sub(1)
        );
        let source = self.file(track.file).context("the track names no file")?;
        let plan = || match selected {
            Selected::Track(track) => Ok(fmp4::media(track, segment, &source.samples(track, segment)?)),
            Selected::Text(text) => source.text(text, segment),
        };
        let plan = plan().with_context(|| track.token.clone())?;
        Ok(SegmentPlan { track, segment, plan })
    }

    pub(super) fn file(&self, index: FileIndex) -> Option<&SourceFile> {
        self.files.get(usize::try_from(index.0).ok()?)
    }
}

impl SourceFile {
    fn samples(&self, track: &Track, segment: usize) -> anyhow::Result<Samples> {
        let mut reader = SegmentReader::new(track, segment);
        let mut supplied = Vec::new();
        loop {
            match reader.step(supplied)? {
                SegmentStep::Done(samples) => return Ok(samples),
                SegmentStep::Need(ranges) => {
                    let reads = ranges.into_iter().map(|range| self.bytes(range));
                    supplied = reads.collect::<anyhow::Result<_>>()?;
                }
            }
        }
    }

    /// The segment of a text as DASH has it, or would if it had it in segments.
    fn text(&self, text: &TextTrack, segment: usize) -> anyhow::Result<Plan> {
        let making = TextSegment::new(text, segment, SegmentForm::Fragment);
        let mut making = making.context("no such segment")?;
        let mut supplied = Vec::new();
        loop {
            match making.step(supplied)? {
                TextStep::Done(bytes) => {
                    let mut plan = Plan::default();
                    plan.push_bytes(bytes);
                    return Ok(plan);
                }
                TextStep::Need(ranges) => {
                    let reads = ranges.into_iter().map(|range| self.bytes(range));
                    supplied = reads.collect::<anyhow::Result<_>>()?;
                }
            }
        }
    }

    /// Opens a file that is no title's media.
    pub(super) fn of_image(path: PathBuf) -> anyhow::Result<Self> {
        let open = || -> anyhow::Result<(File, u64)> {
            let file = File::open(&path)?;
            let size = file.metadata()?.len();
            Ok((file, size))
        };
        let (file, size) = open().with_context(|| path.display().to_string())?;
        let content = Content::Image;
        Ok(Self {
            path,
            size,
            file,
            content,
        })
    }

    /// Opens a file: one of text if it is of this format, else an MP4 file.
    fn open(path: PathBuf, text: Option<TextFormat>) -> anyhow::Result<Self> {
        let open = || -> anyhow::Result<(File, u64, Content)> {
            let file = File::open(&path)?;
            let size = file.metadata()?.len();
            let content = match text {
                None => Content::Movie(read_movie(&file, size)?),
                Some(format) => {
                    let bytes = match check_size(size) {
                        Ok(()) => Ok(read_range(&file, 0..size)?),
                        Err(error) => Err(error),
                    };
                    Content::Text(format, bytes, Vec::new())
                }
            };
            Ok((file, size, content))
        };
        let (file, size, content) = open().with_context(|| path.display().to_string())?;
        Ok(Self {
            path,
            size,
            file,
            content,
        })
    }

    pub(super) fn bytes(&self, range: Range<u64>) -> anyhow::Result<Bytes> {
        read_range(&self.file, range).with_context(|| self.path.display().to_string())
    }
}

fn read_manifest(path: &Path) -> anyhow::Result<Found> {
    let manifest = || -> anyhow::Result<_> {
        let size = std::fs::metadata(path)?.len();
        ensure!(
            size <= MANIFEST_SIZE_MAX as u64,
            "longer than {MANIFEST_SIZE_MAX} bytes"
        );
        Ok(ism::read(&std::fs::read(path)?)?)
    };
    let mut manifest = manifest().with_context(|| path.display().to_string())?;
    let images = NamedImages::take(&mut manifest.tracks);
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut found = Found::default();
    let mut missing = None;
    let mut indexes: HashMap<String, usize> = HashMap::new();
    for reference in &manifest.tracks {
        let index = match indexes.get(&reference.src) {
            Some(index) => *index,
            None => {
                let opened = match reference.src.contains("://") {
                    true => Err(anyhow!("{} is not a local file", reference.src)),
                    false => {
                        let format = TextFormat::of_reference(reference);
                        SourceFile::open(folder.join(&reference.src), format)
                    }
                };
                match opened {
                    Ok(file) => found.files.push(file),
                    // A title without one of its texts is still one.
                    Err(error) if reference.kind == MediaKind::Text => {
                        found.left_out.push(format!("text left out: {error:#}"));
                        continue;
                    }
                    // Nor is it none without one of its renditions.
                    Err(error) if is_absent(&error) => {
                        found.left_out.push(format!("rendition left out: {error:#}"));
                        missing.get_or_insert(error);
                        continue;
                    }
                    Err(error) => return Err(error.context(path.display().to_string())),
                }
                indexes.insert(reference.src.clone(), found.files.len() - 1);
                found.files.len() - 1
            }
        };
        let file = found.files.get_mut(index).context("a file was just opened")?;
        match &mut file.content {
            Content::Movie(movie) => found.sources.push(Source {
                file: FileIndex(u32::try_from(index)?),
                content: movie.clone(),
                reference: Some(reference.clone()),
            }),
            Content::Text(_, _, references) if reference.kind == MediaKind::Text => {
                references.push(reference.clone());
            }
            Content::Text(..) | Content::Image => {}
        }
    }
    if let (true, Some(error)) = (found.sources.is_empty(), missing) {
        return Err(error.context(path.display().to_string()));
    }
    found.images = images;
    found.manifest = manifest;
    Ok(found)
}

/// Whether a file is not there, or may not be read: what an origin leaves out.
fn is_absent(error: &anyhow::Error) -> bool {
    let cause = error.downcast_ref::<io::Error>();
    cause.is_some_and(|error| {
        matches!(
            error.kind(),
            io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied
        )
    })
}

fn read_file(path: &Path) -> anyhow::Result<Found> {
    let file = SourceFile::open(path.to_owned(), None)?;
    let mut found = Found::default();
    if let Content::Movie(movie) = &file.content {
        found.sources.push(Source {
            file: FileIndex(0),
            content: movie.clone(),
            reference: None,
        });
    }
    found.files.push(file);
    Ok(found)
}

/// Which file is which number in an error of the presentation.
fn legend(files: &[SourceFile]) -> String {
    let names: Vec<_> = files
        .iter()
        .enumerate()
        .map(|(index, file)| format!("file {index} is {}", file.path.display()))
        .collect();
    names.join(", ")
}
