//! `calendar`: dates and ranges to the days that differ from the plain week.

use std::collections::BTreeSet;

use super::{
    kind::{Kind, shown},
    section::Section,
};
use crate::{
    baseline::calendar::Calendar,
    day::{self, Day},
};

/// Entries of one list at most: some twenty a year, for decades.
const ENTRIES_MAX: usize = 1000;

/// Days of one range at most; longer ones are slips of the year.
const RANGE_DAYS_MAX: i32 = 366;

/// Years that can matter to statistics of today.
const YEARS: std::ops::RangeInclusive<i16> = 2000..=2100;

/// Reads the calendar.
pub(super) fn read(section: &Section<'_>) -> Calendar {
    Calendar { holidays: days(section, "holidays"), workdays: days(section, "workdays") }
}

fn days(section: &Section<'_>, key: &str) -> BTreeSet<Day> {
    let items = section.items(key);
    if items.len() > ENTRIES_MAX {
        section.problem(key, format!("has more than {ENTRIES_MAX} entries; write ranges"));
        return BTreeSet::new();
    }
    let ranges = items.iter().filter_map(|item| item.read(&Kind::Days, |_, text| range(text)));
    ranges
        .flat_map(|(from, to)| {
            from.series(jiff::Span::new().days(1)).take_while(move |day| *day <= to)
        })
        .collect()
}

/// The first and the last day of `2026-10-01` or `2026-10-01..2026-10-07`.
fn range(text: &str) -> Result<(Day, Day), String> {
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    let (from, to) = (date(from.trim(), text)?, date(to.trim(), text)?);
    let wrong = shown(text);
    match day::days_between(from, to) {
        ..0 => Err(format!("{wrong} ends before it begins")),
        RANGE_DAYS_MAX.. => Err(format!("{wrong} is longer than {RANGE_DAYS_MAX} days")),
        _ => Ok((from, to)),
    }
}

fn date(part: &str, whole: &str) -> Result<Day, String> {
    let wrong = shown(whole);
    let is_iso = part.len() == 10 && part.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    match part.parse::<Day>() {
        Ok(day) if is_iso && YEARS.contains(&day.year()) => Ok(day),
        Ok(_) if is_iso => {
            Err(format!("{wrong} is not in the years {} to {}", YEARS.start(), YEARS.end()))
        }
        _ => Err(format!(
            "{wrong} is not a day; write 2026-10-01, or a range 2026-10-01..2026-10-07"
        )),
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn an_entry_is_a_day_or_a_range() {
        let (first, seventh) = (date(2026, 10, 1), date(2026, 10, 7));
        assert_eq!(range("2026-10-01"), Ok((first, first)));
        assert_eq!(range("2026-10-01..2026-10-07"), Ok((first, seventh)));
        assert_eq!(range("2026-10-01 .. 2026-10-07"), Ok((first, seventh)));
        for (text, reason) in [
            ("2026-02-30", "is not a day"),
            ("2026-10-1", "is not a day"),
            ("20261001", "is not a day"),
            ("2026-10-01T00:00", "is not a day"),
            ("2026-10-01..", "is not a day"),
            ("2026-10-01...2026-10-07", "is not a day"),
            ("1999-10-01", "is not in the years"),
            ("2026-10-07..2026-10-01", "ends before"),
            ("2026-01-01..2027-01-02", "is longer than"),
        ] {
            assert!(range(text).unwrap_err().contains(reason), "{text}");
        }
    }
}
