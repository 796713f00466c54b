//! Which days people work: weekdays, but for days off, and the weekend days that make up for them.

use std::collections::BTreeSet;

use jiff::civil::Weekday;

use crate::day::Day;

/// The days that differ from the plain week.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calendar {
    /// Days off; on a weekend they are quieter than other weekends.
    pub holidays: BTreeSet<Day>,
    /// Working days on weekends.
    pub workdays: BTreeSet<Day>,
}

impl Calendar {
    /// Whether people work on that day. A day that is listed as both is a working day.
    #[must_use]
    pub fn is_workday(&self, day: Day) -> bool {
        let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
        self.workdays.contains(&day) || (!weekend && !self.holidays.contains(&day))
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_day_is_worked_by_weekday_and_calendar() {
        let (monday, saturday) = (date(2026, 11, 23), date(2026, 11, 21));
        let plain = Calendar::default();
        assert!(plain.is_workday(monday));
        assert!(!plain.is_workday(saturday));
        let china = Calendar { holidays: [monday].into(), workdays: [saturday].into() };
        assert!(!china.is_workday(monday));
        assert!(china.is_workday(saturday));
    }
}
