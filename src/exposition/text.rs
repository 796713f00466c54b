//! What both formats share on the level of characters: heads of families, escaping and numbers.

use std::fmt::Write;

/// Whole numbers below this are written digit by digit; from here on `Debug` writes an exponent.
const DIGITS_MAX: f64 = 1e16;

/// Appends the head of a family of that kind. `quotes`: whether HELP escapes them, as in OpenMetrics; a
/// `# UNIT` line is a comment to 0.0.4.
pub(super) fn push_family(out: &mut String, name: &str, kind: &str, help: &str, quotes: bool) {
    for part in ["# HELP ", name, " "] {
        out.push_str(part);
    }
    push_help(out, help, quotes);
    for part in ["\n# TYPE ", name, " ", kind, "\n"] {
        out.push_str(part);
    }
    if let Some(unit) = unit_of(name) {
        for part in ["# UNIT ", name, " ", unit, "\n"] {
            out.push_str(part);
        }
    }
}

/// The OpenMetrics unit of a metric: the base unit that its name ends with.
pub(super) fn unit_of(name: &str) -> Option<&'static str> {
    ["seconds", "bytes", "ratio"]
        .into_iter()
        .find(|unit| name.strip_suffix(unit).is_some_and(|rest| rest.ends_with('_')))
}

/// Appends `name="value"` for each label, after `mark` and with commas between; nothing without any,
/// and never the closing brace.
pub(super) fn push_labels<'v>(
    out: &mut String,
    mut mark: char,
    labels: impl IntoIterator<Item = (&'v str, &'v str)>,
) {
    for (name, value) in labels {
        out.push(mark);
        out.push_str(name);
        out.push_str("=\"");
        // In both formats alike; everything else stands for itself.
        push_escaped(out, value, &['\\', '"', '\n']);
        out.push('"');
        mark = ',';
    }
}

/// Appends HELP text. OpenMetrics escapes quotes there, 0.0.4 does not.
pub(super) fn push_help(out: &mut String, help: &str, quotes: bool) {
    push_escaped(out, help, if quotes { &['\\', '"', '\n'] } else { &['\\', '\n'] });
}

fn push_escaped(out: &mut String, mut text: &str, special: &[char]) {
    while let Some(at) = text.find(special) {
        out.push_str(&text[..at]);
        out.push('\\');
        out.push(match text.as_bytes()[at] {
            b'\n' => 'n',
            other => char::from(other),
        });
        text = &text[at + 1..];
    }
    out.push_str(text);
}

/// Appends the shortest text that reads back as `value`, in the grammar of both formats; whole
/// numbers have no fraction.
pub(super) fn push_number(out: &mut String, value: f64) {
    let written = if value.is_nan() {
        out.write_str("NaN")
    } else if value.is_infinite() {
        out.write_str(if value > 0.0 { "+Inf" } else { "-Inf" })
    } else if value.fract() == 0.0 && value.abs() < DIGITS_MAX {
        #[expect(clippy::cast_possible_truncation, reason = "whole, and far below 2^63")]
        let whole = value as i64;
        write!(out, "{whole}")
    } else {
        // `Debug` turns to an exponent where `Display` would write hundreds of digits.
        write!(out, "{value:?}")
    };
    written.expect("writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(value: f64) -> String {
        let mut out = String::new();
        push_number(&mut out, value);
        out
    }

    #[test]
    fn numbers_are_as_short_as_they_can_be() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (12.0, "12"),
            (-3.0, "-3"),
            (0.8571, "0.8571"),
            (1.5, "1.5"),
            (999_999_999_999_999.0, "999999999999999"),
            (1e15, "1000000000000000"),
            (1e16, "1e16"),
            (9_223_372_036_854_775_808.0, "9.223372036854776e18"),
            (1e300, "1e300"),
            (1e-7, "1e-7"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn help_escapes_quotes_only_where_the_format_does() {
        let mut out = String::new();
        push_help(&mut out, "a\"b\\c\nd", false);
        assert_eq!(out, "a\"b\\\\c\\nd");
        out.clear();
        push_help(&mut out, "a\"b\\c\nd", true);
        assert_eq!(out, "a\\\"b\\\\c\\nd");
    }

    proptest::proptest! {
        #[test]
        fn any_finite_number_reads_back_as_itself(value in proptest::num::f64::NORMAL) {
            proptest::prop_assert_eq!(number(value).parse::<f64>().unwrap(), value);
        }
    }
}
