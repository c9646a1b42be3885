//! One origin of six falls ill at a time, in every way, under load.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::load::{self, Random, Tally};
use crate::process::{Origin, Process, free_address, start_balancer, until_listening};

const ORIGINS: usize = 6;

/// What HAProxy is run with, in the benchmarks too.
const HAPROXY_DIRECTIVES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../bench/balancer/haproxy.cfg");

/// How long HAProxy takes until it trusts its servers: `rise 10` at `inter 1s`.
const HAPROXY_START: Duration = Duration::from_secs(12);

/// How an origin falls ill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Illness {
    /// SIGKILL, and started again.
    Killed,
    /// SIGSTOP: its system still takes connections and bytes.
    Stopped,
    BlackHole,
    /// 1 Mb/s.
    Starved,
    /// 500 to everything but checks.
    Failing,
}

const ILLNESSES: [Illness; 5] = [
    Illness::Killed,
    Illness::Stopped,
    Illness::BlackHole,
    Illness::Starved,
    Illness::Failing,
];

/// What is done for how long.
struct Plan {
    time: Duration,
    rate: u64,
    seed: u64,
    haproxy: bool,
}

/// Answers may take half a second here, a video's tenth, and checks come twice as often as by default.
const CONFIG: &str = "health: { interval: 500ms, timeout: 400ms }\ntimeouts: { response: 500ms }\n";

/// The test: every illness once.
pub(crate) fn short() {
    let plan = Plan {
        time: Duration::from_secs(20),
        rate: 300,
        seed: 7,
        haproxy: false,
    };
    let mut report = run(&plan);
    println!("{report}");
    assert_eq!(report.tally.bad(), 0, "{:#?}", report.tally.examples);
    let p99 = report.tally.within(990);
    assert!(p99 < Duration::from_secs(1), "{p99:?}");
    assert!(
        report.illnesses.len() >= ILLNESSES.len(),
        "{:?}",
        report.illnesses
    );
}

/// By hand: see the module of this binary.
pub(crate) fn by_hand(options: &[&str]) {
    let number = |name: &str, default: u64| {
        let place = options.iter().position(|option| *option == name);
        place.map_or(default, |place| options[place + 1].parse().unwrap())
    };
    let plan = Plan {
        time: Duration::from_secs(number("--seconds", 600)),
        rate: number("--rate", 2000),
        seed: number("--seed", 1),
        haproxy: options.contains(&"--haproxy"),
    };
    println!("{}", run(&plan));
}

/// What came of it.
struct Report {
    tally: Tally,
    illnesses: Vec<(usize, Illness)>,
    quantiles: [Duration; 4],
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            tally,
            illnesses,
            quantiles,
        } = self;
        writeln!(
            f,
            "{} requests under {} illnesses: {} failed, {} truncated, {} wrong",
            tally.all(),
            illnesses.len(),
            tally.failed,
            tally.truncated,
            tally.wrong
        )?;
        let [p50, p99, p999, most] = quantiles;
        write!(
            f,
            "time to the last byte: p50 {p50:?}, p99 {p99:?}, p99.9 {p999:?}, most {most:?}"
        )?;
        for example in &tally.examples {
            write!(f, "\n  {example}")?;
        }
        Ok(())
    }
}

fn run(plan: &Plan) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let mut origins: Vec<Origin> = (0..ORIGINS).map(|_| Origin::start()).collect();
    let (_process, address) = if plan.haproxy {
        start_haproxy(folder.path(), &origins)
    } else {
        start_balancer(folder.path(), &origins, CONFIG)
    };
    let stop = Arc::new(AtomicBool::new(false));
    let load = {
        let (rate, seed, stop) = (plan.rate, plan.seed, Arc::clone(&stop));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(load::run(address, rate, seed, stop))
        })
    };
    let illnesses = spread(&mut origins, plan);
    stop.store(true, Ordering::Relaxed);
    let mut tally = load.join().unwrap();
    let quantiles = [500, 990, 999, 1000].map(|per_mille| tally.within(per_mille));
    Report {
        tally,
        illnesses,
        quantiles,
    }
}

/// Lets one origin after the other fall ill until the time is over; returns who had what.
fn spread(origins: &mut [Origin], plan: &Plan) -> Vec<(usize, Illness)> {
    let mut random = Random(plan.seed);
    let started = Instant::now();
    let is_short = plan.time < Duration::from_secs(60);
    let (ill, well) = if is_short { (1_500, 1_500) } else { (10_000, 5_000) };
    let mut had = Vec::new();
    std::thread::sleep(Duration::from_millis(well));
    // Each illness as often as the others, whoever has it.
    for illness in ILLNESSES.into_iter().cycle() {
        if plan.time < started.elapsed() + Duration::from_millis(ill + well) {
            break;
        }
        let number = usize::try_from(random.below(6)).unwrap();
        let origin = &mut origins[number];
        had.push((number, illness));
        match illness {
            Illness::Killed => origin.kill(),
            Illness::Stopped => origin.signal("STOP"),
            Illness::BlackHole => origin.tell("black-hole"),
            Illness::Starved => origin.tell("starved"),
            Illness::Failing => origin.tell("failing"),
        }
        std::thread::sleep(Duration::from_millis(ill));
        match illness {
            Illness::Killed => origin.start_again(),
            Illness::Stopped => origin.signal("CONT"),
            Illness::BlackHole | Illness::Starved | Illness::Failing => origin.tell("well"),
        }
        std::thread::sleep(Duration::from_millis(well));
    }
    had
}

/// HAProxy with the directives that a streaming service runs it with.
fn start_haproxy(folder: &Path, origins: &[Origin]) -> (Process, SocketAddr) {
    let address = free_address();
    let mut text =
        format!("frontend clients\n  bind {address}\n  default_backend origins\nbackend origins\n");
    for (number, origin) in origins.iter().enumerate() {
        text.push_str(&format!("  server o{number} {}\n", origin.address));
    }
    let config = folder.join("haproxy.cfg");
    std::fs::write(&config, text).unwrap();
    let haproxy = if Path::new("/usr/sbin/haproxy").exists() {
        "/usr/sbin/haproxy"
    } else {
        "haproxy"
    };
    let child = Command::new(haproxy)
        .args(["-db", "-f", HAPROXY_DIRECTIVES, "-f"])
        .arg(&config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let process = Process { child };
    until_listening(address);
    std::thread::sleep(HAPROXY_START);
    (process, address)
}
