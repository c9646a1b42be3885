//! Reading the machine: `/proc`, and the allowances of an ENA interface.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::LoadState;
use super::config::{Interface, LoadConfig};
use super::saturation::{Sample, Weigher};

/// The program that reads an interface's counters.
const ETHTOOL: &str = "ethtool";

/// Longest time for it.
const ETHTOOL_TIME_MAX: Duration = Duration::from_secs(1);

/// Cumulative counters, as they stand. `None`: this machine does not have them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Counters {
    cpu: Option<CpuTime>,
    /// Microseconds in which something waited for a disk.
    disk_wait: Option<u64>,
    exceeded: Option<u64>,
}

/// Ticks of all cores since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct CpuTime {
    busy: u64,
    all: u64,
}

/// Measures and weighs for as long as it is polled.
pub(super) async fn run(state: &LoadState, config: &LoadConfig) {
    let interface = interface(&config.interface).await;
    let mut ticks = interval(config.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut weigher, mut is_reduced) = (Weigher::default(), false);
    let mut before = (Counters::default(), Instant::now());
    loop {
        ticks.tick().await;
        let now = (read(interface.as_deref()).await, Instant::now());
        let mut sample = between(&before.0, &now.0, now.1 - before.1);
        sample.memory = text("/proc/meminfo").await.as_deref().and_then(memory_used);
        sample.in_flight = (config.in_flight_max != 0).then(|| {
            whole(u64::try_from(state.in_flight.get()).unwrap_or(0)) / f64::from(config.in_flight_max)
        });
        before = now;
        let weight = weigher.step(&sample);
        state.set_weight(weight);
        if is_reduced != (weight < 50) {
            is_reduced = weight < 50;
            tracing::info!(weight, ?sample, "the node's weight has changed much");
        }
    }
}

async fn interface(configured: &Interface) -> Option<String> {
    match configured {
        Interface::Off => None,
        Interface::Named(name) => Some(name.clone()),
        Interface::Auto => {
            let name = default_route(&text("/proc/net/route").await?)?;
            let driver = Path::new("/sys/class/net").join(&name).join("device/driver");
            let driver = tokio::fs::read_link(driver).await.ok()?;
            (driver.file_name()? == "ena").then_some(name)
        }
    }
}

async fn read(interface: Option<&str>) -> Counters {
    let cpu = text("/proc/stat").await.as_deref().and_then(cpu_time);
    let disk_wait = text("/proc/pressure/io").await.as_deref().and_then(disk_wait);
    let exceeded = match interface {
        Some(interface) => statistics(ETHTOOL, interface).await.as_deref().and_then(exceeded),
        None => None,
    };
    Counters {
        cpu,
        disk_wait,
        exceeded,
    }
}

async fn text(path: &str) -> Option<String> {
    tokio::fs::read_to_string(path).await.ok()
}

/// What `ethtool -S` says of an interface.
async fn statistics(program: &str, interface: &str) -> Option<String> {
    let mut command = Command::new(program);
    command
        .args(["-S", interface])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let output = timeout(ETHTOOL_TIME_MAX, command.output()).await.ok()?.ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What happened between two readings.
fn between(before: &Counters, now: &Counters, elapsed: Duration) -> Sample {
    let cpu = || {
        let (before, now) = (before.cpu?, now.cpu?);
        let all = now.all.checked_sub(before.all).filter(|ticks| *ticks != 0)?;
        Some(whole(now.busy.saturating_sub(before.busy)) / whole(all))
    };
    let disk = || {
        let waited = now.disk_wait?.checked_sub(before.disk_wait?)?;
        Some((Duration::from_micros(waited).as_secs_f64() / elapsed.as_secs_f64().max(1e-3)).min(1.0))
    };
    Sample {
        cpu: cpu(),
        memory: None,
        disk: disk(),
        in_flight: None,
        // Counters that were reset begin anew.
        exceeded: before
            .exceeded
            .and_then(|before| now.exceeded?.checked_sub(before)),
    }
}

/// proc_stat(5): user nice system idle iowait irq softirq steal …, of all cores.
fn cpu_time(stat: &str) -> Option<CpuTime> {
    let fields = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks: Vec<u64> = fields
        .split_whitespace()
        .map_while(|tick| tick.parse().ok())
        .collect();
    // Guests are counted as users already.
    let all: u64 = ticks.iter().take(8).sum();
    let idle: u64 = ticks.iter().skip(3).take(2).sum();
    Some(CpuTime {
        busy: all.checked_sub(idle)?,
        all,
    })
}

/// proc_meminfo(5): the part that is not available to new work.
fn memory_used(meminfo: &str) -> Option<f64> {
    let field = |name: &str| -> Option<u64> {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    let (all, available) = (field("MemTotal:")?, field("MemAvailable:")?);
    (all != 0).then(|| 1.0 - whole(available) / whole(all))
}

/// Documentation/accounting/psi.rst: `some avg10=0.00 avg60=0.00 avg300=0.00 total=12345`.
fn disk_wait(pressure: &str) -> Option<u64> {
    let some = pressure.lines().find(|line| line.starts_with("some "))?;
    some.rsplit_once("total=")?.1.trim().parse().ok()
}

/// All allowances of an ENA interface together.
fn exceeded(statistics: &str) -> Option<u64> {
    let allowance = |line: &str| -> Option<u64> {
        let (name, count) = line.split_once(':')?;
        name.trim()
            .ends_with("_allowance_exceeded")
            .then(|| count.trim().parse().ok())?
    };
    let mut counts = statistics.lines().filter_map(allowance).peekable();
    // An interface without such counters never tells: that is not the same as none exceeded.
    counts.peek()?;
    Some(counts.fold(0, u64::saturating_add))
}

/// The interface of the route to 0.0.0.0/0, in `/proc/net/route`.
fn default_route(table: &str) -> Option<String> {
    table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_whitespace();
        let (interface, destination) = (fields.next()?, fields.next()?);
        (destination == "00000000").then(|| interface.to_owned())
    })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a part to within 2^-53 is exact enough"
)]
fn whole(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_and_guests_are_not_counted_twice() {
        let stat = "cpu  100 20 30 800 50 0 5 15 90 10\ncpu0 1 2 3 4\n";
        assert_eq!(cpu_time(stat), Some(CpuTime { busy: 170, all: 1020 }));
        assert_eq!(cpu_time(""), None);
    }

    #[test]
    fn memory_is_what_is_not_available() {
        let used = memory_used("MemTotal:  1000 kB\nMemFree: 10 kB\nMemAvailable:  250 kB\n");
        assert_eq!(used, Some(0.75));
        assert_eq!(memory_used("MemTotal: 0 kB\nMemAvailable: 0 kB\n"), None);
    }

    /// Of a c6i.large, shortened.
    const ENA: &str = "NIC statistics:
     tx_timeout: 0
     bw_in_allowance_exceeded: 12
     bw_out_allowance_exceeded: 300
     pps_allowance_exceeded: 1
     conntrack_allowance_exceeded: 0
     linklocal_allowance_exceeded: 0
     conntrack_allowance_available: 136812
     queue_0_tx_cnt: 5132
";

    #[test]
    fn allowances_are_summed_and_what_is_available_is_not() {
        assert_eq!(exceeded(ENA), Some(313));
        assert_eq!(exceeded("NIC statistics:\n     rx_packets: 7\n"), None);
    }

    #[test]
    fn what_is_weighed_is_the_difference() {
        let counters = |busy, all, wait, exceeded| Counters {
            cpu: Some(CpuTime { busy, all }),
            disk_wait: Some(wait),
            exceeded: Some(exceeded),
        };
        let before = counters(100, 1000, 5_000_000, 10);
        let sample = between(
            &before,
            &counters(190, 1100, 5_500_000, 13),
            Duration::from_secs(2),
        );
        assert_eq!(
            (sample.cpu, sample.disk, sample.exceeded),
            (Some(0.9), Some(0.25), Some(3))
        );
        // The first reading has nothing before it, and counters may begin anew.
        let first = between(&Counters::default(), &before, Duration::from_secs(2));
        assert_eq!(first, Sample::default());
        let reset = between(&before, &counters(0, 10, 0, 0), Duration::from_secs(2));
        assert_eq!(reset, Sample::default());
    }

    #[test]
    fn the_default_route_names_the_interface() {
        let table = "Iface\tDestination\tGateway\nens6\t0000FEA9\t0\nens5\t00000000\t0101A8C0\n";
        assert_eq!(default_route(table).as_deref(), Some("ens5"));
        assert_eq!(default_route("Iface\tDestination\n"), None);
    }

    #[test]
    fn this_machine_can_be_read() {
        assert!(cpu_time(&std::fs::read_to_string("/proc/stat").unwrap()).is_some());
        let used = memory_used(&std::fs::read_to_string("/proc/meminfo").unwrap()).unwrap();
        assert!((0.0..1.0).contains(&used));
    }

    #[tokio::test]
    async fn an_interface_s_counters_are_asked_of_a_program() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("ethtool");
        let script = format!("#!/bin/sh\n[ \"$1 $2\" = '-S ens5' ] || exit 1\ncat <<'X'\n{ENA}X\n");
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let program = program.to_str().unwrap();
        assert_eq!(
            statistics(program, "ens5").await.as_deref().and_then(exceeded),
            Some(313)
        );
        assert_eq!(statistics(program, "eth9").await, None);
        assert_eq!(statistics("/no/such/program", "ens5").await, None);
    }
}
