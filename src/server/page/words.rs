//! Numbers, moments and foreign text, as people read them in HTML.

use std::fmt::{self, Display, Write};

use jiff::Timestamp;
use maud::{Markup, html};

use super::texts::Texts;
use crate::day::Zone;

/// Text in HTML, between tags or in a quoted attribute.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                // HTML has no place for control characters, not even as references.
                c if c.is_control() && !c.is_ascii_whitespace() => f.write_char('\u{fffd}')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

impl maud::Render for Escaped<'_> {
    fn render_to(&self, out: &mut String) {
        write!(out, "{self}").expect("writing to a string cannot fail");
    }
}

/// A moment as seen from now: `2 hours ago`, `in 5 minutes`, with the full time as a tooltip.
#[derive(Clone, Copy)]
pub(super) struct Moment<'a> {
    pub(super) now: Timestamp,
    pub(super) at: Timestamp,
    /// Where the full time is told.
    pub(super) zone: &'a Zone,
    pub(super) texts: &'a Texts,
}

impl Moment<'_> {
    /// The full time in the zone, and in UTC.
    pub(super) fn absolute(&self) -> String {
        let local = self.zone.local(self.at).strftime("%Y-%m-%d %H:%M:%S");
        format!("{local} {} ({})", self.zone.offset(self.at), self.at.strftime("%H:%M UTC"))
    }

    fn relative(&self) -> String {
        match self.at.duration_since(self.now).as_secs() {
            0 => self.texts.now.to_owned(),
            ahead @ 1.. => (self.texts.ahead)(&span(ahead, self.texts)),
            ago => (self.texts.ago)(&span(-ago, self.texts)),
        }
    }
}

impl maud::Render for Moment<'_> {
    fn render(&self) -> Markup {
        html! {
            time datetime=(self.at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
                title=(self.absolute()) { (self.relative()) }
        }
    }
}

/// A length of time in the largest unit that there are two of, or in the one below.
pub(super) fn span(seconds: i64, texts: &Texts) -> String {
    let (number, unit) = match seconds {
        ..120 => (seconds, 0),
        120..7200 => (seconds / 60, 1),
        7200..172_800 => (seconds / 3600, 2),
        _ => (seconds / 86_400, 3),
    };
    format!("{number}{}", texts.units[unit][usize::from(number != 1)])
}

/// A figure as people read it: whole where it is large, else with what tells it apart.
pub(super) fn number(value: f64) -> String {
    let rounded = if value.abs() < 10.0 { (value * 100.0).round() / 100.0 } else { value.round() };
    if rounded.fract() != 0.0 || rounded.abs() >= 1e15 {
        return format!("{rounded}");
    }
    #[expect(clippy::cast_possible_truncation, reason = "whole, and below 10^15")]
    let whole = rounded as i64;
    let sign = if whole < 0 { "-" } else { "" };
    format!("{sign}{}", grouped(whole.unsigned_abs()))
}

/// A change against what is usual, in percent.
pub(super) fn percent(ratio: f64) -> String {
    let percent = ((ratio - 1.0) * 100.0).round();
    let sign = if percent < 0.0 {
        "−"
    } else if percent > 0.0 {
        "+"
    } else {
        ""
    };
    format!("{sign}{} %", percent.abs())
}

/// A size in the unit that fits.
pub(super) fn bytes_told(bytes: u64) -> String {
    match bytes {
        ..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{} kB", grouped(bytes / 1000)),
        10_000_000..10_000_000_000 => format!("{} MB", grouped(bytes / 1_000_000)),
        _ => format!("{} GB", grouped(bytes / 1_000_000_000)),
    }
}

/// A number with its thousands set apart.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use maud::Render as _;

    use super::{
        super::texts::{CHINESE, ENGLISH},
        *,
    };

    fn at(second: i64, texts: &'static Texts) -> (String, String) {
        let now: Timestamp = "2026-11-23T02:00:00Z".parse().unwrap();
        let at = now + jiff::SignedDuration::from_secs(second);
        let zone = Zone::shanghai();
        let moment = Moment { now, at, zone: &zone, texts };
        (moment.relative(), moment.render().into_string())
    }

    #[test]
    fn moments_are_told_in_the_unit_that_fits() {
        for (seconds, english, chinese) in [
            (0, "now", "现在"),
            (1, "in 1 second", "1 秒后"),
            (-1, "1 second ago", "1 秒前"),
            (-119, "119 seconds ago", "119 秒前"),
            (120, "in 2 minutes", "2 分钟后"),
            (-7199, "119 minutes ago", "119 分钟前"),
            (-7200, "2 hours ago", "2 小时前"),
            (-172_799, "47 hours ago", "47 小时前"),
            (172_800, "in 2 days", "2 天后"),
            (-86_400 * 90, "90 days ago", "90 天前"),
        ] {
            assert_eq!(at(seconds, &ENGLISH).0, english);
            assert_eq!(at(seconds, &CHINESE).0, chinese);
        }
    }

    #[test]
    fn a_moment_is_machine_readable_too_and_tells_the_tenants_time() {
        assert_eq!(
            at(-1800, &ENGLISH).1,
            "<time datetime=\"2026-11-23T01:30:00Z\" \
             title=\"2026-11-23 09:30:00 +08 (01:30 UTC)\">30 minutes ago</time>"
        );
    }

    #[test]
    fn numbers_are_as_exact_as_people_want_them() {
        for (value, text) in [
            (0.0, "0"),
            (0.8571, "0.86"),
            (9.5, "9.5"),
            (9.999, "10"),
            (12.4, "12"),
            (1_234_567.0, "1,234,567"),
            (-1234.0, "-1,234"),
            (1e18, "1000000000000000000"),
        ] {
            assert_eq!(number(value), text);
        }
        assert_eq!(
            (percent(0.5), percent(1.0), percent(1.234)),
            ("−50 %".into(), "0 %".into(), "+23 %".into())
        );
    }

    #[test]
    fn thousands_are_set_apart() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn foreign_text_cannot_leave_its_place() {
        assert_eq!(
            Escaped("<b a=\"1\" b='2'>&\u{0}\u{1b}\n研发</b>").to_string(),
            "&lt;b a=&quot;1&quot; b=&#39;2&#39;&gt;&amp;\u{fffd}\u{fffd}\n研发&lt;/b&gt;"
        );
    }
}
