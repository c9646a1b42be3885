//! A title read from local files.

use std::collections::HashMap;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail, ensure};
use bytes::Bytes;
use strata_media::plan::{FileIndex, Plan};
use strata_media::presentation::{Presentation, Source};
use strata_media::read::ism::{self, MANIFEST_SIZE_MAX};
use strata_media::read::mp4::{Movie, ReadError, Reader, SegmentReader, SegmentStep, Step};
use strata_media::sample::Samples;
use strata_media::segment::SegmentationOptions;
use strata_media::track::Track;
use strata_media::write::fmp4;

/// A title and the files it is made of.
pub(super) struct Title {
    pub(super) path: PathBuf,
    /// By [`FileIndex`].
    pub(super) files: Vec<SourceFile>,
    pub(super) presentation: Presentation,
}

/// One MP4 file of a title.
pub(super) struct SourceFile {
    pub(super) path: PathBuf,
    pub(super) size: u64,
    file: File,
    movie: Result<Movie, ReadError>,
}

/// A segment and what it is made of.
pub(super) struct SegmentPlan<'t> {
    pub(super) track: &'t Track,
    pub(super) segment: usize,
    pub(super) plan: Plan,
}

impl Title {
    /// Reads a server manifest and its files, or one MP4 file.
    pub(super) fn read(path: &Path, options: &SegmentationOptions) -> anyhow::Result<Self> {
        let is_manifest = path
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("ism"));
        let (files, sources) = if is_manifest {
            read_manifest(path)?
        } else {
            read_file(path)?
        };
        let name = path
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
            .unwrap_or_default();
        let presentation = Presentation::assemble(&name, &sources, options)
            .map_err(|error| anyhow!(error).context(legend(&files)))
            .with_context(|| path.display().to_string())?;
        Ok(Self {
            path: path.to_owned(),
            files,
            presentation,
        })
    }

    /// The track with this token, or all.
    pub(super) fn select(&self, token: Option<&str>) -> anyhow::Result<Vec<&Track>> {
        let tracks = &self.presentation.tracks;
        let selected: Vec<_> = tracks
            .iter()
            .filter(|track| token.is_none_or(|token| track.token == token))
            .collect();
        if selected.is_empty() {
            let known: Vec<_> = tracks.iter().map(|track| track.token.as_str()).collect();
            bail!(
                "no track {}; there are {}",
                token.unwrap_or_default(),
                known.join(", ")
            );
        }
        Ok(selected)
    }

    /// Plans one segment as the origin would.
    pub(super) fn plan<'t>(&self, track: &'t Track, segment: usize) -> anyhow::Result<SegmentPlan<'t>> {
        let count = track.segments.len();
        ensure!(
            segment < count,
            "{} has {count} segments: 0 to {}",
            track.token,
            count.saturating_sub(1)
        );
        let source = self.file(track.file).context("the track names no file")?;
        let samples = source
            .samples(track, segment)
            .with_context(|| track.token.clone())?;
        Ok(SegmentPlan {
            track,
            segment,
            plan: fmp4::media(track, segment, &samples),
        })
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

    fn open(path: PathBuf) -> anyhow::Result<Self> {
        let open = || -> anyhow::Result<(File, u64, Result<Movie, ReadError>)> {
            let file = File::open(&path)?;
            let size = file.metadata()?.len();
            let movie = read_movie(&file, size)?;
            Ok((file, size, movie))
        };
        let (file, size, movie) = open().with_context(|| path.display().to_string())?;
        Ok(Self {
            path,
            size,
            file,
            movie,
        })
    }

    fn bytes(&self, range: Range<u64>) -> anyhow::Result<Bytes> {
        read_range(&self.file, range).with_context(|| self.path.display().to_string())
    }
}

fn read_manifest(path: &Path) -> anyhow::Result<(Vec<SourceFile>, Vec<Source>)> {
    let manifest = || -> anyhow::Result<_> {
        let size = std::fs::metadata(path)?.len();
        ensure!(
            size <= MANIFEST_SIZE_MAX as u64,
            "longer than {MANIFEST_SIZE_MAX} bytes"
        );
        Ok(ism::read(&std::fs::read(path)?)?)
    };
    let manifest = manifest().with_context(|| path.display().to_string())?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut files: Vec<SourceFile> = Vec::new();
    let mut indexes: HashMap<String, usize> = HashMap::new();
    let mut sources = Vec::new();
    for reference in manifest.tracks {
        if reference.src.contains("://") {
            bail!("{}: {} is not a local file", path.display(), reference.src);
        }
        let index = match indexes.get(&reference.src) {
            Some(index) => *index,
            None => {
                files.push(SourceFile::open(folder.join(&reference.src))?);
                indexes.insert(reference.src.clone(), files.len() - 1);
                files.len() - 1
            }
        };
        let movie = files
            .get(index)
            .map(|file| file.movie.clone())
            .context("a file was just opened")?;
        sources.push(Source {
            file: FileIndex(u32::try_from(index)?),
            content: movie,
            reference: Some(reference),
        });
    }
    Ok((files, sources))
}

fn read_file(path: &Path) -> anyhow::Result<(Vec<SourceFile>, Vec<Source>)> {
    let file = SourceFile::open(path.to_owned())?;
    let source = Source {
        file: FileIndex(0),
        content: file.movie.clone(),
        reference: None,
    };
    Ok((vec![file], vec![source]))
}

/// The tables of a file, or what is wrong with it; the outer error is one of
/// reading.
fn read_movie(file: &File, size: u64) -> anyhow::Result<Result<Movie, ReadError>> {
    let mut reader = Reader::new(size);
    let mut step = reader.step(None);
    loop {
        match step {
            Ok(Step::Need(range)) => step = reader.step(Some(read_range(file, range)?)),
            Ok(Step::Done(movie)) => return Ok(Ok(movie)),
            Err(error) => return Ok(Err(error)),
        }
    }
}

fn read_range(file: &File, range: Range<u64>) -> anyhow::Result<Bytes> {
    // The reader asks within the file's size, and for no more than its own limits.
    let mut bytes = vec![0; usize::try_from(range.end.saturating_sub(range.start))?];
    file.read_exact_at(&mut bytes, range.start)?;
    Ok(Bytes::from(bytes))
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
