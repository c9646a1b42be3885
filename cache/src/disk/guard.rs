//! Looks at the disk, switches the tier off when it is bad and on when it is
//! good again.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::Inner;
use super::engine::Engine;
use super::health::{DiskState, Trouble};

/// The file that is written and read to see whether the disk works.
const PROBE: &str = "probe";

const PROBE_BYTES: usize = 4096;

/// Longest time for that, and for opening the files of a large tier.
const PROBE_LIMIT: Duration = Duration::from_secs(2);
const OPEN_LIMIT: Duration = Duration::from_secs(600);

/// A tier that was on for longer than this was well: it is opened again at once.
const STEADY: Duration = Duration::from_secs(60);

/// One that was not is left alone for up to this many check intervals.
const REST_CHECKS_MAX: u32 = 32;

/// Runs until the tier is closed.
pub(super) async fn run(inner: Arc<Inner>) {
    let mut ticks = interval(inner.config.check_interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut dropped_before = 0;
    let mut looks = Looks::new(PROBE_LIMIT);
    let mut rest = Rest::new(inner.config.check_interval);
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
                if let Err(trouble) = probe(&inner, &mut looks).await {
                    inner.trouble(trouble);
                }
            }
            None if rest.is_over(Instant::now()) => {
                dropped_before = 0;
                if switch_on(&inner, &mut looks).await {
                    rest.began(Instant::now());
                }
            }
            None => {}
        }
    }
}

/// Opens the tier, if the disk is good. Tells whether it is on.
async fn switch_on(inner: &Inner, looks: &mut Looks) -> bool {
    let opened = async {
        probe(inner, looks).await?;
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
            true
        }
        Err(trouble) => {
            let is_known = match inner.health().state() {
                DiskState::Off(known) => known.is_like(&trouble),
                DiskState::Warming | DiskState::On => false,
            };
            inner.health().off(trouble);
            if !is_known {
                inner.switch_off();
            }
            false
        }
    }
}

/// Whether the disk can be written and read, and in time.
async fn probe(inner: &Inner, looks: &mut Looks) -> Result<(), Trouble> {
    let path = inner.config.directory.join(PROBE);
    let metrics = inner.metrics.clone();
    let look = move || write_and_read(&path).map(|free| metrics.set_free(free));
    looks.look(look).await
}

/// How long a tier that fails again and again is left alone: opening it costs
/// reading it over, and each of its failures costs somebody a wait.
struct Rest {
    check_interval: Duration,
    on_since: Option<Instant>,
    until: Option<Instant>,
    checks: u32,
}

impl Rest {
    fn new(check_interval: Duration) -> Self {
        Self {
            check_interval,
            on_since: None,
            until: None,
            checks: 0,
        }
    }

    /// The tier is on.
    fn began(&mut self, now: Instant) {
        self.on_since = Some(now);
        self.until = None;
    }

    /// Whether the tier, which is off, may be opened.
    fn is_over(&mut self, now: Instant) -> bool {
        if let Some(since) = self.on_since.take() {
            let was_steady = STEADY <= now.saturating_duration_since(since);
            self.checks = if was_steady {
                0
            } else {
                self.checks.saturating_mul(2).clamp(1, REST_CHECKS_MAX)
            };
            self.until = Some(now + self.check_interval.saturating_mul(self.checks));
        }
        self.until.is_none_or(|until| until <= now)
    }
}

/// Looks at the disk, one at a time: one that hangs keeps its thread, and the
/// next one waits for it instead of taking another.
struct Looks {
    under_way: Option<oneshot::Receiver<io::Result<()>>>,
    limit: Duration,
}

impl Looks {
    fn new(limit: Duration) -> Self {
        Self {
            under_way: None,
            limit,
        }
    }

    async fn look(&mut self, look: impl FnOnce() -> io::Result<()> + Send + 'static) -> Result<(), Trouble> {
        let mut seen = match self.under_way.take() {
            Some(under_way) => under_way,
            None => begin(look).map_err(|error| Trouble::Failing(error.to_string()))?,
        };
        match timeout(self.limit, &mut seen).await {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(error))) => Err(Trouble::Failing(error.to_string())),
            Ok(Err(error)) => Err(Trouble::Failing(error.to_string())),
            Err(_elapsed) => {
                self.under_way = Some(seen);
                Err(Trouble::Slow(self.limit))
            }
        }
    }
}

/// In a thread of its own, which the end of the process does not wait for.
fn begin(
    look: impl FnOnce() -> io::Result<()> + Send + 'static,
) -> io::Result<oneshot::Receiver<io::Result<()>>> {
    let (tell, told) = oneshot::channel();
    let thread = thread::Builder::new().name("strata-probe".to_owned());
    // Whoever waited may have given up.
    thread.spawn(move || drop(tell.send(look())))?;
    Ok(told)
}

/// Returns how many bytes are free on the volume.
fn write_and_read(path: &Path) -> io::Result<u64> {
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
        fs4::available_space(path)
    } else {
        Err(io::Error::other("what was written is not what is read"))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_disk_that_hangs_takes_one_thread_and_is_good_again_when_it_answers() {
        let limit = Duration::from_millis(20);
        let mut looks = Looks::new(limit);
        let begun = Arc::new(AtomicUsize::new(0));
        let (release, released) = mpsc::channel::<()>();
        let mut released = Some(released);
        for _ in 0..5 {
            let (begun, released) = (Arc::clone(&begun), released.take());
            let hanging = move || {
                begun.fetch_add(1, Ordering::SeqCst);
                released.map_or(Ok(()), |released| released.recv().map_err(io::Error::other))
            };
            assert_eq!(looks.look(hanging).await, Err(Trouble::Slow(limit)));
        }
        assert_eq!(begun.load(Ordering::SeqCst), 1);
        release.send(()).unwrap();
        looks.limit = Duration::from_secs(30);
        let unused = || panic!("a second look was begun");
        assert_eq!(looks.look(unused).await, Ok(()));
        let failing = || Err(io::Error::other("no"));
        assert_eq!(looks.look(failing).await, Err(Trouble::Failing("no".to_owned())));
    }

    #[test]
    fn a_tier_that_fails_soon_again_rests_longer_and_a_steady_one_does_not() {
        let second = Duration::from_secs(1);
        let mut rest = Rest::new(second);
        let mut now = Instant::now();
        assert!(rest.is_over(now));
        let mut rests = Vec::new();
        for _ in 0..8 {
            rest.began(now);
            now += second;
            let mut waited = 0;
            while !rest.is_over(now) {
                now += second;
                waited += 1;
            }
            rests.push(waited);
        }
        assert_eq!(rests, [1, 2, 4, 8, 16, 32, 32, 32]);
        rest.began(now);
        assert!(rest.is_over(now + STEADY));
    }
}
