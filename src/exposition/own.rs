//! The exporter's own metrics, from the families that a registry gathers.
//!
//! The `prometheus` crate has an encoder for 0.0.4 only; this one knows OpenMetrics too.

use prometheus::proto::{Histogram, LabelPair, Metric, MetricFamily, MetricType};

use super::{
    negotiate::Format,
    text::{push_help, push_labels, push_number, unit_of},
};

/// Renders families sorted by name, in OpenMetrics with the end mark.
///
/// Counters, gauges and histograms are what the exporter has; other kinds are left out, and so is
/// a sample that is not a number.
#[must_use]
pub fn own(families: &[MetricFamily], format: Format) -> String {
    let mut families: Vec<&MetricFamily> = families.iter().collect();
    families.sort_by_key(|family| family.name());
    let mut out = String::new();
    for family in families {
        match format {
            Format::Text => write_text(&mut out, family),
            Format::OpenMetrics { .. } => write_open_metrics(&mut out, family),
        }
    }
    if matches!(format, Format::OpenMetrics { .. }) {
        out.push_str("# EOF\n");
    }
    out
}

fn write_text(out: &mut String, family: &MetricFamily) {
    let name = family.name();
    let Some(kind) = kind_of(family) else { return };
    push_comment(out, "HELP", name, |out| push_help(out, family.help(), false));
    push_comment(out, "TYPE", name, |out| out.push_str(kind));
    for metric in family.get_metric() {
        write_metric(out, family.get_field_type(), name, metric, |bound| {
            let mut text = String::new();
            push_number(&mut text, bound);
            text
        });
    }
}

fn write_open_metrics(out: &mut String, family: &MetricFamily) {
    let name = family.name();
    let Some(mut kind) = kind_of(family) else { return };
    // The family of a counter is named without the suffix that its samples have, and so is the
    // family of an info; HELP, TYPE and UNIT tell of families.
    let (base, sample) = match family.get_field_type() {
        MetricType::COUNTER => {
            let base = name.strip_suffix("_total").unwrap_or(name);
            (base, format!("{base}_total"))
        }
        MetricType::GAUGE if is_info(family) => {
            kind = "info";
            (name.strip_suffix("_info").unwrap_or(name), name.to_owned())
        }
        _ => (name, name.to_owned()),
    };
    push_comment(out, "HELP", base, |out| push_help(out, family.help(), true));
    push_comment(out, "TYPE", base, |out| out.push_str(kind));
    if let Some(unit) = unit_of(base) {
        push_comment(out, "UNIT", base, |out| out.push_str(unit));
    }
    for metric in family.get_metric() {
        // OpenMetrics wants bounds as floats: `1.0`, not `1`.
        write_metric(out, family.get_field_type(), &sample, metric, |bound| format!("{bound:?}"));
    }
}

/// The TYPE of a family in both formats, if it is a kind that the exporter has.
fn kind_of(family: &MetricFamily) -> Option<&'static str> {
    match family.get_field_type() {
        MetricType::COUNTER => Some("counter"),
        MetricType::GAUGE => Some("gauge"),
        MetricType::HISTOGRAM => Some("histogram"),
        MetricType::SUMMARY | MetricType::UNTYPED => None,
    }
}

/// OpenMetrics' info: always 1, told by the name.
#[expect(clippy::float_cmp, reason = "it was set to exactly 1")]
fn is_info(family: &MetricFamily) -> bool {
    family.name().ends_with("_info")
        && family.get_metric().iter().all(|metric| metric.get_gauge().get_value() == 1.0)
}

fn push_comment(out: &mut String, keyword: &str, name: &str, text: impl FnOnce(&mut String)) {
    for part in ["# ", keyword, " ", name, " "] {
        out.push_str(part);
    }
    text(out);
    out.push('\n');
}

fn write_metric(
    out: &mut String,
    kind: MetricType,
    name: &str,
    metric: &Metric,
    bound: impl Fn(f64) -> String,
) {
    let labels = metric.get_label();
    match kind {
        MetricType::COUNTER => push_sample(out, name, labels, metric.get_counter().get_value()),
        MetricType::GAUGE => push_sample(out, name, labels, metric.get_gauge().get_value()),
        _ => write_histogram(out, name, labels, metric.get_histogram(), bound),
    }
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus' samples are floats")]
fn write_histogram(
    out: &mut String,
    name: &str,
    labels: &[LabelPair],
    histogram: &Histogram,
    bound: impl Fn(f64) -> String,
) {
    let (sum, count) = (histogram.get_sample_sum(), histogram.get_sample_count());
    if sum.is_nan() {
        return;
    }
    let bucket = format!("{name}_bucket");
    let finite = histogram.get_bucket().iter().filter(|bucket| bucket.upper_bound().is_finite());
    let bounds = finite.map(|b| (bound(b.upper_bound()), b.cumulative_count()));
    for (le, cumulative) in bounds.chain([("+Inf".to_owned(), count)]) {
        push_name_and_labels(out, &bucket, labels, Some(&le));
        push_value(out, cumulative as f64);
    }
    push_sample(out, &format!("{name}_sum"), labels, sum);
    push_sample(out, &format!("{name}_count"), labels, count as f64);
}

fn push_sample(out: &mut String, name: &str, labels: &[LabelPair], value: f64) {
    if !value.is_nan() {
        push_name_and_labels(out, name, labels, None);
        push_value(out, value);
    }
}

fn push_value(out: &mut String, value: f64) {
    out.push(' ');
    push_number(out, value);
    out.push('\n');
}

fn push_name_and_labels(out: &mut String, name: &str, labels: &[LabelPair], le: Option<&str>) {
    out.push_str(name);
    let pairs = labels.iter().map(|pair| (pair.name(), pair.value()));
    push_labels(out, '{', pairs.chain(le.map(|le| ("le", le))));
    if !labels.is_empty() || le.is_some() {
        out.push('}');
    }
}

#[cfg(test)]
mod tests;
