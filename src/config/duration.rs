//! Durations as Prometheus writes them.

use std::time::Duration;

use super::shown::shown;

/// Reads a duration as Prometheus writes it: `1d12h`, units from large to small, each once.
///
/// # Errors
/// If it is none, or more than 2^64 milliseconds.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
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

/// A duration as the configuration spells it: `1d12h`.
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
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(parse("1s500ms"), Ok(Duration::from_millis(1500)));
    }

    #[test]
    fn other_forms_of_durations_are_refused() {
        for text in [
            "", " ", "30", "1 h", "1h 30m", "12h1d", "1h1h", "h", "1.5h", "-1h", "1hour", "1H",
            "1M", "1µs", "１h", "1h30", "+1h",
        ] {
            let message = parse(text).unwrap_err();
            assert!(message.contains("is not a duration"), "{text}: {message}");
        }
        for text in ["99999999999999999999s", "18446744073709551615d", "600000000y"] {
            assert!(parse(text).unwrap_err().contains("is too long"), "{text}");
        }
    }

    #[test]
    fn a_duration_survives_writing_and_reading() {
        for text in ["1d12h", "30s", "14d", "1h", "1s500ms", "0s"] {
            assert_eq!(written_duration(parse(text).unwrap()), text);
        }
    }
}
