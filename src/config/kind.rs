//! What a key may hold: the one place that turns a scalar into a value, or says what is wrong.

use std::{fmt, time::Duration};

use jiff::civil::Time;
use regex::{Regex, RegexBuilder};

use super::duration;
pub(super) use super::shown::shown;
use crate::input::{self, Named};

/// Bytes of any text at most.
const TEXT_BYTES_MAX: usize = 1024;

/// Bytes of a PEM text that stands in the file itself.
const PEM_BYTES_MAX: usize = 64 * 1024;

/// Bytes that a compiled expression may take; plain ones take a few thousand.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// What stands for a number that the program is to find.
const AUTO: &str = "auto";

/// The type of a key and its range.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A mapping with keys of its own.
    Section,
    /// A list of values or sections.
    List(&'static Kind),
    /// A value, or a list of such.
    OneOrMany(&'static Kind),
    /// Text without control characters.
    Text,
    /// Text without blanks.
    Id,
    /// Text that no message repeats.
    Secret,
    /// Blocks of PEM, in lines.
    Pem,
    /// A file, relative to the directory of the configuration file.
    Path,
    /// The address of an API.
    Url,
    /// A name of the IANA time zone database or an offset.
    Zone,
    /// A day `2026-10-01` or a range `2026-10-01..2026-10-07`.
    Days,
    /// A regular expression that may match anywhere in a text.
    Pattern,
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
    /// A whole number, or `auto` where the program is to find it.
    AutoOrCount {
        /// The least.
        min: u64,
        /// The most.
        max: u64,
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
    #[cfg(test)]
    pub(super) fn check(&self, text: &str) -> Result<(), String> {
        match self {
            Self::Section | Self::List(_) => Err(format!("must be {self}, not a single value")),
            Self::OneOrMany(of) => of.check(text),
            Self::Text
            | Self::Id
            | Self::Secret
            | Self::Pem
            | Self::Path
            | Self::Url
            | Self::Zone
            | Self::Days => self.text(text).map(drop),
            Self::Pattern => self.pattern(text).map(drop),
            Self::Flag => self.flag(text).map(drop),
            Self::Choice(_) => self.choice(text).map(drop),
            Self::Count { .. } => self.count(text).map(drop),
            Self::AutoOrCount { .. } => self.count_unless_auto(text).map(drop),
            Self::Number { .. } => self.number(text).map(drop),
            Self::Duration { .. } | Self::WholeDays { .. } => self.duration(text).map(drop),
            Self::TimeOfDay => self.time(text).map(drop),
        }
    }

    /// Text of some kind; what it means is the reader's business.
    pub(super) fn text(&self, text: &str) -> Result<String, String> {
        if matches!(self, Self::Pem) {
            return match text.len() {
                0 => Err("is empty".to_owned()),
                1..=PEM_BYTES_MAX => Ok(text.to_owned()),
                _ => Err(format!("is longer than {PEM_BYTES_MAX} bytes")),
            };
        }
        if text.is_empty() {
            return Err("is empty".to_owned());
        }
        if text.len() > TEXT_BYTES_MAX {
            return Err(format!("is longer than {TEXT_BYTES_MAX} bytes"));
        }
        if matches!(self, Self::Id) {
            if text.contains(char::is_whitespace) {
                return Err("holds a blank; an id has none".to_owned());
            }
            // Lists and quotes as other formats write them.
            if let Some(c) = text.chars().find(|c| r#",;"'|/\()[]{}"#.contains(*c)) {
                let c = Named(c);
                return Err(format!("holds {c}; an id has none, and each stands by itself"));
            }
        }
        Ok(text.to_owned())
    }

    /// The value as it is meant: what nobody sees is dropped at the ends and refused inside, and so
    /// is what was typed for a plain character of ASCII where no other can be meant.
    pub(super) fn clean<'t>(&self, text: &'t str) -> Result<&'t str, String> {
        let without = |c: Named| format!("holds {c}; write it without");
        if matches!(self, Self::Pem) {
            return Ok(text);
        }
        if matches!(self, Self::Pattern) {
            // Blanks at its ends belong to an expression.
            return match input::hidden(text) {
                Some(c) => Err(format!("{}, or as \\u{{{:X}}}", without(c), u32::from(c.0))),
                None => Ok(text),
            };
        }
        let text = input::trim(text);
        if matches!(self, Self::Text | Self::Path) {
            return input::hidden_in_a_name(text).map_or(Ok(text), |c| Err(without(c)));
        }
        if let Some(c) = input::hidden(text) {
            return Err(without(c));
        }
        let is_strange = |c: &char| matches!(self, Self::Secret) && !c.is_ascii();
        match input::lookalike(text).or_else(|| text.chars().find(is_strange).map(Named)) {
            Some(c) => Err(format!("holds {c}; write it in plain characters of ASCII")),
            None => Ok(text),
        }
    }

    /// Blanks at its ends belong to the expression.
    pub(super) fn pattern(&self, text: &str) -> Result<Regex, String> {
        self.text(text)?;
        RegexBuilder::new(text).size_limit(PATTERN_BYTES_MAX).build().map_err(|error| {
            // The parser draws the expression first; its last line is the reason.
            let drawn = error.to_string();
            let reason = drawn.lines().next_back().unwrap_or_default();
            let reason = reason.trim_start_matches("error: ").trim_end_matches('.');
            format!("{} is not a regular expression: {reason}", shown(text))
        })
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
        let (Self::Count { min, max } | Self::AutoOrCount { min, max }) = *self else {
            return Err(self.mismatch());
        };
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(format!("{} is not a whole number; choose {self}", shown(text)));
        }
        // More digits than a u64 holds are beyond every range.
        let count = text.parse().unwrap_or(u64::MAX);
        self.within(text, ["less", "more"], count, min, max)
    }

    /// None for `auto`.
    pub(super) fn count_unless_auto(&self, text: &str) -> Result<Option<u64>, String> {
        if text == AUTO { Ok(None) } else { self.count(text).map(Some) }
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
            duration::parse(text)?,
            duration::parse(min)?,
            duration::parse(max)?,
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
            Self::Count { min, max } | Self::AutoOrCount { min, max } => {
                (min.to_string(), max.to_string())
            }
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
            Self::OneOrMany(of) => write!(f, "{of}, or a list of such"),
            Self::AutoOrCount { min, max } => write!(f, "{AUTO} or {min}..{max}"),
            Self::Text => f.write_str("text"),
            Self::Id => f.write_str("an id"),
            Self::Secret => f.write_str("a secret"),
            Self::Pem => f.write_str("blocks of PEM"),
            Self::Path => f.write_str("a path"),
            Self::Url => f.write_str("a URL"),
            Self::Zone => f.write_str("a time zone"),
            Self::Days => f.write_str("a day or a range of days"),
            Self::Pattern => f.write_str("a regular expression"),
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
    fn an_expression_matches_anywhere_and_a_wrong_one_tells_why() {
        let pattern = |text| Kind::Pattern.pattern(text);
        let path = "总部/研发 一组/Platform";
        for (text, is_match) in [
            ("研发", true),
            ("^研发", false),
            ("发 一", true),
            ("(?i)platform$", true),
            (" 一", true),
        ] {
            assert_eq!(pattern(text).unwrap().is_match(path), is_match, "{text}");
        }
        for (text, message) in [
            ("a(b", "\"a(b\" is not a regular expression: unclosed group"),
            ("a{9}{999}{999}", "exceeds size limit"),
            ("(?=a)", "look-around"),
            ("", "is empty"),
        ] {
            let wrong = pattern(text).unwrap_err();
            assert!(wrong.contains(message) && !wrong.contains('\n'), "{text}: {wrong}");
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
