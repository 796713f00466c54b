//! Many questions of one kind, several at once.

use std::collections::BTreeMap;

use prometheus::IntCounter;
use tokio::task::{Id, JoinSet};

use super::strikes::Strikes;
use crate::feishu::{Class, Error};

/// Asks for many things, several at once, until all are answered or one failure concerns all.
pub(super) struct Asking<K, R, F> {
    waiting: std::vec::IntoIter<K>,
    at_once: usize,
    ask: F,
    tasks: JoinSet<Result<R, Error>>,
    keys: BTreeMap<Id, K>,
    strikes: Strikes,
    panics: IntCounter,
    /// The first failure.
    pub(super) failure: Option<Error>,
    /// The failure that ended it early.
    pub(super) ended_by: Option<Error>,
}

/// One thing that was asked for, and what came of it; no error where the failure concerned all.
pub(super) enum Asked<K, R> {
    Answered(K, R),
    Failed(K, Error),
    Ended,
}

impl<K, R, F, A> Asking<K, R, F>
where
    K: Clone,
    R: Send + 'static,
    F: Fn(K) -> A,
    A: Future<Output = Result<R, Error>> + Send + 'static,
{
    pub(super) fn new(keys: Vec<K>, at_once: usize, panics: IntCounter, ask: F) -> Self {
        Self {
            waiting: keys.into_iter(),
            at_once,
            ask,
            tasks: JoinSet::new(),
            keys: BTreeMap::new(),
            strikes: Strikes::default(),
            panics,
            failure: None,
            ended_by: None,
        }
    }

    /// The next thing that was answered, or failed; none when there is nothing more.
    pub(super) async fn next(&mut self) -> Option<Asked<K, R>> {
        while self.ended_by.is_none() && self.tasks.len() < self.at_once {
            let Some(key) = self.waiting.next() else { break };
            let task = self.tasks.spawn((self.ask)(key.clone()));
            self.keys.insert(task.id(), key);
        }
        let (id, answer) = match self.tasks.join_next_with_id().await? {
            Ok((id, answer)) => (id, answer),
            Err(defect) => {
                self.panics.inc();
                let what = format!("a defect in the exporter: {defect}");
                (defect.id(), Err(Error::local(Class::Malformed, "reading an answer", what)))
            }
        };
        let key = self.keys.remove(&id)?;
        let error = match answer {
            Ok(answer) => {
                self.strikes.succeeded();
                return Some(Asked::Answered(key, answer));
            }
            Err(error) => error,
        };
        self.failure.get_or_insert_with(|| error.clone());
        if self.strikes.are_out(&error) {
            self.ended_by.get_or_insert(error);
            return Some(Asked::Ended);
        }
        Some(Asked::Failed(key, error))
    }
}
