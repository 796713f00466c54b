//! How far this machine's clock is from Feishu's, by the header `Date` of its answers.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp, fmt::rfc2822};

/// A difference up to this changes neither which day is asked for nor, by much, when.
const DIFFERENCE_MAX: SignedDuration = SignedDuration::from_mins(5);
/// Answers in a row that must agree: one server among many may be wrong itself.
const ANSWERS: u32 = 2;

/// The difference between this machine's clock and Feishu's.
#[derive(Debug, Default)]
pub(super) struct Skew(Mutex<State>);

#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// What was told: how far this clock is ahead.
    told: Option<SignedDuration>,
    /// Answers in a row that say otherwise than what was told.
    others: u32,
}

impl Skew {
    /// Takes in the `Date` of an answer that is Feishu's; tells of a change once.
    pub(super) fn see(&self, tenant: &str, date: &str, now: Timestamp) {
        let Ok(date) = rfc2822::parse(date) else { return };
        let ahead = now.duration_since(date.timestamp());
        let changed = self.lock().see(ahead);
        match changed {
            Some(Some(ahead)) => tracing::warn!(
                tenant,
                "The clock of this machine is {} Feishu's: days are asked for too early or too \
                 late; set the clock (NTP)",
                words(ahead)
            ),
            Some(None) => {
                tracing::info!(tenant, "The clock of this machine agrees with Feishu's again");
            }
            None => {}
        }
    }

    /// How far this clock is from Feishu's, in words; none while they agree.
    pub(super) fn told(&self) -> Option<String> {
        self.lock().told.map(words)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What is to be told now, if that changed.
    fn see(&mut self, ahead: SignedDuration) -> Option<Option<SignedDuration>> {
        let is_far = |by: SignedDuration| by.abs() > DIFFERENCE_MAX;
        let is_told = match self.told {
            Some(told) => is_far(ahead) && !is_far(ahead.saturating_sub(told)),
            None => !is_far(ahead),
        };
        if is_told {
            self.others = 0;
            return None;
        }
        self.others += 1;
        if self.others < ANSWERS {
            return None;
        }
        self.others = 0;
        self.told = is_far(ahead).then_some(ahead);
        Some(self.told)
    }
}

/// `8h ahead of`, `2days 3h behind`: to the minute.
fn words(ahead: SignedDuration) -> String {
    let minutes = ahead.abs().as_secs() / 60;
    let size = std::time::Duration::from_secs(minutes.unsigned_abs() * 60);
    let side = if ahead.is_negative() { "behind" } else { "ahead of" };
    format!("{} {side}", humantime::format_duration(size))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: SignedDuration = SignedDuration::from_hours(1);

    #[test]
    fn a_wrong_clock_is_told_once_with_its_size_and_so_is_its_mending() {
        let mut state = State::default();
        assert_eq!(state.see(SignedDuration::from_secs(200)), None);
        assert_eq!(state.see(8 * HOUR), None, "one answer may be wrong itself");
        assert_eq!(state.see(8 * HOUR), Some(Some(8 * HOUR)));
        assert_eq!(state.see(8 * HOUR + SignedDuration::from_secs(3)), None, "told");
        assert_eq!(state.see(SignedDuration::ZERO), None);
        assert_eq!(state.see(8 * HOUR), None, "one that says otherwise changes nothing");
        // Set back too far.
        state.see(-48 * HOUR);
        assert_eq!(state.see(-48 * HOUR), Some(Some(-48 * HOUR)));
        state.see(SignedDuration::ZERO);
        assert_eq!(state.see(SignedDuration::ZERO), Some(None));
    }

    #[test]
    fn the_size_is_told_in_words() {
        let told = |seconds| words(SignedDuration::from_secs(seconds));
        assert_eq!(told(8 * 3600 + 12), "8h ahead of");
        assert_eq!(told(-(2 * 86_400 + 3 * 3600 + 60)), "2days 3h 1m behind");
    }

    #[test]
    fn only_a_date_is_read() {
        let skew = Skew::default();
        let now: Timestamp = "2026-11-28T12:00:00Z".parse().unwrap();
        for date in ["", "yesterday", "Sat, 28 Nov 2026", "2026-11-20T12:00:00Z"] {
            skew.see("acme", date, now);
            skew.see("acme", date, now);
            assert_eq!(skew.told(), None, "{date}");
        }
        for _ in 0..2 {
            skew.see("acme", "Sat, 28 Nov 2026 04:00:00 GMT", now);
        }
        assert_eq!(skew.told().as_deref(), Some("8h ahead of"));
    }
}
