//! When an optional source is collected: after its refresh interval, after a failure, or when a
//! department is new. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    schedule::{failure_wait, fruitless_wait, is_feishu_quota, later},
    standing::{is_news, problem},
};
use crate::{
    feishu::{Class, Error},
    snapshot::Problem,
    sources::{contact, directory, users},
};

/// A source of figures. Its label is the closed list of the contract's label `source`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    /// `admin_dept_stats`.
    Departments,
    /// `directory/v1/departments/filter`.
    Directory,
    /// `contact/v3/departments/batch`.
    Contact,
    /// `contact/v3/users/find_by_department`.
    Members,
    /// `admin_user_stats`.
    Users,
    /// `admin_dept_stats` of the weeks before, once.
    Baselines,
}

impl Source {
    /// The value of the label `source`.
    pub(super) const fn as_label(self) -> &'static str {
        match self {
            Self::Departments => "departments",
            Self::Directory => "directory",
            Self::Contact => "contact",
            Self::Members => "members",
            Self::Users => "users",
            Self::Baselines => "baselines",
        }
    }
}

impl Source {
    /// The fields beside the 38 figures whose values can be rejected.
    pub(super) const fn number_fields(self) -> &'static [&'static str] {
        match self {
            Self::Departments | Self::Members | Self::Baselines => &[],
            Self::Directory => &directory::NUMBER_FIELDS,
            Self::Contact => &contact::NUMBER_FIELDS,
            Self::Users => &users::NUMBER_FIELDS,
        }
    }
}

/// An optional source and how it stands; `K` is what it is asked for, a department or a day of one.
///
/// What fails waits by itself: one department without permission must not hold up the others. Only
/// a failure that concerns all of them pauses the whole source.
#[derive(Clone, Debug)]
pub(super) struct Job<K> {
    pub(super) source: Source,
    /// After which everything is asked for again; none where an answer is final.
    refresh_interval: Option<Duration>,
    /// The longest wait after failures that are not for want of permission.
    retry_max: Duration,
    /// What is still to be asked for.
    pending: BTreeSet<K>,
    /// What was asked for since the last refresh.
    done: BTreeSet<K>,
    /// What failed by itself.
    troubles: BTreeMap<K, Trouble>,
    /// What was answered, but with nothing yet: when last, and how often in a row.
    in_vain: BTreeMap<K, (Timestamp, u32)>,
    /// The failure that concerned everything, if the last run ended so.
    pause: Option<Trouble>,
    refreshed: Option<Timestamp>,
    pub(super) last_success: Option<Timestamp>,
    pub(super) problem: Option<Problem>,
}

/// How far a source got, for a process that takes it up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Progress<K: Ord> {
    done: BTreeSet<K>,
    refreshed: Option<Timestamp>,
    last_success: Option<Timestamp>,
}

impl<K: Ord> Progress<K> {
    pub(super) fn last_success(&self) -> Option<Timestamp> {
        self.last_success
    }
}

/// Failures in a row.
#[derive(Clone, Copy, Debug)]
struct Trouble {
    at: Timestamp,
    /// For want of permission, or in vain.
    fruitless: u32,
    /// For other reasons.
    failures: u32,
    is_quota: bool,
}

impl Trouble {
    fn new(at: Timestamp) -> Self {
        Self { at, fruitless: 0, failures: 0, is_quota: false }
    }

    fn add(&mut self, now: Timestamp, error: &Error) {
        self.at = now;
        self.is_quota = is_feishu_quota(error);
        match error.class {
            Class::Permission | Class::InvalidRequest => self.fruitless += 1,
            _ => self.failures += 1,
        }
    }

    /// Until when to wait; a trouble that lies ahead was before the clock went back.
    fn over(&self, now: Timestamp, retry_max: Duration) -> Timestamp {
        let wait = match (self.fruitless, self.failures) {
            _ if self.at > now => return now,
            (0, failures) => failure_wait(retry_max, failures, self.is_quota),
            (fruitless, _) => fruitless_wait(fruitless),
        };
        later(self.at, wait)
    }
}

impl<K: Ord + Clone> Job<K> {
    pub(super) fn new(
        source: Source,
        refresh_interval: Option<Duration>,
        retry_max: Duration,
    ) -> Self {
        Self {
            source,
            refresh_interval,
            retry_max,
            pending: BTreeSet::new(),
            done: BTreeSet::new(),
            troubles: BTreeMap::new(),
            in_vain: BTreeMap::new(),
            pause: None,
            refreshed: None,
            last_success: None,
            problem: None,
        }
    }

    /// How far it got.
    pub(super) fn progress(&self) -> Progress<K> {
        Progress {
            done: self.done.clone(),
            refreshed: self.refreshed,
            last_success: self.last_success,
        }
    }

    /// Goes on from where a process before this one got to.
    pub(super) fn resume(&mut self, progress: Progress<K>) {
        self.done = progress.done;
        self.refreshed = progress.refreshed;
        self.last_success = progress.last_success;
    }

    /// Tells what there is to ask for now: what is new becomes pending, what is gone is forgotten,
    /// and after the refresh interval everything is asked for again.
    pub(super) fn wants(&mut self, now: Timestamp, wanted: BTreeSet<K>) {
        let is_due = |at: Timestamp| {
            self.refresh_interval.is_some_and(|wait| later(at, wait) <= now) || at > now
        };
        if self.refreshed.is_none_or(is_due) {
            self.refreshed = Some(now);
            self.done.clear();
        }
        self.done.retain(|key| wanted.contains(key));
        self.troubles.retain(|key, _| wanted.contains(key));
        self.in_vain.retain(|key, _| wanted.contains(key));
        self.pending = wanted.into_iter().filter(|key| !self.done.contains(key)).collect();
    }

    /// When there is something to ask for; none while there is nothing.
    pub(super) fn due(&self, now: Timestamp) -> Option<Timestamp> {
        let paused = self.pause.map_or(now, |pause| pause.over(now, self.retry_max));
        let pending = self.pending.iter().map(|key| self.key_due(key, now)).min();
        let refresh = self.refreshed.filter(|_| !self.done.is_empty());
        let refresh = refresh.zip(self.refresh_interval).map(|(at, wait)| later(at, wait));
        pending.into_iter().chain(refresh).min().map(|due| due.max(paused))
    }

    /// What to ask for now.
    pub(super) fn ready(&self, now: Timestamp) -> Vec<K> {
        if self.pause.is_some_and(|pause| pause.over(now, self.retry_max) > now) {
            return Vec::new();
        }
        self.pending.iter().filter(|key| self.key_due(key, now) <= now).cloned().collect()
    }

    /// Marks something as asked for.
    pub(super) fn done(&mut self, key: &K) {
        self.troubles.remove(key);
        self.in_vain.remove(key);
        if let Some(key) = self.pending.take(key) {
            self.done.insert(key);
        }
    }

    /// Notes that something failed by itself.
    pub(super) fn failed(&mut self, key: &K, now: Timestamp, error: &Error) {
        let trouble = self.troubles.entry(key.clone()).or_insert_with(|| Trouble::new(now));
        trouble.add(now, error);
    }

    /// Notes that the answer held nothing yet, which is no failure, and tells how often in a row.
    pub(super) fn in_vain(&mut self, key: &K, now: Timestamp) -> u32 {
        self.troubles.remove(key);
        let (at, times) = self.in_vain.entry(key.clone()).or_insert((now, 0));
        *at = now;
        *times += 1;
        *times
    }

    /// Ends a run: with its first failure, if there was one, and the one that ended it early, if
    /// it concerned all. Tells whether the failure is news.
    pub(super) fn ran(
        &mut self,
        now: Timestamp,
        failure: Option<&Error>,
        ended_by: Option<&Error>,
    ) -> bool {
        match ended_by {
            Some(error) => self.pause.get_or_insert_with(|| Trouble::new(now)).add(now, error),
            None => self.pause = None,
        }
        let Some(error) = ended_by.or(failure) else {
            // What is still in trouble was only not asked for this time.
            if self.troubles.is_empty() {
                self.last_success = Some(now);
                self.problem = None;
            }
            return false;
        };
        let is_news = is_news(self.problem.as_ref(), error);
        self.problem = Some(problem(now, error));
        is_news
    }

    fn key_due(&self, key: &K, now: Timestamp) -> Timestamp {
        let trouble = self.troubles.get(key).map(|trouble| trouble.over(now, self.retry_max));
        let in_vain = self.in_vain.get(key).filter(|(at, _)| *at <= now);
        let in_vain = in_vain.map(|(at, _)| later(*at, self.retry_max));
        trouble.max(in_vain).unwrap_or(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feishu::{Endpoint, Refusal};

    const HOUR: i64 = 3600;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn job() -> Job<&'static str> {
        let day = Duration::from_secs(24 * 3600);
        Job::new(Source::Members, Some(day), Duration::from_secs(3600))
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
        let mut job = job();
        job.wants(at(0), ["a", "b"].into());
        assert_eq!((job.due(at(0)), job.ready(at(0))), (Some(at(0)), vec!["a", "b"]));
        job.done(&"a");
        job.done(&"b");
        job.ran(at(5), None, None);
        assert_eq!((job.due(at(5)), job.ready(at(5))), (Some(at(24 * HOUR)), vec![]));
        job.wants(at(24 * HOUR), ["a", "b"].into());
        assert_eq!(job.ready(at(24 * HOUR)), ["a", "b"]);
    }

    #[test]
    fn what_is_new_is_asked_for_at_once_and_alone_whatever_ails_another() {
        let mut job = job();
        job.wants(at(0), ["a", "denied"].into());
        job.done(&"a");
        job.failed(&"denied", at(5), &denied());
        job.ran(at(5), Some(&denied()), None);
        job.wants(at(60), ["a", "b", "denied"].into());
        assert_eq!((job.due(at(60)), job.ready(at(60))), (Some(at(60)), vec!["b"]));
    }

    #[test]
    fn what_failed_by_itself_waits_by_itself_up_to_an_hour() {
        let mut job = job();
        job.wants(at(0), ["a"].into());
        for (failure, wait) in [30, 60, 120, 240, 480, 960, 1920, 3600, 3600].iter().enumerate() {
            job.failed(&"a", at(0), &network());
            assert_eq!(job.due(at(1)), Some(at(*wait)), "after failure {failure}");
        }
    }

    #[test]
    fn without_permission_it_waits_1_then_6_then_24_hours() {
        let mut job = job();
        job.wants(at(0), ["a"].into());
        for hours in [1, 6, 24, 24] {
            job.failed(&"a", at(0), &denied());
            assert_eq!(job.due(at(1)), Some(at(hours * HOUR)));
        }
        job.done(&"a");
        assert_eq!(job.ready(at(1)), [] as [&str; 0]);
    }

    #[test]
    fn a_failure_that_concerns_all_pauses_all() {
        let mut job = job();
        job.wants(at(0), ["a", "b"].into());
        assert!(job.ran(at(0), Some(&network()), Some(&network())));
        assert_eq!((job.due(at(1)), job.ready(at(1))), (Some(at(30)), vec![]));
        assert!(!job.ran(at(30), Some(&network()), Some(&network())), "the same is no news");
        assert_eq!(job.due(at(31)), Some(at(90)));
        job.ran(at(90), None, None);
        assert_eq!(job.ready(at(90)), ["a", "b"]);
    }

    #[test]
    fn a_used_up_quota_is_probed_once_a_day() {
        let refusal = Refusal { status: 400, code: Some(99_991_403), ..Refusal::default() };
        let quota = Error::refused(Endpoint::AdminUserStats, "asking", refusal);
        let mut job = job();
        job.wants(at(0), ["a"].into());
        job.ran(at(0), Some(&quota), Some(&quota));
        assert_eq!(job.due(at(1)), Some(at(24 * HOUR)));
    }

    #[test]
    fn an_answer_with_nothing_yet_is_asked_for_again_after_the_interval() {
        let mut job = Job::new(Source::Users, None, Duration::from_secs(3600));
        job.wants(at(0), ["a"].into());
        for times in 1..5 {
            assert_eq!(job.in_vain(&"a", at(0)), times);
            job.ran(at(0), None, None);
            assert_eq!((job.due(at(1)), job.last_success), (Some(at(HOUR)), Some(at(0))));
        }
        job.done(&"a");
        assert_eq!(job.due(at(1)), None, "an answer is final");
    }

    #[test]
    fn a_source_with_nothing_to_ask_for_is_not_due() {
        let mut job = job();
        job.wants(at(0), BTreeSet::new());
        assert_eq!(job.due(at(0)), None);
    }

    #[test]
    fn a_clock_that_was_set_back_stops_nothing() {
        for (ahead, back) in [(100 * HOUR, 0), (100 * HOUR, 92 * HOUR), (9000 * HOUR, HOUR)] {
            let mut job = job();
            job.wants(at(ahead), ["a"].into());
            job.failed(&"a", at(ahead), &denied());
            job.ran(at(ahead), Some(&denied()), Some(&network()));
            assert_eq!(job.ready(at(back)), ["a"], "{ahead} {back}");
        }
    }
}
