//! A new process takes over from the running one under load.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::load;
use crate::process::{Origin, PATIENCE, balancers, signal, start_balancer};

/// The test: two upgrades, the second of the first one's successor, and one that must fail.
pub(crate) fn short() {
    let folder = tempfile::tempdir().unwrap();
    let origins: Vec<Origin> = (0..3).map(|_| Origin::start()).collect();
    let (mut first, address) = start_balancer(folder.path(), &origins, "drain: { limit: 4s }\n");
    let config = folder.path().join("balancer.yaml");
    let line = Line(&config);
    let stop = Arc::new(AtomicBool::new(false));
    let load = {
        let stop = Arc::clone(&stop);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(load::run(address, 300, 11, stop))
        })
    };
    std::thread::sleep(Duration::from_millis(500));

    // A successor that does not come up changes nothing.
    let good = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, "nonsense: 1\n").unwrap();
    first.signal("USR2");
    let refused = line.member(1);
    until(|| (!is_alive(refused)).then_some(()));
    assert!(first.child.try_wait().unwrap().is_none());
    std::fs::write(&config, good).unwrap();

    first.signal("USR2");
    let second = line.member(2);
    let ended = until(|| first.child.try_wait().unwrap());
    assert!(ended.success(), "{ended}");
    signal(second, "USR2");
    let third = line.member(3);
    until(|| (!is_alive(second)).then_some(()));
    stop.store(true, Ordering::Relaxed);
    let tally = load.join().unwrap();
    signal(third, "TERM");
    println!("{} requests, {} failed", tally.all(), tally.bad());
    assert_eq!(tally.bad(), 0, "{:#?}", tally.examples);
    assert!(100 < tally.whole, "{}", tally.whole);
    until(|| (!is_alive(third)).then_some(()));
}

/// A balancer and its successors, none of which a test that fails leaves behind: they are nobody's children.
struct Line<'a>(&'a Path);

impl Line<'_> {
    /// Waits for the one that is started as number `index`.
    fn member(&self, index: usize) -> u32 {
        until(|| balancers(self.0).get(index).copied())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        // The first is the test's own child, and ended by it.
        for pid in balancers(self.0).into_iter().skip(1).filter(|pid| is_alive(*pid)) {
            signal(pid, "KILL");
        }
    }
}

fn until<T>(mut found: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "never");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether a process is there and not merely waiting to be noticed as ended.
fn is_alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        let state = stat.rsplit(')').next().unwrap_or_default().trim_start();
        !state.starts_with('Z')
    })
}
