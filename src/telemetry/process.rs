//! Metrics about the process itself, from `/proc`, named and worded as Prometheus' client libraries
//! do. The `prometheus` crate has them too, with a second version of two dependencies.

use std::fs;

use prometheus::{
    Counter, Gauge,
    core::{Collector, Desc},
    proto::MetricFamily,
};
use rustix::{
    process::{Resource, getrlimit},
    time::{ClockId, clock_gettime},
};

/// The process as it is when it is asked.
pub struct Process(Vec<Desc>);

/// Asks the system for a value; none if it does not tell.
type Reader = fn() -> Option<f64>;

/// The one that only grows.
const CPU: &str = "process_cpu_seconds_total";

/// Linux counts times of processes in these towards programs, whatever it uses itself.
const TICKS_PER_SECOND: f64 = 100.0;

/// Name, help and value of each; what the system does not tell has no sample.
#[expect(clippy::cast_precision_loss, reason = "Prometheus' samples are floats")]
const METRICS: [(&str, &str, Reader); 7] =
    [
        (CPU, "Total user and system CPU time spent in seconds.", || {
            let spent = clock_gettime(ClockId::ProcessCPUTime);
            Some(spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9)
        }),
        ("process_max_fds", "Maximum number of open file descriptors.", || {
            Some(getrlimit(Resource::Nofile).current? as f64)
        }),
        ("process_open_fds", "Number of open file descriptors.", || {
            // Not the one that this takes.
            Some(fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1) as f64)
        }),
        ("process_resident_memory_bytes", "Resident memory size in bytes.", || {
            Some(status("VmRSS:")? as f64 * 1024.0)
        }),
        (
            "process_start_time_seconds",
            "Start time of the process since unix epoch in seconds.",
            || {
                // systemd may hide it (`ProcSubset=pid`).
                let system = fs::read_to_string("/proc/stat").ok()?;
                let booted = system.lines().find_map(|line| line.strip_prefix("btime "))?;
                let booted: u64 = booted.trim().parse().ok()?;
                Some(booted as f64 + start_ticks()? as f64 / TICKS_PER_SECOND)
            },
        ),
        ("process_threads", "Number of OS threads in the process.", || {
            Some(status("Threads:")? as f64)
        }),
        ("process_virtual_memory_bytes", "Virtual memory size in bytes.", || {
            Some(status("VmSize:")? as f64 * 1024.0)
        }),
    ];

/// A number of `/proc/self/status`; memory is in KiB.
fn status(key: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix(key))?;
    value.split_ascii_whitespace().next()?.parse().ok()
}

/// When the process started, in ticks since the system did.
fn start_ticks() -> Option<u64> {
    /// Behind the program's name, which may hold anything; `man 5 proc` counts it as the 22nd.
    const START: usize = 19;
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    fields.split_ascii_whitespace().nth(START)?.parse().ok()
}

impl Process {
    /// This process.
    #[must_use]
    pub fn this() -> Self {
        let desc = |(name, help, _): (&str, &str, _)| {
            Desc::new(name.to_owned(), help.to_owned(), Vec::new(), Default::default())
                .expect("the name is valid")
        };
        Self(METRICS.into_iter().map(desc).collect())
    }
}

impl Collector for Process {
    fn desc(&self) -> Vec<&Desc> {
        self.0.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let family = |(name, help, value): (&str, &str, Reader)| {
            let value = value()?;
            Some(if name == CPU {
                let counter = Counter::new(name, help).expect("the name is valid");
                counter.inc_by(value);
                counter.collect()
            } else {
                let gauge = Gauge::new(name, help).expect("the name is valid");
                gauge.set(value);
                gauge.collect()
            })
        };
        METRICS.into_iter().filter_map(family).flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_told_of() {
        let families = Process::this().collect();
        let value = |name: &str| {
            let family = families.iter().find(|family| family.name() == name).unwrap();
            let metric = &family.get_metric()[0];
            metric.get_counter().get_value() + metric.get_gauge().get_value()
        };
        assert_eq!(families.len(), METRICS.len());
        let resident = value("process_resident_memory_bytes");
        assert!((1e6..1e11).contains(&resident), "{resident}");
        assert!(value("process_virtual_memory_bytes") >= resident);
        assert!(value("process_cpu_seconds_total") > 0.0);
        let (open, max) = (value("process_open_fds"), value("process_max_fds"));
        assert!(open >= 3.0 && open <= max, "{open} of {max}");
        assert!(value("process_threads") >= 1.0);
        // Between 2020 and 2100.
        let start = value("process_start_time_seconds");
        assert!((1.577e9..4.1e9).contains(&start), "{start}");
    }
}
