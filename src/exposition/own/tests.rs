use prometheus::{Gauge, Histogram, HistogramOpts, IntCounterVec, Opts, Registry};

use super::*;
use crate::telemetry::process::Process;

const OPEN: Format = Format::OpenMetrics { escaping: false };

fn registry() -> Registry {
    let registry = Registry::new();
    let requests =
        IntCounterVec::new(Opts::new("x_requests_total", "Requests \"so far\"."), &["path"])
            .unwrap();
    requests.with_label_values(&["a\"\\\n部"]).inc_by(3);
    let latency = Histogram::with_opts(
        HistogramOpts::new("x_latency_seconds", "Latency.").buckets(vec![0.5, 1.0]),
    )
    .unwrap();
    latency.observe(0.75);
    let gauge = |name, value| {
        let gauge = Gauge::new(name, "Help.").unwrap();
        gauge.set(value);
        gauge
    };
    registry.register(Box::new(requests)).unwrap();
    registry.register(Box::new(latency)).unwrap();
    registry.register(Box::new(gauge("x_build_info", 1.0))).unwrap();
    registry.register(Box::new(gauge("x_undecided", f64::NAN))).unwrap();
    registry.register(Box::new(gauge("x_endless", f64::INFINITY))).unwrap();
    registry
}

#[test]
fn text_is_as_prometheus_wants_it() {
    assert_eq!(
        own(&registry().gather(), Format::Text),
        r#"# HELP x_build_info Help.
# TYPE x_build_info gauge
x_build_info 1
# HELP x_endless Help.
# TYPE x_endless gauge
x_endless +Inf
# HELP x_latency_seconds Latency.
# TYPE x_latency_seconds histogram
x_latency_seconds_bucket{le="0.5"} 0
x_latency_seconds_bucket{le="1"} 1
x_latency_seconds_bucket{le="+Inf"} 1
x_latency_seconds_sum 0.75
x_latency_seconds_count 1
# HELP x_requests_total Requests "so far".
# TYPE x_requests_total counter
x_requests_total{path="a\"\\\n部"} 3
# HELP x_undecided Help.
# TYPE x_undecided gauge
"#
    );
}

#[test]
fn open_metrics_differs_where_its_specification_does() {
    assert_eq!(
        own(&registry().gather(), OPEN),
        r#"# HELP x_build Help.
# TYPE x_build info
x_build_info 1
# HELP x_endless Help.
# TYPE x_endless gauge
x_endless +Inf
# HELP x_latency_seconds Latency.
# TYPE x_latency_seconds histogram
# UNIT x_latency_seconds seconds
x_latency_seconds_bucket{le="0.5"} 0
x_latency_seconds_bucket{le="1.0"} 1
x_latency_seconds_bucket{le="+Inf"} 1
x_latency_seconds_sum 0.75
x_latency_seconds_count 1
# HELP x_requests Requests \"so far\".
# TYPE x_requests counter
x_requests_total{path="a\"\\\n部"} 3
# HELP x_undecided Help.
# TYPE x_undecided gauge
# EOF
"#
    );
}

#[test]
fn families_are_sorted_whatever_their_order() {
    let mut families = registry().gather();
    let sorted = own(&families, OPEN);
    families.reverse();
    assert_eq!(own(&families, OPEN), sorted);
}

#[test]
fn an_info_that_is_not_1_is_a_gauge() {
    let registry = Registry::new();
    let off = Gauge::new("x_info", "Help.").unwrap();
    registry.register(Box::new(off)).unwrap();
    assert!(own(&registry.gather(), OPEN).contains("# TYPE x_info gauge\nx_info 0\n"));
}

/// Where the `prometheus` crate has an encoder, it and ours must tell the same.
#[test]
fn text_holds_the_samples_that_the_crates_own_encoder_writes() {
    let registry = registry();
    registry.register(Box::new(Process::this())).unwrap();
    let families = registry.gather();
    let theirs = prometheus::TextEncoder::new().encode_to_string(&families).unwrap();
    let tidy = |text: &str| {
        let lines = text.lines().filter(|line| !line.ends_with(" NaN"));
        lines.map(|line| line.replace(" inf", " +Inf")).collect::<Vec<_>>()
    };
    assert!(theirs.contains("process_cpu_seconds_total"));
    assert_eq!(tidy(&own(&families, Format::Text)), tidy(&theirs));
}

#[test]
fn process_metrics_have_their_units() {
    let registry = Registry::new();
    registry.register(Box::new(Process::this())).unwrap();
    let text = own(&registry.gather(), OPEN);
    for line in [
        "# TYPE process_cpu_seconds counter\n# UNIT process_cpu_seconds seconds\nprocess_cpu_seconds_total ",
        "# UNIT process_resident_memory_bytes bytes\n",
        "# UNIT process_start_time_seconds seconds\n",
        "# TYPE process_open_fds gauge\nprocess_open_fds ",
    ] {
        assert!(text.contains(line), "{line} is missing in:\n{text}");
    }
}
