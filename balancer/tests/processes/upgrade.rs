//! A new process takes over from the running one under load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::load;
use crate::process::{Origin, PATIENCE, signal, start_balancer};

/// The test: two upgrades, the second of the first one's successor, and one that must fail.
pub(crate) fn short() {
    let folder = tempfile::tempdir().unwrap();
    let origins: Vec<Origin> = (0..3).map(|_| Origin::start()).collect();
    let (mut first, address) = start_balancer(folder.path(), &origins, "drain: { limit: 4s }\n");
    let mut line = Line(vec![first.child.id()]);
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
    let config = folder.path().join("balancer.yaml");
    let good = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, "nonsense: 1\n").unwrap();
    first.signal("USR2");
    std::thread::sleep(Duration::from_millis(1500));
    assert!(first.child.try_wait().unwrap().is_none());
    std::fs::write(&config, good).unwrap();

    first.signal("USR2");
    let second = line.add(until(|| children(first.child.id()).first().copied()));
    let ended = until(|| first.child.try_wait().unwrap());
    assert!(ended.success(), "{ended}");
    signal(second, "USR2");
    let third = line.add(until(|| children(second).first().copied()));
    until(|| (!is_alive(second)).then_some(()));
    stop.store(true, Ordering::Relaxed);
    let tally = load.join().unwrap();
    signal(third, "TERM");
    println!("{} requests, {} failed", tally.all(), tally.bad());
    assert_eq!(tally.bad(), 0, "{:#?}", tally.examples);
    assert!(300 < tally.whole);
    until(|| (!is_alive(third)).then_some(()));
}

/// A balancer and its successors, none of which a test that fails leaves behind: they are nobody's children.
struct Line(Vec<u32>);

impl Line {
    fn add(&mut self, pid: u32) -> u32 {
        self.0.push(pid);
        pid
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let unseen: Vec<u32> = self.0.iter().flat_map(|pid| children(*pid)).collect();
        for pid in self.0.iter().skip(1).chain(&unseen).filter(|pid| is_alive(**pid)) {
            signal(*pid, "KILL");
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

/// Processes that `pid` has started and that are alive.
fn children(pid: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok());
    let words = lists.flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
    words
        .filter_map(|word| word.parse().ok())
        .filter(|pid| is_alive(*pid))
        .collect()
}

/// Whether a process is there and not merely waiting to be noticed as ended.
fn is_alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        let state = stat.rsplit(')').next().unwrap_or_default().trim_start();
        !state.starts_with('Z')
    })
}
