//! How far several days together lie from what was expected.

use super::track::{Judged, JudgedPoint, Track};

/// The windows, in days of data: a day, and as many working days as make most of a week, a week and
/// two.
pub const WINDOWS: [usize; 4] = [1, 3, 5, 10];

/// The share of a day's variance that the other days of a window have in common with it: the same
/// baselines, moods that last. It keeps ten days from counting as ten witnesses.
const COMMON: f64 = 0.05;
/// Days before a window that tell whether it begins with a fall.
const BEFORE: usize = 10;
/// A window reaches back so many calendar days for each of its days, and a holiday.
const REACH: i32 = 2;
const HOLIDAY: i32 = 11;

/// What a window says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Window {
    /// Robust standard deviations below what was expected; negative above it.
    pub(super) low: f64,
    /// How far its days lie from what was expected, weighed by how much each can tell.
    pub(super) change: f64,
    /// The same as people count it.
    pub(super) lack: Lack,
    /// Its oldest day.
    pub(super) since: i32,
}

/// What is left of what could be expected, and what is missing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Lack {
    /// The sum of the values against that of the expectations.
    pub(super) ratio: f64,
    /// What is missing a day, on average.
    pub(super) missing: f64,
}

/// The newest `days` judged days after `after`; none while there are fewer, or where they lie too
/// far apart.
pub(super) fn newest(track: &Track, days: usize, after: i32) -> Option<Window> {
    let judged = track.judged().take_while(|point| point.day > after);
    of(judged, days, |judged| (judged.residual, judged.expected))
}

/// How far the ten judged days before such a window lie from what was expected; none where the window
/// begins after a drop or with the history.
pub(super) fn before(track: &Track, days: usize, after: i32) -> Option<f64> {
    let judged = track.judged().take_while(|point| point.day > after).skip(days);
    of(judged, BEFORE, |judged| (judged.residual, judged.expected)).map(|window| window.change)
}

/// The same against what was usual eight weeks and more before.
pub(super) fn slow(track: &Track, days: usize) -> Option<Window> {
    let judged = track.judged().filter(|point| !point.judged.slow_residual.is_nan());
    of(judged, days, |judged| (judged.slow_residual, judged.former))
}

fn of(
    judged: impl Iterator<Item = JudgedPoint>,
    days: usize,
    against: impl Fn(&Judged) -> (f32, f32),
) -> Option<Window> {
    let (mut weight, mut sum, mut count) = (0.0, 0.0, 0);
    let (mut value, mut expected) = (0.0, 0.0);
    let (mut newest, mut since) = (i32::MIN, i32::MAX);
    for point in judged.take(days) {
        let (residual, expected_of_day) = against(&point.judged);
        let of_day = 1.0 / f64::from(point.judged.variance);
        weight += of_day;
        sum += of_day * f64::from(residual);
        value += f64::from(point.value);
        expected += f64::from(expected_of_day);
        count += 1;
        newest = newest.max(point.day);
        since = point.day;
    }
    let reach = i32::try_from(days).unwrap_or(i32::MAX).saturating_mul(REACH) + HOLIDAY;
    if count < days || count == 0 || newest - since > reach {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "a drop has at most twenty days")]
    let count = count as f64;
    let common = 1.0 + COMMON * (count - 1.0);
    let change = sum / weight;
    let lack = Lack { ratio: value / expected, missing: (expected - value) / count };
    Some(Window { low: -change / (common / weight).sqrt(), change, lack, since })
}
