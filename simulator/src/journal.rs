//! What was asked and answered, for tests and scripts.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Mutex,
};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;

use super::{lock::lock, settings::Endpoint};

/// Older requests are only counted.
const REQUESTS_KEPT: usize = 10_000;

/// A request that was answered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recorded {
    /// When it was answered, by the simulator's clock.
    pub at: Timestamp,
    /// The endpoint; absent for a path that is none.
    pub endpoint: Option<Endpoint>,
    /// The HTTP method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The query, decoded, in the order of the request.
    pub query: Vec<(String, String)>,
    /// The body, where it is JSON; never that of a request for a token, which holds the secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// The HTTP status of the answer.
    pub status: u16,
    /// Feishu's code in the answer; absent where the answer has none.
    pub code: Option<i64>,
}

impl Recorded {
    /// The value of a query parameter.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Default)]
struct Entries {
    recent: VecDeque<Recorded>,
    open: usize,
    open_max: usize,
}

#[derive(Default)]
pub(super) struct Journal {
    entries: Mutex<Entries>,
    counts: watch::Sender<BTreeMap<Endpoint, u64>>,
}

impl Journal {
    /// Notes that an answer is being made, until the result is dropped.
    pub(super) fn open(&self) -> Open<'_> {
        let mut entries = lock(&self.entries);
        entries.open += 1;
        entries.open_max = entries.open_max.max(entries.open);
        Open(self)
    }

    pub(super) fn record(&self, recorded: Recorded) {
        let endpoint = recorded.endpoint;
        let mut entries = lock(&self.entries);
        if entries.recent.len() == REQUESTS_KEPT {
            entries.recent.pop_front();
        }
        entries.recent.push_back(recorded);
        drop(entries);
        if let Some(endpoint) = endpoint {
            self.counts.send_modify(|counts| *counts.entry(endpoint).or_default() += 1);
        }
    }

    pub(super) fn recent(&self) -> Vec<Recorded> {
        lock(&self.entries).recent.iter().cloned().collect()
    }

    pub(super) fn open_now(&self) -> usize {
        lock(&self.entries).open
    }

    pub(super) fn open_max(&self) -> usize {
        lock(&self.entries).open_max
    }

    pub(super) fn counts(&self) -> watch::Receiver<BTreeMap<Endpoint, u64>> {
        self.counts.subscribe()
    }

    /// Forgets everything but what is open.
    pub(super) fn clear(&self) {
        let mut entries = lock(&self.entries);
        entries.recent.clear();
        entries.open_max = entries.open;
        self.counts.send_modify(BTreeMap::clear);
    }
}

/// A request that has no answer yet.
pub(super) struct Open<'a>(&'a Journal);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        lock(&self.0.entries).open -= 1;
    }
}
