//! What moves all departments of a tenant and geo alike, day by day.

use super::{
    product::{PRODUCT_COUNT, SUITE},
    track::{MAD, median},
};
use crate::{
    baseline::calendar::Calendar,
    day::{Day, after},
};

/// Departments that make a company: with fewer, one's own drop would be the company's.
const DEPARTMENTS_MIN: usize = 3;
/// Departments whose differences can be told from chance.
const DIFFERENCES_MIN: usize = 8;
/// Below this share of the usual the company itself is low, and its departments are not judged.
pub const COMPANY_LOW: f64 = 0.7;
/// Below this share of the usual the company fell.
pub const COMPANY_FELL: f64 = 0.5;
/// And so many standard errors of the median below it.
pub(super) const CERTAINTY: f64 = 4.0;
/// Low for so many working days, the company's low is the new usual.
const LOW_DAYS_MAX: u32 = 10;
/// Of the largest usual sum of the last days, a day has at least so much if the company is at work.
const AT_WORK: f64 = 0.3;
/// Without a calendar, a working day with at most so much of a weekend's use is a day off.
const LIKE_A_WEEKEND: f64 = 1.6;
/// But for this share of the usual and less: on a day off somebody always looks in.
const NOBODY: f64 = 0.01;
/// A configured day off within so many days tells that the calendar is kept.
const CALENDAR_DAYS: i32 = 200;
/// Workdays beside days off that are fringe, by the length of the block.
const FRINGE: [(i32, i32); 2] = [(6, 5), (3, 1)];

/// One product of the company on one day.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Factor {
    /// ln of the median ratio; none of too few departments.
    pub(super) change: Option<f64>,
    pub(super) judged: usize,
}

/// The median of the departments' ln(value / expected).
pub(super) fn factor(changes: &mut [f64]) -> Factor {
    let judged = changes.len();
    let change = median(changes).filter(|_| judged >= DEPARTMENTS_MIN);
    Factor { change, judged }
}

/// How much more the departments differ on this day than they do otherwise; at least 1. Month ends,
/// half-days and the days beside holidays move each department its own way.
pub(super) fn unrest(scores: &mut [f64]) -> f64 {
    if scores.len() < DIFFERENCES_MIN {
        return 1.0;
    }
    let Some(middle) = median(scores) else { return 1.0 };
    scores.iter_mut().for_each(|score| *score = (*score - middle).abs());
    median(scores).map_or(1.0, |deviation| (MAD * deviation).max(1.0))
}

/// The sums of a day over all departments that have a usual.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    pub(super) value: f64,
    pub(super) usual: f64,
}

/// What is remembered of the company.
#[derive(Clone, Debug, Default)]
pub(super) struct Company {
    /// The sums of the suite, the newest last.
    sums: Vec<(Day, Sums)>,
    low_days: u32,
    last_day_off: Option<Day>,
}

/// What kind of day it is for the company.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Kind {
    /// Whether the departments may be judged.
    pub(super) is_judged: bool,
    /// Whether it tells what is usual.
    pub(super) is_ordinary: bool,
    /// Whether the company may be said to have fallen.
    pub(super) is_at_work: bool,
}

impl Company {
    /// What kind of day it is, and remembers it.
    pub(super) fn take(
        &mut self,
        day: Day,
        factors: &[Factor; PRODUCT_COUNT],
        sums: Sums,
        calendar: &Calendar,
    ) -> Kind {
        self.sums.retain(|(of, _)| *of > after(day, -29));
        let lately = self.sums.iter().filter(|(of, _)| *of > after(day, -8));
        let largest = lately.map(|(_, sums)| sums.usual).fold(sums.usual, f64::max);
        let is_workday = calendar.is_workday(day);
        let is_at_work = is_workday && sums.usual > AT_WORK * largest;
        let ratio = factors[SUITE].change.map(f64::exp);
        let is_low = ratio.is_some_and(|ratio| ratio < COMPANY_LOW);
        let is_off = is_workday && self.is_off(day, ratio, sums, calendar);
        if is_off {
            self.last_day_off = Some(day);
        }
        if !is_workday || !is_at_work {
        } else if is_low && !is_off {
            self.low_days += 1;
        } else if !is_off {
            self.low_days = 0;
        }
        self.sums.push((day, sums));
        let is_beside_off = self.last_day_off.is_some_and(|off| day > off && day <= after(off, 5));
        Kind {
            is_judged: !is_low && !is_off,
            is_ordinary: !is_off && (!is_low || self.low_days > LOW_DAYS_MAX),
            is_at_work: is_at_work
                && !is_off
                && self.low_days <= LOW_DAYS_MAX
                && !is_beside_off
                && !is_fringe(day, calendar),
        }
    }

    /// Whether a working day without a calendar is a day off: the company is as on a weekend.
    fn is_off(&self, day: Day, ratio: Option<f64>, sums: Sums, calendar: &Calendar) -> bool {
        let is_kept = calendar
            .holidays
            .range(after(day, -CALENDAR_DAYS)..=after(day, CALENDAR_DAYS))
            .next()
            .is_some();
        if is_kept || sums.usual <= 0.0 {
            return false;
        }
        let total = sums.value / sums.usual;
        let mut weekends: Vec<f64> = self
            .sums
            .iter()
            .filter(|(of, _)| is_weekend(*of))
            .map(|(_, sums)| sums.value)
            .collect();
        let Some(weekend) = median(&mut weekends) else { return false };
        let is_low = ratio.map_or(total, |ratio| ratio.max(total)) < COMPANY_LOW;
        is_low && sums.value <= LIKE_A_WEEKEND * weekend && total > NOBODY
    }
}

/// Saturday or Sunday.
pub(super) fn is_weekend(day: Day) -> bool {
    use jiff::civil::Weekday::{Saturday, Sunday};
    matches!(day.weekday(), Saturday | Sunday)
}

/// Whether a working day lies beside days off, so that many have left already or are not back.
///
/// That is a day on each side of three days off and more, five of six and more, and the working days
/// between holidays that lie a week apart.
#[must_use]
pub fn is_fringe(day: Day, calendar: &Calendar) -> bool {
    let (before, after) = (nearest(day, -1, calendar), nearest(day, 1, calendar));
    let is_near = |found: Option<(i32, i32)>| {
        let is_of = |(away, length): (i32, i32)| {
            FRINGE.iter().any(|(min, reach)| length >= *min && away <= *reach)
        };
        found.is_some_and(is_of)
    };
    let is_between = before.is_some() && after.is_some();
    is_near(before) || is_near(after) || is_between
}

/// The nearest days off in a row with a holiday among them, at most five working days away: how many
/// working days, and how many days off.
fn nearest(day: Day, step: i32, calendar: &Calendar) -> Option<(i32, i32)> {
    let mut at = day;
    for away in 1..=FRINGE[0].1 {
        at = after(at, step);
        if calendar.is_workday(at) {
            continue;
        }
        let (length, has_holiday) = block(at, step, calendar);
        if has_holiday {
            return Some((away, length));
        }
        at = after(at, step * length);
    }
    None
}

/// The days off in a row that begin at `from`: how many, and whether one is a holiday.
fn block(from: Day, step: i32, calendar: &Calendar) -> (i32, bool) {
    let (mut length, mut has_holiday) = (0, false);
    let mut at = from;
    // No block is longer than the history.
    while length < super::track::HISTORY_DAYS && !calendar.is_workday(at) {
        has_holiday |= calendar.holidays.contains(&at);
        length += 1;
        at = after(at, step);
    }
    (length, has_holiday)
}
