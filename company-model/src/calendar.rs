//! Days on which people work, in China and elsewhere.

use std::collections::BTreeSet;

use jiff::{
    ToSpan,
    civil::{Date, Weekday, date},
};

/// Whose calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Country {
    /// Seven holidays, make-up workdays on weekends, a festival that empties the offices for weeks.
    China,
    /// Single days off, a summer in which people take turns, a quiet end of the year.
    Europe,
}

/// The days that differ from the plain week.
#[derive(Clone, Debug, Default)]
pub struct Days {
    /// Days off, weekends among them included.
    pub off: BTreeSet<Date>,
    /// Working days on weekends.
    pub made_up: BTreeSet<Date>,
    /// Days beside a long holiday: the share of people who are there.
    pub fringe: Vec<(Date, f64)>,
    /// Half-days.
    pub half: BTreeSet<Date>,
}

/// New Year's day of the Chinese calendar.
const SPRING: [(i16, i8, i8); 5] =
    [(2023, 1, 22), (2024, 2, 10), (2025, 1, 29), (2026, 2, 17), (2027, 2, 6)];

/// A day some days later.
#[must_use]
pub fn later(day: Date, days: i64) -> Date {
    day.saturating_add(days.days())
}

/// Saturday or Sunday.
#[must_use]
pub fn is_weekend(day: Date) -> bool {
    matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday)
}

impl Days {
    /// The days of a country in these years.
    #[must_use]
    pub fn of(country: Country, years: std::ops::RangeInclusive<i16>) -> Self {
        let mut days = Self::default();
        for year in years {
            match country {
                Country::China => days.china(year),
                Country::Europe => days.europe(year),
            }
        }
        days
    }

    /// Whether people work on that day.
    #[must_use]
    pub fn is_worked(&self, day: Date) -> bool {
        self.made_up.contains(&day) || !(is_weekend(day) || self.off.contains(&day))
    }

    fn block(&mut self, first: Date, length: i64, made_up: &[i64]) {
        self.off.extend((0..length).map(|day| later(first, day)));
        // A working Saturday before or after, wherever the weekend lies.
        for &away in made_up {
            let mut day = later(first, away);
            while !is_weekend(day) || self.off.contains(&day) {
                day = later(day, away.signum());
            }
            self.made_up.insert(day);
        }
    }

    fn china(&mut self, year: i16) {
        self.block(date(year, 1, 1), 1, &[]);
        for (of, month, day) in SPRING {
            if of == year {
                let first = later(date(year, month, day), -1);
                self.block(first, 8, &[-3, 9]);
                for (away, share) in
                    [(-6, 0.95), (-5, 0.9), (-4, 0.84), (-3, 0.78), (-2, 0.7), (-1, 0.55)]
                {
                    self.fringe.push((later(first, away), share));
                }
                for (away, share) in
                    [(8, 0.62), (9, 0.78), (10, 0.85), (11, 0.9), (12, 0.94), (13, 0.96)]
                {
                    self.fringe.push((later(first, away), share));
                }
            }
        }
        self.block(date(year, 4, 4), 3, &[]);
        self.block(date(year, 5, 1), 5, &[-2, 6]);
        self.block(date(year, 6, 9), 3, &[]);
        self.block(date(year, 10, 1), 7, &[-2, 8]);
        self.fringe.push((date(year, 9, 30), 0.8));
        self.fringe.push((date(year, 4, 30), 0.88));
        self.fringe.push((date(year, 10, 8), 0.9));
        self.half.insert(date(year, 3, 8));
    }

    fn europe(&mut self, year: i16) {
        self.block(date(year, 1, 1), 1, &[]);
        self.block(date(year, 4, 5), 1, &[]);
        self.block(date(year, 5, 1), 1, &[]);
        self.block(date(year, 5, 21), 1, &[]);
        self.block(date(year, 12, 24), 3, &[]);
        self.block(date(year, 12, 31), 1, &[]);
        for (day, share) in [
            (18, 0.93),
            (19, 0.88),
            (20, 0.82),
            (21, 0.76),
            (22, 0.7),
            (23, 0.6),
            (27, 0.45),
            (28, 0.45),
            (29, 0.45),
            (30, 0.4),
        ] {
            self.fringe.push((date(year, 12, day), share));
        }
        for (day, share) in [(2, 0.7), (3, 0.8), (4, 0.85), (5, 0.9)] {
            self.fringe.push((date(year, 1, day), share));
        }
        self.fringe.push((date(year, 5, 22), 0.75));
    }
}
