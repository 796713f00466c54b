//! What one department does with one product, day by day: what is usual, and how far its days
//! usually lie from that.

use std::collections::VecDeque;

/// Days that are remembered: thirteen weeks tell all that is needed, more tell it better.
pub const HISTORY_DAYS: i32 = 120;
/// Same weekdays that make the usual, the newest ones.
const USUAL_DAYS: usize = 6;
/// Fewer say nothing of what is usual.
const USUAL_DAYS_MIN: usize = 2;
/// So many weeks back they are looked for: more than six, since days off leave gaps.
const USUAL_WEEKS: i32 = 8;
/// Days in which there is a usual one, with a drop of four weeks among them.
const LATELY_DAYS: i32 = 35;
/// The weeks that tell what was usual long ago, for slow declines.
const FORMER_WEEKS: std::ops::RangeInclusive<i32> = 8..=12;
/// The newest judged days, which say nothing of the spread: a drop that is not found yet would
/// widen its own yardstick.
const UNSETTLED_DAYS: usize = 10;
const UNSETTLED_WEEKEND_DAYS: usize = 4;
/// Residuals count for the spread up to so many robust standard deviations.
const CLIP: f64 = 2.5;
/// A median of absolute deviations becomes a standard deviation by this, for a normal distribution.
pub(super) const MAD: f64 = 1.4826;

/// Room is made for so many more days at a time.
const POINTS_MORE: usize = 16;

/// A day of a department and product.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    /// Days since the epoch of the judge, a Monday.
    pub(super) day: i32,
    pub(super) value: f32,
    /// What could be expected; not a number where the day was not judged.
    pub(super) expected: f32,
    /// Members of the department on that day; not a number where they are not known.
    pub(super) users: f32,
    /// How far the value lies from what was expected, as a share of it, and its variance; not numbers where the day was not judged.
    pub(super) residual: f32,
    pub(super) variance: f32,
    /// As `residual`, against what was usual eight weeks and more before.
    pub(super) slow_residual: f32,
    pub(super) former: f32,
    /// Whether it is a day like others: no day off, and the company was not low.
    pub(super) is_ordinary: bool,
    /// Whether it is a day of a drop.
    pub(super) is_dropped: bool,
    /// Whether it tells of this department: not on a day on which a part of the company fell.
    pub(super) is_own: bool,
}

impl Point {
    /// Whether the day tells what is usual.
    fn is_usual(&self) -> bool {
        self.is_ordinary && !self.is_dropped
    }
}

/// What is usual for a weekday.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Usual {
    pub(super) value: f64,
    pub(super) users: Option<f64>,
}

/// The spread of one track's own residuals.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Spread {
    /// How many days it was learned from.
    pub(super) days: f64,
    pub(super) variance: f64,
}

/// One product of one department.
#[derive(Clone, Debug, Default)]
pub(super) struct Track {
    points: VecDeque<Point>,
    /// Days before this are another level, to which the department did not come back.
    usual_since: i32,
}

impl Track {
    /// What is usual on that day: the middle of the newest same weekdays before it.
    pub(super) fn usual(&self, day: i32) -> Option<Usual> {
        self.middle_of((1..=USUAL_WEEKS).map(|week| day - 7 * week), self.usual_since)
    }

    /// What was usual eight weeks and more before.
    pub(super) fn former(&self, day: i32) -> Option<Usual> {
        self.middle_of(FORMER_WEEKS.map(|week| day - 7 * week), i32::MIN)
    }

    fn middle_of(&self, days: impl Iterator<Item = i32>, since: i32) -> Option<Usual> {
        let mut found = [(0.0, 0.0); USUAL_DAYS];
        let mut count = 0;
        for day in days.take_while(|day| *day >= since) {
            if let Some(point) = self.at(day).filter(|point| point.is_usual()) {
                found[count] = (f64::from(point.value), f64::from(point.users));
                count += 1;
                if count == USUAL_DAYS {
                    break;
                }
            }
        }
        let found = &found[..count];
        if count < USUAL_DAYS_MIN {
            return None;
        }
        let mut values: Vec<f64> = found.iter().map(|(value, _)| *value).collect();
        let mut users: Vec<f64> =
            found.iter().map(|(_, users)| *users).filter(|users| users.is_finite()).collect();
        Some(Usual { value: middle(&mut values)?, users: middle(&mut users) })
    }

    /// The largest value lately, as far as it is usual.
    pub(super) fn largest_lately(&self, day: i32) -> f64 {
        let lately = self.points.iter().rev().take_while(|point| point.day > day - LATELY_DAYS);
        let values = lately.filter(|point| point.is_usual()).map(|point| f64::from(point.value));
        values.fold(0.0, f64::max)
    }

    /// How far its settled days lie from what was expected of them: working days for a working day,
    /// weekends for a weekend.
    pub(super) fn spread(&self, day: i32) -> Spread {
        let mut settled: Vec<f64> = self
            .points
            .iter()
            .rev()
            .filter(|point| point.is_usual() && !point.residual.is_nan())
            .filter(|point| is_weekend(point.day) == is_weekend(day))
            .skip(if is_weekend(day) { UNSETTLED_WEEKEND_DAYS } else { UNSETTLED_DAYS })
            .map(|point| f64::from(point.residual))
            .collect();
        let Some(middle) = median(&mut settled) else { return Spread::default() };
        let mut deviations: Vec<f64> = settled.iter().map(|r| (r - middle).abs()).collect();
        let clip = CLIP * MAD * median(&mut deviations).unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "a track has at most a hundred points")]
        let days = deviations.len() as f64;
        let squares: f64 = deviations.iter().map(|deviation| deviation.min(clip).powi(2)).sum();
        // What lies beyond the clip is a twelfth of a normal distribution's variance.
        Spread { days, variance: 1.08 * squares / days }
    }

    /// Takes a day in; days come in order.
    pub(super) fn push(&mut self, point: Point) {
        while self.points.front().is_some_and(|first| first.day <= point.day - HISTORY_DAYS) {
            self.points.pop_front();
        }
        if self.points.len() == self.points.capacity() {
            // Half a million tracks are held while a large tenant is judged: none has twice its size.
            self.points.reserve_exact(POINTS_MORE);
        }
        self.points.push_back(point);
    }

    /// The judged days since that one are days of a drop: they do not tell what is usual.
    pub(super) fn dropped_since(&mut self, day: i32) {
        for point in self.points.iter_mut().rev().take_while(|point| point.day >= day) {
            point.is_dropped = true;
        }
    }

    /// What has lasted since that day is usual from now on, and what was before is not any more.
    pub(super) fn settle_since(&mut self, day: i32) {
        self.usual_since = day;
        for point in self.points.iter_mut().rev().take_while(|point| point.day >= day) {
            point.is_dropped = false;
            // Told against the level of before, they tell nothing of the spread around this one.
            point.residual = f32::NAN;
            point.slow_residual = f32::NAN;
        }
    }

    /// The judged days, the newest first, that tell of this department.
    pub(super) fn judged(&self) -> impl Iterator<Item = &Point> {
        self.points.iter().rev().filter(|point| point.is_own && !point.residual.is_nan())
    }

    fn at(&self, day: i32) -> Option<&Point> {
        let index = self.points.binary_search_by_key(&day, |point| point.day).ok()?;
        self.points.get(index)
    }
}

/// The mean without the smallest and the largest; of two or fewer the mean; none of none. A mean
/// is steadier than a median of so few, and one absurd day moves neither.
fn middle(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let values = if values.len() > 2 { &values[1..values.len() - 1] } else { values };
    #[expect(clippy::cast_precision_loss, reason = "there are a few")]
    let count = values.len() as f64;
    (count > 0.0).then(|| values.iter().sum::<f64>() / count)
}

/// Whether a day, counted from a Monday, is a Saturday or a Sunday.
fn is_weekend(day: i32) -> bool {
    day.rem_euclid(7) > 4
}

/// The median; of an even number the mean of the middle two; none of none.
pub(super) fn median(values: &mut [f64]) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    let middle = values.len() / 2;
    let is_even = values.len().is_multiple_of(2);
    let (before, at, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    if !is_even {
        return Some(*at);
    }
    let below = before.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    Some(below / 2.0 + *at / 2.0)
}
