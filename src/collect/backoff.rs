//! How long something is left alone after failures in a row. Pure.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    clock::later,
    feishu::{Class, Error},
};

/// After a first, second and every further failure that is there to stay, or answer without
/// anything in it: nothing there changes by the hour, and each request counts.
const LASTING_WAITS: [Duration; 3] =
    [Duration::from_secs(3600), Duration::from_secs(6 * 3600), Duration::from_secs(24 * 3600)];
/// After a first failure that may pass; it doubles with each, up to the caller's longest wait.
const PASSING_WAIT_FIRST: Duration = Duration::from_secs(30);
/// After Feishu said that the month's quota is used up: one probe a day.
const QUOTA_WAIT: Duration = Duration::from_secs(24 * 3600);

/// Why something failed, as far as the wait after it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// It may work in a moment.
    Passing,
    /// It fails until somebody changes something.
    Lasting,
    /// Feishu says that the month's quota is used up.
    Quota,
}

impl Cause {
    /// The cause of a failure of one thing that was asked for.
    pub(crate) fn of(error: &Error) -> Self {
        match error.class {
            Class::Permission | Class::InvalidRequest => Self::Lasting,
            // Our own budget has no code.
            Class::Quota if error.code.is_some() => Self::Quota,
            _ => Self::Passing,
        }
    }

    /// The cause of a failure that stops everything, which is tried again soon: who grants a
    /// scope, or mends a secret, waits for it.
    pub(crate) fn of_everything(error: &Error) -> Self {
        match Self::of(error) {
            Self::Quota => Self::Quota,
            Self::Passing | Self::Lasting => Self::Passing,
        }
    }
}

/// Failures in a row, and how long to wait after them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Backoff {
    last: Option<Timestamp>,
    passing: u32,
    lasting: u32,
    /// The wait where it does not follow from the counts.
    fixed: Option<Duration>,
}

impl Backoff {
    /// Notes one more failure.
    pub(crate) fn failed(&mut self, now: Timestamp, cause: Cause) {
        self.last = Some(now);
        self.fixed = (cause == Cause::Quota).then_some(QUOTA_WAIT);
        let count = if cause == Cause::Lasting { &mut self.lasting } else { &mut self.passing };
        *count = count.saturating_add(1);
    }

    /// Notes that nothing can be done for so long.
    pub(crate) fn hold(&mut self, now: Timestamp, wait: Duration) {
        self.failed(now, Cause::Passing);
        self.fixed = Some(wait);
    }

    /// Ends it: the last attempt succeeded.
    pub(crate) fn end(&mut self) {
        *self = Self::default();
    }

    /// Forgets failures that may have passed, and tells whether there were any.
    pub(crate) fn forget_passing(&mut self) -> bool {
        self.fixed = None;
        std::mem::take(&mut self.passing) > 0
    }

    /// Whether something that is due since then ends the wait: only one that does not follow from
    /// a quota or budget, and began before.
    pub(crate) fn ends_with(&self, due: Timestamp) -> bool {
        self.fixed.is_none() && self.last.is_some_and(|last| last < due)
    }

    /// Whether there was a failure that is there to stay.
    pub(crate) fn is_lasting(&self) -> bool {
        self.lasting > 0
    }

    /// How long to wait after the last failure; `longest` bounds the waits for what may pass.
    pub(crate) fn wait(&self, longest: Duration) -> Duration {
        match (self.fixed, self.lasting, self.passing) {
            (Some(fixed), ..) => fixed,
            (None, 0, 0) => Duration::ZERO,
            (None, 0, times) => {
                PASSING_WAIT_FIRST.saturating_mul(1 << (times - 1).min(16)).min(longest)
            }
            (None, times, _) => LASTING_WAITS[(times as usize).min(LASTING_WAITS.len()) - 1],
        }
    }

    /// When the wait is over, also where that has passed; none without a failure.
    pub(crate) fn over(&self, longest: Duration) -> Option<Timestamp> {
        let has_failed = self.passing > 0 || self.lasting > 0;
        self.last.filter(|_| has_failed).map(|last| later(last, self.wait(longest)))
    }

    /// Until when to wait; none if that is over. A failure that lies ahead was before the clock
    /// went back.
    pub(crate) fn until(&self, now: Timestamp, longest: Duration) -> Option<Timestamp> {
        self.over(longest).filter(|until| self.last <= Some(now) && now < *until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn waits(causes: &[Cause]) -> Vec<u64> {
        let mut backoff = Backoff::default();
        let wait = |cause: &Cause| {
            backoff.failed(at(0), *cause);
            backoff.wait(HOUR).as_secs()
        };
        causes.iter().map(wait).collect()
    }

    #[test]
    fn what_may_pass_is_tried_after_30_seconds_and_ever_more_rarely_up_to_the_longest_wait() {
        let waits = waits(&[Cause::Passing; 9]);
        assert_eq!(waits, [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]);
        let mut quick = Backoff::default();
        quick.failed(at(0), Cause::Passing);
        assert_eq!(quick.wait(Duration::from_secs(1)).as_secs(), 1);
        (0..100).for_each(|_| quick.failed(at(0), Cause::Passing));
        assert_eq!(quick.wait(HOUR), HOUR);
        quick.failed(at(0), Cause::Quota);
        assert_eq!(quick.wait(Duration::from_secs(1)).as_secs(), 86_400, "a quota is no failure");
    }

    #[test]
    fn what_is_there_to_stay_is_tried_after_1_then_6_then_24_hours() {
        assert_eq!(waits(&[Cause::Lasting; 4]), [3600, 21_600, 86_400, 86_400]);
        assert_eq!(waits(&[Cause::Lasting, Cause::Passing]), [3600, 3600]);
    }

    #[test]
    fn a_used_up_quota_is_tried_once_a_day() {
        assert_eq!(waits(&[Cause::Quota, Cause::Quota, Cause::Passing]), [86_400, 86_400, 120]);
    }

    #[test]
    fn it_is_over_when_the_wait_has_passed_or_the_clock_went_back() {
        let mut backoff = Backoff::default();
        assert_eq!((backoff.over(HOUR), backoff.until(at(0), HOUR)), (None, None));
        backoff.failed(at(100), Cause::Passing);
        assert_eq!(backoff.until(at(129), HOUR), Some(at(130)));
        assert_eq!((backoff.until(at(130), HOUR), backoff.over(HOUR)), (None, Some(at(130))));
        assert_eq!(backoff.until(at(99), HOUR), None);
        backoff.hold(at(100), Duration::from_secs(1000));
        assert_eq!(backoff.until(at(200), HOUR), Some(at(1100)));
        assert!(backoff.forget_passing() && !backoff.forget_passing());
        assert_eq!(backoff.until(at(200), HOUR), None);
    }
}
