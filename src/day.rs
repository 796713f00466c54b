//! The civil day of Feishu's statistics and the zone it is counted in.
//!
//! Feishu closes a day at midnight of a fixed zone (UTC+8 for Chinese tenants, UTC+0 for the
//! others, by the API documents) and produces its figures at 09:30 of the next morning there.
//! Everything about "which day" goes through this module; it reads no clock.

use std::fmt;

use jiff::{Timestamp, ToSpan, civil, tz::TimeZone};

/// A day of the statistics calendar, without a zone.
pub type Day = civil::Date;

/// The zone in which Feishu counts the days of a tenant (not the zone of the office).
#[derive(Clone, PartialEq, Eq)]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

impl Zone {
    /// Looks up an IANA name such as `Asia/Shanghai`, or takes a fixed offset such as `+08:00`.
    ///
    /// # Errors
    /// If the name is neither.
    pub fn named(name: &str) -> Result<Self, jiff::Error> {
        let zone = match TimeZone::get(name) {
            Ok(zone) => zone,
            Err(unknown) => fixed_offset(name).map(TimeZone::fixed).ok_or(unknown)?,
        };
        Ok(Self { name: name.to_owned(), zone })
    }

    /// UTC+8 under the name that people know: the zone of Feishu's Chinese statistics.
    #[must_use]
    pub fn shanghai() -> Self {
        // The zone has had no daylight saving since 1991, so the fixed offset is the same zone
        // and needs no database.
        Self { name: "Asia/Shanghai".to_owned(), zone: TimeZone::fixed(jiff::tz::offset(8)) }
    }

    /// UTC: the zone of the statistics outside China.
    #[must_use]
    pub fn utc() -> Self {
        Self { name: "UTC".to_owned(), zone: TimeZone::UTC }
    }

    /// The name as configured.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The civil date and time here at an instant.
    #[must_use]
    pub fn local(&self, now: Timestamp) -> civil::DateTime {
        self.zone.to_datetime(now)
    }

    /// How far the local time is ahead of UTC at an instant.
    #[must_use]
    pub fn offset(&self, at: Timestamp) -> jiff::tz::Offset {
        self.zone.to_offset(at)
    }

    /// The instant at which `day` begins here.
    ///
    /// Where daylight saving skips midnight, this is the first instant of the day.
    #[must_use]
    pub fn start_of(&self, day: Day) -> Timestamp {
        self.at(day, civil::Time::midnight())
    }

    /// The instant at which `day` ends here, which is the start of the next.
    #[must_use]
    pub fn end_of(&self, day: Day) -> Timestamp {
        self.start_of(after(day, 1))
    }

    /// The instant of a local time on a day; a time that daylight saving skips is moved forward
    /// by the gap.
    #[must_use]
    pub fn at(&self, day: Day, time: civil::Time) -> Timestamp {
        self.zone
            .to_ambiguous_timestamp(day.to_datetime(time))
            .compatible()
            .unwrap_or(Timestamp::MAX)
    }

    /// Whether the offset from UTC is 0 or +8 hours at `now`, the only ones that Feishu documents.
    #[must_use]
    pub fn is_documented(&self, now: Timestamp) -> bool {
        matches!(self.zone.to_offset(now).seconds(), 0 | 28_800)
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.name)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// `day` moved by a number of days, held within the calendar that jiff knows.
#[must_use]
pub fn after(day: Day, days: i32) -> Day {
    day.saturating_add(days.days())
}

/// How many days lie from `from` to `to`; negative if `to` is the earlier one.
#[must_use]
pub fn days_between(from: Day, to: Day) -> i32 {
    let hours = from.duration_until(to).as_hours();
    i32::try_from(hours / 24).unwrap_or(i32::MAX)
}

/// Reads `+08:00`, `-03:30` or `+8`.
fn fixed_offset(text: &str) -> Option<jiff::tz::Offset> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':').unwrap_or((rest, "0"));
    let digits = |part: &str| {
        (!part.is_empty() && part.len() <= 2 && part.bytes().all(|b| b.is_ascii_digit()))
            .then(|| part.parse::<i32>().ok())
            .flatten()
    };
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    if hours > 14 || minutes > 59 {
        return None;
    }
    jiff::tz::Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_day_starts_and_ends_at_midnight_of_its_zone() {
        let day = date(2026, 11, 22);
        assert_eq!(Zone::shanghai().start_of(day).to_string(), "2026-11-21T16:00:00Z");
        assert_eq!(Zone::shanghai().end_of(day).to_string(), "2026-11-22T16:00:00Z");
        assert_eq!(Zone::utc().start_of(day).to_string(), "2026-11-22T00:00:00Z");
    }

    #[test]
    fn a_day_with_a_clock_change_is_23_or_25_hours_long() {
        let berlin = Zone::named("Europe/Berlin").unwrap();
        let hours = |day| berlin.start_of(day).duration_until(berlin.end_of(day)).as_hours();
        assert_eq!(hours(date(2026, 3, 29)), 23);
        assert_eq!(hours(date(2026, 10, 25)), 25);
        assert_eq!(hours(date(2026, 10, 26)), 24);
    }

    #[test]
    fn a_zone_is_named_or_a_fixed_offset() {
        let at = "2026-07-01T00:00:00Z".parse().unwrap();
        for (name, hour) in
            [("Asia/Shanghai", 8), ("UTC", 0), ("+08:00", 8), ("+8", 8), ("-03:30", 20)]
        {
            assert_eq!(i32::from(Zone::named(name).unwrap().local(at).hour()), hour, "{name}");
        }
        for name in ["", "+", "Mars/Olympus", "+25:00", "08:00", "+8:99", "+8:"] {
            assert!(Zone::named(name).is_err(), "{name:?} is no zone");
        }
    }

    #[test]
    fn days_are_counted_across_month_and_year() {
        assert_eq!(after(date(2026, 12, 31), 1), date(2027, 1, 1));
        assert_eq!(after(date(2028, 3, 1), -1), date(2028, 2, 29));
        assert_eq!(days_between(date(2026, 12, 30), date(2027, 1, 2)), 3);
        assert_eq!(days_between(date(2027, 1, 2), date(2026, 12, 30)), -3);
    }

    #[test]
    fn only_utc_and_plus_eight_are_documented() {
        let now = "2026-07-01T00:00:00Z".parse().unwrap();
        assert!(Zone::shanghai().is_documented(now));
        assert!(Zone::named("Asia/Singapore").unwrap().is_documented(now));
        assert!(Zone::utc().is_documented(now));
        assert!(!Zone::named("Europe/Berlin").unwrap().is_documented(now));
    }
}
