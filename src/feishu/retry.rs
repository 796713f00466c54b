//! How often and after what wait a request is sent again. Pure: no clock, no waiting.

use std::time::Duration;

use super::class::{Class, Retry};

/// Sends at most, after throttling: a few full waits, then the next collection tries again.
const SENDS_THROTTLED: u32 = 6;
/// Sends at most, after a failure of network or server.
const SENDS_FAILED: u32 = 3;
/// Sends at most, after an answer that makes no sense: a proxy's page rarely turns into JSON.
const SENDS_MALFORMED: u32 = 2;

/// The shortest wait after throttling, whatever the header says.
const THROTTLE_WAIT_MIN: Duration = Duration::from_millis(100);
/// The longest wait after throttling, whatever the header says: Feishu counts per minute at most.
const THROTTLE_WAIT_MAX: Duration = Duration::from_secs(60);
/// The wait after the first failure; it doubles with each.
const BACK_OFF_FIRST: Duration = Duration::from_millis(500);
/// The longest wait after a failure within one request.
const BACK_OFF_MAX: Duration = Duration::from_secs(10);

const _: () = assert!(THROTTLE_WAIT_MIN.as_millis() < THROTTLE_WAIT_MAX.as_millis());
const _: () = assert!(BACK_OFF_FIRST.as_millis() < BACK_OFF_MAX.as_millis());

/// How long to wait before a request is sent again; none if it should not be.
///
/// `sends` counts the times that it was sent so far, `reset` is the header `x-ogw-ratelimit-reset`
/// as it came, `random` lies in 0..1.
pub(super) fn wait(class: Class, sends: u32, reset: Option<&str>, random: f64) -> Option<Duration> {
    match class.retry() {
        Retry::AsTold if sends < SENDS_THROTTLED => {
            // Whoever says "now" again and again is not believed for long.
            let least = THROTTLE_WAIT_MIN.saturating_mul(1 << (sends.max(1) - 1).min(16));
            let wait = reset.and_then(told).unwrap_or_else(|| back_off(sends, random));
            Some(wait.max(least).min(THROTTLE_WAIT_MAX))
        }
        Retry::BackOff if class == Class::Malformed && sends >= SENDS_MALFORMED => None,
        Retry::BackOff if sends < SENDS_FAILED => Some(back_off(sends, random)),
        _ => None,
    }
}

/// Whether the header says how long to wait.
pub(super) fn is_told(reset: Option<&str>) -> bool {
    reset.and_then(told).is_some()
}

/// Reads the header: seconds, also fractional ones, which third parties have seen. Absent, absurd
/// and negative values tell nothing.
fn told(reset: &str) -> Option<Duration> {
    let seconds: f64 = reset.trim().parse().ok().filter(|s: &f64| s.is_finite() && *s >= 0.0)?;
    Some(Duration::from_secs_f64(
        seconds.clamp(THROTTLE_WAIT_MIN.as_secs_f64(), THROTTLE_WAIT_MAX.as_secs_f64()),
    ))
}

/// Doubles with each send; half of it is random, so that requests that failed together part.
fn back_off(sends: u32, random: f64) -> Duration {
    let full = BACK_OFF_FIRST.saturating_mul(1 << (sends.max(1) - 1).min(16)).min(BACK_OFF_MAX);
    full.mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throttling_waits_as_told_within_bounds() {
        let cases =
            [("3", 3_000), (" 1.5 ", 1_500), ("0", 100), ("86400", 60_000), ("1e300", 60_000)];
        for (reset, millis) in cases {
            let wait = wait(Class::Throttled, 1, Some(reset), 0.0);
            assert_eq!(wait, Some(Duration::from_millis(millis)), "{reset:?}");
        }
    }

    #[test]
    fn throttling_without_a_usable_header_backs_off() {
        for reset in [None, Some("soon"), Some("-1"), Some("NaN"), Some("inf"), Some("")] {
            assert_eq!(wait(Class::Throttled, 1, reset, 1.0), Some(Duration::from_millis(500)));
            assert_eq!(wait(Class::Throttled, 3, reset, 1.0), Some(Duration::from_secs(2)));
        }
    }

    #[test]
    fn what_cannot_help_is_not_sent_again() {
        for class in [
            Class::Permission,
            Class::InvalidRequest,
            Class::Credentials,
            Class::Quota,
            Class::Token,
        ] {
            assert_eq!(wait(class, 1, None, 0.5), None, "{class:?}");
        }
    }

    #[test]
    fn every_class_gives_up_in_the_end() {
        for class in Class::ALL {
            assert_eq!(wait(class, 6, Some("1"), 0.5), None, "{class:?}");
        }
        assert!(wait(Class::Network, 2, None, 0.5).is_some());
        assert_eq!(wait(Class::Network, 3, None, 0.5), None);
        assert_eq!(wait(Class::Malformed, 2, None, 0.5), None);
    }

    proptest::proptest! {
        #[test]
        fn a_wait_lies_within_its_bounds(sends in 1u32..100, random in 0.0..1.0f64, reset in ".*") {
            for class in Class::ALL {
                if let Some(wait) = wait(class, sends, Some(&reset), random) {
                    proptest::prop_assert!(wait >= Duration::from_millis(100));
                    proptest::prop_assert!(wait <= THROTTLE_WAIT_MAX);
                }
            }
        }
    }
}
