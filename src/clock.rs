//! The only reader of the system's wall clock.
//!
//! Whoever needs the time of day holds a [`Clock`]; tests hold one that they set. Waiting and
//! measuring go through `tokio::time`, which tests can pause.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// A source of wall-clock time. Cheap to clone.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    Manual(Hand),
}

/// Sets a manual clock.
#[derive(Clone)]
pub struct Hand {
    /// Milliseconds since 1970 that it shows, those that have passed since then left out.
    millis: Arc<AtomicI64>,
    /// Since when it runs; none if it stands still.
    since: Option<Instant>,
}

impl Clock {
    /// The system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still until its hand is moved.
    #[must_use]
    pub fn manual(start: Timestamp) -> (Self, Hand) {
        Self::set_by_hand(start, None)
    }

    /// A clock that runs, and whose hand can be moved meanwhile.
    #[must_use]
    pub fn running(start: Timestamp) -> (Self, Hand) {
        Self::set_by_hand(start, Some(Instant::now()))
    }

    fn set_by_hand(start: Timestamp, since: Option<Instant>) -> (Self, Hand) {
        let millis = Arc::new(AtomicI64::new(start.as_millisecond()));
        let hand = Hand { millis, since };
        (Self(Source::Manual(hand.clone())), hand)
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            #[expect(
                clippy::disallowed_methods,
                reason = "this is the one place that reads the clock"
            )]
            Source::System => Timestamp::now(),
            Source::Manual(hand) => {
                let millis = hand.millis.load(Ordering::SeqCst).saturating_add(hand.passed());
                Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
            }
        }
    }
}

/// `at` moved by a duration, held within the range of timestamps.
#[must_use]
pub fn later(at: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

impl Hand {
    /// Moves the clock, forwards or backwards.
    pub fn set(&self, now: Timestamp) {
        self.millis.store(now.as_millisecond() - self.passed(), Ordering::SeqCst);
    }

    /// Milliseconds that have passed since it began to run.
    fn passed(&self) -> i64 {
        self.since.map_or(0, |since| i64::try_from(since.elapsed().as_millis()).unwrap_or(i64::MAX))
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::System => "Clock(system)",
            Source::Manual(_) => "Clock(manual)",
        })
    }
}
