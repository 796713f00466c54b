//! Numbers, moments and foreign text, as people read them in HTML.

use std::fmt::{self, Display, Write};

use jiff::Timestamp;

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

/// A moment as seen from now: `2 hours ago`, `in 5 minutes`, with the full time as a tooltip.
pub(super) struct Moment {
    pub(super) now: Timestamp,
    pub(super) at: Timestamp,
}

impl Moment {
    /// The full time, in UTC.
    pub(super) fn absolute(&self) -> impl Display {
        self.at.strftime("%Y-%m-%d %H:%M:%S UTC")
    }

    fn relative(&self) -> String {
        match self.at.duration_since(self.now).as_secs() {
            0 => "now".to_owned(),
            ahead @ 1.. => format!("in {}", span(ahead)),
            ago => format!("{} ago", span(-ago)),
        }
    }
}

impl Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "<time datetime=\"{}\" title=\"{}\">{}</time>",
            self.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            self.absolute(),
            self.relative()
        )
    }
}

/// A length of time in the largest unit that there are two of, or in the one below.
fn span(seconds: i64) -> String {
    let (number, unit) = match seconds {
        ..120 => (seconds, "second"),
        120..7200 => (seconds / 60, "minute"),
        7200..172_800 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
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
    use super::*;

    #[test]
    fn moments_are_told_in_the_unit_that_fits() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        for (seconds, words) in [
            (0, "now"),
            (1, "in 1 second"),
            (-1, "1 second ago"),
            (-119, "119 seconds ago"),
            (120, "in 2 minutes"),
            (-7199, "119 minutes ago"),
            (-7200, "2 hours ago"),
            (-172_799, "47 hours ago"),
            (172_800, "in 2 days"),
            (-86_400 * 90, "90 days ago"),
        ] {
            let at = Timestamp::from_second(1_800_000_000 + seconds).unwrap();
            assert_eq!(Moment { now, at }.relative(), words);
        }
    }

    #[test]
    fn a_moment_is_machine_readable_too() {
        let now: Timestamp = "2026-11-23T02:00:00Z".parse().unwrap();
        let at: Timestamp = "2026-11-23T01:30:00.123Z".parse().unwrap();
        assert_eq!(
            Moment { now, at }.to_string(),
            "<time datetime=\"2026-11-23T01:30:00Z\" title=\"2026-11-23 01:30:00 UTC\">\
             29 minutes ago</time>"
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
