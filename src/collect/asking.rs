//! Many questions of one kind, several at once.

use std::collections::BTreeMap;

use tokio::task::{Id, JoinSet};

use crate::feishu::{Class, Error};

/// Asks for many things, several at once, until all are answered or one failure concerns all.
pub(super) struct Asking<K, R, F> {
    waiting: std::vec::IntoIter<K>,
    at_once: usize,
    ask: F,
    tasks: JoinSet<Result<R, Error>>,
    keys: BTreeMap<Id, K>,
    /// The first failure.
    pub(super) failure: Option<Error>,
    is_over: bool,
}

impl<K, R, F, A> Asking<K, R, F>
where
    K: Clone,
    R: Send + 'static,
    F: Fn(K) -> A,
    A: Future<Output = Result<R, Error>> + Send + 'static,
{
    pub(super) fn new(keys: Vec<K>, at_once: usize, ask: F) -> Self {
        Self {
            waiting: keys.into_iter(),
            at_once,
            ask,
            tasks: JoinSet::new(),
            keys: BTreeMap::new(),
            failure: None,
            is_over: false,
        }
    }

    /// The next thing that was answered, or failed; none when there is nothing more.
    pub(super) async fn next(&mut self) -> Option<(K, Option<R>)> {
        while !self.is_over && self.tasks.len() < self.at_once {
            let Some(key) = self.waiting.next() else { break };
            let task = self.tasks.spawn((self.ask)(key.clone()));
            self.keys.insert(task.id(), key);
        }
        let (id, answer) = match self.tasks.join_next_with_id().await? {
            Ok((id, answer)) => (id, answer),
            Err(defect) => {
                let what = format!("a defect in the exporter: {defect}");
                (defect.id(), Err(Error::local(Class::Malformed, "reading an answer", what)))
            }
        };
        let key = self.keys.remove(&id)?;
        match answer {
            Ok(answer) => Some((key, Some(answer))),
            Err(error) => {
                self.is_over |= error.concerns_tenant();
                self.failure.get_or_insert(error);
                Some((key, None))
            }
        }
    }
}
