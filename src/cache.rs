//! `strata cache`: what an origin keeps on disk.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::Serialize;
use strata_cache::{EntryKind, OpenError, Scan};

/// The folders of a cache, below its `path`.
const TIERS: [&str; 2] = ["chunks", "indexes"];

/// Look into the cache that an origin keeps on disk, check it, or empty it.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  strata cache inspect /var/cache/strata
  strata cache inspect /var/cache/strata --objects 20 --json
  strata cache verify /var/cache/strata
  strata cache clear /var/cache/strata

The folder is what the configuration calls cache.disk.path. A running origin can be inspected; to
verify or clear, stop it first: its files are its own. To have an origin forget what it has while
it runs, ask it: curl -X POST -H \"Authorization: Bearer $TOKEN\" 'http://127.0.0.1:9081/purge?all=true'

Exit status: 0; 1 when the folder cannot be read or is in use, or when entries are damaged
(an origin takes those for misses); 2 for flags that do not exist.")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Tell what is in it: entries and bytes by kind, and the largest objects.
    Inspect(Looking),
    /// Read every entry and compare it with its checksum.
    Verify(Looking),
    /// Remove every entry, and give the disk back.
    Clear {
        /// The folder of the cache.
        folder: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
struct Looking {
    /// The folder of the cache.
    folder: PathBuf,
    /// List this many objects, those with the most bytes first.
    #[arg(long, value_name = "N", default_value_t = 10)]
    objects: usize,
    /// Write one JSON document instead of text.
    #[arg(long)]
    json: bool,
}

/// What was found in one tier.
#[derive(Debug, Serialize)]
struct Found {
    tier: &'static str,
    allocated_bytes: u64,
    block_bytes: u64,
    blocks: u64,
    chunks: Counted,
    indexes: Counted,
    damaged_entries: u64,
    verified: bool,
    objects: Vec<Object>,
}

#[derive(Debug, Default, Serialize)]
struct Counted {
    entries: u64,
    bytes: u64,
}

#[derive(Debug, Serialize)]
struct Object {
    object: String,
    entries: u64,
    bytes: u64,
}

/// Runs the subcommand.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    match &arguments.action {
        Action::Inspect(looking) => look(looking, strata_cache::inspect).map(drop),
        Action::Verify(looking) => {
            let damaged = look(looking, strata_cache::verify)?;
            if 0 < damaged {
                bail!("{damaged} damaged entries");
            }
            Ok(())
        }
        Action::Clear { folder } => clear(folder),
    }
}

/// Tells what `read` finds; returns how many entries are damaged.
fn look(looking: &Looking, read: fn(&Path) -> Result<Scan, OpenError>) -> anyhow::Result<u64> {
    let mut found = Vec::new();
    for (tier, folder) in tiers(&looking.folder)? {
        found.push(Found::of(tier, read(&folder)?, looking.objects));
    }
    let text = if looking.json {
        serde_json::to_string_pretty(&found).context("cannot write JSON")? + "\n"
    } else {
        text(&found)
    };
    say(&text)?;
    Ok(found.iter().map(|tier| tier.damaged_entries).sum())
}

fn clear(folder: &Path) -> anyhow::Result<()> {
    for (tier, folder) in tiers(folder)? {
        let bytes = strata_cache::clear(&folder)?;
        say(&format!("{tier}: {} given back\n", size(bytes)))?;
    }
    Ok(())
}

/// The tiers that are in a folder.
fn tiers(folder: &Path) -> anyhow::Result<Vec<(&'static str, PathBuf)>> {
    let here = TIERS.into_iter().map(|tier| (tier, folder.join(tier)));
    let here: Vec<_> = here
        .filter(|(_, folder)| folder.join("geometry").is_file())
        .collect();
    if here.is_empty() {
        bail!(
            "{} holds no cache: it is what the configuration calls cache.disk.path",
            folder.display()
        );
    }
    Ok(here)
}

impl Found {
    fn of(tier: &'static str, scan: Scan, objects_max: usize) -> Self {
        let counted = |kind| {
            scan.kinds
                .get(&kind)
                .map_or_else(Counted::default, |counted| Counted {
                    entries: counted.entries,
                    bytes: counted.bytes,
                })
        };
        let (chunks, indexes) = (counted(EntryKind::Chunk), counted(EntryKind::Index));
        let objects = scan.objects.into_iter();
        let mut objects: Vec<Object> = objects
            .map(|(object, (entries, bytes))| Object {
                object,
                entries,
                bytes,
            })
            .collect();
        objects.sort_by(|one, other| {
            other
                .bytes
                .cmp(&one.bytes)
                .then_with(|| one.object.cmp(&other.object))
        });
        objects.truncate(objects_max);
        Self {
            tier,
            allocated_bytes: scan.geometry.capacity_bytes(),
            block_bytes: scan.geometry.block_bytes,
            blocks: scan.geometry.blocks,
            chunks,
            indexes,
            damaged_entries: scan.damaged,
            verified: scan.is_verified,
            objects,
        }
    }
}

fn text(found: &[Found]) -> String {
    let mut text = String::new();
    for tier in found {
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{}: {} allocated in {} blocks of {}",
            tier.tier,
            size(tier.allocated_bytes),
            tier.blocks,
            size(tier.block_bytes)
        );
        for (name, counted) in [("chunks", &tier.chunks), ("indexes", &tier.indexes)] {
            if 0 < counted.entries {
                let _ = writeln!(text, "  {} {name}, {}", counted.entries, size(counted.bytes));
            }
        }
        if tier.verified {
            let _ = writeln!(text, "  {} damaged entries", tier.damaged_entries);
        }
        for object in &tier.objects {
            let _ = writeln!(text, "  {:>10}  {}", size(object.bytes), object.object);
        }
    }
    text
}

/// Bytes as people read them.
fn size(bytes: u64) -> String {
    let mut size = bytes as f64;
    let mut units = ["bytes", "KiB", "MiB", "GiB"].into_iter();
    let mut unit = units.next().unwrap_or_default();
    for larger in units {
        if size < 1024.0 {
            break;
        }
        size /= 1024.0;
        unit = larger;
    }
    if unit == "bytes" {
        format!("{bytes} bytes")
    } else {
        format!("{size:.1} {unit}")
    }
}

fn say(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}
