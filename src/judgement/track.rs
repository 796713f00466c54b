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

/// Room is made for so many more days at a time: half a million tracks are held while a large tenant
/// is judged, so that none has twice its size.
const DAYS_MORE: usize = 8;

/// A day of a department and product, as it is taken in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    /// Days since the epoch of the judge, a Monday.
    pub(super) day: i32,
    pub(super) value: f32,
    /// How it was judged; not numbers where it was not.
    pub(super) judged: Judged,
    /// Whether it is a day like others: no day off, and the company was not low.
    pub(super) is_ordinary: bool,
    /// Whether it tells of this department: not on a day on which a part of the company fell.
    pub(super) is_own: bool,
}

/// What was said of a judged day.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judged {
    /// What could be expected.
    pub(super) expected: f32,
    /// How far the value lies from that, as a share of it, and its variance.
    pub(super) residual: f32,
    pub(super) variance: f32,
    /// As `residual` and `expected`, against what was usual eight weeks and more before; not numbers
    /// where that is not known.
    pub(super) slow_residual: f32,
    pub(super) former: f32,
}

/// A judged day, as it is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct JudgedPoint {
    pub(super) day: i32,
    pub(super) value: f32,
    pub(super) judged: Judged,
}

/// `N` numbers for each of consecutive days. A day whose first one is not a number has none, and
/// takes no room before the first day that has.
#[derive(Clone, Debug)]
pub(super) struct Column<const N: usize> {
    first: i32,
    days: VecDeque<[f32; N]>,
}

impl<const N: usize> Default for Column<N> {
    fn default() -> Self {
        Self { first: 0, days: VecDeque::new() }
    }
}

impl<const N: usize> Column<N> {
    /// Takes in the numbers of a day after all others, and forgets those that are too old beside it.
    pub(super) fn push(&mut self, day: i32, numbers: [f32; N]) {
        while !self.days.is_empty() && self.first <= day - HISTORY_DAYS {
            self.days.pop_front();
            self.first += 1;
        }
        if numbers[0].is_nan() {
            return;
        }
        if self.days.is_empty() {
            self.first = day;
        }
        while self.end() < day {
            self.append([f32::NAN; N]);
        }
        self.append(numbers);
    }

    fn append(&mut self, numbers: [f32; N]) {
        if self.days.len() == self.days.capacity() {
            self.days.reserve_exact(DAYS_MORE);
        }
        self.days.push_back(numbers);
    }

    /// The day after the last one.
    fn end(&self) -> i32 {
        // A column is no longer than the history.
        self.first + i32::try_from(self.days.len()).unwrap_or(HISTORY_DAYS)
    }

    fn at(&self, day: i32) -> Option<[f32; N]> {
        let index = usize::try_from(day - self.first).ok()?;
        self.days.get(index).copied().filter(|numbers| !numbers[0].is_nan())
    }

    /// The days that have numbers, the newest first.
    fn newest_first(&self) -> impl Iterator<Item = (i32, [f32; N])> {
        let days = (self.first..self.end()).rev().zip(self.days.iter().rev().copied());
        days.filter(|(_, numbers)| !numbers[0].is_nan())
    }

    /// Forgets the days since that one.
    fn forget_since(&mut self, day: i32) {
        let kept = usize::try_from(day - self.first).unwrap_or(0);
        self.days.truncate(kept);
    }
}

/// A mark for each day of the history: the last bit is that of the newest day.
#[derive(Clone, Copy, Debug, Default)]
struct Marks(u128);

const _: () = assert!(HISTORY_DAYS <= 128);

impl Marks {
    /// Takes in a day, so many days after the newest one.
    fn push(&mut self, days_later: u32, is_marked: bool) {
        self.0 = self.0.checked_shl(days_later).unwrap_or(0) | u128::from(is_marked);
    }

    /// Whether the day is marked that lies so many days before the newest one.
    fn at(self, days_before: i32) -> bool {
        u32::try_from(days_before).is_ok_and(|before| {
            self.0.checked_shr(before).is_some_and(|from_there| from_there & 1 == 1)
        })
    }

    /// Marks that day and all later ones, or takes their marks away.
    fn set_since(&mut self, days_before: i32, is_marked: bool) {
        let Ok(before) = u32::try_from(days_before) else { return };
        let later = u128::MAX.checked_shr(127_u32.saturating_sub(before)).unwrap_or(u128::MAX);
        if is_marked { self.0 |= later } else { self.0 &= !later }
    }
}

/// The members of a department, day by day.
pub(super) type Users = Column<1>;

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

/// One product of one department: what is judged is held from the first judged day on, in columns.
#[derive(Clone, Debug, Default)]
pub(super) struct Track {
    values: Column<1>,
    /// Residual, expectation and variance.
    judged: Column<3>,
    /// Residual and what was usual, against eight weeks and more before.
    slow: Column<2>,
    /// The newest day that has a value.
    newest: i32,
    is_ordinary: Marks,
    is_dropped: Marks,
    is_own: Marks,
    /// Days before this are another level, to which the department did not come back.
    usual_since: i32,
}

impl Track {
    /// What is usual on that day: the middle of the newest same weekdays before it.
    pub(super) fn usual(&self, day: i32, users: &Users) -> Option<Usual> {
        self.middle_of((1..=USUAL_WEEKS).map(|week| day - 7 * week), self.usual_since, users)
    }

    /// What was usual eight weeks and more before.
    pub(super) fn former(&self, day: i32, users: &Users) -> Option<Usual> {
        self.middle_of(FORMER_WEEKS.map(|week| day - 7 * week), i32::MIN, users)
    }

    fn middle_of(
        &self,
        days: impl Iterator<Item = i32>,
        since: i32,
        users: &Users,
    ) -> Option<Usual> {
        let mut found = [(0.0, f64::NAN); USUAL_DAYS];
        let mut count = 0;
        for day in days.take_while(|day| *day >= since) {
            if let Some([value]) = self.values.at(day).filter(|_| self.is_usual(day)) {
                let users = users.at(day).map_or(f64::NAN, |[users]| f64::from(users));
                found[count] = (f64::from(value), users);
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

    /// Whether the day tells what is usual.
    fn is_usual(&self, day: i32) -> bool {
        let before = self.newest - day;
        self.is_ordinary.at(before) && !self.is_dropped.at(before)
    }

    /// The largest value lately, as far as it is usual.
    pub(super) fn largest_lately(&self, day: i32) -> f64 {
        let lately = self.values.newest_first().take_while(|(of, _)| *of > day - LATELY_DAYS);
        let values =
            lately.filter(|(of, _)| self.is_usual(*of)).map(|(_, [value])| f64::from(value));
        values.fold(0.0, f64::max)
    }

    /// How far its settled days lie from what was expected of them: working days for a working day,
    /// weekends for a weekend.
    pub(super) fn spread(&self, day: i32) -> Spread {
        let mut settled: Vec<f64> = self.settled(day).map(f64::from).collect();
        let Some(middle) = median(&mut settled) else { return Spread::default() };
        let mut deviations: Vec<f64> = settled.iter().map(|r| (r - middle).abs()).collect();
        let clip = CLIP * MAD * median(&mut deviations).unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "a track has at most a hundred points")]
        let days = deviations.len() as f64;
        let squares: f64 = deviations.iter().map(|deviation| deviation.min(clip).powi(2)).sum();
        // What lies beyond the clip is a twelfth of a normal distribution's variance.
        Spread { days, variance: 1.08 * squares / days }
    }

    /// The residuals of its settled days of that kind, the newest first.
    fn settled(&self, day: i32) -> impl Iterator<Item = f32> {
        self.judged
            .newest_first()
            .filter(move |(of, _)| self.is_usual(*of) && is_weekend(*of) == is_weekend(day))
            .skip(if is_weekend(day) { UNSETTLED_WEEKEND_DAYS } else { UNSETTLED_DAYS })
            .map(|(_, [residual, ..])| residual)
    }

    /// Takes a day in; days come in order.
    pub(super) fn push(&mut self, point: Point) {
        let Point { day, value, judged, is_ordinary, is_own } = point;
        let Judged { expected, residual, variance, slow_residual, former } = judged;
        self.values.push(day, [value]);
        self.judged.push(day, [residual, expected, variance]);
        self.slow.push(day, [slow_residual, former]);
        let later = u32::try_from(day - self.newest).unwrap_or(u32::MAX);
        self.newest = day;
        self.is_ordinary.push(later, is_ordinary);
        self.is_dropped.push(later, false);
        self.is_own.push(later, is_own);
    }

    /// The judged days since that one are days of a drop: they do not tell what is usual.
    pub(super) fn dropped_since(&mut self, day: i32) {
        self.is_dropped.set_since(self.newest - day, true);
    }

    /// What has lasted since that day is usual from now on, and what was before is not any more.
    pub(super) fn settle_since(&mut self, day: i32) {
        self.usual_since = day;
        self.is_dropped.set_since(self.newest - day, false);
        // Told against the level of before, they tell nothing of the spread around this one.
        self.judged.forget_since(day);
        self.slow.forget_since(day);
    }

    /// The judged days, the newest first, that tell of this department.
    pub(super) fn judged(&self) -> impl Iterator<Item = JudgedPoint> {
        let own = self.judged.newest_first().filter(|(day, _)| self.is_own.at(self.newest - day));
        own.map(|(day, [residual, expected, variance])| {
            let value = self.values.at(day).map_or(f32::NAN, |[value]| value);
            let [slow_residual, former] = self.slow.at(day).unwrap_or([f32::NAN; 2]);
            let judged = Judged { expected, residual, variance, slow_residual, former };
            JudgedPoint { day, value, judged }
        })
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

#[cfg(test)]
mod tests;
