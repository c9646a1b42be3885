//! What the process takes of its machine: processor time, memory and descriptors, by the names that all Prometheus
//! clients use, and the tasks that live in it.

use std::fs;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Counter, IntGauge, Registry};
use tokio::runtime::Handle;

/// Clock ticks a second in `/proc`: `USER_HZ`, which is 100 for programs on every architecture (proc(5)).
const TICKS_PER_SECOND: f64 = 100.0;

/// Read from `/proc` when somebody asks.
struct Process {
    cpu: Counter,
    memory: IntGauge,
    descriptors: IntGauge,
    tasks: IntGauge,
    runtime: Option<Handle>,
}

/// Adds this process, with the tasks of the runtime that this is called on, to what `registry` measures. A registry
/// that has it already is left as it is, and where there is no `/proc` what is read there stays 0.
pub(crate) fn register(registry: &Registry) {
    if let Ok(process) = Process::new() {
        let _ = registry.register(Box::new(process));
    }
}

impl Process {
    fn new() -> prometheus::Result<Self> {
        Ok(Self {
            cpu: Counter::new("process_cpu_seconds_total", "Processor time of this process.")?,
            memory: IntGauge::new(
                "process_resident_memory_bytes",
                "Memory of this process that is resident.",
            )?,
            descriptors: IntGauge::new("process_open_fds", "File descriptors that are open.")?,
            tasks: IntGauge::new(
                "strata_tasks",
                "Tasks of the runtime that answers operators which have not ended: an origin's are all of them.",
            )?,
            runtime: Handle::try_current().ok(),
        })
    }
}

impl Collector for Process {
    fn desc(&self) -> Vec<&Desc> {
        let gauges = [&self.memory, &self.descriptors, &self.tasks];
        let gauges = gauges.into_iter().flat_map(Collector::desc);
        self.cpu.desc().into_iter().chain(gauges).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        if let Some(seconds) = cpu_seconds(&stat) {
            // A counter only goes up; two askers at once add what is new once at most.
            self.cpu.inc_by((seconds - self.cpu.get()).max(0.0));
        }
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        if let Some(bytes) = resident_bytes(&status) {
            self.memory.set(bytes);
        }
        // Without the one that this takes.
        let descriptors = fs::read_dir("/proc/self/fd").map_or(0, |open| open.count().saturating_sub(1));
        self.descriptors
            .set(i64::try_from(descriptors).unwrap_or(i64::MAX));
        let tasks = self
            .runtime
            .as_ref()
            .map_or(0, |runtime| runtime.metrics().num_alive_tasks());
        self.tasks.set(i64::try_from(tasks).unwrap_or(i64::MAX));
        let gauges = [&self.memory, &self.descriptors, &self.tasks];
        let gauges = gauges.into_iter().flat_map(Collector::collect);
        self.cpu.collect().into_iter().chain(gauges).collect()
    }
}

/// `utime` and `stime`, fields 14 and 15 of `/proc/self/stat`; the second field may hold spaces.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_SECOND)
}

/// `VmRSS` of `/proc/self/status`, which is in units of 1024 bytes.
fn resident_bytes(status: &str) -> Option<i64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: i64 = line.split_whitespace().next()?.parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_process_has_used_memory_and_some_time_and_has_files_and_tasks() {
        let _task = tokio::spawn(std::future::pending::<()>());
        let registry = Registry::new();
        register(&registry);
        register(&registry);
        let families = registry.gather();
        let value = |name: &str| {
            let family = families.iter().find(|family| family.name() == name).unwrap();
            let metric = &family.get_metric()[0];
            metric.get_counter().get_value() + metric.get_gauge().get_value()
        };
        assert!(value("process_resident_memory_bytes") > 1e5);
        assert!(value("process_cpu_seconds_total") >= 0.0);
        assert!(value("process_open_fds") >= 3.0);
        assert!(value("strata_tasks") >= 1.0);
    }

    #[test]
    fn names_with_spaces_and_brackets_do_not_shift_fields() {
        let stat = "42 (a ) b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0";
        assert_eq!(cpu_seconds(stat), Some(2.0));
        assert_eq!(cpu_seconds("42 (a"), None);
        assert_eq!(resident_bytes("Name:\tx\nVmRSS:\t  2048 kB\n"), Some(2_097_152));
    }
}
