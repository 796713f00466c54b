//! When an optional source is collected: after its refresh interval, after a failure, or when a
//! department is new. Pure.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;

use super::{
    options::Schedule,
    schedule::{failure_wait, fruitless_wait, later},
    standing::{is_news, problem},
};
use crate::{
    feishu::{Class, Error},
    snapshot::Problem,
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
        }
    }
}

/// An optional source and how it stands; `K` is what it is asked for.
#[derive(Clone, Debug)]
pub(super) struct Job<K> {
    pub(super) source: Source,
    refresh_interval: Duration,
    /// What is still to be asked for.
    pub(super) pending: BTreeSet<K>,
    /// What was asked for since the last refresh.
    done: BTreeSet<K>,
    refreshed: Option<Timestamp>,
    last_run: Option<Timestamp>,
    pub(super) last_success: Option<Timestamp>,
    /// Runs in a row that failed for want of permission.
    denied: u32,
    /// Runs in a row that failed otherwise.
    failures: u32,
    pub(super) problem: Option<Problem>,
}

impl<K: Ord + Clone> Job<K> {
    pub(super) fn new(source: Source, refresh_interval: Duration) -> Self {
        Self {
            source,
            refresh_interval,
            pending: BTreeSet::new(),
            done: BTreeSet::new(),
            refreshed: None,
            last_run: None,
            last_success: None,
            denied: 0,
            failures: 0,
            problem: None,
        }
    }

    /// Tells what there is to ask for now: what is new becomes pending, what is gone is forgotten,
    /// and after the refresh interval everything is asked for again.
    pub(super) fn wants(&mut self, now: Timestamp, wanted: BTreeSet<K>) {
        let is_due = |at: Timestamp| later(at, self.refresh_interval) <= now || at > now;
        if self.refreshed.is_none_or(is_due) {
            self.refreshed = Some(now);
            self.done.clear();
        }
        self.done.retain(|key| wanted.contains(key));
        self.pending = wanted.into_iter().filter(|key| !self.done.contains(key)).collect();
    }

    /// When it is to be run; none while there is nothing to ask for.
    pub(super) fn due(&self, now: Timestamp) -> Option<Timestamp> {
        let refresh = self.refreshed.map_or(now, |at| later(at, self.refresh_interval));
        if self.pending.is_empty() {
            return (!self.done.is_empty()).then_some(refresh);
        }
        // A run that lies ahead was before the clock went back.
        let Some(last_run) = self.last_run.filter(|at| *at <= now) else { return Some(now) };
        let interval = Schedule { interval: self.refresh_interval, ..Schedule::default() };
        let wait = match (self.denied, self.failures) {
            (0, 0) => return Some(now),
            (0, failures) => failure_wait(&interval, failures, false),
            (denied, _) => fruitless_wait(denied),
        };
        Some(later(last_run, wait))
    }

    /// Marks something as asked for.
    pub(super) fn done(&mut self, key: &K) {
        if let Some(key) = self.pending.take(key) {
            self.done.insert(key);
        }
    }

    /// Ends a run: with its first failure, if there was one. Tells whether that is news.
    pub(super) fn ran(&mut self, now: Timestamp, failure: Option<&Error>) -> bool {
        self.last_run = Some(now);
        let Some(error) = failure else {
            self.last_success = Some(now);
            self.problem = None;
            (self.denied, self.failures) = (0, 0);
            return false;
        };
        match error.class {
            Class::Permission | Class::InvalidRequest => self.denied += 1,
            _ => self.failures += 1,
        }
        let is_news = is_news(self.problem.as_ref(), error);
        self.problem = Some(problem(now, error));
        is_news
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
        Job::new(Source::Members, Duration::from_secs(24 * 3600))
    }

    fn denied() -> Error {
        let refusal = Refusal { status: 400, code: Some(99_991_672), ..Refusal::default() };
        Error::refused(Endpoint::UsersFindByDepartment, "counting", refusal)
    }

    #[test]
    fn everything_is_asked_for_at_first_and_after_each_interval() {
        let mut job = job();
        job.wants(at(0), ["a", "b"].into());
        assert_eq!((job.due(at(0)), job.pending.len()), (Some(at(0)), 2));
        job.done(&"a");
        job.done(&"b");
        job.ran(at(5), None);
        assert_eq!(job.due(at(5)), Some(at(24 * HOUR)));
        job.wants(at(24 * HOUR), ["a", "b"].into());
        assert_eq!((job.due(at(24 * HOUR)), job.pending.len()), (Some(at(24 * HOUR)), 2));
    }

    #[test]
    fn what_is_new_is_asked_for_at_once_and_alone() {
        let mut job = job();
        job.wants(at(0), ["a"].into());
        job.done(&"a");
        job.ran(at(5), None);
        job.wants(at(60), ["a", "b"].into());
        assert_eq!((job.due(at(60)), job.pending.clone()), (Some(at(60)), ["b"].into()));
    }

    #[test]
    fn what_failed_is_asked_for_again_after_a_wait() {
        let mut job = job();
        job.wants(at(0), ["a", "b"].into());
        job.done(&"a");
        let network = Error::local(Class::Network, "counting", "no answer");
        assert!(job.ran(at(0), Some(&network)));
        assert_eq!((job.due(at(1)), job.pending.clone()), (Some(at(30)), ["b"].into()));
        assert!(!job.ran(at(30), Some(&network)), "the same again is no news");
        assert_eq!(job.due(at(31)), Some(at(90)));
    }

    #[test]
    fn without_permission_it_waits_1_then_6_then_24_hours() {
        let mut job = job();
        job.wants(at(0), ["a"].into());
        for hours in [1, 6, 24, 24] {
            job.ran(at(0), Some(&denied()));
            assert_eq!(job.due(at(1)), Some(at(hours * HOUR)));
        }
        job.ran(at(0), None);
        assert!(job.problem.is_none());
    }

    #[test]
    fn a_source_with_nothing_to_ask_for_is_not_due() {
        let mut job = job();
        job.wants(at(0), BTreeSet::new());
        assert_eq!(job.due(at(0)), None);
    }

    #[test]
    fn a_clock_that_was_set_back_stops_nothing() {
        let mut job = job();
        job.wants(at(100 * HOUR), ["a"].into());
        job.ran(at(100 * HOUR), Some(&denied()));
        assert_eq!(job.due(at(0)), Some(at(0)));
    }
}
