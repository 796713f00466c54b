//! Asking for many things of one kind, until all are answered or one failure concerns all.

use prometheus::IntCounter;

use crate::{
    feishu::{Error, Reach, Strikes},
    sources::many,
};

/// Things to be asked for, several at once, and what their failures say about the rest.
pub(crate) struct Many<K, R> {
    requests: many::Many<K, R>,
    strikes: Strikes,
    panics: IntCounter,
    /// The first failure.
    pub(crate) failure: Option<Error>,
    /// The failure that ended it early, because it concerned all.
    pub(crate) ended_by: Option<Error>,
}

impl<K: Clone, R: Send + 'static> Many<K, R> {
    /// Nothing yet, to be asked for so many at once; defects are counted in `panics`.
    pub(crate) fn new(at_once: usize, panics: IntCounter) -> Self {
        Self {
            requests: many::Many::new(at_once),
            strikes: Strikes::default(),
            panics,
            failure: None,
            ended_by: None,
        }
    }

    /// Adds things to be asked for, after those that are waiting.
    pub(crate) fn extend(&mut self, keys: impl IntoIterator<Item = K>) {
        self.requests.extend(keys);
    }

    /// The next thing that was answered or failed; none when there is nothing more.
    pub(crate) async fn next<A>(&mut self, ask: impl Fn(K) -> A) -> Option<(K, Result<R, Error>)>
    where
        A: Future<Output = Result<R, Error>> + Send + 'static,
    {
        let (key, answer) = self.requests.next(ask).await?;
        self.panics.inc_by(std::mem::take(&mut self.requests.defects));
        if answer.is_ok() {
            self.strikes.succeeded();
        }
        Some((key, answer))
    }

    /// Takes a failure into account, and tells whether it concerns all: then nothing more is asked
    /// for, and what is under way is still awaited.
    ///
    /// `is_old` is one of something that failed before, while others did not: it says nothing of
    /// these, unless the code says so.
    pub(crate) fn concerns_all(&mut self, error: &Error, is_old: bool) -> bool {
        self.failure.get_or_insert_with(|| error.clone());
        let concerns_all = match is_old {
            true => matches!(error.reach, Reach::App | Reach::Endpoint),
            false => self.strikes.are_out(error),
        };
        if concerns_all {
            self.ended_by.get_or_insert_with(|| error.clone());
            self.requests.stop();
        }
        concerns_all
    }

    /// Takes in a failure of one thing beside others that were answered.
    pub(crate) fn note(&mut self, error: Option<&Error>) {
        self.failure = self.failure.take().or_else(|| error.cloned());
    }

    /// The last time, everything was refused with this code.
    pub(crate) fn expect_refusals(&mut self, code: Option<i64>) {
        self.strikes.expect_refusals(code);
    }

    /// As [`Self::concerns_all`], also where one id after the other is refused alike, or so many in
    /// one batch: an endpoint that refuses every id costs a few requests, not one for each.
    pub(crate) fn ends(&mut self, error: &Error, ids: usize, is_old: bool) -> bool {
        let are_refused = !is_old && self.strikes.all_are_refused(error, ids);
        if self.concerns_all(error, is_old) {
            return true;
        }
        if are_refused {
            self.ended_by.get_or_insert_with(|| error.clone());
            self.requests.stop();
        }
        false
    }
}
