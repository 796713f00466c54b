//! How far several days together lie from what was expected.

use super::track::{Point, Track};

/// The windows, in days of data: a day, and as many working days as make most of a week, a week and
/// two.
pub const WINDOWS: [usize; 4] = [1, 3, 5, 10];

/// The share of a day's variance that the other days of a window have in common with it: the same
/// baselines, moods that last. It keeps ten days from counting as ten witnesses.
const COMMON: f64 = 0.13;
/// A window reaches back so many calendar days for each of its days, and a holiday.
const REACH: i32 = 2;
const HOLIDAY: i32 = 11;

/// What a window says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Window {
    /// Robust standard deviations below what was expected; negative above it.
    pub(super) low: f64,
    /// ln(value / expected), the days weighed by how much each can tell.
    pub(super) change: f64,
    /// Its oldest day.
    pub(super) since: i32,
}

/// The newest `days` judged days after `after`; none while there are fewer, or where they lie too
/// far apart.
pub(super) fn newest(track: &Track, days: usize, after: i32) -> Option<Window> {
    of(track.judged().take_while(|point| point.day > after), days, |point| point.residual)
}

/// The same against what was usual eight weeks and more before.
pub(super) fn slow(track: &Track, days: usize) -> Option<Window> {
    of(track.judged().filter(|p| !p.slow_residual.is_nan()), days, |point| point.slow_residual)
}

fn of<'a>(
    judged: impl Iterator<Item = &'a Point>,
    days: usize,
    residual: impl Fn(&Point) -> f32,
) -> Option<Window> {
    let (mut weight, mut sum, mut count) = (0.0, 0.0, 0);
    let (mut newest, mut since) = (i32::MIN, i32::MAX);
    for point in judged.take(days) {
        let of_day = 1.0 / f64::from(point.variance);
        weight += of_day;
        sum += of_day * f64::from(residual(point));
        count += 1;
        newest = newest.max(point.day);
        since = point.day;
    }
    let reach = i32::try_from(days).unwrap_or(i32::MAX).saturating_mul(REACH) + HOLIDAY;
    if count < days || count == 0 || newest - since > reach {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "windows have at most ten days")]
    let common = 1.0 + COMMON * (count - 1) as f64;
    let change = sum / weight;
    Some(Window { low: -change / (common / weight).sqrt(), change, since })
}
