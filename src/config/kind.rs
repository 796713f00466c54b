//! What a key may hold: the one place that turns a scalar into a value, or says what is wrong.

use std::{fmt, time::Duration};

use jiff::civil::Time;

/// Bytes of any text at most.
const TEXT_BYTES_MAX: usize = 1024;

/// Characters of a wrong value that a message repeats.
const SHOWN_MAX: usize = 40;

/// The type of a key and its range.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A mapping with keys of its own.
    Section,
    /// A list of values or sections.
    List(&'static Kind),
    /// Text without control characters.
    Text,
    /// Text without blanks.
    Id,
    /// Text that no message repeats.
    Secret,
    /// A file, relative to the directory of the configuration file.
    Path,
    /// The address of an API.
    Url,
    /// A name of the IANA time zone database or an offset.
    Zone,
    /// A day `2026-10-01` or a range `2026-10-01..2026-10-07`.
    Days,
    /// `true` or `false`.
    Flag,
    /// One of some words.
    Choice(&'static [&'static str]),
    /// A whole number.
    Count {
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
    /// A number.
    Number {
        /// The least.
        min: f64,
        /// The most.
        max: f64,
    },
    /// A duration as Prometheus writes it.
    Duration {
        /// The shortest.
        min: &'static str,
        /// The longest.
        max: &'static str,
    },
    /// A duration of whole days.
    WholeDays {
        /// The shortest.
        min: &'static str,
        /// The longest.
        max: &'static str,
    },
    /// A local time of day.
    TimeOfDay,
}

impl Kind {
    /// Whether `text` can be the value of such a key.
    ///
    /// # Errors
    /// If it cannot: what is wrong and what to write.
    pub(super) fn check(&self, text: &str) -> Result<(), String> {
        match self {
            Self::Section | Self::List(_) => Err(format!("must be {self}, not a single value")),
            Self::Text
            | Self::Id
            | Self::Secret
            | Self::Path
            | Self::Url
            | Self::Zone
            | Self::Days => self.text(text).map(drop),
            Self::Flag => self.flag(text).map(drop),
            Self::Choice(_) => self.choice(text).map(drop),
            Self::Count { .. } => self.count(text).map(drop),
            Self::Number { .. } => self.number(text).map(drop),
            Self::Duration { .. } | Self::WholeDays { .. } => self.duration(text).map(drop),
            Self::TimeOfDay => self.time(text).map(drop),
        }
    }

    /// Text of some kind; what it means is the reader's business.
    pub(super) fn text(&self, text: &str) -> Result<String, String> {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Err("is empty".to_owned());
        }
        if trimmed.len() > TEXT_BYTES_MAX {
            return Err(format!("is longer than {TEXT_BYTES_MAX} bytes"));
        }
        if trimmed.chars().any(char::is_control) {
            return Err("holds a line break or another control character".to_owned());
        }
        if matches!(self, Self::Id) && trimmed.contains(char::is_whitespace) {
            return Err("holds a blank; an id has none".to_owned());
        }
        Ok(trimmed.to_owned())
    }

    pub(super) fn flag(&self, text: &str) -> Result<bool, String> {
        match text {
            "true" | "True" | "TRUE" => Ok(true),
            "false" | "False" | "FALSE" => Ok(false),
            _ => Err(format!("{} is neither true nor false", shown(text))),
        }
    }

    pub(super) fn choice(&self, text: &str) -> Result<&'static str, String> {
        let Self::Choice(words) = self else { return Err(self.mismatch()) };
        words.iter().copied().find(|word| *word == text).ok_or_else(|| {
            format!("{} is not known; choose {}", shown(text), alternatives(words, " or "))
        })
    }

    pub(super) fn count(&self, text: &str) -> Result<u64, String> {
        let Self::Count { min, max } = *self else { return Err(self.mismatch()) };
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(format!("{} is not a whole number; choose {self}", shown(text)));
        }
        // More digits than a u64 holds are beyond every range.
        let count = text.parse().unwrap_or(u64::MAX);
        self.within(text, ["less", "more"], count, min, max)
    }

    pub(super) fn number(&self, text: &str) -> Result<f64, String> {
        let Self::Number { min, max } = *self else { return Err(self.mismatch()) };
        let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        match text.parse::<f64>() {
            Ok(number) if plain => self.within(text, ["less", "more"], number, min, max),
            _ => Err(format!("{} is not a plain number; choose {self}", shown(text))),
        }
    }

    pub(super) fn duration(&self, text: &str) -> Result<Duration, String> {
        let (Self::Duration { min, max } | Self::WholeDays { min, max }) = *self else {
            return Err(self.mismatch());
        };
        let value = self.within(
            text,
            ["shorter", "longer"],
            parse_duration(text)?,
            parse_duration(min)?,
            parse_duration(max)?,
        )?;
        if matches!(self, Self::WholeDays { .. }) && value.as_secs() % 86_400 != 0 {
            return Err(format!("{} is not a number of whole days; write 7d", shown(text)));
        }
        Ok(value)
    }

    pub(super) fn time(&self, text: &str) -> Result<Time, String> {
        let two_digits = |part: &str| {
            (matches!(part.len(), 1 | 2) && part.bytes().all(|b| b.is_ascii_digit()))
                .then(|| part.parse::<i8>().ok())
                .flatten()
        };
        text.split_once(':')
            .and_then(|(hour, minute)| {
                let minute = if minute.len() == 2 { two_digits(minute)? } else { return None };
                Time::new(two_digits(hour)?, minute, 0, 0).ok()
            })
            .ok_or_else(|| {
                // 570 is what a YAML 1.1 program makes of 09:30.
                format!("{} is not a time of day; write \"09:30\", in quotes", shown(text))
            })
    }

    fn within<T: PartialOrd + Copy>(
        &self,
        text: &str,
        [below, above]: [&str; 2],
        value: T,
        min: T,
        max: T,
    ) -> Result<T, String> {
        let (min_text, max_text) = self.bounds();
        if value < min {
            Err(format!("{} is {below} than {min_text}; choose {self}", shown(text)))
        } else if value > max {
            Err(format!("{} is {above} than {max_text}; choose {self}", shown(text)))
        } else {
            Ok(value)
        }
    }

    fn bounds(&self) -> (String, String) {
        match self {
            Self::Count { min, max } => (min.to_string(), max.to_string()),
            Self::Number { min, max } => (min.to_string(), max.to_string()),
            Self::Duration { min, max } | Self::WholeDays { min, max } => {
                ((*min).to_owned(), (*max).to_owned())
            }
            _ => Default::default(),
        }
    }

    fn mismatch(&self) -> String {
        format!("is declared as {self}, which is read as something else")
    }
}

/// A kind as documents and messages name it.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Section => f.write_str("a section of keys"),
            Self::List(of) => write!(f, "a list; each entry is {of}"),
            Self::Text => f.write_str("text"),
            Self::Id => f.write_str("an id"),
            Self::Secret => f.write_str("a secret"),
            Self::Path => f.write_str("a path"),
            Self::Url => f.write_str("a URL"),
            Self::Zone => f.write_str("a time zone"),
            Self::Days => f.write_str("a day or a range of days"),
            Self::Flag => f.write_str("true or false"),
            Self::Choice(words) => f.write_str(&alternatives(words, " or ")),
            Self::TimeOfDay => f.write_str("a time of day"),
            Self::Count { .. }
            | Self::Number { .. }
            | Self::Duration { .. }
            | Self::WholeDays { .. } => {
                let (min, max) = self.bounds();
                write!(f, "{min}..{max}")
            }
        }
    }
}

/// Reads a duration as Prometheus writes it: `1d12h`, units from large to small, each once.
///
/// # Errors
/// If it is none, or more than 2^64 milliseconds.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    const UNITS: [(&str, u64); 7] = [
        ("y", 365 * 86_400_000),
        ("w", 7 * 86_400_000),
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1000),
        ("ms", 1),
    ];
    let wrong =
        || format!("{} is not a duration; write it like 30s, 5m, 1h, 14d or 1d12h", shown(text));
    let too_long = || format!("{} is too long", shown(text));
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let (mut rest, mut smaller, mut millis) = (text, &UNITS[..], 0_u64);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let letters = rest[digits..].bytes().take_while(u8::is_ascii_alphabetic).count();
        let (number, unit) = (&rest[..digits], &rest[digits..digits + letters]);
        let at = smaller.iter().position(|(name, _)| *name == unit).ok_or_else(wrong)?;
        if number.is_empty() {
            return Err(wrong());
        }
        millis = number
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(smaller[at].1))
            .and_then(|part| part.checked_add(millis))
            .ok_or_else(too_long)?;
        smaller = &smaller[at + 1..];
        rest = &rest[digits + letters..];
    }
    if text.is_empty() { Err(wrong()) } else { Ok(Duration::from_millis(millis)) }
}

/// A duration as [`parse_duration`] reads it.
#[must_use]
pub fn written_duration(duration: Duration) -> String {
    let mut millis = duration.as_millis();
    let mut text = String::new();
    for (unit, size) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)]
    {
        if millis >= size {
            text.push_str(&format!("{}{unit}", millis / size));
            millis %= size;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// A wrong value as a message shows it: quoted unless it is a plain word, and never at length.
pub(super) fn shown(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._:+-/%*".contains(c);
    let short: String = text.chars().take(SHOWN_MAX).collect();
    let dots = if short.len() < text.len() { "…" } else { "" };
    if !short.is_empty() && short.chars().all(plain) {
        format!("{short}{dots}")
    } else {
        format!("\"{}{dots}\"", short.escape_debug())
    }
}

/// `a, b or c`.
pub(super) fn alternatives(words: &[&str], last: &str) -> String {
    match words {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [most @ .., end] => format!("{}{last}{end}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_written_as_in_prometheus() {
        for (text, seconds) in [
            ("30s", 30),
            ("5m", 300),
            ("1d12h", 129_600),
            ("1y", 31_536_000),
            ("1w2d", 777_600),
            ("0", 0),
            ("0s", 0),
            ("90m", 5400),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(parse_duration("1s500ms"), Ok(Duration::from_millis(1500)));
    }

    #[test]
    fn other_forms_of_durations_are_refused() {
        for text in [
            "", " ", "30", "1 h", "1h 30m", "12h1d", "1h1h", "h", "1.5h", "-1h", "1hour", "1H",
            "1M", "1µs", "１h", "1h30", "+1h",
        ] {
            let message = parse_duration(text).unwrap_err();
            assert!(message.contains("is not a duration"), "{text}: {message}");
        }
        for text in ["99999999999999999999s", "18446744073709551615d", "600000000y"] {
            assert!(parse_duration(text).unwrap_err().contains("is too long"), "{text}");
        }
    }

    #[test]
    fn a_duration_survives_writing_and_reading() {
        for text in ["1d12h", "30s", "14d", "1h", "1s500ms", "0s"] {
            assert_eq!(written_duration(parse_duration(text).unwrap()), text);
        }
    }

    #[test]
    fn a_time_of_day_has_hours_and_two_digits_of_minutes() {
        let time = |text| Kind::TimeOfDay.time(text).map(|t| (t.hour(), t.minute()));
        assert_eq!(time("09:30"), Ok((9, 30)));
        assert_eq!(time("9:05"), Ok((9, 5)));
        assert_eq!(time("23:59"), Ok((23, 59)));
        for text in ["570", "24:00", "09:60", "9:5", "09:30:00", "", ":", "-1:30", "0９:30"] {
            assert!(time(text).unwrap_err().contains("in quotes"), "{text}");
        }
    }

    #[test]
    fn numbers_are_plain_and_within_their_range() {
        let count = |text| Kind::Count { min: 1, max: 64 }.count(text);
        assert_eq!(count("64"), Ok(64));
        for text in ["0", "65", "-1", "0x10", "1e1", "4.0", "1_0", "99999999999999999999", ""] {
            assert!(count(text).unwrap_err().ends_with("choose 1..64"), "{text}");
        }
        let number = |text| Kind::Number { min: 0.1, max: 100.0 }.number(text);
        assert_eq!(number("0.5"), Ok(0.5));
        assert_eq!(number("5"), Ok(5.0));
        for text in ["0", "101", "nan", "inf", "1e1", "-5", ".", ""] {
            assert!(number(text).unwrap_err().ends_with("choose 0.1..100"), "{text}");
        }
    }

    #[test]
    fn a_wrong_value_is_shown_short_and_harmless() {
        assert_eq!(shown("30h"), "30h");
        assert_eq!(shown("a b\n"), "\"a b\\n\"");
        assert_eq!(shown(""), "\"\"");
        assert_eq!(shown(&"x".repeat(50)), format!("{}…", "x".repeat(40)));
    }
}
