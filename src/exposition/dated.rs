//! Lines with timestamps, for files of the past. The same names, labels and numbers as on
//! `/metrics`, so that old and new samples make one series.

use std::fmt::Write as _;

use super::text::{push_family, push_labels, push_number};

/// A format of files with timestamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatedFormat {
    /// OpenMetrics 1.0: timestamps in seconds, an end mark.
    OpenMetrics,
    /// The text format 0.0.4: timestamps in milliseconds, no end mark.
    PrometheusMillis,
}

impl DatedFormat {
    /// Appends the head of a family of gauges.
    pub fn push_family(self, out: &mut String, name: &str, help: &str) {
        push_family(out, name, "gauge", help, self == Self::OpenMetrics);
    }

    /// Appends the time and the end of a line that [`push_series`] and [`push_value`] began.
    pub fn push_time(self, out: &mut String, unix_s: i64) {
        let millis = if self == Self::PrometheusMillis { "000" } else { "" };
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{unix_s}{millis}");
    }

    /// What stands at the end of a file.
    #[must_use]
    pub const fn end(self) -> &'static str {
        match self {
            Self::OpenMetrics => "# EOF\n",
            Self::PrometheusMillis => "",
        }
    }
}

/// Appends a series: its name and labels, in the given order.
pub fn push_series(out: &mut String, name: &str, labels: &[(&str, &str)]) {
    out.push_str(name);
    push_labels(out, '{', labels.iter().copied());
    out.push_str("} ");
}

/// Appends a value and the blank before the time.
pub fn push_value(out: &mut String, value: f64) {
    push_number(out, value);
    out.push(' ');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_written_as_its_format_wants_it() {
        for (format, head, time) in [
            (DatedFormat::OpenMetrics, "# HELP a_ratio Say \\\"x\\\".", "1764120600"),
            (DatedFormat::PrometheusMillis, "# HELP a_ratio Say \"x\".", "1764120600000"),
        ] {
            let mut out = String::new();
            format.push_family(&mut out, "a_ratio", "Say \"x\".");
            push_series(&mut out, "a_ratio", &[("tenant", "acme"), ("department", "a\"b\\\n")]);
            push_value(&mut out, 0.5);
            format.push_time(&mut out, 1_764_120_600);
            let expected = format!(
                "{head}\n# TYPE a_ratio gauge\n# UNIT a_ratio ratio\n\
                 a_ratio{{tenant=\"acme\",department=\"a\\\"b\\\\\\n\"}} 0.5 {time}\n"
            );
            assert_eq!(out, expected);
        }
    }
}
