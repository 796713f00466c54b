//! A drop as long as it lasts: when it begins, when it is over, and when it has become usual.

use super::window::{Lack, WINDOWS, Window};

/// When a window of so many days is a drop.
#[derive(Clone, Copy, Debug)]
struct Threshold {
    /// At least so many robust standard deviations below what was expected.
    low: f64,
    /// And below this share of it: what is significant in a thousand people may still be small.
    ratio: f64,
}

/// For each of [`WINDOWS`].
const THRESHOLDS: [Threshold; WINDOWS.len()] = [
    Threshold { low: 5.6, ratio: 0.82 },
    Threshold { low: 5.4, ratio: 0.87 },
    Threshold { low: 5.4, ratio: 0.90 },
    Threshold { low: 5.3, ratio: 0.92 },
];
/// Of a drop, the days before it show less than this share: what sinks from week to week, as where
/// people take turns in summer, is a slow decline or none.
const SHOWN_BEFORE: f64 = 0.4;
/// On a day on which the company is below this, a department must be below [`HALF`] of what the
/// company leads to expect.
const COMPANY_ORDINARY: f64 = 0.9;
const HALF: f64 = 0.5;
const UNLIKE_OTHERS: f64 = 8.0;
/// So many times as far below a department must be on a weekend, when few decide and each week differs.
const WEEKEND: f64 = 1.25;
/// A drop ends when this share of it is made up for.
const MADE_UP: f64 = 0.5;
/// And that must be so by so many standard deviations of the days that tell it.
const RECOVERY_CERTAINTY: f64 = 2.5;
/// Days that are taken together for that at most.
const RECOVERY_DAYS_MAX: usize = 5;
/// After so many days of data a drop is the new usual.
pub const DROP_DAYS_MAX: u32 = 20;

/// A decline over weeks: against eight weeks before, over ten days.
pub(super) const SLOW_WINDOW: usize = 10;
const SLOW: Threshold = Threshold { low: 5.0, ratio: 0.78 };
/// A slow decline ends above this share of what was usual eight weeks before.
const SLOW_OVER: f64 = 0.88;

/// A drop of one department and product.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Episode {
    /// Its first day.
    pub(super) since: i32,
    /// The day on which it was found.
    pub(super) opened: i32,
    /// How far its days lay from what was expected when it was found.
    pub(super) change: f64,
    /// The same as people count it, over all its days.
    pub(super) lack: Lack,
    /// Days of data since it began.
    pub(super) days: u32,
    /// Whether another message tells it: the suite's, a child's or a parent's.
    pub(super) is_covered: bool,
}

/// Which of the windows shows a drop, by index; the shortest one.
pub(super) fn begins(
    windows: &[Option<Window>; WINDOWS.len()],
    before: impl Fn(usize) -> Option<f64>,
    company: Option<f64>,
    is_weekend: bool,
) -> Option<usize> {
    let company = company.unwrap_or(1.0);
    // The newest day takes part: what has recovered is not told any more.
    let today = windows[0]?;
    if today.change > -0.05 {
        return None;
    }
    (0..WINDOWS.len()).find(|&index| {
        let Threshold { low, ratio } = THRESHOLDS[index];
        windows[index].is_some_and(|window| {
            let (low, ratio) =
                if company < COMPANY_ORDINARY { (UNLIKE_OTHERS, HALF) } else { (low, ratio) };
            window.low >= if is_weekend { WEEKEND * low } else { low }
                && window.lack.ratio < ratio
                && today.change <= MADE_UP * window.change
                && before(WINDOWS[index]).is_none_or(|before| before > SHOWN_BEFORE * window.change)
        })
    })
}

/// How many of the newest days, taken together, tell whether a drop is over.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "held between 1 and five"
)]
pub(super) fn recovery_days(change: f64, variance: f64) -> usize {
    let needed = (RECOVERY_CERTAINTY / MADE_UP).powi(2) * variance / change.powi(2);
    needed.ceil().clamp(1.0, RECOVERY_DAYS_MAX as f64) as usize
}

impl Episode {
    /// What is said of it; nothing where another message tells it.
    pub(super) fn told(&self) -> Option<super::Fell> {
        let Lack { ratio, missing } = self.lack;
        (!self.is_covered).then_some(super::Fell { days: self.days, ratio, missing })
    }

    /// Whether days with this mean change are back.
    pub(super) fn is_over(&self, change: f64) -> bool {
        change > MADE_UP * self.change
    }

    /// Whether it has lasted so long that it is usual.
    pub(super) fn is_usual(&self) -> bool {
        self.days >= DROP_DAYS_MAX
    }
}

/// Whether a mean over ten days against eight weeks before is a slow decline.
pub(super) fn slow_begins(low: f64, ratio: f64) -> bool {
    low >= SLOW.low && ratio < SLOW.ratio
}

/// Whether a slow decline is over.
pub(super) fn slow_ends(ratio: f64) -> bool {
    ratio > SLOW_OVER
}
