//! How a department stands after answers and failures.

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
    Standing::new(Target { geo: Geo::Local, department_id: "od-1".into(), include_children: false })
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
        let mut found =
            if flawed { malformed("od-1", D21, &["all"]) } else { day_of("od-1", D21, &["all"]) };
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
