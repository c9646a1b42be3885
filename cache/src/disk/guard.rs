//! Looks at the disk, switches the tier off when it is bad and on when it is
//! good again.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, timeout};

use super::Inner;
use super::engine::Engine;
use super::health::{DiskState, Trouble};

/// The file that is written and read to see whether the disk works.
const PROBE: &str = "probe";

const PROBE_BYTES: usize = 4096;

/// Longest time for that, and for opening the files of a large tier.
const PROBE_LIMIT: Duration = Duration::from_secs(2);
const OPEN_LIMIT: Duration = Duration::from_secs(600);

/// Runs until the tier is closed.
pub(super) async fn run(inner: Arc<Inner>) {
    let mut ticks = interval(inner.config.check_interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut dropped_before = 0;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = inner.closing.cancelled() => return,
        }
        match inner.engine() {
            Some(engine) => {
                let dropped = engine.dropped();
                inner
                    .metrics
                    .dropped_by_engine(dropped.saturating_sub(dropped_before));
                dropped_before = dropped;
                if let Err(trouble) = probe(&inner).await {
                    inner.trouble(trouble);
                }
            }
            None => {
                dropped_before = 0;
                switch_on(&inner).await;
            }
        }
    }
}

/// Opens the tier, if the disk is good.
async fn switch_on(inner: &Inner) {
    let opened = async {
        probe(inner).await?;
        let opening = timeout(OPEN_LIMIT, Engine::open(&inner.config)).await;
        opening.map_err(|_| Trouble::Slow(OPEN_LIMIT))?
    };
    match opened.await {
        Ok(engine) => {
            inner.set_engine(Some(Arc::new(engine)));
            let before = inner.health().state();
            inner.health().on();
            inner.metrics.set_on(true);
            let directory = inner.config.directory.display();
            tracing::info!(tier = ?inner.tier, %directory, %before, "disk tier is on");
        }
        Err(trouble) => {
            let was_off = inner.health().state() == DiskState::Off(trouble.clone());
            inner.health().off(trouble);
            if !was_off {
                inner.switch_off();
            }
        }
    }
}

/// Whether the disk can be written and read, and in time.
async fn probe(inner: &Inner) -> Result<(), Trouble> {
    let path = inner.config.directory.join(PROBE);
    let probing = tokio::task::spawn_blocking(move || write_and_read(&path));
    match timeout(PROBE_LIMIT, probing).await {
        Ok(Ok(Ok(()))) => Ok(()),
        Ok(Ok(Err(error))) => Err(Trouble::Failing(error.to_string())),
        Ok(Err(error)) => Err(Trouble::Failing(error.to_string())),
        Err(_elapsed) => Err(Trouble::Slow(PROBE_LIMIT)),
    }
}

fn write_and_read(path: &Path) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let mut file = File::options()
        .create(true)
        .read(true)
        .write(true)
        .truncate(false)
        .open(path)?;
    // In place: a volume that somebody else has filled does not matter.
    file.write_all(&[0x5a; PROBE_BYTES])?;
    file.sync_data()?;
    let mut read = [0; PROBE_BYTES];
    file.seek(SeekFrom::Start(0))?;
    file.read_exact(&mut read)?;
    if read == [0x5a; PROBE_BYTES] {
        Ok(())
    } else {
        Err(io::Error::other("what was written is not what is read"))
    }
}
