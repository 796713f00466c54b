//! Leaving a tenant or a geo alone for a while.

use std::time::Duration;

use jiff::Timestamp;

use super::schedule::later;

/// Leaving something alone after failures.
#[derive(Default)]
pub(super) struct Pause {
    pub(super) failures: u32,
    /// Since when, and for how long.
    pub(super) since: Option<(Timestamp, Duration)>,
}

impl Pause {
    /// Until when; none if it is over. One that begins ahead was before the clock went back.
    pub(super) fn until(&self, now: Timestamp) -> Option<Timestamp> {
        let (since, wait) = self.since?;
        Some(later(since, wait)).filter(|until| since <= now && now < *until)
    }

    pub(super) fn end(&mut self) {
        *self = Self::default();
    }
}
