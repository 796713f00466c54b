//! What the `Date` of Feishu's answers tells about this machine's clock, by which days are decided.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, SignedDurationRound, Timestamp, Unit, fmt::rfc2822};

/// A smaller difference has no consequence: it is that of the network, of whole seconds and of the
/// `Date` that a proxy puts in.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// How far the clock is off, as far as answers have told.
#[derive(Debug, Default)]
pub(super) struct ServerTime(Mutex<Option<SignedDuration>>);

impl ServerTime {
    /// Takes in the `Date` of an answer that arrived now, and says once when the clock is wrong and
    /// once when it is right again.
    pub(super) fn see(&self, tenant: &str, date: &str, now: Timestamp) {
        let Ok(date) = rfc2822::parse(date) else { return };
        let ahead = now.duration_since(date.timestamp());
        let is_wrong = ahead.abs() > TOLERANCE;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let was_wrong = std::mem::replace(&mut *known, is_wrong.then_some(ahead)).is_some();
        if is_wrong && !was_wrong {
            tracing::warn!(tenant, seconds_ahead = ahead.as_secs(), "{}", clock_is_wrong(ahead));
        } else if was_wrong && !is_wrong {
            tracing::info!(tenant, "The clock of this machine agrees with Feishu's again");
        }
    }

    /// How far the clock is ahead of Feishu's, negative where it is behind; none while it is right.
    pub(super) fn ahead(&self) -> Option<SignedDuration> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A sentence about a clock that is wrong, with the remedy.
#[must_use]
pub fn clock_is_wrong(ahead: SignedDuration) -> String {
    let size = ahead.abs().round(SignedDurationRound::new().smallest(Unit::Minute));
    let direction = if ahead.is_positive() { "ahead of" } else { "behind" };
    format!(
        "The clock of this machine is {:#} {direction} Feishu's. Days are decided by it: set it, and \
         keep it right by NTP; what was missed is collected then.",
        size.unwrap_or(ahead.abs())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_an_answer_tells_a_wrong_clock_and_its_size() {
        let now: Timestamp = "2026-11-23T06:00:00Z".parse().unwrap();
        for (date, ahead) in [
            ("Mon, 23 Nov 2026 06:00:00 GMT", None),
            ("Mon, 23 Nov 2026 05:56:00 GMT", None),
            ("Sun, 22 Nov 2026 22:00:00 GMT", Some(8 * 3600)),
            ("Mon, 23 Nov 2026 14:00:00 GMT", Some(-8 * 3600)),
            // As a month ahead, and what no clock writes.
            ("Fri, 23 Oct 2026 06:00:00 GMT", Some(31 * 86_400)),
        ] {
            let server = ServerTime::default();
            server.see("acme", date, now);
            assert_eq!(server.ahead().map(|ahead| ahead.as_secs()), ahead, "{date}");
            for unreadable in ["", "yesterday", "2026-11-23T06:00:00Z"] {
                server.see("acme", unreadable, now);
                assert_eq!(server.ahead().map(|ahead| ahead.as_secs()), ahead, "{unreadable}");
            }
            server.see("acme", "Mon, 23 Nov 2026 06:00:01 GMT", now);
            assert_eq!(server.ahead(), None, "it was set right");
        }
        assert!(clock_is_wrong(SignedDuration::from_hours(8)).contains("8h ahead of Feishu's"));
        assert!(
            clock_is_wrong(SignedDuration::from_secs(-90 * 60 - 5))
                .contains("1h 30m behind Feishu's")
        );
    }
}
