//! When what a source is asked for is due: after its refresh interval, after a failure, or at once
//! when a department is new. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    backoff::{Backoff, Cause},
    problem::{is_news, problem},
};
use crate::{clock::later, feishu::Error, snapshot::Problem};

/// What a source is asked for, and how that stands; `K` is one such thing, as a department or a
/// day of one.
///
/// What fails waits by itself: one department without permission must not hold up the others. Only
/// a failure that concerns all of them stops the whole source for a while.
#[derive(Clone, Debug)]
pub(crate) struct Due<K> {
    /// After which everything is asked for again; none where an answer is final.
    refresh_interval: Option<Duration>,
    /// The longest wait after failures that may pass.
    retry_max: Duration,
    /// What is still to be asked for.
    pending: BTreeSet<K>,
    /// What was answered since the last refresh.
    answered: BTreeSet<K>,
    /// What failed by itself.
    failing: BTreeMap<K, Backoff>,
    /// What was answered, but with nothing yet: when last, and how often in a row.
    empty: BTreeMap<K, (Timestamp, u32)>,
    /// The wait after a failure that concerned everything.
    backoff: Backoff,
    refreshed: Option<Timestamp>,
    pub(crate) last_success: Option<Timestamp>,
    pub(crate) problem: Option<Problem>,
    /// Whether it is being asked for.
    pub(crate) is_running: bool,
}

/// How far a source got, for a process that goes on from there.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Progress<K: Ord> {
    #[serde(rename = "done")]
    answered: BTreeSet<K>,
    /// What failed by itself.
    #[serde(default = "BTreeSet::new")]
    failing: BTreeSet<K>,
    refreshed: Option<Timestamp>,
    pub(crate) last_success: Option<Timestamp>,
}

impl<K: Ord + Clone> Due<K> {
    /// Something of which nothing was asked yet.
    pub(crate) fn new(refresh_interval: Option<Duration>, retry_max: Duration) -> Self {
        Self {
            refresh_interval,
            retry_max,
            pending: BTreeSet::new(),
            answered: BTreeSet::new(),
            failing: BTreeMap::new(),
            empty: BTreeMap::new(),
            backoff: Backoff::default(),
            refreshed: None,
            last_success: None,
            problem: None,
            is_running: false,
        }
    }

    /// How far it got.
    pub(crate) fn progress(&self) -> Progress<K> {
        Progress {
            answered: self.answered.clone(),
            failing: self.failing.keys().cloned().collect(),
            refreshed: self.refreshed,
            last_success: self.last_success,
        }
    }

    /// Goes on from where a process before this one got to; what failed is due now.
    pub(crate) fn resume(&mut self, progress: Progress<K>) {
        self.answered = progress.answered;
        let due = |key| (key, Backoff::default());
        self.failing = progress.failing.into_iter().map(due).collect();
        self.refreshed = progress.refreshed;
        self.last_success = progress.last_success;
    }

    /// Takes in what there is to ask for now: what is new becomes pending, what is gone is
    /// forgotten, and after the refresh interval everything is asked for again.
    pub(crate) fn want(&mut self, now: Timestamp, wanted: BTreeSet<K>) {
        let is_due = |at: Timestamp| {
            self.refresh_interval.is_some_and(|wait| later(at, wait) <= now) || at > now
        };
        if self.refreshed.is_none_or(is_due) {
            self.refreshed = Some(now);
            self.answered.clear();
        }
        self.answered.retain(|key| wanted.contains(key));
        self.failing.retain(|key, _| wanted.contains(key));
        self.empty.retain(|key, _| wanted.contains(key));
        self.pending = wanted.into_iter().filter(|key| !self.answered.contains(key)).collect();
    }

    /// Has everything asked for again now.
    pub(crate) fn refresh(&mut self) {
        self.refreshed = None;
    }

    /// When there is something to ask for, which may have passed; none while there is nothing.
    pub(crate) fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let held_up = self.backoff.until(now, self.retry_max).unwrap_or(now);
        let pending = self.pending.iter().map(|key| self.next_of(key, now)).min();
        let refresh = self.refreshed.filter(|_| !self.answered.is_empty());
        let refresh = refresh.zip(self.refresh_interval).map(|(at, wait)| later(at, wait));
        pending.into_iter().chain(refresh).min().map(|next| next.max(held_up))
    }

    /// What to ask for now.
    pub(crate) fn ready(&self, now: Timestamp) -> Vec<K> {
        if self.backoff.until(now, self.retry_max).is_some() {
            return Vec::new();
        }
        let due = self.pending.iter().filter(|key| self.next_of(key, now) <= now);
        let mut ready: Vec<K> = due.cloned().collect();
        // Those that failed before come last, so that they hold up nobody.
        ready.sort_by_key(|key| self.failing.contains_key(key));
        ready
    }

    /// Notes an answer.
    pub(crate) fn answered(&mut self, key: &K) {
        self.failing.remove(key);
        self.empty.remove(key);
        if let Some(key) = self.pending.take(key) {
            self.answered.insert(key);
        }
    }

    /// Whether anything was answered since the last refresh.
    pub(crate) fn any_answered(&self) -> bool {
        !self.answered.is_empty()
    }

    /// Whether something failed when it was asked for last.
    pub(crate) fn is_failing(&self, key: &K) -> bool {
        self.failing.contains_key(key)
    }

    /// Notes a failure of one thing by itself.
    pub(crate) fn failed(&mut self, key: &K, now: Timestamp, error: &Error) {
        self.failing.entry(key.clone()).or_default().failed(now, Cause::of(error));
    }

    /// Notes an answer that held nothing yet, which is no failure, and tells how often that was so
    /// in a row.
    pub(crate) fn was_empty(&mut self, key: &K, now: Timestamp) -> u32 {
        self.failing.remove(key);
        let (at, times) = self.empty.entry(key.clone()).or_insert((now, 0));
        *at = now;
        *times += 1;
        *times
    }

    /// Ends a run: with its first failure, if there was one, and the one that ended it early, if
    /// it concerned all. Tells whether the failure is news.
    pub(crate) fn ended(
        &mut self,
        now: Timestamp,
        failure: Option<&Error>,
        ended_by: Option<&Error>,
    ) -> bool {
        self.is_running = false;
        match ended_by {
            Some(error) => self.backoff.failed(now, Cause::of(error)),
            None => self.backoff.end(),
        }
        let Some(error) = ended_by.or(failure) else {
            // What still fails was only not asked for this time.
            if self.failing.is_empty() {
                self.last_success = Some(now);
                self.problem = None;
            }
            return false;
        };
        let is_news = is_news(self.problem.as_ref(), error);
        self.problem = Some(problem(now, error));
        is_news
    }

    fn next_of(&self, key: &K, now: Timestamp) -> Timestamp {
        let failing = self.failing.get(key).and_then(|backoff| backoff.until(now, self.retry_max));
        let empty = self.empty.get(key).filter(|(at, _)| *at <= now);
        let empty = empty.map(|(at, _)| later(*at, self.retry_max));
        failing.max(empty).unwrap_or(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feishu::{Class, Endpoint, Refusal};

    const HOUR: i64 = 3600;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn due() -> Due<&'static str> {
        let day = Duration::from_secs(24 * 3600);
        Due::new(Some(day), Duration::from_secs(3600))
    }

    fn denied() -> Error {
        let refusal = Refusal { status: 403, code: Some(40_004), ..Refusal::default() };
        Error::refused(Endpoint::UsersFindByDepartment, "counting", refusal)
    }

    fn network() -> Error {
        Error::local(Class::Network, "counting", "no answer")
    }

    #[test]
    fn everything_is_asked_for_at_first_and_after_each_interval() {
        let mut due = due();
        due.want(at(0), ["a", "b"].into());
        assert_eq!((due.next(at(0)), due.ready(at(0))), (Some(at(0)), vec!["a", "b"]));
        due.answered(&"a");
        due.answered(&"b");
        due.ended(at(5), None, None);
        assert_eq!((due.next(at(5)), due.ready(at(5))), (Some(at(24 * HOUR)), vec![]));
        due.want(at(24 * HOUR), ["a", "b"].into());
        assert_eq!(due.ready(at(24 * HOUR)), ["a", "b"]);
    }

    #[test]
    fn what_is_new_is_asked_for_at_once_and_alone_whatever_fails_elsewhere() {
        let mut due = due();
        due.want(at(0), ["a", "denied"].into());
        due.answered(&"a");
        due.failed(&"denied", at(5), &denied());
        due.ended(at(5), Some(&denied()), None);
        due.want(at(60), ["a", "b", "denied"].into());
        assert_eq!((due.next(at(60)), due.ready(at(60))), (Some(at(60)), vec!["b"]));
    }

    #[test]
    fn what_failed_by_itself_waits_by_itself_up_to_an_hour() {
        let mut due = due();
        due.want(at(0), ["a"].into());
        for (failure, wait) in [30, 60, 120, 240, 480, 960, 1920, 3600, 3600].iter().enumerate() {
            due.failed(&"a", at(0), &network());
            assert_eq!(due.next(at(1)), Some(at(*wait)), "after failure {failure}");
        }
    }

    #[test]
    fn without_permission_it_waits_1_then_6_then_24_hours() {
        let mut due = due();
        due.want(at(0), ["a"].into());
        for hours in [1, 6, 24, 24] {
            due.failed(&"a", at(0), &denied());
            assert_eq!(due.next(at(1)), Some(at(hours * HOUR)));
        }
        due.answered(&"a");
        assert_eq!(due.ready(at(1)), [] as [&str; 0]);
    }

    #[test]
    fn a_failure_that_concerns_all_pauses_all() {
        let mut due = due();
        due.want(at(0), ["a", "b"].into());
        assert!(due.ended(at(0), Some(&network()), Some(&network())));
        assert_eq!((due.next(at(1)), due.ready(at(1))), (Some(at(30)), vec![]));
        assert!(!due.ended(at(30), Some(&network()), Some(&network())), "the same is no news");
        assert_eq!(due.next(at(31)), Some(at(90)));
        due.ended(at(90), None, None);
        assert_eq!(due.ready(at(90)), ["a", "b"]);
    }

    #[test]
    fn a_used_up_quota_is_probed_once_a_day() {
        let refusal = Refusal { status: 400, code: Some(99_991_403), ..Refusal::default() };
        let quota = Error::refused(Endpoint::AdminUserStats, "asking", refusal);
        let mut due = due();
        due.want(at(0), ["a"].into());
        due.ended(at(0), Some(&quota), Some(&quota));
        assert_eq!(due.next(at(1)), Some(at(24 * HOUR)));
    }

    #[test]
    fn an_answer_with_nothing_yet_is_asked_for_again_after_the_interval() {
        let mut due = Due::new(None, Duration::from_secs(3600));
        due.want(at(0), ["a"].into());
        for times in 1..5 {
            assert_eq!(due.was_empty(&"a", at(0)), times);
            due.ended(at(0), None, None);
            assert_eq!((due.next(at(1)), due.last_success), (Some(at(HOUR)), Some(at(0))));
        }
        due.answered(&"a");
        assert_eq!(due.next(at(1)), None, "an answer is final");
    }

    #[test]
    fn a_source_with_nothing_to_ask_for_is_not_due() {
        let mut due = due();
        due.want(at(0), BTreeSet::new());
        assert_eq!(due.next(at(0)), None);
    }

    #[test]
    fn a_clock_that_was_set_back_stops_nothing() {
        for (ahead, back) in [(100 * HOUR, 0), (100 * HOUR, 92 * HOUR), (9000 * HOUR, HOUR)] {
            let mut due = due();
            due.want(at(ahead), ["a"].into());
            due.failed(&"a", at(ahead), &denied());
            due.ended(at(ahead), Some(&denied()), Some(&network()));
            assert_eq!(due.ready(at(back)), ["a"], "{ahead} {back}");
        }
    }
}
