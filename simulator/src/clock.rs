//! The simulator's own clock: set at will, it then ticks with real time.

use std::{sync::Mutex, time::Duration};

use jiff::Timestamp;
use tokio::time::Instant;

use super::lock::lock;

/// A clock that was right, or was set, at one instant and has ticked since.
pub(super) struct Clock(Mutex<(Timestamp, Instant)>);

impl Clock {
    /// Starts at the given time, without one at the system's.
    pub(super) fn starting_at(start: Option<Timestamp>) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "the simulator shares no code with the exporter, not even its clock"
        )]
        let start = start.unwrap_or_else(Timestamp::now);
        Self(Mutex::new((start, Instant::now())))
    }

    pub(super) fn now(&self) -> Timestamp {
        let (start, since) = *lock(&self.0);
        start.saturating_add(since.elapsed()).unwrap_or(Timestamp::MAX)
    }

    pub(super) fn set(&self, now: Timestamp) {
        *lock(&self.0) = (now, Instant::now());
    }

    pub(super) fn advance(&self, by: Duration) {
        let mut clock = lock(&self.0);
        clock.0 = clock.0.saturating_add(by).unwrap_or(Timestamp::MAX);
    }
}
