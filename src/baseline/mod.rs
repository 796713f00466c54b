//! What a department usually does on a weekday: the median of the same weekday in the weeks
//! before. Pure.

pub mod calendar;

use jiff::civil::Weekday;

use self::calendar::Calendar;
use crate::{
    catalogue::{FIGURE_COUNT, FIGURES},
    day::{Day, after},
    usage::{FigureValues, Figures},
};

/// Fewer days than this say nothing of what is usual.
const DAYS_MIN: usize = 2;

/// The days that `day` is compared with: the same weekday in so many weeks before, the newest
/// first.
///
/// A day off of the calendar, whatever its weekday, and a working day on a weekend are compared with
/// nothing, and nothing is compared with them.
#[must_use]
pub fn compared_with(day: Day, weeks: u8, calendar: &Calendar) -> Vec<Day> {
    if is_exceptional(day, calendar) {
        return Vec::new();
    }
    let days = (1..=i32::from(weeks)).map(|week| after(day, -7 * week));
    days.filter(|day| !is_exceptional(*day, calendar)).collect()
}

/// Whether a day is like no other of its weekday: one of the calendar's days off, on a weekend too,
/// or a working day on a weekend.
#[must_use]
pub fn is_exceptional(day: Day, calendar: &Calendar) -> bool {
    let is_weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
    let is_off = calendar.holidays.contains(&day) && !calendar.workdays.contains(&day);
    is_off || calendar.is_workday(day) == is_weekend
}

/// The baselines of one department's day, by figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Baseline(FigureValues);

impl Baseline {
    /// The baselines over the totals of the days that a day is compared with.
    #[must_use]
    pub fn over(totals: &[Figures]) -> Self {
        let mut medians = FigureValues::none();
        for (index, figure) in FIGURES.iter().enumerate() {
            if figure.baseline.is_some() {
                let values = totals.iter().filter_map(|total| total.raw(index));
                if let Some(median) = median(values.collect()) {
                    medians.set(index, median);
                }
            }
        }
        medians.pack();
        Self(medians)
    }

    /// The baseline of the figure of that catalogue index, in its published unit; absent where too
    /// few days have the figure, or it has no baseline.
    #[must_use]
    pub fn of(&self, index: usize) -> Option<f64> {
        self.0.get(index)
    }

    /// How many figures have one.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.present().len() as usize
    }

    /// Whether no figure has one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The median, of an even number the mean of the middle two; none of fewer than two.
#[must_use]
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.retain(|value| value.is_finite());
    if values.len() < DAYS_MIN {
        return None;
    }
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    Some(match values.len() % 2 {
        1 => values[middle],
        // Halved first: the sum of two large values may be none.
        _ => values[middle - 1] / 2.0 + values[middle] / 2.0,
    })
}

// The baseline of a rate would need the tenant's scale.
const _: () = {
    let mut index = 0;
    while index < FIGURE_COUNT {
        assert!(
            FIGURES[index].baseline.is_none()
                || !matches!(FIGURES[index].unit, crate::catalogue::Unit::Ratio)
        );
        index += 1;
    }
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_day_is_compared_with_its_own_weekday() {
        let plain = Calendar::default();
        let days = compared_with(date(2026, 11, 24), 4, &plain);
        let tuesdays =
            [date(2026, 11, 17), date(2026, 11, 10), date(2026, 11, 3), date(2026, 10, 27)];
        assert_eq!(days, tuesdays);
        assert!(compared_with(date(2026, 11, 24), 0, &plain).is_empty());
    }

    #[test]
    fn exceptional_days_have_no_baseline_and_enter_none() {
        let days = |list: &[Day]| list.iter().copied().collect::<BTreeSet<Day>>();
        let calendar = Calendar {
            // People are away on the Saturday in it who would look in on another.
            holidays: days(&[date(2026, 10, 1), date(2026, 10, 2), date(2026, 10, 3)]),
            workdays: days(&[date(2026, 10, 10)]),
        };
        assert!(compared_with(date(2026, 10, 1), 4, &calendar).is_empty(), "a Thursday off");
        assert!(compared_with(date(2026, 10, 10), 4, &calendar).is_empty(), "a working Saturday");
        assert_eq!(
            compared_with(date(2026, 10, 8), 2, &calendar),
            [date(2026, 9, 24)],
            "the Thursday off is left out"
        );
        assert_eq!(
            compared_with(date(2026, 10, 17), 2, &calendar),
            [],
            "the working Saturday is left out, and so is the one in the holiday"
        );
    }

    #[test]
    fn the_median_needs_two_values_and_takes_the_mean_of_the_middle_two() {
        for (values, expected) in [
            (vec![], None),
            (vec![7.0], None),
            (vec![4.0, 8.0], Some(6.0)),
            (vec![9.0, 1.0, 5.0], Some(5.0)),
            (vec![1.0, 100.0, 3.0, 2.0], Some(2.5)),
            (vec![f64::MAX, f64::MAX], Some(f64::MAX)),
        ] {
            assert_eq!(median(values), expected);
        }
    }

    #[test]
    fn a_figure_that_a_day_lacks_does_not_count_for_it() {
        let dau = FIGURES.iter().position(|f| f.api_field == "suite_dau").unwrap();
        let row = |value: Option<f64>| {
            let mut figures = Figures::none();
            if let Some(value) = value {
                figures.set(dau, value);
            }
            figures
        };
        let over = |values: &[Option<f64>]| {
            let rows: Vec<Figures> = values.iter().map(|v| row(*v)).collect();
            Baseline::over(&rows).of(dau)
        };
        assert_eq!(over(&[Some(10.0), None, Some(20.0)]), Some(15.0));
        assert_eq!(over(&[Some(10.0), None]), None);
        assert_eq!(over(&[Some(0.0), Some(0.0)]), Some(0.0), "a zero is a zero");
    }
}
