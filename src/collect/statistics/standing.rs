//! How one asked-for department stands: what it serves, whether that is whole, what failed.
//!
//! Pure: answers and failures go in, the new standing comes out; `schedule` decides from it when
//! to look again.

mod days;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;

use self::days::Days;
use crate::{
    collect::{
        backoff::{Backoff, Cause},
        problem::{is_news, problem},
    },
    day::Day,
    feishu::{DEPT_STATS_PAGE_SIZE, Error},
    snapshot::Problem,
    sources::{
        departments::{Found, FoundDay},
        directory::ROOT,
    },
    store::{self, Extent, Held, Lists},
    usage::{DepartmentDay, Target, Version},
};

/// A day whose list lacks something is asked for again this often after the interval; after that,
/// the pauses double.
pub(crate) const REASKS_MAX: u8 = 3;

/// What is known of a target.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    pub(crate) target: Target,
    /// What it serves, by department: itself and, where they are asked for, its sub-departments.
    pub(crate) days: Days,
    /// The newest day that its list was read for.
    pub(crate) held: Option<Day>,
    /// Whether the list of the day held is whole, or what it lacks is taken for gone.
    pub(crate) complete: bool,
    /// Whether it lacks something of the day before.
    is_short: bool,
    /// Whether it lacks a department's total.
    lacks_totals: bool,
    /// The list of the day before the one held.
    before: Before,
    /// How often the day held was asked for again because its list lacks something.
    pub(crate) reasks: u8,
    /// Whether the totals take a query of their own.
    asks_totals_apart: bool,
    /// Whether rows or values of the last list were not believed, though others were.
    pub(crate) is_partly_rejected: bool,
    /// Departments whose rows were not believed because the directory does not know them.
    strangers: BTreeSet<Arc<str>>,
    /// The day that should have been there when that was a reason for another walk.
    strangers_on: Option<Day>,
    /// When that was.
    pub(crate) wants_walk_since: Option<Timestamp>,
    /// After looks that failed, were refused for this department or found no row within the
    /// look-back.
    pub(crate) backoff: Backoff,
    pub(crate) last_look: Option<Timestamp>,
    pub(crate) last_success: Option<Timestamp>,
    pub(crate) problem: Option<Arc<Problem>>,
    /// Whether the last request of the process before this one failed.
    failed_before: bool,
}

/// The versions of each department in the list of a day.
#[derive(Clone, Debug, Default)]
struct Before(Box<[(Arc<str>, Versions)]>);

type Versions = Box<[Version]>;

impl From<BTreeMap<Arc<str>, BTreeSet<Version>>> for Before {
    fn from(list: BTreeMap<Arc<str>, BTreeSet<Version>>) -> Self {
        let list = list.into_iter();
        Self(list.map(|(id, versions)| (id, versions.into_iter().collect())).collect())
    }
}

impl Before {
    /// The versions that a later list lacks of it, of departments that are not gone.
    fn lacking(&self, list: &[&FoundDay], is_gone: &dyn Fn(&str) -> bool) -> Vec<&Version> {
        let later: HashMap<&str, &FoundDay> =
            list.iter().map(|found| (&*found.day.department_id, *found)).collect();
        let mut lacking = Vec::new();
        for (id, versions) in &self.0 {
            match later.get(&**id) {
                Some(found) => {
                    let has = |version| found.day.rows.iter().any(|(v, _)| v == version);
                    lacking.extend(versions.iter().filter(|version| !has(*version)));
                }
                None if is_gone(id) => {}
                None => lacking.extend(versions),
            }
        }
        lacking
    }
}

/// What an answer is judged by.
pub(crate) struct Circumstances<'a> {
    pub(crate) now: Timestamp,
    /// Whether the list was read when the newest day in it should have been there.
    pub(crate) is_ready: bool,
    /// The newest day that lies beyond the look-back.
    pub(crate) too_old: Day,
    /// Whether a department is known to exist no more.
    pub(crate) is_gone: &'a dyn Fn(&str) -> bool,
}

impl Standing {
    pub(crate) fn new(target: Target) -> Self {
        Self {
            target,
            days: Days::default(),
            held: None,
            complete: false,
            is_short: false,
            lacks_totals: false,
            before: Before::default(),
            reasks: 0,
            asks_totals_apart: false,
            is_partly_rejected: false,
            strangers: BTreeSet::new(),
            strangers_on: None,
            wants_walk_since: None,
            backoff: Backoff::default(),
            last_look: None,
            last_success: None,
            problem: None,
            failed_before: false,
        }
    }

    /// Takes in that the last request of the process before this one failed.
    pub(crate) fn restore_failure(&mut self) {
        self.failed_before = true;
    }

    /// Takes in how it stood when the process ended before this one.
    pub(crate) fn restore(&mut self, held: Held) {
        // Days of the past are served where there is nothing newer, but count as not asked for.
        if let Some(store::Standing { held: day, complete, reasks }) = held.standing {
            self.held = Some(day);
            self.complete = complete;
            self.is_short = false;
            self.lacks_totals = false;
            self.reasks = reasks;
            self.before = Before::from(held.before);
        }
        self.last_success = held.read_at;
        self.days = held.days.into_iter().collect();
    }

    /// Has the day held asked for once more: what is known of it was found under other options, so
    /// that the day before tells nothing of it.
    pub(crate) fn doubt(&mut self) {
        self.complete = false;
        self.reasks = 0;
        self.before = Before::default();
    }

    /// Takes in a walk through the directory that found these departments at or below this one:
    /// rows of one that it found are asked for at once, and the day held once more if it has rows
    /// of one that is not there.
    pub(crate) fn compare_with(&mut self, below: &BTreeSet<&str>, walked_at: Timestamp) {
        let exists = |id: &Arc<str>| below.contains(&**id);
        if self.strangers.iter().any(exists) {
            self.last_look = None;
        }
        self.strangers.retain(|id| !exists(id));
        let was_read_before = self.last_success.is_none_or(|at| at < walked_at);
        if self.complete && was_read_before && !self.gone(&|id| !below.contains(id)).is_empty() {
            self.complete = false;
            self.reasks = 0;
        }
    }

    /// Those of the departments in the list of the day held that do not exist.
    fn gone(&self, is_gone: &dyn Fn(&str) -> bool) -> BTreeSet<Arc<str>> {
        let of_day = self.days.iter().filter(|day| Some(day.day) == self.held);
        let ids = of_day.map(|day| &day.department_id);
        let gone: BTreeSet<_> = ids.filter(|id| is_gone(id)).collect();
        // The root's own rows may come under another id than the one asked for.
        let is_root = *self.target.department_id == *ROOT && !self.days.contains(ROOT);
        match is_root && gone.len() == 1 {
            true => BTreeSet::new(),
            false => gone.into_iter().cloned().collect(),
        }
    }

    /// Takes in of which departments rows came that the directory does not know. Once for each day
    /// that is a reason for another walk.
    pub(crate) fn has_strangers(
        &mut self,
        now: Timestamp,
        expected: Day,
        strangers: BTreeSet<Arc<str>>,
    ) {
        self.strangers = strangers;
        if !self.strangers.is_empty() && self.strangers_on != Some(expected) {
            self.strangers_on = Some(expected);
            self.wants_walk_since = Some(now);
        }
    }

    /// How it stands, for [`Self::restore`].
    pub(crate) fn to_keep(&self, held: Day) -> store::Standing {
        store::Standing { held, complete: self.complete, reasks: self.reasks }
    }

    /// How much its list holds of the day held.
    pub(crate) fn extent(&self) -> Extent {
        match self.complete {
            _ if self.lacks_totals => Extent::Short,
            true => Extent::Whole,
            false => Extent::Part,
        }
    }

    /// All that is held of it, for a store that knows nothing of it.
    pub(crate) fn as_held(&self, now: Timestamp) -> Option<Lists> {
        let held = self.held?;
        let extent = |day: &Day| if *day < held { Extent::Whole } else { self.extent() };
        let days: BTreeSet<Day> = self.days.iter().map(|day| day.day).chain([held]).collect();
        Some(Lists {
            target: self.target.clone(),
            days: days.into_iter().map(|day| (day, extent(&day))).collect(),
            rows: self.days.iter().cloned().collect(),
            standing: Some(self.to_keep(held)),
            fetched_at: self.last_success.unwrap_or(now),
        })
    }

    /// Takes in a list that was read whole.
    ///
    /// Returns the failure of a list whose rows were all rejected, where that is another than
    /// before.
    pub(crate) fn answered(
        &mut self,
        found: Found,
        circumstances: &Circumstances<'_>,
    ) -> Option<Error> {
        let now = circumstances.now;
        self.last_look = Some(now);
        self.last_success = Some(now);
        self.is_partly_rejected = false;
        self.failed_before = false;
        let before = self.problem.take();
        self.backoff.forget_passing();
        match self.newest_usable(&found) {
            None if found.rejected_rows > 0 => {
                self.reasks = self.reasks.saturating_add(1);
                self.backoff.end();
                let error = found.rejected(&self.target);
                let is_new = is_news(before.as_deref(), &error);
                self.problem = Some(Arc::new(problem(now, &error)));
                return Some(error).filter(|_| is_new);
            }
            Some(newest) => {
                self.is_partly_rejected = found.is_partly_rejected();
                self.backoff.end();
                self.take(newest, found, circumstances);
            }
            None if self.held.is_none_or(|held| held <= circumstances.too_old) => {
                self.backoff.failed(now, Cause::Lasting);
            }
            None => {
                self.backoff.end();
                self.reasks = self.reasks.saturating_add(1);
            }
        }
        None
    }

    /// Takes in a failure, and tells whether it is another than before. What is served stays.
    pub(crate) fn failed(&mut self, now: Timestamp, error: &Error) -> bool {
        self.last_look = Some(now);
        let is_new = is_news(self.problem.as_deref(), error);
        self.problem = Some(Arc::new(problem(now, error)));
        let is_refused = error.app_was_accepted();
        self.backoff.failed(now, if is_refused { Cause::Lasting } else { Cause::Passing });
        is_new
    }

    /// Whether there is nothing more to ask for of the day held.
    pub(crate) fn is_settled(&self) -> bool {
        self.complete && !self.is_short
    }

    /// How long to wait before a list that lacks something is asked for again.
    pub(crate) fn pause(&self, interval: Duration) -> Duration {
        let doublings = (self.reasks + 1).saturating_sub(REASKS_MAX);
        interval.saturating_mul(1 << doublings.min(16))
    }

    /// Whether the last look failed or was refused.
    pub(crate) fn is_failed(&self) -> bool {
        self.problem.is_some()
    }

    /// Whether the last answer that is known of it, be it from before a restart, was a list.
    pub(crate) fn is_up(&self) -> bool {
        self.last_success.is_some() && !self.is_failed() && !self.failed_before
    }

    /// The newest day of the list that improves on what is held. A day without any total is used
    /// only where nothing better is there.
    fn newest_usable(&self, found: &Found) -> Option<Day> {
        let newest = |usable: fn(&FoundDay) -> bool| {
            found
                .days
                .iter()
                .filter(|f| !f.day.rows.is_empty() && usable(f))
                .map(|f| f.day.day)
                .max()
        };
        let whole = newest(FoundDay::has_total);
        let best = if self.held.is_some() { whole } else { whole.or_else(|| newest(|_| true)) };
        best.filter(|day| self.held.is_none_or(|held| *day >= held))
    }

    fn take(&mut self, newest: Day, found: Found, circumstances: &Circumstances<'_>) {
        let list: Vec<&FoundDay> = found.days.iter().filter(|f| f.day.day == newest).collect();
        let is_sound = circumstances.is_ready && list.iter().all(|found| found.is_whole());
        let again = self.held == Some(newest);
        if again {
            self.reasks = self.reasks.saturating_add(1);
        } else {
            self.before = self.list_held();
            self.reasks = 0;
        }
        let lacking = self.before.lacking(&list, circumstances.is_gone);
        self.lacks_totals =
            lacking.contains(&&Version::Total) || !list.iter().all(|found| found.has_total());
        self.is_short = !lacking.is_empty();
        // What is lacking after the third time is taken for gone, though it is still looked for.
        self.complete = is_sound && (!self.is_short || self.reasks >= REASKS_MAX);
        self.held = Some(newest);
        self.asks_totals_apart = found.totals_apart;
        if again {
            // What a walk did not find and another list does not have was never there.
            let has = |id: &Arc<str>| found.days.iter().any(|f| f.day.department_id == *id);
            let gone = self.gone(circumstances.is_gone);
            self.days.retain(|day| !gone.contains(&day.department_id) || has(&day.department_id));
        }
        // Each department serves its own newest day: one that is not in the new list stays at the
        // day that it has, and a list that came back shorter takes nothing away.
        for FoundDay { day, .. } in found.days {
            let better = |held: &Arc<DepartmentDay>| {
                (day.day, day.day == held.day && values(&day) >= values(held)) > (held.day, false)
            };
            if !day.rows.is_empty() && self.days.get(&day.department_id).is_none_or(better) {
                self.days.insert(day);
            }
        }
    }

    /// Makes it due at once if it failed with something that may have passed.
    pub(crate) fn forget_failures(&mut self) {
        if self.backoff.forget_passing() {
            self.last_look = None;
        }
    }

    /// The list of the day held.
    fn list_held(&self) -> Before {
        let of_day = self.days.iter().filter(|day| Some(day.day) == self.held);
        let versions = |day: &Arc<DepartmentDay>| {
            let versions = day.rows.iter().map(|(version, _)| version.clone()).collect();
            (Arc::clone(&day.department_id), versions)
        };
        Before(of_day.map(versions).collect())
    }

    /// Requests that its list takes, as far as is known.
    pub(crate) fn requests(&self) -> u64 {
        let pages = |rows: usize| (rows as u64).div_ceil(u64::from(DEPT_STATS_PAGE_SIZE)).max(1);
        let list = pages(self.days.iter().map(|day| day.rows.len()).sum());
        if self.asks_totals_apart { list + pages(self.days.len()) } else { list }
    }
}

/// How much a day tells.
fn values(day: &DepartmentDay) -> usize {
    day.rows.iter().map(|(_, figures)| figures.len() as usize + 1).sum()
}

#[cfg(test)]
mod tests;
