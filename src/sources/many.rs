//! Asking for many things of one kind, several at once.

use std::collections::{HashMap, VecDeque};

use tokio::task::{Id, JoinSet};

use crate::feishu::{Class, Error};

/// Things to be asked for, and those that are being asked for.
///
/// Dropped, it stops asking at once.
#[derive(Debug)]
pub struct Many<K, R> {
    at_once: usize,
    waiting: VecDeque<K>,
    running: HashMap<Id, K>,
    tasks: JoinSet<Result<R, Error>>,
    is_stopped: bool,
    /// Tasks that ended by a defect of this program.
    pub defects: u64,
}

impl<K: Clone, R: Send + 'static> Many<K, R> {
    /// Nothing yet, to be asked for so many at once.
    #[must_use]
    pub fn new(at_once: usize) -> Self {
        Self {
            at_once,
            waiting: VecDeque::new(),
            running: HashMap::new(),
            tasks: JoinSet::new(),
            is_stopped: false,
            defects: 0,
        }
    }

    /// Adds things to be asked for, after those that are waiting.
    pub fn extend(&mut self, keys: impl IntoIterator<Item = K>) {
        self.waiting.extend(keys);
    }

    /// Begins nothing any more; what is under way is still awaited.
    pub fn stop(&mut self) {
        self.is_stopped = true;
    }

    /// The next thing that was answered or failed; none when there is nothing more.
    pub async fn next<A>(&mut self, ask: impl Fn(K) -> A) -> Option<(K, Result<R, Error>)>
    where
        A: Future<Output = Result<R, Error>> + Send + 'static,
    {
        while !self.is_stopped && self.tasks.len() < self.at_once {
            let Some(key) = self.waiting.pop_front() else { break };
            let task = self.tasks.spawn(ask(key.clone()));
            self.running.insert(task.id(), key);
        }
        let (id, answer) = match self.tasks.join_next_with_id().await? {
            Ok(done) => done,
            Err(defect) => {
                self.defects += 1;
                let what = format!("a defect in the exporter: {defect}");
                (defect.id(), Err(Error::local(Class::Malformed, "reading an answer", what)))
            }
        };
        Some((self.running.remove(&id)?, answer))
    }
}
