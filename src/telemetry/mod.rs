//! How the exporter's own metrics are declared and registered.
//!
//! Every one is a row of [`table`]; a room makes its metric from the row with the functions here
//! and registers it in the registry that it is handed. There are no globals.

pub mod process;
pub mod table;

use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts,
    Registry, core::Collector,
};
use table::{Kind, Own};

/// Registers a counter without labels.
#[must_use]
pub fn counter(registry: &Registry, own: &Own) -> IntCounter {
    let made = IntCounter::with_opts(opts(own, Kind::Counter));
    registered(registry, own, made)
}

/// Registers a counter with the labels of its row.
#[must_use]
pub fn counters(registry: &Registry, own: &Own) -> IntCounterVec {
    let made = IntCounterVec::new(opts(own, Kind::Counter), own.labels);
    registered(registry, own, made)
}

/// Registers a gauge without labels.
#[must_use]
pub fn gauge(registry: &Registry, own: &Own) -> Gauge {
    let made = Gauge::with_opts(opts(own, Kind::Gauge));
    registered(registry, own, made)
}

/// Registers a gauge with the labels of its row.
#[must_use]
pub fn gauges(registry: &Registry, own: &Own) -> GaugeVec {
    let made = GaugeVec::new(opts(own, Kind::Gauge), own.labels);
    registered(registry, own, made)
}

/// Registers a histogram without labels; `buckets` are upper bounds in the metric's unit.
#[must_use]
pub fn histogram(registry: &Registry, own: &Own, buckets: &[f64]) -> Histogram {
    let made = Histogram::with_opts(histogram_opts(own, buckets));
    registered(registry, own, made)
}

/// Registers a histogram with the labels of its row.
#[must_use]
pub fn histograms(registry: &Registry, own: &Own, buckets: &[f64]) -> HistogramVec {
    let made = HistogramVec::new(histogram_opts(own, buckets), own.labels);
    registered(registry, own, made)
}

fn opts(own: &Own, kind: Kind) -> Opts {
    debug_assert_eq!(own.kind, kind, "{} is registered as another kind", own.name);
    Opts::new(own.name, own.help)
}

fn histogram_opts(own: &Own, buckets: &[f64]) -> HistogramOpts {
    HistogramOpts { common_opts: opts(own, Kind::Histogram), buckets: buckets.to_vec() }
}

fn registered<C: Collector + Clone + 'static>(
    registry: &Registry,
    own: &Own,
    made: prometheus::Result<C>,
) -> C {
    let metric = made.unwrap_or_else(|e| panic!("the table's row {} is not valid: {e}", own.name));
    registry
        .register(Box::new(metric.clone()))
        .unwrap_or_else(|e| panic!("{} is registered twice: {e}", own.name));
    metric
}
