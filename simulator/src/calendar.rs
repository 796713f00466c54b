//! The simulator's own civil days: counted from 1970-01-01, turned into dates by jiff.

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

/// A civil day, counted from 1970-01-01.
pub(super) type DayNumber = i64;

const SECONDS_PER_DAY: i64 = 86_400;
/// "当天的数据会在第二天的早上九点半产出": half past nine, in seconds.
const READY_AT: i64 = 9 * 3600 + 1800;
const EPOCH: Date = Date::constant(1970, 1, 1);

/// A place that holds its own share of the tenant's people and data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Geo {
    /// China, the tenant's home: what an answer holds that names no `target_geo`.
    Cn,
    /// Singapore.
    Sg,
    /// Japan.
    Jp,
    /// The United States.
    Us,
}

impl Geo {
    /// All four that the API document names.
    pub const ALL: [Self; 4] = [Self::Cn, Self::Sg, Self::Jp, Self::Us];

    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|geo| geo.as_str() == text)
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Cn => "cn",
            Self::Sg => "sg",
            Self::Jp => "jp",
            Self::Us => "us",
        }
    }

    /// "CN时区: UTC+8，非CN时区: UTC+0", in seconds.
    const fn offset(self) -> i64 {
        match self {
            Self::Cn => 8 * 3600,
            Self::Sg | Self::Jp | Self::Us => 0,
        }
    }
}

/// The newest day whose figures exist at this instant.
pub(super) fn newest_day(now: Timestamp, geo: Geo) -> DayNumber {
    (now.as_second() + geo.offset() - READY_AT).div_euclid(SECONDS_PER_DAY) - 1
}

/// The day in the tenant's own zone.
pub(super) fn today(now: Timestamp) -> DayNumber {
    (now.as_second() + Geo::Cn.offset()).div_euclid(SECONDS_PER_DAY)
}

pub(super) fn number(date: Date) -> DayNumber {
    date.duration_since(EPOCH).as_hours() / 24
}

/// The date of a day, clamped to what jiff can express.
pub(super) fn date(day: DayNumber) -> Date {
    EPOCH.saturating_add(jiff::SignedDuration::from_hours(day.saturating_mul(24)))
}

/// When a day begins in the tenant's own zone, in seconds.
pub(super) fn unix_time(day: DayNumber) -> i64 {
    day * SECONDS_PER_DAY - Geo::Cn.offset()
}

/// A date exactly as the API wants it, `YYYY-mm-dd`.
pub(super) fn parse(text: &str) -> Option<DayNumber> {
    let date: Date = text.parse().ok()?;
    (date.to_string() == text).then(|| number(date))
}

/// Whether the company has that day off, whichever weekday it is: New Year's Day and the National
/// Day week.
#[must_use]
pub fn is_holiday(date: Date) -> bool {
    matches!((date.month(), date.day()), (10, 1..=7) | (1, 1))
}

/// How many in a hundred people work on this day.
pub(super) fn presence(day: DayNumber) -> u64 {
    // 1970-01-01 was a Thursday.
    let weekday = (day + 3).rem_euclid(7);
    match weekday {
        _ if is_holiday(date(day)) => 7,
        5.. => 12,
        _ => 94,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_appears_at_half_past_nine_of_the_next_day_in_its_zone() {
        for (now, geo, newest) in [
            ("2026-11-23T01:29:59Z", Geo::Cn, "2026-11-21"),
            ("2026-11-23T01:30:00Z", Geo::Cn, "2026-11-22"),
            ("2026-11-23T09:29:59Z", Geo::Sg, "2026-11-21"),
            ("2026-11-23T09:30:00Z", Geo::Jp, "2026-11-22"),
            ("2026-03-01T09:30:00+08:00", Geo::Cn, "2026-02-28"),
        ] {
            let day = newest_day(now.parse().unwrap(), geo);
            assert_eq!(date(day).to_string(), newest, "{now} {geo:?}");
        }
    }

    #[test]
    fn only_the_documented_form_is_a_date() {
        assert_eq!(parse("1970-01-02"), Some(1));
        assert_eq!(parse("2026-03-01").unwrap() - parse("2026-02-28").unwrap(), 1);
        for text in ["", "20260301", "2026-3-1", "2026-02-30", "2026-03-01T00:00", "yesterday"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn weekends_and_holidays_are_quiet() {
        for (day, expected) in [
            ("2026-11-23", 94),
            ("2026-11-22", 12),
            ("2026-11-21", 12),
            ("2026-10-01", 7),
            ("2026-10-08", 94),
            ("2027-01-01", 7),
        ] {
            assert_eq!(presence(parse(day).unwrap()), expected, "{day}");
        }
    }
}
