//! `strata package`: writes what an origin would serve to a folder.

mod folder;
mod names;
mod progress;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use http::{StatusCode, Uri};
use http_body_util::BodyExt as _;
use strata_media::manifest::left_out;
use strata_media::shape::{Shape, Suffix};
use strata_node::config::{Document, Override, Value as _};
use strata_origin::asset::Title;
use strata_origin::http::Front;
use strata_origin::{InProcess, OriginConfig, Place};

use self::folder::Folder;
use self::progress::Progress;
use crate::shape::ShapeArguments;

/// Most files that one format of a title may have: a guard against a manifest that
/// names files without end.
const FILES_MAX: usize = 1 << 20;

/// Largest manifest that is read for the names in it, in bytes.
const MANIFEST_SIZE_MAX: usize = 256 << 20;

/// Write what an origin would serve of a title to a folder, for a plain file server.
///
/// Every manifest, initialization, segment, text and image of one format is written under the name
/// that manifests have for it, with the bytes an origin would send. Manifests come last, and each
/// file gets its name when it is whole: what stands in the folder can be played.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  strata package titles/film.ism --format dash -o out/dash
  strata package titles/film.ism --format hls-ts -o out/hls --vbegin 0:30 --vend 1:30
  strata package film.mp4 --format smooth -o out/smooth --filter 'type==\"audio\"||MaxHeight<=576'

Players start from film.mpd (dash), film.m3u8 (hls, hls-ts) or Manifest (smooth).

With --filter, --vbegin or --vend the names in manifests have a query behind them, as an origin's
have: file servers ignore it, programs that read the folder themselves do not. Smooth Streaming
names fragments QualityLevels(64000)/Fragments(audio=0): a file server has to know that these are
video/mp4, since they have no ending, and must not refuse the brackets.

Exit status: 0 when everything is written, 1 when something is not, with the reason; 2 for flags
that do not exist.")]
pub(crate) struct Arguments {
    /// A server manifest (.ism) or an MP4 file; the files it names stand beside or below it.
    title: PathBuf,
    /// The format.
    #[arg(long, value_enum)]
    format: Format,
    /// The folder to write to; it is made when it is not there.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Replace files that are there.
    #[arg(long)]
    force: bool,
    /// How long segments should be, such as 6s or 2500ms.
    #[arg(long, value_name = "DURATION", default_value = "6s", value_parser = duration)]
    target_duration: Duration,
    #[command(flatten)]
    shape: ShapeArguments,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// MPEG-DASH.
    Dash,
    /// HLS in fragmented MP4.
    Hls,
    /// HLS in transport streams.
    HlsTs,
    /// Smooth Streaming.
    Smooth,
}

impl Format {
    /// The manifest that players start from: its name, and what to ask an origin for.
    fn manifest(self, stem: &str, suffix: &Suffix) -> (String, String) {
        let (name, suffix) = match self {
            Self::Dash => (format!("{stem}.mpd"), suffix.clone()),
            Self::Hls => (format!("{stem}.m3u8"), suffix.and("hls_fmp4", "true")),
            Self::HlsTs => (format!("{stem}.m3u8"), suffix.and("hls_fmp4", "false")),
            Self::Smooth => ("Manifest".to_owned(), suffix.clone()),
        };
        let path = names::encoded(&name);
        (name, format!("{path}{suffix}"))
    }

    /// What [`left_out`] calls it.
    fn code(self) -> &'static str {
        match self {
            Self::Dash => "dash",
            Self::Hls => "hls",
            Self::HlsTs => "hls_ts",
            Self::Smooth => "smooth",
        }
    }

    fn hls_segments(self) -> &'static str {
        match self {
            Self::HlsTs => "ts",
            Self::Dash | Self::Hls | Self::Smooth => "fmp4",
        }
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let duration = Duration::from_scalar(text)?;
    let second = Duration::from_secs(1);
    match (second..=60 * second).contains(&duration) {
        true => Ok(duration),
        false => Err("must be from 1s to 60s".to_owned()),
    }
}

/// Runs the subcommand.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let shape = arguments.shape.shape()?;
    let runtime = tokio::runtime::Runtime::new().context("cannot start threads")?;
    runtime.block_on(package(arguments, &shape))
}

async fn package(arguments: &Arguments, shape: &Shape) -> anyhow::Result<()> {
    let title = &arguments.title;
    let name = title.file_name().and_then(|name| name.to_str());
    let name = name.with_context(|| format!("{}: not the name of a title", title.display()))?;
    let parent = title.parent().filter(|parent| !parent.as_os_str().is_empty());
    let place = Place::Folder(parent.unwrap_or(Path::new(".")).to_owned());
    let source = strata_origin::open(&place).await?;
    let origin = InProcess::new(&config(arguments)?, source)?;
    let loaded = origin.title(name).await;
    let loaded = loaded.with_context(|| title.display().to_string())?;
    tell_left_out(&loaded, arguments.format);
    let folder = Folder::open(&arguments.output, arguments.force)?;
    let mut packaging = Packaging {
        front: origin.front(),
        base: format!("/{}/", names::encoded(name)),
        folder,
        progress: Progress::start(),
    };
    let (manifest, reference) = arguments.format.manifest(loaded.stem(), &shape.suffix());
    packaging.everything(&manifest, &reference).await
}

/// Says which tracks will not be in what is written, and why.
fn tell_left_out(title: &Title, format: Format) {
    let presentation = title.presentation();
    let skipped = presentation.skipped.iter().map(ToString::to_string);
    let left_out = left_out(presentation, title.smooth())
        .into_iter()
        .filter(|left_out| left_out.format == format.code())
        .map(|left_out| format!("{}: {}", left_out.track, left_out.reason));
    for reason in skipped.chain(left_out) {
        // Nobody reads it when stderr is closed.
        let _ = writeln!(io::stderr(), "left out: {reason}");
    }
}

/// The configuration of an origin that serves as one of its own would by default.
fn config(arguments: &Arguments) -> anyhow::Result<OriginConfig> {
    let set = |key, value: String| Override {
        key,
        value,
        flag: "strata package",
    };
    let overrides = vec![
        // Nothing is bound.
        set("listen", "127.0.0.1:0".to_owned()),
        set("admin", "127.0.0.1:0".to_owned()),
        set("store.url", ".".to_owned()),
        set("access_log", "off".to_owned()),
        set(
            "packaging.segment_duration",
            format!("{}ms", arguments.target_duration.as_millis()),
        ),
        set(
            "packaging.hls_segments",
            arguments.format.hls_segments().to_owned(),
        ),
    ];
    Ok(OriginConfig::from_document(Document::parse("", "", overrides)?)?)
}

/// A title on its way into a folder.
struct Packaging {
    front: Arc<Front>,
    /// What stands before every path, with a slash at its end.
    base: String,
    folder: Folder,
    progress: Progress,
}

impl Packaging {
    /// Writes everything the manifest names, and what that names, and the manifests
    /// behind it.
    async fn everything(&mut self, manifest: &str, reference: &str) -> anyhow::Result<()> {
        let first = self.manifest(reference).await?;
        let mut manifests = vec![(manifest.to_owned(), first)];
        let mut files: Vec<String> = Vec::new();
        let mut read = 0;
        while let Some((name, text)) = manifests.get(read) {
            let mut named = names::named_in(name, text).with_context(|| name.clone())?;
            for reference in named.files.iter_mut().chain(&mut named.manifests) {
                *reference = names::resolved(name, reference);
            }
            ensure!(
                files.len() + named.files.len() <= FILES_MAX,
                "{name} names more than {FILES_MAX} files"
            );
            files.extend(named.files);
            read += 1;
            for reference in named.manifests {
                let name = names::file_name(&reference)?;
                if manifests.iter().all(|(known, _)| *known != name) {
                    let text = self.manifest(&reference).await?;
                    manifests.push((name, text));
                }
            }
        }
        files.sort_unstable();
        files.dedup();
        self.progress.expect(files.len() + manifests.len());
        for reference in &files {
            self.file(reference).await?;
        }
        // Those that others name come first: what a manifest names is there.
        for (name, text) in manifests.iter().rev() {
            let mut file = self.folder.create(name)?;
            file.write(text)?;
            file.finish()?;
            self.progress.written(text.len() as u64);
        }
        self.progress.finish();
        Ok(())
    }

    /// A manifest, whole.
    async fn manifest(&self, reference: &str) -> anyhow::Result<Bytes> {
        let body = self.ask(reference).await?;
        let body = http_body_util::Limited::new(body, MANIFEST_SIZE_MAX)
            .collect()
            .await;
        let body = body.map_err(|error| anyhow::anyhow!("{reference}: {error}"))?;
        Ok(body.to_bytes())
    }

    /// Writes a file as its bytes come.
    async fn file(&mut self, reference: &str) -> anyhow::Result<()> {
        let mut body = self.ask(reference).await?;
        let mut file = self.folder.create(&names::file_name(reference)?)?;
        let mut size = 0;
        while let Some(frame) = body.frame().await {
            let frame = frame.with_context(|| reference.to_owned())?;
            if let Ok(bytes) = frame.into_data() {
                size += bytes.len() as u64;
                file.write(&bytes)?;
            }
        }
        file.finish()?;
        self.progress.written(size);
        Ok(())
    }

    /// What an origin answers.
    async fn ask(
        &self,
        reference: &str,
    ) -> anyhow::Result<
        impl http_body::Body<Data = Bytes, Error = strata_origin::source::SourceError> + Unpin + use<>,
    > {
        let target: Uri = format!("{}{reference}", self.base)
            .parse()
            .context(reference.to_owned())?;
        let (head, body) = self.front.get(target).await.into_parts();
        if head.status == StatusCode::OK {
            return Ok(body);
        }
        let reason = body
            .collect()
            .await
            .map(|body| body.to_bytes())
            .unwrap_or_default();
        let reason = String::from_utf8_lossy(&reason).trim_end().to_owned();
        bail!("{reference}: {reason}")
    }
}
