//! How one asked-for department stands: what it serves, whether that is whole, what failed.
//!
//! Pure: answers and failures go in, the new standing comes out; `schedule` decides from it when
//! to look again.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;

use crate::{
    catalogue::FIGURE_COUNT,
    collect::{
        backoff::{Backoff, Cause},
        problem::{is_news, problem},
    },
    day::Day,
    feishu::{DEPT_STATS_PAGE_SIZE, Error},
    snapshot::Problem,
    sources::departments::{Found, FoundDay},
    store::{self, Extent, Held, Lists},
    usage::{DepartmentDay, Figures, Target, Version},
};

/// A day whose list lacks something is asked for again this often after the interval; after that,
/// the pauses double.
pub(crate) const REASKS_MAX: u8 = 3;

/// What is known of a target.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    pub(crate) target: Target,
    /// What it serves, by department: itself and, where they are asked for, its sub-departments.
    pub(crate) days: BTreeMap<Arc<str>, Arc<DepartmentDay>>,
    /// The newest day that its list was read for.
    pub(crate) held: Option<Day>,
    /// Whether the list of the day held is whole, or what it lacks is taken for gone.
    pub(crate) complete: bool,
    /// Whether it lacks something of the day before.
    is_short: bool,
    /// The list of the day before the one held.
    before: Before,
    /// How often the day held was asked for again because its list lacks something.
    pub(crate) reasks: u8,
    /// Whether the totals take a query of their own.
    asks_totals_apart: bool,
    /// After looks that failed, were refused for this department or found no row within the
    /// look-back.
    pub(crate) backoff: Backoff,
    pub(crate) last_look: Option<Timestamp>,
    pub(crate) last_success: Option<Timestamp>,
    pub(crate) problem: Option<Problem>,
}

/// What was in the list of a day.
#[derive(Clone, Debug, Default)]
struct Before {
    versions: BTreeMap<Arc<str>, BTreeSet<Version>>,
    /// All rows; of a list before a restart, only their number is known.
    rows: usize,
}

impl Before {
    /// Whether a later list lacks something of it that is not gone.
    fn is_more_than(&self, list: &[&FoundDay], is_gone: &dyn Fn(&str) -> bool) -> bool {
        if self.versions.is_empty() {
            return list.iter().map(|found| found.day.rows.len()).sum::<usize>() < self.rows;
        }
        self.versions.iter().any(|(id, versions)| {
            let mut days = list.iter().filter(|found| found.day.department_id == *id);
            match days.next() {
                None => !is_gone(id),
                Some(found) => {
                    let has = |version| found.day.rows.iter().any(|(v, _)| v == version);
                    !versions.iter().all(has)
                }
            }
        })
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
            days: BTreeMap::new(),
            held: None,
            complete: false,
            is_short: false,
            before: Before::default(),
            reasks: 0,
            asks_totals_apart: false,
            backoff: Backoff::default(),
            last_look: None,
            last_success: None,
            problem: None,
        }
    }

    /// Takes in how it stood when the process ended before this one.
    pub(crate) fn restore(&mut self, held: Held) {
        // Days of the past are served where there is nothing newer, but count as not asked for.
        if let Some(store::Standing { held: day, complete, reasks, rows_before }) = held.standing {
            self.held = Some(day);
            self.complete = complete;
            self.is_short = false;
            self.reasks = reasks;
            self.before = Before { rows: rows_before as usize, ..Before::default() };
        }
        self.last_success = held.read_at;
        self.days = held.days.into_iter().map(|d| (Arc::clone(&d.department_id), d)).collect();
    }

    /// Has the day held asked for once more: what is known of it was found under other options.
    pub(crate) fn doubt(&mut self) {
        self.complete = false;
        self.reasks = 0;
    }

    /// How it stands, for [`Self::restore`].
    pub(crate) fn to_keep(&self, held: Day) -> store::Standing {
        store::Standing {
            held,
            complete: self.complete,
            reasks: self.reasks,
            rows_before: u32::try_from(self.before.rows).unwrap_or(u32::MAX),
        }
    }

    /// All that is held of it, for a store that knows nothing of it.
    pub(crate) fn as_held(&self, now: Timestamp) -> Option<Lists> {
        let held = self.held?;
        let extent = |day: &Day| match *day < held || self.complete {
            true => Extent::Whole,
            false => Extent::Part,
        };
        let days: BTreeSet<Day> = self.days.values().map(|day| day.day).chain([held]).collect();
        Some(Lists {
            target: self.target.clone(),
            days: days.into_iter().map(|day| (day, extent(&day))).collect(),
            rows: self.days.values().cloned().collect(),
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
        let before = self.problem.take();
        self.backoff.forget_passing();
        match self.newest_usable(&found) {
            None if found.rejected_rows > 0 => {
                self.reasks = self.reasks.saturating_add(1);
                self.backoff.end();
                let error = found.rejected(&self.target);
                let is_new = is_news(before.as_ref(), &error);
                self.problem = Some(problem(now, &error));
                return Some(error).filter(|_| is_new);
            }
            Some(newest) => {
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
        let is_new = is_news(self.problem.as_ref(), error);
        self.problem = Some(problem(now, error));
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
        self.last_success.is_some() && !self.is_failed()
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
        self.is_short = self.before.is_more_than(&list, circumstances.is_gone);
        // What is lacking after the third time is taken for gone, though it is still looked for.
        self.complete = is_sound && (!self.is_short || self.reasks >= REASKS_MAX);
        self.held = Some(newest);
        self.asks_totals_apart = found.totals_apart;
        // Each department serves its own newest day: one that is not in the new list stays at the
        // day that it has, and a list that came back shorter takes nothing away.
        for FoundDay { day, .. } in found.days {
            let better = |held: &Arc<DepartmentDay>| {
                (day.day, day.day == held.day && values(&day) >= values(held)) > (held.day, false)
            };
            if !day.rows.is_empty() && self.days.get(&day.department_id).is_none_or(better) {
                self.days.insert(Arc::clone(&day.department_id), day);
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
        let of_day = self.days.values().filter(|day| Some(day.day) == self.held);
        let versions = |day: &Arc<DepartmentDay>| {
            let versions = day.rows.iter().map(|(version, _)| version.clone()).collect();
            (Arc::clone(&day.department_id), versions)
        };
        let versions: BTreeMap<_, BTreeSet<Version>> = of_day.map(versions).collect();
        Before { rows: versions.values().map(BTreeSet::len).sum(), versions }
    }

    /// Requests that its list takes, as far as is known.
    pub(crate) fn requests(&self) -> u64 {
        let pages = |rows: usize| (rows as u64).div_ceil(u64::from(DEPT_STATS_PAGE_SIZE)).max(1);
        let list = pages(self.days.values().map(|day| day.rows.len()).sum());
        if self.asks_totals_apart { list + pages(self.days.len()) } else { list }
    }
}

/// How much a day tells.
fn values(day: &DepartmentDay) -> usize {
    let of_row = |(_, figures): &(Version, Figures)| {
        (0..FIGURE_COUNT).filter(|index| figures.raw(*index).is_some()).count() + 1
    };
    day.rows.iter().map(of_row).sum()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::civil::date;

    use super::*;
    use crate::{
        feishu::Class,
        usage::{Figures, Geo, Version},
    };

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;
    const HOUR: Duration = Duration::from_secs(3600);

    impl Standing {
        fn waits(&self) -> Duration {
            self.backoff.wait(24 * HOUR)
        }
    }

    fn day_of(id: &str, day: Day, versions: &[&str]) -> FoundDay {
        let rows = versions
            .iter()
            .map(|name| match *name {
                "all" => (Version::Total, Figures::none()),
                name => (Version::Named(name.into()), Figures::none()),
            })
            .collect();
        FoundDay {
            day: Arc::new(DepartmentDay {
                geo: Geo::Local,
                department_id: id.into(),
                department: "".into(),
                path: "".into(),
                day,
                rows,
            }),
            contradicted: false,
            malformed: false,
        }
    }

    fn found(days: Vec<FoundDay>) -> Found {
        Found { days, ..Found::default() }
    }

    fn standing() -> Standing {
        Standing::new(Target {
            geo: Geo::Local,
            department_id: "od-1".into(),
            include_children: false,
        })
    }

    impl Standing {
        /// Takes in a list that was read in time.
        pub(crate) fn answered_well(&mut self, found: Found) {
            self.answered_where(found, true, &|_| false);
        }

        fn answered_where(&mut self, found: Found, is_ready: bool, is_gone: &dyn Fn(&str) -> bool) {
            let too_old = date(2026, 11, 14);
            self.answered(found, &Circumstances { now: NOW, is_ready, too_old, is_gone });
        }
    }

    fn answered(standing: &mut Standing, days: Vec<FoundDay>) {
        standing.answered_well(found(days));
    }

    const D20: Day = date(2026, 11, 20);
    const D21: Day = date(2026, 11, 21);

    #[test]
    fn it_is_up_from_its_first_list_on_as_long_as_nothing_fails() {
        let mut s = standing();
        assert!(!s.is_up(), "nothing is known of it");
        answered(&mut s, vec![day_of("od-1", D21, &["all"])]);
        assert!(s.is_up());
        s.failed(NOW, &Error::local(Class::Network, "asking", "no answer"));
        assert!(!s.is_up());
    }

    #[test]
    fn a_whole_list_read_in_time_is_complete() {
        let mut s = standing();
        answered(&mut s, vec![day_of("od-1", D21, &["all", "a"])]);
        assert!(s.complete && s.held == Some(D21));
        let mut early = standing();
        early.answered_where(found(vec![day_of("od-1", D21, &["all"])]), false, &|_| false);
        assert!(!early.complete, "read before ready_at");
    }

    #[test]
    fn the_newest_day_of_a_range_is_served() {
        let mut s = standing();
        answered(&mut s, vec![day_of("od-1", D20, &["all"]), day_of("od-1", D21, &["all"])]);
        assert_eq!(s.days["od-1"].day, D21);
    }

    #[test]
    fn a_list_with_fewer_versions_than_the_day_before_is_asked_for_three_times_more() {
        let mut s = standing();
        answered(&mut s, vec![day_of("od-1", D20, &["all", "a", "b"])]);
        answered(&mut s, vec![day_of("od-1", D21, &["all", "a"])]);
        assert_eq!(s.days["od-1"].day, D21, "what is there is served");
        for reasks in 0..REASKS_MAX {
            assert!(!s.complete && s.reasks == reasks);
            answered(&mut s, vec![day_of("od-1", D21, &["all", "a"])]);
        }
        assert!(s.complete, "the version is gone for good");
        // But should it come after all, it is taken on the same day.
        for hours in [2, 4, 8, 16] {
            assert_eq!((s.is_settled(), s.pause(HOUR)), (false, hours * HOUR));
            answered(&mut s, vec![day_of("od-1", D21, &["all", "a"])]);
        }
        answered(&mut s, vec![day_of("od-1", D21, &["all", "a", "b"])]);
        assert!(s.is_settled() && s.days["od-1"].rows.len() == 3);
    }

    #[test]
    fn a_list_that_fills_up_is_complete_at_once() {
        let mut s = standing();
        answered(&mut s, vec![day_of("od-1", D20, &["all", "a", "b"])]);
        answered(&mut s, vec![day_of("od-1", D21, &["all"])]);
        answered(&mut s, vec![day_of("od-1", D21, &["all", "a", "b"])]);
        assert!(s.complete && s.days["od-1"].rows.len() == 3);
    }

    #[test]
    fn a_list_that_shrinks_when_asked_again_takes_nothing_away() {
        let mut s = standing();
        answered(&mut s, vec![day_of("od-1", D20, &["all", "a", "b", "c"])]);
        answered(&mut s, vec![day_of("od-1", D21, &["all", "a", "b"])]);
        answered(&mut s, vec![day_of("od-1", D21, &["all"])]);
        assert_eq!(s.days["od-1"].rows.len(), 3);
    }

    #[test]
    fn a_day_without_a_total_does_not_replace_a_whole_one() {
        let mut s = standing();
        answered(&mut s, vec![day_of("od-1", D20, &["all"])]);
        answered(&mut s, vec![day_of("od-1", D21, &["a", "b"])]);
        assert_eq!(s.held, Some(D20));
        let mut fresh = standing();
        answered(&mut fresh, vec![day_of("od-1", D21, &["a", "b"])]);
        assert!(fresh.held == Some(D21) && !fresh.complete, "better than nothing, and asked again");
    }

    #[test]
    fn an_answer_without_a_usable_row_is_a_problem_and_costs_nothing_held() {
        let mut s = standing();
        answered(&mut s, vec![day_of("od-1", D20, &["all"])]);
        let rejected = Found { rejected_rows: 2, ..Found::default() };
        for hours in [1, 1, 2, 4] {
            s.answered_well(rejected.clone());
            assert_eq!((s.is_failed(), s.pause(HOUR)), (true, hours * HOUR));
            assert_eq!((s.waits(), s.days["od-1"].day), (Duration::ZERO, D20));
        }
        assert!(s.problem.as_ref().unwrap().message.contains("contradict"));
        answered(&mut s, vec![day_of("od-1", D21, &["all"])]);
        assert!(!s.is_failed() && s.complete);
    }

    #[test]
    fn a_day_that_stays_incomplete_is_asked_for_three_times_more_then_ever_more_rarely() {
        let mut s = standing();
        let part = || {
            let mut day = day_of("od-1", D21, &["all"]);
            day.contradicted = true;
            vec![day]
        };
        answered(&mut s, part());
        for _ in 0..REASKS_MAX {
            assert_eq!((s.is_settled(), s.pause(HOUR)), (false, HOUR));
            answered(&mut s, part());
        }
        assert!(!s.is_settled() && !s.complete && s.pause(HOUR) == 2 * HOUR);
    }

    #[test]
    fn contradicting_rows_leave_the_day_incomplete() {
        let mut s = standing();
        let mut day = day_of("od-1", D21, &["all"]);
        day.contradicted = true;
        answered(&mut s, vec![day]);
        assert!(!s.complete && s.held == Some(D21));
    }

    #[test]
    fn a_sub_department_that_is_late_keeps_its_day() {
        let mut s = standing();
        answered(&mut s, vec![day_of("od-1", D20, &["all"]), day_of("od-2", D20, &["all"])]);
        answered(&mut s, vec![day_of("od-1", D21, &["all"])]);
        assert_eq!(s.days["od-1"].day, D21);
        assert_eq!(s.days["od-2"].day, D20);
        assert!(!s.complete, "the list is shorter than the day before");
    }

    #[test]
    fn no_row_within_the_look_back_is_waited_for_and_a_late_day_is_not() {
        let mut s = standing();
        answered(&mut s, vec![]);
        answered(&mut s, vec![]);
        assert_eq!(s.waits(), 6 * HOUR);
        answered(&mut s, vec![day_of("od-1", D20, &["all"])]);
        assert_eq!(s.waits(), Duration::ZERO);
        answered(&mut s, vec![]);
        assert_eq!(s.waits(), Duration::ZERO, "it only lacks the newest day");
    }

    #[test]
    fn a_failure_keeps_what_is_served() {
        let mut s = standing();
        answered(&mut s, vec![day_of("od-1", D21, &["all"])]);
        let error = Error::local(Class::Network, "fetching", "no answer");
        assert!(s.failed(NOW, &error), "the first is news");
        assert!(!s.failed(NOW, &error), "the second is not");
        assert!(s.is_failed() && s.waits() == Duration::from_secs(60));
        assert_eq!(s.days["od-1"].day, D21);
        answered(&mut s, vec![]);
        assert!(!s.is_failed() && s.waits() == Duration::ZERO);
    }

    fn malformed(id: &str, day: Day, versions: &[&str]) -> FoundDay {
        FoundDay { malformed: true, ..day_of(id, day, versions) }
    }

    #[test]
    fn a_day_with_a_malformed_value_is_in_part_and_a_sound_answer_ends_that() {
        let mut s = standing();
        answered(&mut s, vec![malformed("od-1", D21, &["all"])]);
        assert!(!s.complete && !s.is_settled() && s.held == Some(D21), "what is there is served");
        answered(&mut s, vec![day_of("od-1", D21, &["all"])]);
        assert!(s.complete && s.is_settled());
    }

    #[test]
    fn an_answer_that_tells_less_than_the_one_before_takes_nothing_away() {
        let with = |values: usize, flawed: bool| {
            let mut found = if flawed {
                malformed("od-1", D21, &["all"])
            } else {
                day_of("od-1", D21, &["all"])
            };
            let figures = &mut Arc::make_mut(&mut found.day).rows[0].1;
            (0..values).for_each(|index| figures.set(index, 1.0));
            vec![found]
        };
        let mut s = standing();
        answered(&mut s, with(10, true));
        answered(&mut s, with(9, true));
        assert_eq!(s.days["od-1"].rows[0].1.raw(9), Some(1.0));
        answered(&mut s, with(11, false));
        assert_eq!(s.days["od-1"].rows[0].1.raw(10), Some(1.0));
    }

    #[test]
    fn a_late_sub_department_is_not_masked_by_a_new_one_nor_a_version_by_another() {
        let before = || vec![day_of("od-1", D20, &["all", "a"]), day_of("od-2", D20, &["all"])];
        for list in [
            vec![day_of("od-1", D21, &["all", "a"]), day_of("od-3", D21, &["all"])],
            vec![day_of("od-1", D21, &["all", "b"]), day_of("od-2", D21, &["all"])],
            vec![day_of("od-1", D21, &["all"]), day_of("od-2", D21, &["all", "a"])],
        ] {
            let mut s = standing();
            answered(&mut s, before());
            answered(&mut s, list);
            assert!(!s.complete && !s.is_settled());
        }
        let mut s = standing();
        answered(&mut s, before());
        let mut whole = vec![day_of("od-1", D21, &["all", "a"]), day_of("od-2", D21, &["all"])];
        whole.push(day_of("od-3", D21, &["all", "c"]));
        answered(&mut s, whole);
        assert!(s.is_settled());
    }

    #[test]
    fn a_deleted_sub_department_costs_nothing_and_one_that_went_away_costs_one_day() {
        let before = || vec![day_of("od-1", D20, &["all"]), day_of("od-2", D20, &["all"])];
        let list = |day| found(vec![day_of("od-1", day, &["all"])]);
        let mut known = standing();
        answered(&mut known, before());
        known.answered_where(list(D21), true, &|id| id == "od-2");
        assert!(known.is_settled(), "it is known to be gone");
        let mut unknown = standing();
        answered(&mut unknown, before());
        unknown.answered_well(list(D21));
        assert!(!unknown.is_settled());
        unknown.answered_well(list(date(2026, 11, 22)));
        assert!(unknown.is_settled(), "the list of the day before had it no more");
    }
}
