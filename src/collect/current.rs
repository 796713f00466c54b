//! How long what Feishu told is published as current. Pure.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::clock::later;

/// Something that Feishu told, with its time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Fact<T> {
    pub(crate) value: T,
    /// When Feishu told it.
    pub(crate) as_of: Timestamp,
}

/// Tells what is current from what is too old.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Current {
    now: Timestamp,
    max_age: Duration,
}

impl Current {
    /// What is current now, where `max_age` bounds the age of all values.
    pub(crate) fn at(now: Timestamp, max_age: Duration) -> Self {
        Self { now, max_age }
    }

    /// Whether something as of then is current. It is only hidden otherwise, never deleted: a clock
    /// that is ahead for a while must cost nothing.
    pub(crate) fn holds(self, as_of: Timestamp) -> bool {
        self.now < later(as_of, self.max_age)
    }
}
